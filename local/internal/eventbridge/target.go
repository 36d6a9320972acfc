package eventbridge

// This file defines targets and their operations.

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/delivery"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// maxTargets is how many targets a rule may have:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
const maxTargets = 5

// Target is where a rule sends events, as it is on the wire and in the store.
type Target struct {
	ID               string            `json:"Id" check:"required,min=1,max=64,pattern=[\\.\\-_A-Za-z0-9]+"`
	Arn              string            `json:"Arn" check:"required,min=1,max=1600"`
	RoleArn          string            `json:"RoleArn,omitzero" check:"min=1,max=1600"`
	Input            string            `json:"Input,omitzero" check:"max=8192"`
	InputPath        string            `json:"InputPath,omitzero" check:"max=256"`
	InputTransformer *InputTransformer `json:"InputTransformer,omitzero"`
	SqsParameters    *SqsParameters    `json:"SqsParameters,omitzero"`
	HTTPParameters   *HTTPParameters   `json:"HttpParameters,omitzero"`
	DeadLetterConfig *DeadLetterConfig `json:"DeadLetterConfig,omitzero"`
	RetryPolicy      *RetryPolicy      `json:"RetryPolicy,omitzero"`

	// Parameters of kinds of targets that the local AWS does not have.
	KinesisParameters           map[string]any `json:"KinesisParameters,omitzero"`
	RunCommandParameters        map[string]any `json:"RunCommandParameters,omitzero"`
	EcsParameters               map[string]any `json:"EcsParameters,omitzero"`
	BatchParameters             map[string]any `json:"BatchParameters,omitzero"`
	RedshiftDataParameters      map[string]any `json:"RedshiftDataParameters,omitzero"`
	SageMakerPipelineParameters map[string]any `json:"SageMakerPipelineParameters,omitzero"`
	AppSyncParameters           map[string]any `json:"AppSyncParameters,omitzero"`
}

// InputTransformer makes a target's input from a template.
type InputTransformer struct {
	InputPathsMap map[string]string `json:"InputPathsMap,omitzero" check:"max=100"`
	InputTemplate string            `json:"InputTemplate" check:"required,min=1,max=8192"`
}

// SqsParameters has the message group of a FIFO queue.
type SqsParameters struct {
	MessageGroupID string `json:"MessageGroupId,omitzero" check:"max=100"`
}

// DeadLetterConfig names a queue for what cannot be delivered.
type DeadLetterConfig struct {
	Arn string `json:"Arn,omitzero" check:"min=1,max=1600"`
}

func (c *DeadLetterConfig) arn() string {
	if c == nil {
		return ""
	}
	return c.Arn
}

// RetryPolicy bounds how long a delivery is tried.
type RetryPolicy struct {
	MaximumRetryAttempts     *int `json:"MaximumRetryAttempts,omitzero" check:"min=0,max=185"`
	MaximumEventAgeInSeconds *int `json:"MaximumEventAgeInSeconds,omitzero" check:"min=60,max=86400"`
}

type putTargetsInput struct {
	Rule         string   `json:"Rule" check:"required,min=1,max=64"`
	EventBusName string   `json:"EventBusName" check:"min=1,max=1600"`
	Targets      []Target `json:"Targets" check:"required,min=1,max=100"`
}

type putTargetsOutput struct {
	FailedEntryCount int           `json:"FailedEntryCount"`
	FailedEntries    []failedEntry `json:"FailedEntries"`
}

type failedEntry struct {
	TargetID     string `json:"TargetId"`
	ErrorCode    string `json:"ErrorCode"`
	ErrorMessage string `json:"ErrorMessage"`
}

func (s *Service) putTargets(_ context.Context, in *putTargetsInput) (*putTargetsOutput, error) {
	for _, t := range in.Targets {
		if err := s.checkTarget(t); err != nil {
			return nil, err
		}
	}
	err := s.Store.Update(func(tx *store.Tx) error {
		r, err := ruleOf(tx, in.EventBusName, in.Rule)
		if err != nil {
			return err
		}
		for _, t := range in.Targets {
			put(tx, targetBucket, store.Key(r.Bus, r.Name, t.ID), t)
		}
		if count(tx, targetBucket, r.Bus, r.Name) > maxTargets {
			return tooMany()
		}
		return nil
	})
	s.changed(busName(in.EventBusName))
	return &putTargetsOutput{FailedEntries: []failedEntry{}}, err
}

// checkTarget refuses a target that AWS refuses, and one that the local AWS has no service for.
func (s *Service) checkTarget(t Target) error {
	arn, ok := delivery.ParseARN(t.Arn)
	if !ok {
		return invalid("Parameter %s is not valid. Reason: Provided Arn is not in correct format.", t.Arn)
	}
	kind, supported := delivery.Kinds[arn.Kind()]
	switch {
	case !supported:
		return invalid("Target %s: the local AWS delivers to %s, and not to %s.", t.ID, delivery.KindNames(), arn.Kind())
	case t.foreign() != "":
		return invalid("Target %s: %s is not supported by the local AWS.", t.ID, t.foreign())
	case t.HTTPParameters != nil && arn.Kind() != delivery.DestinationKind:
		return invalid("Target %s: HttpParameters are for API destinations.", t.ID)
	case kind.NeedsRole && t.RoleArn == "":
		return invalid("RoleArn is required for target %s.", t.Arn)
	case strings.HasSuffix(t.Arn, ".fifo") && arn.Service == "sqs" && (t.SqsParameters == nil || t.SqsParameters.MessageGroupID == ""):
		return invalid("Parameter(s) SqsParameters must be specified for target: %s.", t.ID)
	case strings.HasSuffix(t.DeadLetterConfig.arn(), ".fifo"):
		return invalid("Parameter DeadLetterConfig of target %s is not valid: a dead-letter queue must be a standard queue.", t.ID)
	}
	return t.checkInput()
}

