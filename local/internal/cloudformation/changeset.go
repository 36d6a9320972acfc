package cloudformation

// This file defines change sets: what a deployment would do, kept until somebody
// executes it.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
	"github.com/stepworks/stepworks/local/internal/template"
)

// reviewing is the status of a stack that a change set is to create.
const reviewing = "REVIEW_IN_PROGRESS"

// changeSet is a deployment that was planned.
type changeSet struct {
	ID, Name, Description string
	Stack                 string
	Created               time.Time
	Source
	Status, Reason string
	Execution      string
	Steps          []template.Step
}

const noChanges = "The submitted information didn't contain changes. Submit different information to create a change set."

// changes lists what would make wanted of a stack; changed is false when not even
// an output or a tag differs.
func (s *Service) changes(state *stackState, wanted *template.Stack, source Source) (steps []template.Step, changed bool, err error) {
	var have []template.Deployed
	for _, r := range state.order() {
		have = append(have, template.Deployed{LogicalID: r.LogicalID, Type: r.Type, Properties: r.properties(), DeletionPolicy: r.Policy, UpdateReplacePolicy: r.Replace})
	}
	steps, err = template.Plan(have, wanted, state, nil)
	if err != nil {
		return nil, false, err
	}
	changed = len(steps) > 0 || !state.exists() || state.Status == reviewing || !maps.Equal(state.Tags, source.Tags) ||
		outputsOf(state.Processed) != outputsOf(source.of(wanted).Processed)
	return steps, changed, nil
}

func outputsOf(processed string) string {
	v, err := jsonvalue.Parse([]byte(processed))
	if err != nil {
		return ""
	}
	return jsonvalue.String(child(object(v), "Outputs"))
}

type createChangeSetInput struct {
	sourceInput
	ChangeSetName       string            `json:"ChangeSetName" check:"required,max=128,pattern=[a-zA-Z][-a-zA-Z0-9]*"`
	ChangeSetType       string            `json:"ChangeSetType" check:"enum=CREATE|UPDATE|IMPORT"`
	Description         string            `json:"Description" check:"max=1024"`
	IncludeNestedStacks bool              `json:"IncludeNestedStacks"`
	ResourcesToImport   []json.RawMessage `json:"ResourcesToImport"`
	OnStackFailure      string            `json:"OnStackFailure" check:"enum=DO_NOTHING|ROLLBACK|DELETE"`
}

type createChangeSetOutput struct {
	ID      string `json:"Id"`
	StackID string `json:"StackId"`
}

// createChangeSet plans at once, so a change set is complete, or has failed, when
// it is answered. A fault of the template is the change set's, as on AWS.
func (s *Service) createChangeSet(ctx context.Context, in *createChangeSetInput) (*createChangeSetOutput, error) {
	kind := cmp.Or(in.ChangeSetType, "UPDATE")
	switch {
	case kind == "IMPORT" || len(in.ResourcesToImport) > 0:
		return nil, errRefused("importing resources")
	case in.OnStackFailure == "DELETE":
		return nil, errRefused("OnStackFailure DELETE")
	}
	name := nameOf(in.StackName)
	state, err := s.load(name)
	if err != nil {
		return nil, err
	}
	if err := changeable(state, kind); err != nil {
		return nil, err
	}
	source, err := s.source(ctx, state, &in.sourceInput)
	if err != nil {
		return nil, err
	}
	wanted, err := s.wanted(name, source)
	if err != nil {
		return nil, err
	}
	source = source.of(wanted)
	set := &changeSet{Name: in.ChangeSetName, Description: in.Description, Stack: name, Created: s.Clock.Now(), Source: source, Status: "CREATE_COMPLETE", Execution: "AVAILABLE"}
	set.ID = strings.Replace(state.ID, ":stack/"+name, ":changeSet/"+in.ChangeSetName, 1)
	steps, changed, err := s.changes(state, wanted, source)
	switch {
	case err != nil:
		return nil, errTemplate(err)
	case !changed:
		set.Status, set.Reason, set.Execution = "FAILED", noChanges, "UNAVAILABLE"
	}
	set.Steps = steps
	return &createChangeSetOutput{ID: set.ID, StackID: state.ID}, s.keepChangeSet(name, set)
}

// changeable tells whether a change set of this type fits the stack.
func changeable(state *stackState, kind string) error {
	exists := state.exists() && state.Status != reviewing
	switch {
	case kind == "CREATE" && exists:
		return fault("ValidationError", "Stack [%s] already exists and cannot be created again with the changeSet [CREATE].", state.Name)
	case kind == "UPDATE" && !exists:
		return fault("ValidationError", "Stack [%s] does not exist", state.Name)
	case exists && !updatable(state.Status):
		return errState(state)
	}
	return nil
}

