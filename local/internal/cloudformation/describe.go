package cloudformation

// This file defines the operations that only tell.

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
	"github.com/stepworks/stepworks/local/internal/template"
)

// find returns a stack by its name, or any stack, deleted ones too, by its id.
func (s *Service) find(nameOrID string) (*stackState, error) {
	name := nameOf(nameOrID)
	var found *stackState
	err := s.Store.View(func(r store.Reader) error {
		state, err := s.read(r, name)
		if err != nil {
			return err
		}
		if state.exists() && (name == nameOrID || state.ID == nameOrID) {
			found = state
			return nil
		}
		from, to := store.Prefix(name)
		for _, text := range r.Scan(bucketDeleted, from, to) {
			dead := &stackState{}
			if err := json.Unmarshal(text, dead); err != nil {
				return err
			}
			if dead.ID == nameOrID {
				found = dead
			}
		}
		return nil
	})
	if err == nil && found == nil {
		err = errNoStack(nameOrID)
	}
	return found, err
}

type describeStacksOutput struct {
	Stacks    []stackItem `json:"Stacks"`
	NextToken string      `json:"NextToken,omitempty"`
}

type stackItem struct {
	StackID                     string          `json:"StackId"`
	StackName                   string          `json:"StackName"`
	ChangeSetID                 string          `json:"ChangeSetId,omitempty"`
	Description                 string          `json:"Description,omitempty"`
	Parameters                  []parameterItem `json:"Parameters"`
	CreationTime                awswire.Time    `json:"CreationTime"`
	DeletionTime                awswire.Time    `json:"DeletionTime,omitzero"`
	LastUpdatedTime             awswire.Time    `json:"LastUpdatedTime,omitzero"`
	RollbackConfiguration       struct{}        `json:"RollbackConfiguration"`
	StackStatus                 string          `json:"StackStatus"`
	StackStatusReason           string          `json:"StackStatusReason,omitempty"`
	DisableRollback             bool            `json:"DisableRollback"`
	NotificationARNs            []string        `json:"NotificationARNs"`
	Capabilities                []string        `json:"Capabilities"`
	Outputs                     []outputItem    `json:"Outputs"`
	Tags                        []tagItem       `json:"Tags"`
	EnableTerminationProtection bool            `json:"EnableTerminationProtection"`
	DriftInformation            driftItem       `json:"DriftInformation"`
}

type driftItem struct {
	StackDriftStatus string `json:"StackDriftStatus"`
}

type parameterItem struct {
	ParameterKey   string `json:"ParameterKey"`
	ParameterValue string `json:"ParameterValue"`
}

type outputItem struct {
	OutputKey   string `json:"OutputKey"`
	OutputValue string `json:"OutputValue"`
	Description string `json:"Description,omitempty"`
	ExportName  string `json:"ExportName,omitempty"`
}

func parameterItems(source Source) []parameterItem {
	items := []parameterItem{}
	for _, name := range slices.Sorted(maps.Keys(source.Parameters)) {
		value := source.Parameters[name]
		if slices.Contains(source.Hidden, name) {
			value = "****"
		}
		items = append(items, parameterItem{name, value})
	}
	return items
}

func tagItems(tags map[string]string) []tagItem {
	items := []tagItem{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		items = append(items, tagItem{key, tags[key]})
	}
	return items
}

func (st *stackState) item() stackItem {
	item := stackItem{StackID: st.ID, StackName: st.Name, ChangeSetID: st.ChangeSet, Description: st.Description, Parameters: parameterItems(st.Source),
		CreationTime: awswire.At(st.Created), DeletionTime: awswire.At(st.Deleted), LastUpdatedTime: awswire.At(st.Updated), StackStatus: st.Status, StackStatusReason: st.Reason,
		DisableRollback: st.DisableRollback, NotificationARNs: []string{}, Capabilities: listOf(st.Capabilities), Outputs: []outputItem{}, Tags: tagItems(st.Tags),
		EnableTerminationProtection: st.Protected, DriftInformation: driftItem{"NOT_CHECKED"}}
	for _, o := range st.Outputs {
		item.Outputs = append(item.Outputs, outputItem{o.Name, o.Value, o.Description, o.Export})
	}
	return item
}