// foreign names a parameter of a kind of target that the local AWS does not have.
func (t Target) foreign() string {
	for name, parameters := range map[string]map[string]any{
		"KinesisParameters": t.KinesisParameters, "RunCommandParameters": t.RunCommandParameters, "EcsParameters": t.EcsParameters,
		"BatchParameters": t.BatchParameters, "RedshiftDataParameters": t.RedshiftDataParameters,
		"SageMakerPipelineParameters": t.SageMakerPipelineParameters, "AppSyncParameters": t.AppSyncParameters,
	} {
		if parameters != nil {
			return name
		}
	}
	return ""
}

// policy is the target's retry policy.
func (t Target) policy() delivery.Policy {
	p := delivery.DefaultPolicy
	if t.RetryPolicy == nil {
		return p
	}
	change(&p.Attempts, t.RetryPolicy.MaximumRetryAttempts)
	if seconds := t.RetryPolicy.MaximumEventAgeInSeconds; seconds != nil {
		p.Age = time.Duration(*seconds) * time.Second
	}
	return p
}

// checkInput checks what makes the target's input: one way at most, and well formed.
func (t Target) checkInput() error {
	ways := 0
	for _, given := range []bool{t.Input != "", t.InputPath != "", t.InputTransformer != nil} {
		if given {
			ways++
		}
	}
	switch {
	case ways > 1:
		return invalid("Only one of Input, InputPath, or InputTransformer must be provided for target %s.", t.ID)
	case t.Input != "" && !json.Valid([]byte(t.Input)):
		return invalid("Parameter Input of target %s is not valid JSON.", t.ID)
	case t.InputTransformer != nil:
		return t.InputTransformer.check(t.ID)
	case t.InputPath != "":
		if _, err := parsePath(t.InputPath); err != nil {
			return invalid("Invalid InputPath for target %s : %s.", t.ID, err)
		}
	}
	return nil
}

// targetsOf returns a rule's targets.
func targetsOf(r store.Reader, of rule) []Target {
	targets := []Target{}
	for _, t := range all[Target](r, targetBucket, of.Bus, of.Name) {
		targets = append(targets, t)
	}
	return targets
}

type removeTargetsInput struct {
	Rule         string   `json:"Rule" check:"required,min=1,max=64"`
	EventBusName string   `json:"EventBusName" check:"min=1,max=1600"`
	IDs          []string `json:"Ids" check:"required,min=1,max=100"`
	Force        bool     `json:"Force"`
}

func (s *Service) removeTargets(_ context.Context, in *removeTargetsInput) (*putTargetsOutput, error) {
	err := s.Store.Update(func(tx *store.Tx) error {
		r, err := ruleOf(tx, in.EventBusName, in.Rule)
		if err != nil {
			return err
		}
		for _, id := range in.IDs {
			tx.Delete(targetBucket, store.Key(r.Bus, r.Name, id))
		}
		return nil
	})
	s.changed(busName(in.EventBusName))
	return &putTargetsOutput{FailedEntries: []failedEntry{}}, err
}

type listTargetsByRuleInput struct {
	Rule         string `json:"Rule" check:"required,min=1,max=64"`
	EventBusName string `json:"EventBusName" check:"min=1,max=1600"`
	Limit        int    `json:"Limit" check:"min=1,max=100"`
	NextToken    string `json:"NextToken" check:"max=2048"`
}

type listTargetsByRuleOutput struct {
	Targets   []Target `json:"Targets"`
	NextToken string   `json:"NextToken,omitzero"`
}

func (s *Service) listTargetsByRule(_ context.Context, in *listTargetsByRuleInput) (*listTargetsByRuleOutput, error) {
	return view(s.Store, func(r store.Reader) (*listTargetsByRuleOutput, error) {
		found, err := ruleOf(r, in.EventBusName, in.Rule)
		if err != nil {
			return nil, err
		}
		targets, next, err := page(all[Target](r, targetBucket, found.Bus, found.Name), in.Limit, in.NextToken, func(Target) bool { return true })
		return &listTargetsByRuleOutput{targets, next}, err
	})
}

// object builds a call's parameters.
func object(members ...jsonvalue.Member) *jsonvalue.Object { return jsonvalue.NewObject(members...) }

func member(name string, v jsonvalue.Value) jsonvalue.Member {
	return jsonvalue.Member{Name: name, Value: v}
}

// text returns a string member.
func text(o *jsonvalue.Object, name string) string {
	v, _ := o.Get(name)
	s, _ := v.(string)
	return s
}