func (s *Service) keepChangeSet(name string, set *changeSet) error {
	return s.Store.Update(func(tx *store.Tx) error {
		state, err := s.read(tx, name)
		if err != nil {
			return err
		}
		key := store.Key(state.ID, set.Name)
		if _, ok := tx.Get(bucketChangeSet, key); ok {
			return fault("AlreadyExistsException", "ChangeSet %s already exists", set.Name)
		}
		text, err := json.Marshal(set)
		if err != nil {
			return err
		}
		tx.Put(bucketChangeSet, key, text)
		if state.exists() {
			return nil
		}
		state.Created, state.Source.Tags = s.Clock.Now(), set.Tags
		return state.put(tx, state.turn(state.Created, reviewing, "User Initiated"))
	})
}

// findChangeSet finds one by its id, or by its name and its stack.
func (s *Service) findChangeSet(changeSetName, stackName string) (*changeSet, *stackState, error) {
	name := changeSetName
	if strings.HasPrefix(name, "arn:") {
		_, rest, _ := strings.Cut(name, ":changeSet/")
		name, _, _ = strings.Cut(rest, "/")
	}
	var set *changeSet
	var state *stackState
	err := s.Store.View(func(r store.Reader) (err error) {
		for candidate := range r.Scan(bucketStack, "", "") {
			if stackName != "" && candidate != nameOf(stackName) {
				continue
			}
			if state, err = s.read(r, candidate); err != nil {
				return err
			}
			text, ok := r.Get(bucketChangeSet, store.Key(state.ID, name))
			if !ok {
				continue
			}
			set = &changeSet{}
			if err := json.Unmarshal(text, set); err != nil {
				return err
			}
			if name == changeSetName || set.ID == changeSetName {
				return nil
			}
			set = nil
		}
		return nil
	})
	if err == nil && set == nil {
		err = fault("ChangeSetNotFound", "ChangeSet [%s] does not exist", changeSetName)
	}
	return set, state, err
}

type changeSetInput struct {
	ChangeSetName string `json:"ChangeSetName" check:"required"`
	StackName     string `json:"StackName"`
	NextToken     string `json:"NextToken"`
}

type changeSetOutput struct {
	ChangeSetID     string          `json:"ChangeSetId"`
	ChangeSetName   string          `json:"ChangeSetName"`
	StackID         string          `json:"StackId"`
	StackName       string          `json:"StackName"`
	Description     string          `json:"Description,omitempty"`
	Parameters      []parameterItem `json:"Parameters"`
	CreationTime    awswire.Time    `json:"CreationTime"`
	ExecutionStatus string          `json:"ExecutionStatus"`
	Status          string          `json:"Status"`
	StatusReason    string          `json:"StatusReason,omitempty"`
	Capabilities    []string        `json:"Capabilities"`
	Tags            []tagItem       `json:"Tags"`
	Changes         []changeItem    `json:"Changes"`
	NextToken       string          `json:"NextToken,omitempty"`
}

type changeItem struct {
	Type           string         `json:"Type"`
	ResourceChange resourceChange `json:"ResourceChange"`
}

type resourceChange struct {
	Action             string         `json:"Action"`
	LogicalResourceID  string         `json:"LogicalResourceId"`
	PhysicalResourceID string         `json:"PhysicalResourceId,omitempty"`
	ResourceType       string         `json:"ResourceType"`
	Replacement        string         `json:"Replacement,omitempty"`
	Scope              []string       `json:"Scope"`
	Details            []changeDetail `json:"Details"`
}

type changeDetail struct {
	Target        changeTarget `json:"Target"`
	Evaluation    string       `json:"Evaluation"`
	ChangeSource  string       `json:"ChangeSource"`
	CausingEntity string       `json:"CausingEntity,omitempty"`
}

type changeTarget struct {
	Attribute          string `json:"Attribute"`
	Name               string `json:"Name,omitempty"`
	RequiresRecreation string `json:"RequiresRecreation"`
}

func (s *Service) describeChangeSet(_ context.Context, in *changeSetInput) (*changeSetOutput, error) {
	set, state, err := s.findChangeSet(in.ChangeSetName, in.StackName)
	if err != nil {
		return nil, err
	}
	all := []changeItem{}
	for _, step := range set.Steps {
		if !step.Old {
			all = append(all, changeOf(step, state))
		}
	}
	out := &changeSetOutput{ChangeSetID: set.ID, ChangeSetName: set.Name, StackID: state.ID, StackName: set.Stack, Description: set.Description,
		Parameters: parameterItems(set.Source), CreationTime: awswire.At(set.Created), ExecutionStatus: set.Execution, Status: set.Status, StatusReason: set.Reason,
		Capabilities: listOf(set.Capabilities), Tags: tagItems(set.Tags)}
	out.Changes, out.NextToken, err = page(all, in.NextToken)
	return out, err
}

