package stepworks

// This file defines how template.yaml is held against the rules of policyrules_test.go,
// which stand for what serverless-rules, checkov and the cfn-guard registry would
// say, and for our own list. Every rule brings a resource that it must refuse.

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// whole is a template.
type whole struct{ root node }

// policyRule is a rule that every resource of a type keeps.
type policyRule struct {
	name  string   // what it asks for
	for_  string   // the checks that it stands for
	of    []string // resource types
	wrong func(w whole, id string, r node) string
	// broken is a template's Resources, of which the one named Bad must be refused.
	broken string
	// except are resources that need not keep it, with the reason. The key "*" says
	// that none does: the rule then stands for a choice, and must find something.
	except map[string]string
}

func (p policyRule) find(w whole) map[string]string {
	found := map[string]string{}
	for id, r := range w.root.get("Resources").members() {
		if slices.Contains(p.of, r.get("Type").Value) {
			if what := p.wrong(w, id, r); what != "" {
				found[id] = what
			}
		}
	}
	return found
}

func TestTemplateKeepsThePolicies(t *testing.T) {
	w := whole{template(t)}
	for _, p := range policyRules {
		t.Run(p.name, func(t *testing.T) {
			if p.for_ == "" {
				t.Error("the rule must name the checks that it stands for")
			}
			found := p.find(w)
			for _, id := range slices.Sorted(maps.Keys(found)) {
				if p.except[id] == "" && p.except["*"] == "" {
					t.Errorf("%s: %s (%s)", id, found[id], p.for_)
				}
			}
			for id := range p.except {
				if _, fails := found[id]; !fails && (id != "*" || len(found) == 0) {
					t.Errorf("the exception for %s is not needed any more", id)
				}
			}
		})
	}
}

// A rule that finds nothing in what is broken on purpose checks nothing.
func TestEveryPolicyCanFail(t *testing.T) {
	for _, p := range policyRules {
		t.Run(p.name, func(t *testing.T) {
			var doc yaml.Node
			if err := yaml.Unmarshal([]byte("Resources:\n"+indented(p.broken)), &doc); err != nil {
				t.Fatal(err)
			}
			w := whole{node{doc.Content[0]}}
			found := p.find(w)
			if found["Bad"] == "" {
				t.Errorf("the broken resource passes:\n%s", p.broken)
			}
			if _, ok := found["Good"]; ok {
				t.Errorf("the sound resource fails: %s", found["Good"])
			}
		})
	}
}

func indented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimLeft(text, "\n")) {
		b.WriteString("  " + line)
	}
	return b.String()
}

// effective is a function's property, its own or that of Globals.
func (w whole) effective(r node, path ...string) node {
	if own := r.get(append([]string{"Properties"}, path...)...); own.Kind != 0 {
		return own
	}
	return w.root.get(append([]string{"Globals", "Function"}, path...)...)
}

// of lists the resources of a type.
func (w whole) of(resourceType string) map[string]node {
	found := map[string]node{}
	for id, r := range w.root.get("Resources").members() {
		if r.get("Type").Value == resourceType {
			found[id] = r
		}
	}
	return found
}

// targetOf is the logical id that `!Ref X` or `!GetAtt X.Arn` names.
func targetOf(n node) string {
	id, _, _ := strings.Cut(n.Value, ".")
	return id
}

// statements are those of a role's own policies, or of a resource's policy.
func statements(r node) []node {
	all := slices.Clone(r.get("Properties", "PolicyDocument", "Statement").items())
	for _, policy := range r.get("Properties", "Policies").items() {
		all = append(all, policy.get("PolicyDocument", "Statement").items()...)
	}
	return all
}

// conditionKeys are the keys that a statement's condition has under any of these
// operators; all of them without operators.
func conditionKeys(s node, operators ...string) []string {
	var keys []string
	for operator, of := range s.get("Condition").members() {
		if len(operators) == 0 || slices.Contains(operators, operator) {
			keys = append(keys, slices.Collect(maps.Keys(of.members()))...)
		}
	}
	return keys
}

// exact are the operators that name values one by one or by a pattern.
var exact = []string{"StringEquals", "StringLike", "ArnEquals", "ArnLike"}

// needsKeys returns a check that whoever grants the action binds it by the keys.
func needsKeys(action string, keys ...string) func(w whole, id string, r node) string {
	return func(_ whole, _ string, r node) string {
		for _, s := range statements(r) {
			if !slices.Contains(s.get("Action").strings(), action) {
				continue
			}
			for _, key := range keys {
				if !slices.Contains(conditionKeys(s, exact...), key) {
					return fmt.Sprintf("%s: %s needs a condition on %s", s.get("Sid").Value, action, key)
				}
			}
		}
		return ""
	}
}

// has returns a check that a property is there.
func has(path ...string) func(w whole, id string, r node) string {
	return func(w whole, _ string, r node) string {
		property := r.get(append([]string{"Properties"}, path...)...)
		if r.get("Type").Value == "AWS::Serverless::Function" {
			property = w.effective(r, path...)
		}
		if property.Kind == 0 {
			return "needs " + strings.Join(path, ".")
		}
		return ""
	}
}

// is returns a check that a property has a value.
func is(value string, path ...string) func(w whole, id string, r node) string {
	return func(w whole, _ string, r node) string {
		if property := w.effective(r, path...); property.Value != value {
			return fmt.Sprintf("%s must be %s, not %q", strings.Join(path, "."), value, property.Value)
		}
		return ""
	}
}

// secured returns a check that a resource has a policy, of this type and naming it
// under this property, which denies what comes over an open line.
func secured(policyType, property string) func(w whole, id string, r node) string {
	return func(w whole, id string, _ node) string {
		for _, policy := range w.of(policyType) {
			named := policy.get("Properties", property)
			if !slices.ContainsFunc(append(named.items(), named), func(n node) bool { return targetOf(n) == id }) {
				continue
			}
			for _, s := range statements(policy) {
				if s.get("Effect").Value == "Deny" && s.get("Condition", "Bool", "aws:SecureTransport").Value == "false" && s.get("Principal").Value == "*" {
					return ""
				}
			}
		}
		return "needs a " + policyType + " that denies what comes without TLS"
	}
}
