package template

// This file defines SAM's policy templates: sampolicies.txt is the table.

import (
	_ "embed"
	"maps"
	"slices"
	"strings"
	"sync"
)

//go:embed sampolicies.txt
var samPoliciesText string

// samPolicy is a template: what it is given and what it allows.
type samPolicy struct {
	parameters []string
	statements []samStatement
}

type samStatement struct{ actions, resources []string }

var samPolicies = sync.OnceValue(func() map[string]*samPolicy {
	out := map[string]*samPolicy{}
	var current *samPolicy
	for line := range strings.SplitSeq(samPoliciesText, "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0] == "#":
		case line[0] != ' ':
			current = &samPolicy{parameters: words[1:]}
			out[words[0]] = current
		default:
			// Two spaces part actions from resources.
			actions, resources, _ := strings.Cut(strings.TrimSpace(line), "  ")
			current.statements = append(current.statements, samStatement{strings.Fields(actions), strings.Fields(resources)})
		}
	}
	return out
})

// policyTemplate makes the document of a policy template, nil if it cannot.
func (w *roleWork) policyTemplate(e Entry, path string) *Node {
	known := samPolicies()[e.Name]
	if known == nil {
		names := slices.Sorted(maps.Keys(samPolicies()))
		w.faults.add(e.At, path, "the policy template %s is not supported%s", e.Name, meant(e.Name, names))
		return nil
	}
	given := e.Value
	if given.Kind != Map {
		w.faults.add(e.At, join(path, e.Name), "a policy template is given a map of its parameters, not %s", given.kindName())
		return nil
	}
	for _, name := range known.parameters {
		if given.Get(name) == nil {
			w.faults.add(e.At, join(path, e.Name), "the required parameter %s is missing", name)
			return nil
		}
	}
	for _, extra := range given.Entries {
		if !slices.Contains(known.parameters, extra.Name) {
			w.faults.add(extra.At, join(join(path, e.Name), extra.Name), "the policy template has no parameter %s; it has %s", extra.Name, oneOf(known.parameters))
			return nil
		}
	}
	statements := list(e.At)
	for _, s := range known.statements {
		statements.Items = append(statements.Items, s.node(e.At, given))
	}
	return object(e.At, "Statement", statements)
}

func (s samStatement) node(at Position, given *Node) *Node {
	actions, resources := list(at), list(at)
	for _, action := range s.actions {
		actions.Items = append(actions.Items, text(at, action))
	}
	for _, resource := range s.resources {
		resources.Items = append(resources.Items, resourceNode(at, resource, given))
	}
	one := resources
	if len(resources.Items) == 1 {
		one = resources.Items[0]
	}
	return object(at, "Effect", "Allow", "Action", actions, "Resource", one)
}

// resourceNode makes the call of Fn::Sub with the parameters that a resource uses.
func resourceNode(at Position, resource string, given *Node) *Node {
	if !strings.Contains(resource, "${") {
		return text(at, resource)
	}
	used := object(at)
	for _, p := range given.Entries {
		if strings.Contains(resource, "${"+p.Name+"}") {
			used = used.with(p.Name, p.Value)
		}
	}
	if len(used.Entries) == 0 {
		return sub(at, resource)
	}
	return call(at, "Fn::Sub", list(at, text(at, resource), used))
}
