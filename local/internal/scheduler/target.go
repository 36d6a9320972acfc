package scheduler

// This file defines the targets of schedules: templated ones, and universal ones
// that call any operation.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets.html

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/delivery"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Target is what a schedule invokes, as it is on the wire and in the store.
type Target struct {
	Arn                   string                 `json:"Arn" check:"required,min=1,max=1600"`
	RoleArn               string                 `json:"RoleArn,omitzero" check:"required,min=1,max=1600,pattern=^arn:aws[a-z-]*:iam::\\d{12}:role\\/[\\w+=,.@\\/-]+$"`
	Input                 string                 `json:"Input,omitzero" check:"max=262144"`
	DeadLetterConfig      *deadLetterConfig      `json:"DeadLetterConfig,omitzero"`
	RetryPolicy           *retryPolicy           `json:"RetryPolicy,omitzero"`
	SqsParameters         *sqsParameters         `json:"SqsParameters,omitzero"`
	EventBridgeParameters *eventBridgeParameters `json:"EventBridgeParameters,omitzero"`

	// Parameters of kinds of targets that the local AWS does not have.
	EcsParameters               map[string]any `json:"EcsParameters,omitzero"`
	KinesisParameters           map[string]any `json:"KinesisParameters,omitzero"`
	SageMakerPipelineParameters map[string]any `json:"SageMakerPipelineParameters,omitzero"`
}

type deadLetterConfig struct {
	Arn string `json:"Arn,omitzero" check:"min=1,max=1600"`
}

type retryPolicy struct {
	MaximumRetryAttempts     *int `json:"MaximumRetryAttempts,omitzero" check:"min=0,max=185"`
	MaximumEventAgeInSeconds *int `json:"MaximumEventAgeInSeconds,omitzero" check:"min=60,max=86400"`
}

type sqsParameters struct {
	MessageGroupID string `json:"MessageGroupId,omitzero" check:"min=1,max=128"`
}

type eventBridgeParameters struct {
	DetailType string `json:"DetailType" check:"required,min=1,max=128"`
	Source     string `json:"Source" check:"required,min=1,max=256"`
}

const universal = "arn:aws:scheduler:::aws-sdk:"

// sdkServices are the names of services in universal targets where the local AWS
// knows them by another one.
var sdkServices = map[string]string{"sfn": "states", "eventbridge": "events", "cloudwatchlogs": "logs"}

// readOnly are how actions begin that Scheduler does not take:
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
var readOnly = []string{"get", "describe", "list", "poll", "receive", "search", "scan", "query", "select", "read", "lookup", "discover", "validate", "batchGet", "batchDescribe", "batchRead", "transact"}

// check refuses a target that cannot be invoked.
func (t Target) check() error {
	switch {
	case t.EcsParameters != nil, t.KinesisParameters != nil, t.SageMakerPipelineParameters != nil:
		return invalid("ECS, Kinesis and SageMaker targets are not supported by the local AWS.")
	case t.DeadLetterConfig != nil && strings.HasSuffix(t.DeadLetterConfig.Arn, ".fifo"):
		return invalid("A dead-letter queue must be a standard queue.")
	}
	if action, ok := strings.CutPrefix(t.Arn, universal); ok {
		return t.checkUniversal(action)
	}
	arn, ok := delivery.ParseARN(t.Arn)
	if !ok {
		return invalid("Provided Arn is not in correct format: %s", t.Arn)
	}
	kind := arn.Kind()
	switch _, known := delivery.Kinds[kind]; {
	case !known || kind == delivery.DestinationKind || arn.Service == "logs":
		return invalid("%s is not a supported service for a target.", kind)
	case kind == delivery.BusKind && t.EventBridgeParameters == nil:
		return invalid("EventBridgeParameters must be provided for an event bus.")
	case strings.HasSuffix(t.Arn, ".fifo") && (t.SqsParameters == nil || t.SqsParameters.MessageGroupID == ""):
		return invalid("SqsParameters must be provided for a FIFO queue.")
	case arn.Service != "sqs" && arn.Service != "sns" && t.Input != "" && !json.Valid([]byte(t.Input)):
		return invalid("The Input must be valid JSON for this target.")
	}
	return nil
}

