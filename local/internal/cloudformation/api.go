package cloudformation

// This file defines the API that `sam deploy` and the AWS CLI talk to: its
// operations, what they take, and its errors.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
	"github.com/stepworks/stepworks/local/internal/template"
)

// API lists the operations.
func (s *Service) API() awswire.Service {
	return awswire.Service{
		Name: "cloudformation", Protocol: awswire.Query, Version: "2010-05-15", Namespace: "http://cloudformation.amazonaws.com/doc/2010-05-15/", AccessDenied: "AccessDenied",
		Errors: map[string]int{"ChangeSetNotFound": 404},
		Operations: []awswire.Operation{
			onStack(s, "CancelUpdateStack", s.cancelUpdateStack),
			onStack(s, "CreateChangeSet", s.createChangeSet),
			onStack(s, "CreateStack", s.createStack),
			onStack(s, "DeleteChangeSet", s.deleteChangeSet),
			onStack(s, "DeleteStack", s.deleteStack),
			onStack(s, "DescribeChangeSet", s.describeChangeSet),
			onStack(s, "DescribeStackEvents", s.describeStackEvents),
			onStack(s, "DescribeStackResource", s.describeStackResource),
			onStack(s, "DescribeStackResources", s.describeStackResources),
			onStack(s, "DescribeStacks", s.describeStacks),
			onStack(s, "ExecuteChangeSet", s.executeChangeSet),
			onStack(s, "GetTemplate", s.getTemplate),
			onStack(s, "GetTemplateSummary", s.getTemplateSummary),
			onStack(s, "ListChangeSets", s.listChangeSets),
			onStack(s, "ListStackResources", s.listStackResources),
			onStack(s, "ListStacks", s.listStacks),
			onStack(s, "UpdateStack", s.updateStack),
			onStack(s, "UpdateTerminationProtection", s.updateTerminationProtection),
			onStack(s, "ValidateTemplate", s.validateTemplate),
		},
	}
}

// stackNamed is an input that may name a stack.
type stackNamed interface{ stack() string }

func (in *stackInput) stack() string            { return in.StackName }
func (in *sourceInput) stack() string           { return in.StackName }
func (in *changeSetInput) stack() string        { return in.StackName }
func (in *executeChangeSetInput) stack() string { return in.StackName }

func onStack[In, Out any](s *Service, name string, do func(context.Context, *In) (*Out, error)) awswire.Operation {
	return awswire.Op(name, func(in *In) []awswire.Access {
		resource := "*"
		if named, ok := any(in).(stackNamed); ok && named.stack() != "" {
			resource = fmt.Sprintf("arn:aws:cloudformation:%s:%s:stack/%s/*", s.Region, s.Account, nameOf(named.stack()))
		}
		return []awswire.Access{{Action: "cloudformation:" + name, Resource: resource}}
	}, do)
}

// nameOf returns a stack's name, given that or its id.
func nameOf(nameOrID string) string {
	if _, rest, ok := strings.Cut(nameOrID, ":stack/"); ok {
		name, _, _ := strings.Cut(rest, "/")
		return name
	}
	return nameOrID
}

func fault(code, format string, args ...any) error { return awswire.Errorf(code, format, args...) }

func errNoStack(name string) error {
	return fault("ValidationError", "Stack with id %s does not exist", name)
}

func errRefused(what string) error {
	return fault("ValidationError", "The local AWS does not offer %s; local/README.md lists what it offers.", what)
}

// errState refuses a change of a stack that is in no state for it.
func errState(st *stackState) error {
	return fault("ValidationError", "Stack:%s is in %s state and can not be updated.", st.ID, st.Status)
}

// errTemplate words what is wrong with a template. Where AWS speaks of the values
// of parameters it names no place in the template, and neither does this.
func errTemplate(err error) error {
	var ps template.Problems
	if !errors.As(err, &ps) {
		return fault("ValidationError", "%v", err)
	}
	lines := make([]string, len(ps))
	for i, p := range ps {
		p.File = "template"
		lines[i] = p.Error()
		if strings.HasPrefix(p.Message, "Parameter") {
			lines[i] = p.Message
		}
	}
	text := strings.Join(lines, "\n")
	if !strings.HasPrefix(text, "Parameter") {
		text = "Template error: " + text
	}
	return fault("ValidationError", "%s", text)
}

