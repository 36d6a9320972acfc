package template

// This file defines the stack that a template makes in an environment: what it
// consists of, in the order in which it can be made.

import (
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Stack is a template whose parameters and conditions are decided and whose
// serverless resources are expanded. It is immutable.
type Stack struct {
	Template   *Template
	Parameters map[string]jsonvalue.Value
	Conditions map[string]bool
	Resources  []*Resource // those that exist here, each behind everything it needs
	Outputs    []Output    // those that exist here

	scope  scope
	broken []string // serverless resources too faulty to expand: what they make is not missed
}

// maxResources is CloudFormation's own bound.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const maxResources = 500

// New makes the stack of t in env. The error, if there is one, is [Problems]:
// everything that is wrong, at once.
//
// Parts that conditions rule out are held to less: their calls must be well
// formed, but a resource type that is not supported does no harm where the
// resource is not made.
func New(t *Template, env Environment) (*Stack, error) {
	f := &faults{file: t.File}
	s := newStack(t, env, f)
	if err := f.err(); err != nil {
		return nil, err
	}
	return s, nil
}

// newStack goes as far as it makes sense: what parameters and conditions decide
// cannot be judged while these are at fault.
func newStack(t *Template, env Environment, f *faults) *Stack {
	s := &Stack{Template: t}
	t.checkAllCalls(f)
	if f.within("Parameters") || f.within("Mappings") {
		return s
	}
	before := len(f.list)
	s.Parameters = t.parameterValues(&env, f)
	s.scope = scope{file: t.File, env: &env, parameters: s.Parameters, mappings: t.Mappings}
	if len(f.list) == before {
		s.Conditions = evaluateConditions(t.Conditions, s.scope, f)
		s.scope.conditions = s.Conditions
	}
	if len(f.list) == before {
		s.build(f)
	}
	return s
}

// build fills in the resources and outputs.
func (s *Stack) build(f *faults) {
	t := s.Template
	s.Resources = s.present(t.Resources, f)
	if t.HasSAM() {
		s.expand(f)
	}
	if n := len(s.Resources); n > maxResources {
		f.add(Position{}, "Resources", "Number of resources, %d, is greater than maximum allowed, %d", n, maxResources)
		return
	}
	s.presentOutputs(f)
	s.check(f)
	if len(f.list) == 0 {
		s.Resources = inOrder(s.Resources, f)
	}
}

func (t *Template) checkAllCalls(f *faults) {
	for _, r := range t.Resources {
		checkCalls(r.Properties, r.path+".Properties", f)
		checkCalls(r.UpdatePolicy, r.path+".UpdatePolicy", f)
	}
	for _, o := range t.Outputs {
		checkCalls(o.Value, "Outputs."+o.Name+".Value", f)
		checkCalls(o.Export, "Outputs."+o.Name+".Export.Name", f)
	}
	checkCalls(t.Globals, "Globals", f)
}

// present returns the resources whose condition holds, with every Fn::If decided.
func (s *Stack) present(all []*Resource, f *faults) []*Resource {
	var here []*Resource
	for _, r := range all {
		if !s.holds(r.Condition, r.At, r.path+".Condition", f) {
			continue
		}
		decided := *r
		decided.Condition = ""
		decided.Properties = decide(r.Properties, r.path+".Properties", s.Conditions, f)
		if r.UpdatePolicy != nil {
			decided.UpdatePolicy = decide(r.UpdatePolicy, r.path+".UpdatePolicy", s.Conditions, f)
		}
		if decided.Properties == nil || decided.Properties.Kind != Map {
			decided.Properties = &Node{Kind: Map, At: r.At}
		}
		here = append(here, &decided)
	}
	return here
}

func (s *Stack) holds(condition string, at Position, path string, f *faults) bool {
	if condition == "" {
		return true
	}
	v, ok := s.Conditions[condition]
	if !ok {
		f.add(at, path, "there is no condition %q", condition)
	}
	return v
}

func (s *Stack) presentOutputs(f *faults) {
	for _, o := range s.Template.Outputs {
		path := "Outputs." + o.Name
		if !s.holds(o.Condition, o.At, path+".Condition", f) {
			continue
		}
		if o.Value = decide(o.Value, path+".Value", s.Conditions, f); o.Value == nil {
			f.add(o.At, path+".Value", "an output cannot be AWS::NoValue")
			continue
		}
		s.Outputs = append(s.Outputs, o)
	}
}

// check holds every resource against the table, and every reference against what
// there is.
func (s *Stack) check(f *faults) {
	for _, r := range s.Resources {
		t := TypeOf(r.Type)
		switch {
		case r.Type == "":
			continue
		case isServerless(r.Type):
			f.add(r.typeAt, r.path+".Type", "%s needs Transform: %s", r.Type, samTransform)
			continue
		case t == nil:
			f.add(r.typeAt, r.path+".Type", "the resource type %s is not supported%s", r.Type, meant(r.Type, typeNames()))
			continue
		}
		checkShape(r.Properties, t.shape, r.Type, r.path+".Properties", f)
		needs := s.checkReferences(references(r.Properties, r.path+".Properties"), f)
		if r.UpdatePolicy != nil {
			needs = append(needs, s.checkReferences(references(r.UpdatePolicy, r.path+".UpdatePolicy"), f)...)
		}
		r.Needs = append(needs, s.checkDependsOn(r, f)...)
		slices.Sort(r.Needs)
		r.Needs = slices.Compact(r.Needs)
	}
	for _, o := range s.Outputs {
		s.checkReferences(references(o.Value, "Outputs."+o.Name+".Value"), f)
		s.checkReferences(references(o.Export, "Outputs."+o.Name+".Export.Name"), f)
	}
}

func typeNames() []string {
	var names []string
	for t := range Supported() {
		names = append(names, t.Name)
	}
	return names
}

// checkReferences returns the resources that are referred to.
func (s *Stack) checkReferences(refs []reference, f *faults) []string {
	var needs []string
	for _, ref := range refs {
		r := s.Resource(ref.id)
		_, isParameter := s.Parameters[ref.id]
		switch {
		case ref.id == "": // its call is at fault
		case r != nil:
			needs = append(needs, ref.id)
			s.checkAttribute(r, ref, f)
		case isParameter || slices.Contains(pseudoParameters, ref.id):
			if ref.attribute != "" {
				f.add(ref.at, ref.path, "%s is a parameter and has no attribute %s", ref.id, ref.attribute)
			}
		case slices.ContainsFunc(s.broken, func(id string) bool { return strings.HasPrefix(ref.id, id) }):
		case slices.ContainsFunc(s.Template.Resources, func(r *Resource) bool { return r.LogicalID == ref.id }):
			f.add(ref.at, ref.path, "the condition of %s does not hold, so it does not exist here", ref.id)
		default:
			f.add(ref.at, ref.path, "there is no resource or parameter %s%s", ref.id, meant(ref.id, s.names()))
		}
	}
	return needs
}

func (s *Stack) checkAttribute(r *Resource, ref reference, f *faults) {
	t := TypeOf(r.Type)
	if t == nil || ref.attribute == "" || slices.Contains(t.Attributes, ref.attribute) {
		return
	}
	f.add(ref.at, ref.path, "%s is a %s, which has no attribute %s; it has %s", r.LogicalID, r.Type, ref.attribute, oneOf(t.Attributes))
}

// checkDependsOn ignores resources whose condition does not hold, as
// CloudFormation does.
func (s *Stack) checkDependsOn(r *Resource, f *faults) []string {
	var needs []string
	for _, id := range r.DependsOn {
		if s.Resource(id) != nil {
			needs = append(needs, id)
			continue
		}
		if !slices.ContainsFunc(s.Template.Resources, func(r *Resource) bool { return r.LogicalID == id }) {
			f.add(r.dependsAt, r.path+".DependsOn", "there is no resource %s%s", id, meant(id, s.names()))
		}
	}
	return needs
}

func (s *Stack) names() []string {
	var names []string
	for _, r := range s.Resources {
		names = append(names, r.LogicalID)
	}
	for name := range s.Parameters {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Resource returns the resource with this logical id, nil if there is none.
func (s *Stack) Resource(logicalID string) *Resource {
	for _, r := range s.Resources {
		if r.LogicalID == logicalID {
			return r
		}
	}
	return nil
}

// Given returns the value of every parameter as whoever deploys gives it, or as
// the template does by default.
func (s *Stack) Given() map[string]string {
	given := map[string]string{}
	for _, p := range s.Template.Parameters {
		if p.Default != nil {
			given[p.Name] = *p.Default
		}
		if v, ok := s.scope.env.Parameters[p.Name]; ok {
			given[p.Name] = v
		}
	}
	return given
}

// Capabilities lists what a deployment must acknowledge: that it makes IAM
// resources, and that it names them.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html (Capabilities)
func (s *Stack) Capabilities() []string {
	capability := ""
	for _, r := range s.Resources {
		if !strings.HasPrefix(r.Type, "AWS::IAM::") {
			continue
		}
		if name := TypeOf(r.Type).NameProperty; name != "" && r.Properties.Get(name) != nil {
			return []string{"CAPABILITY_NAMED_IAM"}
		}
		capability = "CAPABILITY_IAM"
	}
	if capability == "" {
		return nil
	}
	return []string{capability}
}

// Resolve returns r's properties, given what exists. Every resource in r.Needs
// must be known to attributes.
func (s *Stack) Resolve(r *Resource, attributes Attributes) (*jsonvalue.Object, error) {
	here := s.scope
	here.attributes = attributes
	path := r.path + ".Properties"
	v, problem := here.eval(r.Properties, path)
	if problem != nil {
		return nil, Problems{*problem}
	}
	f := &faults{file: s.Template.File}
	if t := TypeOf(r.Type); t != nil {
		v = convert(v, t.shape, r.Properties, path, f)
	}
	return v.(*jsonvalue.Object), f.err()
}

// ResolvedOutput is an output's value, and the name it is exported under, if any.
type ResolvedOutput struct{ Name, Value, Description, Export string }

// ResolveOutput returns an output's value, given what exists.
func (s *Stack) ResolveOutput(o Output, attributes Attributes) (ResolvedOutput, error) {
	here := s.scope
	here.attributes = attributes
	out := ResolvedOutput{Name: o.Name, Description: o.Description}
	for _, part := range []struct {
		node *Node
		path string
		to   *string
	}{{o.Value, "Value", &out.Value}, {o.Export, "Export.Name", &out.Export}} {
		if part.node == nil {
			continue
		}
		path := "Outputs." + o.Name + "." + part.path
		v, problem := here.eval(part.node, path)
		if problem != nil {
			return out, Problems{*problem}
		}
		text, ok := scalarText(v)
		if !ok {
			return out, Problems{{File: s.Template.File, Position: part.node.At, Path: path, Message: "an output must come to a string, not " + describe(v)}}
		}
		*part.to = text
	}
	return out, nil
}

// JSON returns the processed template: what exists in this stack, with serverless
// resources expanded and conditions decided, in long forms.
func (s *Stack) JSON() *jsonvalue.Object {
	var resources, outputs jsonvalue.Builder
	for _, r := range s.Resources {
		resources.Set(r.LogicalID, r.json())
	}
	for _, o := range s.Outputs {
		var b jsonvalue.Builder
		if o.Description != "" {
			b.Set("Description", o.Description)
		}
		b.Set("Value", o.Value.JSON())
		if o.Export != nil {
			b.Set("Export", jsonvalue.NewObject(jsonvalue.Member{Name: "Name", Value: o.Export.JSON()}))
		}
		outputs.Set(o.Name, b.Object())
	}
	return jsonvalue.NewObject(jsonvalue.Member{Name: "Resources", Value: resources.Object()}, jsonvalue.Member{Name: "Outputs", Value: outputs.Object()})
}

func (r *Resource) json() *jsonvalue.Object {
	var b jsonvalue.Builder
	b.Set("Type", r.Type)
	for _, a := range []struct{ name, value string }{{"DeletionPolicy", r.DeletionPolicy}, {"UpdateReplacePolicy", r.UpdateReplacePolicy}} {
		if a.value != "" {
			b.Set(a.name, a.value)
		}
	}
	if len(r.DependsOn) > 0 {
		ids := []any{}
		for _, id := range r.DependsOn {
			ids = append(ids, id)
		}
		b.Set("DependsOn", ids)
	}
	properties := r.Properties
	if r.Local.Path != "" {
		properties = properties.with(r.Local.Property, object(r.At, "Local", r.Local.Path))
	}
	b.Set("Properties", properties.JSON())
	if r.UpdatePolicy != nil {
		b.Set("UpdatePolicy", r.UpdatePolicy.JSON())
	}
	return b.Object()
}