// changeOf words a step as AWS does.
func changeOf(step template.Step, state *stackState) changeItem {
	c := resourceChange{LogicalResourceID: step.LogicalID, ResourceType: step.Type, Scope: []string{}, Details: []changeDetail{}}
	if have := state.Resources[step.LogicalID]; have != nil {
		c.PhysicalResourceID = have.PhysicalID
	}
	c.Action = map[template.Action]string{template.Create: "Add", template.Delete: "Remove"}[step.Action]
	if c.Action != "" {
		return changeItem{"Resource", c}
	}
	c.Action, c.Replacement = "Modify", "False"
	for _, change := range step.Changes {
		d := changeDetail{Target: changeTarget{Attribute: "Properties", Name: change.Name, RequiresRecreation: "Never"}, Evaluation: "Static", ChangeSource: "DirectModification"}
		switch {
		case change.Policy:
			d.Target = changeTarget{Attribute: change.Name, RequiresRecreation: "Never"}
		case change.Replace:
			d.Target.RequiresRecreation = "Always"
			c.Replacement = "Conditional"
		}
		if change.Cause != "" {
			d.Evaluation, d.ChangeSource, d.CausingEntity = "Dynamic", "ResourceReference", change.Cause
		}
		if !slices.Contains(c.Scope, d.Target.Attribute) {
			c.Scope = append(c.Scope, d.Target.Attribute)
		}
		c.Details = append(c.Details, d)
	}
	if step.Action == template.Replace {
		c.Replacement = "True"
	}
	return changeItem{"Resource", c}
}

type executeChangeSetInput struct {
	ChangeSetName   string `json:"ChangeSetName" check:"required"`
	StackName       string `json:"StackName"`
	DisableRollback bool   `json:"DisableRollback"`
}

type emptyOutput struct{}

func (s *Service) executeChangeSet(_ context.Context, in *executeChangeSetInput) (*emptyOutput, error) {
	set, state, err := s.findChangeSet(in.ChangeSetName, in.StackName)
	if err != nil {
		return nil, err
	}
	if set.Execution != "AVAILABLE" {
		return nil, fault("InvalidChangeSetStatus", "ChangeSet [%s] cannot be executed in its current status of [%s]", set.ID, set.Status)
	}
	if state.Status != reviewing && !updatable(state.Status) {
		return nil, errState(state)
	}
	wanted, err := s.wanted(set.Stack, set.Source)
	if err != nil {
		return nil, err
	}
	set.DisableRollback = in.DisableRollback
	if err := s.launch(Deployment{Stack: set.Stack, Source: set.Source, Wanted: wanted, changeSet: set.ID}); err != nil {
		return nil, err
	}
	// The others were made for a stack that is no more, and AWS deletes them.
	return &emptyOutput{}, s.forgetChangeSets(state.ID, set)
}

// forgetChangeSets deletes those of a stack but this, which is executed.
func (s *Service) forgetChangeSets(stackID string, executed *changeSet) error {
	executed.Execution = "EXECUTE_COMPLETE"
	return s.Store.Update(func(tx *store.Tx) error {
		from, to := store.Prefix(stackID)
		for key := range tx.Scan(bucketChangeSet, from, to) {
			tx.Delete(bucketChangeSet, key)
		}
		text, err := json.Marshal(executed)
		if err == nil {
			tx.Put(bucketChangeSet, store.Key(stackID, executed.Name), text)
		}
		return err
	})
}

func (s *Service) deleteChangeSet(_ context.Context, in *changeSetInput) (*emptyOutput, error) {
	set, state, err := s.findChangeSet(in.ChangeSetName, in.StackName)
	if awswire.CodeOf(err) == "ChangeSetNotFound" {
		return &emptyOutput{}, nil
	}
	if err != nil {
		return nil, err
	}
	return &emptyOutput{}, s.Store.Update(func(tx *store.Tx) error {
		tx.Delete(bucketChangeSet, store.Key(state.ID, set.Name))
		return nil
	})
}

type listChangeSetsOutput struct {
	Summaries []changeSetSummary `json:"Summaries"`
	NextToken string             `json:"NextToken,omitempty"`
}

type changeSetSummary struct {
	ChangeSetID     string       `json:"ChangeSetId"`
	ChangeSetName   string       `json:"ChangeSetName"`
	StackID         string       `json:"StackId"`
	StackName       string       `json:"StackName"`
	ExecutionStatus string       `json:"ExecutionStatus"`
	Status          string       `json:"Status"`
	StatusReason    string       `json:"StatusReason,omitempty"`
	CreationTime    awswire.Time `json:"CreationTime"`
	Description     string       `json:"Description,omitempty"`
}

func (s *Service) listChangeSets(_ context.Context, in *stackInput) (*listChangeSetsOutput, error) {
	state, err := s.find(in.StackName)
	if err != nil {
		return nil, err
	}
	all := []changeSetSummary{}
	err = s.Store.View(func(r store.Reader) error {
		from, to := store.Prefix(state.ID)
		for _, text := range r.Scan(bucketChangeSet, from, to) {
			var set changeSet
			if err := json.Unmarshal(text, &set); err != nil {
				return err
			}
			all = append(all, changeSetSummary{set.ID, set.Name, state.ID, state.Name, set.Execution, set.Status, set.Reason, awswire.At(set.Created), set.Description})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &listChangeSetsOutput{}
	out.Summaries, out.NextToken, err = page(all, in.NextToken)
	return out, err
}
