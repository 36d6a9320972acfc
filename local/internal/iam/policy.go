package iam

// This file defines policy documents: their grammar and how one is read.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Kind is what a policy is attached to; each kind has elements of its own.
type Kind int

// The kinds of policies.
const (
	IdentityPolicy Kind = iota // attached to a role: no Principal, a Resource
	TrustPolicy                // who may assume a role: a Principal, no Resource
	ResourcePolicy             // attached to a queue, topic, bus: a Principal, a Resource
)

// Policy is a policy document that was read.
type Policy struct {
	Name       string // for reports and decisions
	Statements []Statement
}

// Statement is one rule of a policy.
type Statement struct {
	Sid          string
	Index        int // in its document
	Deny         bool
	Actions      []pattern
	NotActions   bool // Actions are those that it does not speak of
	Resources    []pattern
	NotResources bool
	Principals   []principal
	NotPrincipal bool
	Conditions   []condition

	anyResource bool // has neither Resource nor NotResource
	anyone      bool // has neither Principal nor NotPrincipal
}

// principal is one entry of Principal: a type and a value.
type principal struct{ kind, value string }

// maxPolicy bounds a document; AWS's largest, of S3, is 20 KB.
const maxPolicy = 64 << 10

// MalformedPolicy is why a document is refused.
type MalformedPolicy struct{ Reason string }

func (e *MalformedPolicy) Error() string { return e.Reason }

func malformed(format string, args ...any) error {
	return &MalformedPolicy{fmt.Sprintf(format, args...)}
}

// ParsePolicy reads a document. The error, if there is one, is a
// [*MalformedPolicy], in AWS's words where it has some.
func ParsePolicy(name string, document []byte, kind Kind) (*Policy, error) {
	if len(document) > maxPolicy {
		return nil, malformed("The policy document has %d bytes; at most %d are allowed.", len(document), maxPolicy)
	}
	v, err := jsonvalue.Parse(document)
	if err != nil {
		return nil, malformed("Syntax errors in policy. (%v)", err)
	}
	return policyOf(name, v, kind)
}

func policyOf(name string, v jsonvalue.Value, kind Kind) (*Policy, error) {
	doc, ok := v.(*jsonvalue.Object)
	if !ok {
		return nil, malformed("Syntax errors in policy. (a policy is an object, not %s)", jsonvalue.Kind(v))
	}
	for element := range doc.All() {
		if !slices.Contains([]string{"Version", "Id", "Statement"}, element) {
			return nil, malformed("Syntax errors in policy. (a policy has no element %s)", element)
		}
	}
	version := "2008-10-17"
	if v, ok := doc.Get("Version"); ok {
		version, _ = v.(string)
	}
	if version != "2008-10-17" && version != "2012-10-17" {
		return nil, malformed("The policy must contain a valid version string")
	}
	statements, ok := doc.Get("Statement")
	if !ok {
		return nil, malformed("Syntax errors in policy. (the Statement is missing)")
	}
	p := &Policy{Name: name}
	for i, item := range listOf(statements) {
		s, err := parseStatement(item, kind, version == "2012-10-17")
		if err != nil {
			return nil, err
		}
		s.Index = i
		p.Statements = append(p.Statements, *s)
	}
	return p, p.uniqueSids()
}

func (p *Policy) uniqueSids() error {
	seen := map[string]bool{}
	for _, s := range p.Statements {
		if s.Sid != "" && seen[s.Sid] {
			return malformed("Statement IDs (SID) in a single policy must be unique.")
		}
		seen[s.Sid] = true
	}
	return nil
}

// listOf returns the items of an array, or the one value that stands for one.
func listOf(v jsonvalue.Value) []any {
	if items, ok := v.([]any); ok {
		return items
	}
	return []any{v}
}

// stringsOf reads a string or an array of strings.
func stringsOf(v jsonvalue.Value, element string) ([]string, error) {
	var out []string
	for _, item := range listOf(v) {
		s, ok := item.(string)
		if !ok {
			return nil, malformed("Syntax errors in policy. (%s must be a string or a list of strings, not of %s)", element, jsonvalue.Kind(item))
		}
		out = append(out, s)
	}
	return out, nil
}

func parseStatement(v jsonvalue.Value, kind Kind, variables bool) (*Statement, error) {
	doc, ok := v.(*jsonvalue.Object)
	if !ok {
		return nil, malformed("Syntax errors in policy. (a statement is an object, not %s)", jsonvalue.Kind(v))
	}
	s := &Statement{anyResource: true, anyone: true}
	for element, value := range doc.All() {
		if err := s.set(element, value, variables); err != nil {
			return nil, err
		}
	}
	return s, s.complete(doc, kind)
}