// all lists the stacks that exist and, if asked for, those deleted.
func (s *Service) all(deleted bool) ([]*stackState, error) {
	var states []*stackState
	err := s.Store.View(func(r store.Reader) error {
		for name := range r.Scan(bucketStack, "", "") {
			state, err := s.read(r, name)
			if err != nil {
				return err
			}
			states = append(states, state)
		}
		if !deleted {
			return nil
		}
		for _, text := range r.Scan(bucketDeleted, "", "") {
			state := &stackState{}
			if err := json.Unmarshal(text, state); err != nil {
				return err
			}
			states = append(states, state)
		}
		return nil
	})
	return states, err
}

func (s *Service) describeStacks(_ context.Context, in *stackInput) (*describeStacksOutput, error) {
	states, err := s.all(false)
	if in.StackName != "" {
		var one *stackState
		one, err = s.find(in.StackName)
		states = []*stackState{one}
	}
	if err != nil {
		return nil, err
	}
	items := []stackItem{}
	for _, state := range states {
		items = append(items, state.item())
	}
	out := &describeStacksOutput{}
	out.Stacks, out.NextToken, err = page(items, in.NextToken)
	return out, err
}

type listStacksInput struct {
	StackStatusFilter []string `json:"StackStatusFilter"`
	NextToken         string   `json:"NextToken"`
}

type listStacksOutput struct {
	StackSummaries []stackSummary `json:"StackSummaries"`
	NextToken      string         `json:"NextToken,omitempty"`
}

type stackSummary struct {
	StackID             string       `json:"StackId"`
	StackName           string       `json:"StackName"`
	TemplateDescription string       `json:"TemplateDescription,omitempty"`
	CreationTime        awswire.Time `json:"CreationTime"`
	LastUpdatedTime     awswire.Time `json:"LastUpdatedTime,omitzero"`
	DeletionTime        awswire.Time `json:"DeletionTime,omitzero"`
	StackStatus         string       `json:"StackStatus"`
	StackStatusReason   string       `json:"StackStatusReason,omitempty"`
	DriftInformation    driftItem    `json:"DriftInformation"`
}

func (s *Service) listStacks(_ context.Context, in *listStacksInput) (*listStacksOutput, error) {
	states, err := s.all(true)
	if err != nil {
		return nil, err
	}
	items := []stackSummary{}
	for _, st := range states {
		if len(in.StackStatusFilter) == 0 || slices.Contains(in.StackStatusFilter, st.Status) {
			items = append(items, stackSummary{st.ID, st.Name, st.Description, awswire.At(st.Created), awswire.At(st.Updated), awswire.At(st.Deleted), st.Status, st.Reason, driftItem{"NOT_CHECKED"}})
		}
	}
	out := &listStacksOutput{}
	out.StackSummaries, out.NextToken, err = page(items, in.NextToken)
	return out, err
}

type describeStackEventsOutput struct {
	StackEvents []eventItem `json:"StackEvents"`
	NextToken   string      `json:"NextToken,omitempty"`
}

type eventItem struct {
	StackID              string       `json:"StackId"`
	EventID              string       `json:"EventId"`
	StackName            string       `json:"StackName"`
	LogicalResourceID    string       `json:"LogicalResourceId"`
	PhysicalResourceID   string       `json:"PhysicalResourceId"`
	ResourceType         string       `json:"ResourceType"`
	Timestamp            awswire.Time `json:"Timestamp"`
	ResourceStatus       string       `json:"ResourceStatus"`
	ResourceStatusReason string       `json:"ResourceStatusReason,omitempty"`
}