// updatable are the states from which a stack can be updated: a failed one keeps
// what was made, so that the next deployment goes on there.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
func updatable(status string) bool {
	return slices.Contains([]string{"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "CREATE_FAILED", "UPDATE_FAILED"}, status)
}

type stackInput struct {
	StackName string `json:"StackName"`
	NextToken string `json:"NextToken"`
}

type parameterInput struct {
	ParameterKey     string `json:"ParameterKey"`
	ParameterValue   string `json:"ParameterValue"`
	UsePreviousValue bool   `json:"UsePreviousValue"`
}

type tagItem struct {
	Key   string `json:"Key"`
	Value string `json:"Value"`
}

// sourceInput is what every operation takes that deploys.
type sourceInput struct {
	StackName             string           `json:"StackName" check:"required,min=1,max=128"`
	TemplateBody          string           `json:"TemplateBody"`
	TemplateURL           string           `json:"TemplateURL"`
	UsePreviousTemplate   bool             `json:"UsePreviousTemplate"`
	Parameters            []parameterInput `json:"Parameters"`
	Capabilities          []string         `json:"Capabilities"`
	Tags                  []tagItem        `json:"Tags" check:"max=50"`
	DisableRollback       bool             `json:"DisableRollback"`
	NotificationARNs      []string         `json:"NotificationARNs"`
	RoleARN               string           `json:"RoleARN"`
	ResourceTypes         []string         `json:"ResourceTypes"`
	StackPolicyBody       string           `json:"StackPolicyBody"`
	StackPolicyURL        string           `json:"StackPolicyURL"`
	RollbackConfiguration *struct {
		RollbackTriggers []struct{} `json:"RollbackTriggers"`
	} `json:"RollbackConfiguration"`
}

// refused tells what of an input is not offered.
func (in *sourceInput) refused() error {
	for what, given := range map[string]bool{
		"NotificationARNs": len(in.NotificationARNs) > 0, "RoleARN": in.RoleARN != "", "ResourceTypes": len(in.ResourceTypes) > 0,
		"stack policies":    in.StackPolicyBody != "" || in.StackPolicyURL != "",
		"rollback triggers": in.RollbackConfiguration != nil && len(in.RollbackConfiguration.RollbackTriggers) > 0,
	} {
		if given {
			return errRefused(what)
		}
	}
	return nil
}

// maxBody is CloudFormation's own bound; larger templates come from S3.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const maxBody = 51200

// source returns what an input gives, with what it takes over of the stack as it
// is.
func (s *Service) source(ctx context.Context, have *stackState, in *sourceInput) (Source, error) {
	if err := in.refused(); err != nil {
		return Source{}, err
	}
	out := Source{Parameters: map[string]string{}, Tags: map[string]string{}, Capabilities: in.Capabilities, DisableRollback: in.DisableRollback}
	var err error
	if out.Template, err = s.text(ctx, have, in.TemplateBody, in.TemplateURL, in.UsePreviousTemplate); err != nil {
		return out, err
	}
	for _, p := range in.Parameters {
		value := p.ParameterValue
		if p.UsePreviousValue {
			previous, ok := have.Parameters[p.ParameterKey]
			if !ok {
				return out, fault("ValidationError", "Parameter %s has no previous value", p.ParameterKey)
			}
			value = previous
		}
		out.Parameters[p.ParameterKey] = value
	}
	for _, t := range in.Tags {
		out.Tags[t.Key] = t.Value
	}
	if in.Tags == nil {
		out.Tags = maps.Clone(have.Tags)
	}
	return out, nil
}

// text returns a template's text, wherever it is.
func (s *Service) text(ctx context.Context, have *stackState, body, address string, previous bool) (string, error) {
	switch {
	case body != "" && address != "":
		return "", fault("ValidationError", "Either Template URL or Template Body must be specified.")
	case len(body) > maxBody:
		return "", fault("ValidationError", "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to %d", maxBody)
	case body != "":
		return body, nil
	case address != "":
		return s.fetch(ctx, address)
	case previous && have.Template != "":
		return have.Template, nil
	}
	return "", fault("ValidationError", "Either Template URL or Template Body must be specified.")
}

// fetch reads a template from S3, by its path-style address, as the caller.
func (s *Service) fetch(ctx context.Context, address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fault("ValidationError", "TemplateURL must be a supported URL.")
	}
	bucket, key, ok := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if !ok || bucket == "" || key == "" {
		return "", fault("ValidationError", "TemplateURL must be a supported URL: give the address of an object, such as https://s3.%s.amazonaws.com/BUCKET/KEY", s.Region)
	}
	return s.object(ctx, awswire.CallerFrom(ctx), params("Bucket", bucket, "Key", key), u.Query().Get("versionId"))
}

// object reads an object's text from S3.
func (s *Service) object(ctx context.Context, as awswire.Identity, where *jsonvalue.Object, version string) (string, error) {
	if version != "" {
		where = where.With("VersionId", version)
	}
	out, err := s.Caller.Call(ctx, as, "s3", "GetObject", where)
	if err != nil {
		return "", fault("ValidationError", "S3 error: %v", err)
	}
	text, err := base64.StdEncoding.DecodeString(textOf(object(out), "Body"))
	return string(text), err
}

// wanted makes the stack of a source and checks what must be acknowledged.
func (s *Service) wanted(name string, source Source) (*template.Stack, error) {
	env, err := s.Environment(name, source.Parameters)
	if err != nil {
		return nil, err
	}
	wanted, err := template.Load("template", []byte(source.Template), env)
	if err == nil {
		err = Unsupported(wanted)
	}
	if err != nil {
		return nil, errTemplate(err)
	}
	for _, r := range wanted.Resources {
		if r.Local.Property != "" {
			return nil, fault("ValidationError", "Template error: Resources.%s refers to the local path %q: deploy what `sam build` and `sam package` make of the template", r.LogicalID, r.Local.Path)
		}
	}
	for _, needed := range wanted.Capabilities() {
		if !slices.Contains(source.Capabilities, needed) && !slices.Contains(source.Capabilities, "CAPABILITY_NAMED_IAM") {
			return nil, fault("InsufficientCapabilitiesException", "Requires capabilities : [%s]", needed)
		}
	}
	return wanted, nil
}

// moment is how long an operation that starts a deployment waits for its end:
// small stacks are done then, and waiters, which ask again after half a minute,
// need not ask twice. AWS answers at once; nobody can tell.
const moment = 2 * time.Second

// launch deploys beside the request.
func (s *Service) launch(d Deployment) error {
	run, err := s.begin(d)
	if err != nil {
		return err
	}
	s.goOn(run, run.perform)
	return nil
}

// goOn runs the rest of a deployment. Its error is the stack's reason.
func (s *Service) goOn(run *deployment, rest func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancels.Store(run.Stack, cancel)
	done := make(chan struct{})
	go func() {
		defer s.work.Done()
		defer close(done)
		defer cancel()
		defer s.cancels.Delete(run.Stack)
		_ = rest(ctx)
	}()
	select {
	case <-done:
	case <-time.After(moment):
	}
}

type createStackInput struct {
	sourceInput
	EnableTerminationProtection bool   `json:"EnableTerminationProtection"`
	OnFailure                   string `json:"OnFailure" check:"enum=DO_NOTHING|ROLLBACK|DELETE"`
}

type stackIDOutput struct {
	StackID string `json:"StackId"`
}

func (s *Service) createStack(ctx context.Context, in *createStackInput) (*stackIDOutput, error) {
	if in.OnFailure == "DELETE" {
		return nil, errRefused("OnFailure DELETE")
	}
	state, err := s.load(in.StackName)
	if err != nil {
		return nil, err
	}
	if state.exists() && state.Status != reviewing {
		return nil, fault("AlreadyExistsException", "Stack [%s] already exists", in.StackName)
	}
	in.DisableRollback = in.DisableRollback || in.OnFailure == "DO_NOTHING"
	wanted, source, err := s.direct(ctx, state, &in.sourceInput)
	if err != nil {
		return nil, err
	}
	if err := s.launch(Deployment{Stack: in.StackName, Source: source, Wanted: wanted}); err != nil {
		return nil, err
	}
	if in.EnableTerminationProtection {
		err = s.protect(in.StackName, true)
	}
	return &stackIDOutput{state.ID}, err
}

// direct is source and wanted for a deployment without a change set, which must
// acknowledge transforms.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html (Capabilities)
func (s *Service) direct(ctx context.Context, state *stackState, in *sourceInput) (*template.Stack, Source, error) {
	source, err := s.source(ctx, state, in)
	if err != nil {
		return nil, source, err
	}
	wanted, err := s.wanted(in.StackName, source)
	if err != nil {
		return nil, source, err
	}
	if wanted.Template.HasSAM() && !slices.Contains(source.Capabilities, "CAPABILITY_AUTO_EXPAND") {
		return nil, source, fault("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_AUTO_EXPAND]")
	}
	return wanted, source, nil
}

func (s *Service) updateStack(ctx context.Context, in *sourceInput) (*stackIDOutput, error) {
	in.StackName = nameOf(in.StackName)
	state, err := s.find(in.StackName)
	if err != nil {
		return nil, err
	}
	if !updatable(state.Status) {
		return nil, errState(state)
	}
	wanted, source, err := s.direct(ctx, state, in)
	if err != nil {
		return nil, err
	}
	_, changed, err := s.changes(state, wanted, source)
	if err != nil {
		return nil, errTemplate(err)
	}
	if !changed {
		return nil, fault("ValidationError", "No updates are to be performed.")
	}
	return &stackIDOutput{state.ID}, s.launch(Deployment{Stack: in.StackName, Source: source, Wanted: wanted})
}

type deleteStackInput struct {
	stackInput
	RetainResources []string `json:"RetainResources"`
	RoleARN         string   `json:"RoleARN"`
	DeletionMode    string   `json:"DeletionMode" check:"enum=STANDARD|FORCE_DELETE_STACK"`
}

// deleteStack of a stack that does not exist succeeds, as on AWS.
func (s *Service) deleteStack(_ context.Context, in *deleteStackInput) (*emptyOutput, error) {
	if in.StackName == "" {
		return nil, fault("ValidationError", "1 validation error detected: Value null at 'stackName' failed to satisfy constraint: Member must not be null")
	}
	state, err := s.load(nameOf(in.StackName))
	switch {
	case err != nil || !state.exists():
		return &emptyOutput{}, err
	case in.RoleARN != "" || in.DeletionMode == "FORCE_DELETE_STACK":
		return nil, errRefused("RoleARN and FORCE_DELETE_STACK")
	case state.Protected:
		return nil, fault("ValidationError", "Stack [%s] cannot be deleted while TerminationProtection is enabled", state.Name)
	case len(in.RetainResources) > 0 && state.Status != "DELETE_FAILED":
		return nil, fault("ValidationError", "Invalid operation on stack [%s]. Specify resources to retain only when the stack is in the DELETE_FAILED state.", state.ID)
	}
	run, err := s.beginDelete(state.Name, in.RetainResources)
	if err != nil || run == nil {
		return &emptyOutput{}, err
	}
	s.goOn(run, run.performDelete)
	return &emptyOutput{}, nil
}

// cancelUpdateStack lets an update under way roll back.
func (s *Service) cancelUpdateStack(_ context.Context, in *stackInput) (*emptyOutput, error) {
	state, err := s.find(in.StackName)
	if err != nil {
		return nil, err
	}
	cancel, ok := s.cancels.Load(state.Name)
	if !ok || state.Status != "UPDATE_IN_PROGRESS" {
		return nil, fault("ValidationError", "CancelUpdateStack cannot be called from current stack status")
	}
	cancel.(context.CancelFunc)()
	return &emptyOutput{}, nil
}

type protectionInput struct {
	stackInput
	EnableTerminationProtection bool `json:"EnableTerminationProtection"`
}

func (s *Service) updateTerminationProtection(_ context.Context, in *protectionInput) (*stackIDOutput, error) {
	state, err := s.find(in.StackName)
	if err != nil {
		return nil, err
	}
	return &stackIDOutput{state.ID}, s.protect(state.Name, in.EnableTerminationProtection)
}

func (s *Service) protect(name string, on bool) error {
	return s.Store.Update(func(tx *store.Tx) error {
		state, err := s.read(tx, name)
		if err != nil {
			return err
		}
		state.Protected = on
		return state.put(tx)
	})
}

// pageSize is how much of a list one answer holds.
const pageSize = 100

// page returns the items from where token says, and the token of the next page.
func page[T any](items []T, token string) ([]T, string, error) {
	from, err := strconv.Atoi(cmp.Or(token, "0"))
	if err != nil || from < 0 || from > len(items) {
		return nil, "", fault("ValidationError", "The NextToken %q is not valid.", token)
	}
	items = items[from:]
	if len(items) <= pageSize {
		return items, "", nil
	}
	return items[:pageSize], strconv.Itoa(from + pageSize), nil
}

func listOf(items []string) []string {
	if items == nil {
		return []string{}
	}
	return items
}
