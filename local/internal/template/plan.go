package template

// This file defines what is to be done to make one stack of another: which
// resources are created, updated in place, replaced and deleted, and in which
// order.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Deployed is a resource as an earlier deployment left it.
type Deployed struct {
	LogicalID, Type     string
	Properties          *jsonvalue.Object // resolved
	DeletionPolicy      string
	UpdateReplacePolicy string
}

// Action is what a step does.
type Action string

// The actions. A replacement is two steps: Replace makes the new resource, and a
// Delete at the end, once everything else has succeeded, removes the old one.
const (
	Create  Action = "Create"
	Update  Action = "Update"
	Replace Action = "Replace"
	Delete  Action = "Delete"
)

// Step is one thing to be done.
type Step struct {
	Action          Action
	LogicalID, Type string
	Changes         []Change
	Old             bool // Delete: of the resource that a replacement left behind
	// Keep says that a policy keeps the resource: a Delete only takes it out of the
	// stack, and so does undoing a Create.
	Keep bool
}

// Change is one property, or one policy, that differs.
type Change struct {
	Name    string // of the property; or "DeletionPolicy", "UpdateReplacePolicy"
	Policy  bool
	Replace bool // a change of this property replaces the resource
	// Cause is the resource whose change this one follows, "" if the template itself
	// changed. What it comes to is known only when that resource is made, and may
	// turn out to be no change.
	Cause string
}

// Adapt turns what lies on the local disk into properties.
type Adapt func(r *Resource, properties *jsonvalue.Object) (*jsonvalue.Object, error)

// planning is the work on one plan.
type planning struct {
	wanted  *Stack
	have    map[string]Deployed
	known   Attributes
	pending map[string]Action // what is to happen to the resources before this one
	faults  *faults
}

// Plan lists what makes wanted of have, the resources that exist, in the order in
// which they were made. attributes tells what these answer; adapt may be nil. The
// error is [Problems]: changes that CloudFormation refuses.
func Plan(have []Deployed, wanted *Stack, attributes Attributes, adapt Adapt) ([]Step, error) {
	p := &planning{wanted: wanted, have: map[string]Deployed{}, known: attributes, pending: map[string]Action{}, faults: &faults{file: wanted.Template.File}}
	for _, d := range have {
		p.have[d.LogicalID] = d
	}
	var steps, cleanup []Step
	for _, r := range wanted.Resources {
		step, ok := p.step(r, adapt)
		if !ok {
			continue
		}
		p.pending[r.LogicalID] = step.Action
		steps = append(steps, step)
	}
	for _, d := range slices.Backward(have) {
		switch {
		case wanted.Resource(d.LogicalID) == nil:
			cleanup = append(cleanup, Step{Action: Delete, LogicalID: d.LogicalID, Type: d.Type, Keep: keeps(d.DeletionPolicy)})
		case p.pending[d.LogicalID] == Replace:
			cleanup = append(cleanup, Step{Action: Delete, LogicalID: d.LogicalID, Type: d.Type, Old: true, Keep: keeps(wanted.Resource(d.LogicalID).UpdateReplacePolicy)})
		}
	}
	return append(steps, cleanup...), p.faults.err()
}

// keeps tells whether a policy keeps a resource that leaves the stack. Snapshot
// belongs to resource types that are not here.
func keeps(policy string) bool { return policy == "Retain" || policy == "RetainExceptOnCreate" }

// step decides what happens to one resource; ok is false if nothing does.
func (p *planning) step(r *Resource, adapt Adapt) (Step, bool) {
	// RetainExceptOnCreate means: but not when its own creation is undone.
	step := Step{Action: Create, LogicalID: r.LogicalID, Type: r.Type, Keep: r.DeletionPolicy == "Retain"}
	old, exists := p.have[r.LogicalID]
	if !exists {
		return step, true
	}
	step.Keep = false
	if old.Type != r.Type {
		p.faults.add(r.typeAt, r.path+".Type", "Update of resource type is not permitted: %s is a %s; give the %s another logical id", r.LogicalID, old.Type, r.Type)
		return step, false
	}
	properties, err := p.resolve(r)
	if err == nil && adapt != nil {
		properties, err = adapt(r, properties)
	}
	if err != nil {
		p.faults.add(r.At, r.path, "%v", err)
		return step, false
	}
	step.Action, step.Changes = Update, p.changes(r, old, properties)
	if slices.ContainsFunc(step.Changes, p.certainlyReplaces) {
		step.Action = Replace
		p.checkName(r, old, properties)
	}
	return step, len(step.Changes) > 0
}