// describeStackEvents tells the newest first.
func (s *Service) describeStackEvents(_ context.Context, in *stackInput) (*describeStackEventsOutput, error) {
	state, err := s.find(in.StackName)
	if err != nil {
		return nil, err
	}
	items := []eventItem{}
	err = s.Store.View(func(r store.Reader) error {
		from, to := store.Prefix(state.ID)
		for key, text := range r.ScanBack(bucketEvent, from, to) {
			var e Event
			if err := json.Unmarshal(text, &e); err != nil {
				return err
			}
			id := e.LogicalID + "-" + e.Status + "-" + store.SplitKey(key)[1]
			items = append(items, eventItem{state.ID, id, state.Name, e.LogicalID, e.PhysicalID, e.Type, awswire.At(e.Time), e.Status, e.Reason})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &describeStackEventsOutput{}
	out.StackEvents, out.NextToken, err = page(items, in.NextToken)
	return out, err
}

type resourceInput struct {
	stackInput
	LogicalResourceID  string `json:"LogicalResourceId"`
	PhysicalResourceID string `json:"PhysicalResourceId"`
}

type resourceItem struct {
	StackName            string       `json:"StackName,omitempty"`
	StackID              string       `json:"StackId,omitempty"`
	LogicalResourceID    string       `json:"LogicalResourceId"`
	PhysicalResourceID   string       `json:"PhysicalResourceId"`
	ResourceType         string       `json:"ResourceType"`
	Timestamp            awswire.Time `json:"Timestamp,omitzero"`
	LastUpdatedTimestamp awswire.Time `json:"LastUpdatedTimestamp,omitzero"`
	ResourceStatus       string       `json:"ResourceStatus"`
	ResourceStatusReason string       `json:"ResourceStatusReason,omitempty"`
}

// resourceItems lists a stack's resources; summaries name their stack not, and
// their time otherwise.
func (st *stackState) resourceItems(summary bool) []resourceItem {
	items := []resourceItem{}
	for _, r := range st.order() {
		item := resourceItem{StackName: st.Name, StackID: st.ID, LogicalResourceID: r.LogicalID, PhysicalResourceID: r.PhysicalID, ResourceType: r.Type,
			Timestamp: awswire.At(r.Changed), ResourceStatus: r.Status, ResourceStatusReason: r.StatusReason}
		if summary {
			item.StackName, item.StackID, item.Timestamp, item.LastUpdatedTimestamp = "", "", awswire.Time{}, item.Timestamp
		}
		items = append(items, item)
	}
	return items
}

type describeStackResourceOutput struct {
	StackResourceDetail resourceItem `json:"StackResourceDetail"`
}

func (s *Service) describeStackResource(_ context.Context, in *resourceInput) (*describeStackResourceOutput, error) {
	state, err := s.find(in.StackName)
	if err != nil {
		return nil, err
	}
	for _, item := range state.resourceItems(false) {
		if item.LogicalResourceID == in.LogicalResourceID {
			item.LastUpdatedTimestamp, item.Timestamp = item.Timestamp, awswire.Time{}
			return &describeStackResourceOutput{item}, nil
		}
	}
	return nil, fault("ValidationError", "Resource %s does not exist for stack %s", in.LogicalResourceID, in.StackName)
}

type describeStackResourcesOutput struct {
	StackResources []resourceItem `json:"StackResources"`
}

// describeStackResources finds the stack by one of its resources, too.
func (s *Service) describeStackResources(_ context.Context, in *resourceInput) (*describeStackResourcesOutput, error) {
	states, err := s.all(false)
	if in.StackName != "" {
		var one *stackState
		one, err = s.find(in.StackName)
		states = []*stackState{one}
	}
	if err != nil {
		return nil, err
	}
	for _, state := range states {
		items := state.resourceItems(false)
		if in.StackName == "" && !slices.ContainsFunc(items, func(i resourceItem) bool { return i.PhysicalResourceID == in.PhysicalResourceID }) {
			continue
		}
		if in.LogicalResourceID != "" {
			items = slices.DeleteFunc(items, func(i resourceItem) bool { return i.LogicalResourceID != in.LogicalResourceID })
		}
		return &describeStackResourcesOutput{items[:min(len(items), pageSize)]}, nil
	}
	return nil, fault("ValidationError", "Stack for %s does not exist", in.PhysicalResourceID)
}

type listStackResourcesOutput struct {
	StackResourceSummaries []resourceItem `json:"StackResourceSummaries"`
	NextToken              string         `json:"NextToken,omitempty"`
}

func (s *Service) listStackResources(_ context.Context, in *stackInput) (*listStackResourcesOutput, error) {
	state, err := s.find(in.StackName)
	if err != nil {
		return nil, err
	}
	out := &listStackResourcesOutput{}
	out.StackResourceSummaries, out.NextToken, err = page(state.resourceItems(true), in.NextToken)
	return out, err
}

type getTemplateInput struct {
	stackInput
	ChangeSetName string `json:"ChangeSetName"`
	TemplateStage string `json:"TemplateStage" check:"enum=Original|Processed"`
}

type getTemplateOutput struct {
	TemplateBody    string   `json:"TemplateBody"`
	StagesAvailable []string `json:"StagesAvailable"`
}

func (s *Service) getTemplate(_ context.Context, in *getTemplateInput) (*getTemplateOutput, error) {
	var source Source
	if in.ChangeSetName != "" {
		set, _, err := s.findChangeSet(in.ChangeSetName, in.StackName)
		if err != nil {
			return nil, err
		}
		source = set.Source
	} else {
		state, err := s.find(in.StackName)
		if err != nil {
			return nil, err
		}
		source = state.Source
	}
	out := &getTemplateOutput{TemplateBody: source.Template, StagesAvailable: []string{"Original", "Processed"}}
	if in.TemplateStage == "Processed" {
		out.TemplateBody = source.Processed
	}
	return out, nil
}

type templateInput struct {
	stackInput
	TemplateBody string `json:"TemplateBody"`
	TemplateURL  string `json:"TemplateURL"`
}

type templateSummary struct {
	Description        string                 `json:"Description,omitempty"`
	Parameters         []parameterDeclaration `json:"Parameters"`
	Capabilities       []string               `json:"Capabilities"`
	CapabilitiesReason string                 `json:"CapabilitiesReason,omitempty"`
	DeclaredTransforms []string               `json:"DeclaredTransforms"`
	ResourceTypes      []string               `json:"ResourceTypes,omitempty"`
	Version            string                 `json:"Version,omitempty"`
}

type parameterDeclaration struct {
	ParameterKey  string `json:"ParameterKey"`
	DefaultValue  string `json:"DefaultValue,omitempty"`
	ParameterType string `json:"ParameterType,omitempty"`
	NoEcho        bool   `json:"NoEcho"`
	Description   string `json:"Description,omitempty"`
}

func (s *Service) getTemplateSummary(ctx context.Context, in *templateInput) (*templateSummary, error) {
	have := &stackState{}
	if in.StackName != "" {
		var err error
		if have, err = s.find(in.StackName); err != nil {
			return nil, err
		}
	}
	text, err := s.text(ctx, have, in.TemplateBody, in.TemplateURL, in.StackName != "")
	if err != nil {
		return nil, err
	}
	return s.summary(text)
}

// validateTemplate leaves out what only a summary has.
func (s *Service) validateTemplate(ctx context.Context, in *templateInput) (*templateSummary, error) {
	text, err := s.text(ctx, &stackState{}, in.TemplateBody, in.TemplateURL, false)
	if err != nil {
		return nil, err
	}
	out, err := s.summary(text)
	if err != nil {
		return nil, err
	}
	for i := range out.Parameters {
		out.Parameters[i].ParameterType = ""
	}
	out.ResourceTypes, out.Version = nil, ""
	return out, nil
}

func (s *Service) summary(text string) (*templateSummary, error) {
	parsed, err := template.Parse("template", []byte(text))
	if err != nil {
		return nil, errTemplate(err)
	}
	out := &templateSummary{Description: parsed.Description, Parameters: []parameterDeclaration{}, Capabilities: []string{}, DeclaredTransforms: listOf(parsed.Transforms), Version: "2010-09-09"}
	given := map[string]string{}
	for _, p := range parsed.Parameters {
		d := parameterDeclaration{ParameterKey: p.Name, ParameterType: p.Type, NoEcho: p.NoEcho, Description: p.Description}
		if p.Default != nil {
			d.DefaultValue = *p.Default
		} else if len(p.AllowedValues) > 0 {
			given[p.Name] = p.AllowedValues[0]
		}
		out.Parameters = append(out.Parameters, d)
	}
	var made []string
	for _, r := range parsed.Resources {
		out.ResourceTypes = append(out.ResourceTypes, r.Type)
		if strings.HasPrefix(r.Type, "AWS::IAM::") {
			made = append(made, r.LogicalID)
		}
	}
	slices.Sort(out.ResourceTypes)
	out.ResourceTypes = slices.Compact(out.ResourceTypes)
	env, err := s.Environment("template", given)
	if err != nil {
		return nil, err
	}
	if wanted, err := template.New(parsed, env); err == nil {
		out.Capabilities = listOf(wanted.Capabilities())
	}
	if made != nil {
		out.CapabilitiesReason = "The following resource(s) require capabilities: [" + strings.Join(made, ", ") + "]"
	}
	return out, nil
}
