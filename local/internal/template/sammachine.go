package template

// This file defines what SAM makes of a state machine.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-statemachine.html

import (
	"cmp"
	"strings"
)

// machineWork is the work on one state machine.
type machineWork struct {
	*expansion
	r     *Resource
	p     *Node
	path  string
	alias string // logical id, "" without AutoPublishAlias
}

func (x *expansion) stateMachine(r *Resource) {
	w := &machineWork{expansion: x, r: r, p: r.Properties, path: r.path + ".Properties"}
	p := renamed(w.p, "StateMachineName", "Name", "StateMachineType", "Type", "LoggingConfiguration", "Logging",
		"TracingConfiguration", "Tracing", "DefinitionSubstitutions", "DefinitionSubstitutions", "RoleArn", "Role")
	p = w.role(p)
	p = p.with("Tags", tagList(r.At, "stateMachine:createdBy", w.p.Get("Tags")))
	made := x.make(r, r.LogicalID, "AWS::StepFunctions::StateMachine", p)
	w.definition(made)
	w.publish()
	w.events()
}

func (w *machineWork) role(p *Node) *Node {
	given, policies := w.p.Get("Role"), w.p.Get("Policies")
	if given != nil && policies != nil {
		w.faults.add(policies.At, w.path+".Policies", "specify either Role or Policies or neither, not both")
	}
	if given != nil {
		return p
	}
	role := newRole(w.expansion, w.r, "states.amazonaws.com")
	role.policies(policies, w.path+".Policies")
	if tracing := w.p.Get("Tracing").Get("Enabled"); tracing != nil && w.isTrue(tracing, w.path+".Tracing.Enabled") {
		role.manage(w.r.At, "AWSXrayWriteOnlyAccess")
	}
	role.done(same(w.p, "PermissionsBoundary"), w.p.Get("RolePath"), "stateMachine:createdBy", w.p.Get("Tags"))
	return p.with("RoleArn", getAtt(w.r.At, role.id, "Arn"))
}

// definition takes an inline definition, an uploaded one, or a local file.
func (w *machineWork) definition(made *Resource) {
	inline, uri := w.p.Get("Definition"), w.p.Get("DefinitionUri")
	switch {
	case (inline == nil) == (uri == nil):
		w.faults.add(w.r.At, w.path, "exactly one of Definition and DefinitionUri is needed")
	case inline != nil:
		w.inline(made, inline)
	default:
		if location := w.location(uri, w.path+".DefinitionUri", "Bucket", "Key", "Version"); location != nil {
			made.Properties = made.Properties.with("DefinitionS3Location", location)
			return
		}
		made.Local = Local{Property: "Definition", Source: w.r.LogicalID}
		made.Local.Path, _ = w.constant(uri, w.path+".DefinitionUri")
	}
}

// inline replaces calls within a definition by substitutions, because a
// definition is a value of its own: ${definition_substitution_1} and so on.
func (w *machineWork) inline(made *Resource, definition *Node) {
	if definition.Kind != Map {
		w.faults.add(definition.At, w.path+".Definition", "a definition is a map of states, not %s", definition.kindName())
		return
	}
	substitutions := made.Properties.Get("DefinitionSubstitutions")
	count := 0
	var replace func(n *Node) *Node
	replace = func(n *Node) *Node {
		m := *n
		switch n.Kind {
		case Call:
			count++
			name := "definition_substitution_" + itoa(count)
			substitutions = substitutions.with(name, n)
			return text(n.At, "${"+name+"}")
		case List:
			m.Items = nil
			for _, item := range n.Items {
				m.Items = append(m.Items, replace(item))
			}
		case Map:
			m.Entries = nil
			for _, e := range n.Entries {
				m.Entries = append(m.Entries, Entry{e.Name, e.At, replace(e.Value)})
			}
		}
		return &m
	}
	made.Properties = made.Properties.with("Definition", replace(definition))
	if substitutions != nil {
		made.Properties = made.Properties.with("DefinitionSubstitutions", substitutions)
	}
}

// publish makes the version and alias of AutoPublishAlias.
func (w *machineWork) publish() {
	alias, preference := w.p.Get("AutoPublishAlias"), w.p.Get("DeploymentPreference")
	if alias == nil {
		for _, name := range []string{"DeploymentPreference", "UseAliasAsEventTarget"} {
			if n := w.p.Get(name); n != nil {
				w.faults.add(n.At, w.path+"."+name, "%s requires AutoPublishAlias", name)
			}
		}
		return
	}
	name, ok := w.constant(alias, w.path+".AutoPublishAlias")
	if !ok {
		w.faults.add(alias.At, w.path+".AutoPublishAlias", "AutoPublishAlias must be a string or a Ref to a parameter")
		return
	}
	at := w.r.At
	version := w.make(w.r, w.r.LogicalID+"Version", "AWS::StepFunctions::StateMachineVersion", object(at,
		"StateMachineArn", ref(at, w.r.LogicalID),
		"StateMachineRevisionId", getAtt(at, w.r.LogicalID, "StateMachineRevisionId")))
	version.DeletionPolicy = cmp.Or(version.DeletionPolicy, "Retain")
	version.UpdateReplacePolicy = cmp.Or(version.UpdateReplacePolicy, "Retain")
	w.alias = w.r.LogicalID + "Alias" + strings.Map(keepAlphanumeric, name)
	p := object(at, "Name", name, "DeploymentPreference", object(at, "StateMachineVersionArn", ref(at, version.LogicalID), "Type", "ALL_AT_ONCE"))
	if preference != nil && preference.Kind == Map {
		p = object(at, "Name", name, "DeploymentPreference", preference.with("StateMachineVersionArn", ref(at, version.LogicalID)))
	}
	w.make(w.r, w.alias, "AWS::StepFunctions::StateMachineAlias", p)
}

func keepAlphanumeric(r rune) rune {
	if r < 128 && alphanumeric.MatchString(string(r)) {
		return r
	}
	return -1
}

// target is what event sources start.
func (w *machineWork) target(at Position) *Node {
	if w.alias != "" && w.isTrue(w.p.Get("UseAliasAsEventTarget"), w.path+".UseAliasAsEventTarget") {
		return ref(at, w.alias)
	}
	return ref(at, w.r.LogicalID)
}