// set takes in one element.
func (s *Statement) set(element string, v jsonvalue.Value, variables bool) (err error) {
	switch element {
	case "Sid":
		s.Sid, _ = v.(string)
	case "Effect":
		effect, _ := v.(string)
		if effect != "Allow" && effect != "Deny" {
			return malformed("Syntax errors in policy. (Effect must be Allow or Deny, exactly)")
		}
		s.Deny = effect == "Deny"
	case "Action", "NotAction":
		s.NotActions = element == "NotAction"
		var texts []string
		if texts, err = stringsOf(v, element); err == nil {
			for _, text := range texts {
				// The case of an action does not matter.
				action := parsePattern(strings.ToLower(text), false)
				action.source = text
				s.Actions = append(s.Actions, action)
			}
		}
	case "Resource", "NotResource":
		s.NotResources, s.anyResource = element == "NotResource", false
		var texts []string
		if texts, err = stringsOf(v, element); err == nil {
			for _, text := range texts {
				s.Resources = append(s.Resources, parsePattern(text, variables))
			}
		}
	case "Principal", "NotPrincipal":
		s.NotPrincipal, s.anyone = element == "NotPrincipal", false
		s.Principals, err = parsePrincipals(v)
	case "Condition":
		s.Conditions, err = parseConditions(v, variables)
	default:
		return malformed("Syntax errors in policy. (a statement has no element %s)", element)
	}
	return err
}

// complete checks what the elements must be together.
func (s *Statement) complete(doc *jsonvalue.Object, kind Kind) error {
	for _, pair := range [][2]string{{"Action", "NotAction"}, {"Resource", "NotResource"}, {"Principal", "NotPrincipal"}} {
		if doc.Has(pair[0]) && doc.Has(pair[1]) {
			return malformed("Syntax errors in policy. (%s and %s exclude each other)", pair[0], pair[1])
		}
	}
	switch {
	case !doc.Has("Effect"):
		return malformed("Syntax errors in policy. (the Effect is missing)")
	case len(s.Actions) == 0:
		return malformed("Policy statement must contain actions.")
	case kind == IdentityPolicy && !s.anyone:
		return malformed("Policy document should not specify a principal.")
	case kind != IdentityPolicy && s.anyone:
		return malformed("Policy document must specify a principal. (Has prohibited field or lacks Principal)")
	case kind == TrustPolicy && !s.anyResource:
		return malformed("Has prohibited field Resource")
	case kind != TrustPolicy && (s.anyResource || len(s.Resources) == 0):
		return malformed("Policy statement must contain resources.")
	}
	return s.checkTexts(kind)
}

var (
	actionText = regexp.MustCompile(`^(\*|[a-zA-Z0-9-]+:[a-zA-Z0-9*?-]+)$`)
	sidText    = regexp.MustCompile(`^[A-Za-z0-9]*$`)
)

func (s *Statement) checkTexts(kind Kind) error {
	if kind != ResourcePolicy && !sidText.MatchString(s.Sid) {
		return malformed("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*")
	}
	for _, action := range s.Actions {
		if !actionText.MatchString(action.source) {
			return malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc. (%q)", action.source)
		}
	}
	for _, resource := range s.Resources {
		if kind == IdentityPolicy && resource.source != "*" && !strings.HasPrefix(resource.source, "arn:") && !strings.HasPrefix(resource.source, "$") {
			return malformed("Resource %s must be in ARN format or \"*\".", resource.source)
		}
	}
	return nil
}

var principalKinds = []string{"AWS", "Service", "Federated", "CanonicalUser"}

func parsePrincipals(v jsonvalue.Value) ([]principal, error) {
	if s, ok := v.(string); ok {
		if s != "*" {
			return nil, malformed("Invalid principal in policy: %q (a principal is \"*\" or an object)", s)
		}
		return []principal{{"*", "*"}}, nil
	}
	doc, ok := v.(*jsonvalue.Object)
	if !ok || doc.Len() == 0 {
		return nil, malformed("Invalid principal in policy: it is \"*\" or an object of AWS, Service, Federated or CanonicalUser")
	}
	var out []principal
	for kind, values := range doc.All() {
		if !slices.Contains(principalKinds, kind) {
			return nil, malformed("Invalid principal in policy: there is no type %q", kind)
		}
		texts, err := stringsOf(values, "Principal")
		if err != nil {
			return nil, err
		}
		for _, text := range texts {
			if text != "*" && strings.ContainsAny(text, "*?") {
				return nil, malformed("Invalid principal in policy: %q (wildcards are not allowed within a principal; use a Condition)", text)
			}
			out = append(out, principal{kind, text})
		}
	}
	return out, nil
}