func (t Target) checkUniversal(action string) error {
	service, operation, ok := strings.Cut(action, ":")
	if !ok || service == "" || operation == "" {
		return invalid("Provided Arn is not in correct format: %s", t.Arn)
	}
	for _, start := range readOnly {
		if strings.HasPrefix(operation, start) {
			return invalid("Scheduler does not support the read-only action %s.", operation)
		}
	}
	v, err := jsonvalue.Parse([]byte(t.Input))
	if _, object := v.(*jsonvalue.Object); err != nil || !object {
		return invalid("The Input of a universal target must be a JSON object with the action's parameters.")
	}
	return nil
}

// policy is the target's retry policy.
func (t Target) policy() delivery.Policy {
	p := delivery.DefaultPolicy
	if t.RetryPolicy == nil {
		return p
	}
	if n := t.RetryPolicy.MaximumRetryAttempts; n != nil {
		p.Attempts = *n
	}
	if n := t.RetryPolicy.MaximumEventAgeInSeconds; n != nil {
		p.Age = time.Duration(*n) * time.Second
	}
	return p
}

// invocation is one invocation of a schedule's target.
type invocation struct {
	schedule, id string // ARN, execution id
	due          time.Time
}

// fill puts an invocation's context attributes into an input:
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
func (i invocation) fill(input string) string {
	return strings.NewReplacer(
		"<aws.scheduler.schedule-arn>", i.schedule,
		"<aws.scheduler.scheduled-time>", i.due.Format(time.RFC3339),
		"<aws.scheduler.execution-id>", i.id,
		"<aws.scheduler.attempt-number>", "1",
	).Replace(input)
}

// input is what the target gets: its own, or Scheduler's notification.
func (s *Service) input(t Target, i invocation) string {
	if t.Input != "" {
		return i.fill(t.Input)
	}
	return jsonvalue.String(jsonvalue.NewObject(
		member("version", "0"), member("id", i.id), member("detail-type", "Scheduled Event"), member("source", "aws.scheduler"),
		member("account", s.Account), member("time", i.due.Format(time.RFC3339)), member("region", s.Region),
		member("resources", []any{i.schedule}), member("detail", "{}"),
	))
}

func member(name string, v jsonvalue.Value) jsonvalue.Member {
	return jsonvalue.Member{Name: name, Value: v}
}

// calls are what invokes the target.
func (t Target) calls(i invocation, input string) []delivery.Call {
	if action, ok := strings.CutPrefix(t.Arn, universal); ok {
		service, operation, _ := strings.Cut(action, ":")
		if name, ok := sdkServices[service]; ok {
			service = name
		}
		return []delivery.Call{{Service: service, Operation: strings.ToUpper(operation[:1]) + operation[1:], Params: blobs(service, input)}}
	}
	to := delivery.Target{ARN: t.Arn, Input: input, Execution: i.id}
	if t.SqsParameters != nil {
		to.MessageGroup = t.SqsParameters.MessageGroupID
	}
	if p := t.EventBridgeParameters; p != nil {
		to.Source, to.DetailType = p.Source, p.DetailType
	}
	return to.Calls()
}

// blobs spells the one blob that inputs commonly have, a function's payload, as
// in-process calls take blobs.
func blobs(service, input string) json.RawMessage {
	v, _ := jsonvalue.Parse([]byte(input))
	params, ok := v.(*jsonvalue.Object)
	if !ok {
		return json.RawMessage(input)
	}
	if payload, ok := params.Get("Payload"); ok && service == "lambda" {
		text, isText := payload.(string)
		if !isText {
			text = jsonvalue.String(payload)
		}
		params = params.With("Payload", base64.StdEncoding.EncodeToString([]byte(text)))
	}
	return jsonvalue.Append(nil, params)
}