// certainlyReplaces tells whether a change replaces its resource for sure: one
// that follows an update in place may come to nothing, one that follows a new
// resource cannot.
func (p *planning) certainlyReplaces(c Change) bool {
	return c.Replace && (c.Cause == "" || p.pending[c.Cause] != Update)
}

// resolve resolves the properties one by one, because what waits for a new
// resource may not be computable yet, such as a part of its ARN.
func (p *planning) resolve(r *Resource) (*jsonvalue.Object, error) {
	var b jsonvalue.Builder
	for _, e := range r.Properties.Entries {
		one := *r
		one.Properties = &Node{Kind: Map, At: r.Properties.At, Entries: []Entry{e}}
		resolved, err := p.wanted.Resolve(&one, p)
		v, _ := resolved.Get(e.Name)
		if err != nil {
			refs := references(e.Value, "")
			i := slices.IndexFunc(refs, func(ref reference) bool { return p.pending[ref.id] != "" })
			if i < 0 {
				return nil, err
			}
			v = unknownOf(refs[i].id)
		}
		b.Set(e.Name, v)
	}
	return b.Object(), nil
}

// changes compares property by property.
func (p *planning) changes(r *Resource, old Deployed, wanted *jsonvalue.Object) []Change {
	var out []Change
	for _, property := range TypeOf(r.Type).Properties() {
		before, had := old.Properties.Get(property.Name)
		after, has := wanted.Get(property.Name)
		if had == has && jsonvalue.Equal(before, after) {
			continue
		}
		out = append(out, Change{Name: property.Name, Replace: property.Replace, Cause: causeOf(after)})
	}
	if old.DeletionPolicy != r.DeletionPolicy {
		out = append(out, Change{Name: "DeletionPolicy", Policy: true})
	}
	if old.UpdateReplacePolicy != r.UpdateReplacePolicy {
		out = append(out, Change{Name: "UpdateReplacePolicy", Policy: true})
	}
	return out
}

// checkName reports a replacement that cannot be made because the old resource
// has its name.
func (p *planning) checkName(r *Resource, old Deployed, wanted *jsonvalue.Object) {
	name := TypeOf(r.Type).NameProperty
	before, _ := old.Properties.Get(name)
	after, _ := wanted.Get(name)
	if text, ok := after.(string); ok && jsonvalue.Equal(before, after) {
		p.faults.add(r.At, r.path, "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename %s and update the stack again.", text)
	}
}

// unknown marks, within a string, a value that is known only when the resource
// it belongs to is made. Zero bytes stand in no property.
const unknown = "\x00"

func unknownOf(id string) string { return unknown + id + unknown }

// causeOf returns the first resource that a value waits for, "" if it is known.
func causeOf(v jsonvalue.Value) string {
	switch v := v.(type) {
	case string:
		if _, after, ok := strings.Cut(v, unknown); ok {
			id, _, _ := strings.Cut(after, unknown)
			return id
		}
	case []any:
		for _, item := range v {
			if id := causeOf(item); id != "" {
				return id
			}
		}
	case *jsonvalue.Object:
		for _, member := range v.All() {
			if id := causeOf(member); id != "" {
				return id
			}
		}
	}
	return ""
}

// Ref implements [Attributes] for a stack that is only planned.
func (p *planning) Ref(id string) (jsonvalue.Value, bool) {
	if _, exists := p.have[id]; !exists || p.pending[id] == Replace {
		return unknownOf(id), true
	}
	return p.known.Ref(id)
}

// GetAtt implements [Attributes] for a stack that is only planned.
func (p *planning) GetAtt(id, attribute string) (jsonvalue.Value, bool) {
	existing, exists := p.have[id]
	if !exists || p.pending[id] == Replace || p.pending[id] == Update && TypeOf(existing.Type).varies(attribute) {
		return unknownOf(id), true
	}
	return p.known.GetAtt(id, attribute)
}

// String words a step: "update Orders (AWS::DynamoDB::Table): BillingMode".
func (s Step) String() string {
	var names []string
	for _, c := range s.Changes {
		name := c.Name
		if c.Cause != "" {
			name += " (follows " + c.Cause + ")"
		}
		names = append(names, name)
	}
	text := fmt.Sprintf("%s %s (%s)", strings.ToLower(string(s.Action)), s.LogicalID, s.Type)
	switch {
	case s.Keep && s.Action == Delete:
		text = fmt.Sprintf("keep %s (%s)", s.LogicalID, s.Type)
	case s.Old:
		text = fmt.Sprintf("delete the old %s (%s)", s.LogicalID, s.Type)
	}
	if len(names) > 0 {
		text += ": " + strings.Join(names, ", ")
	}
	return text
}
