package iam

// This file defines how the policies that apply to a request decide it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html

import (
	"fmt"
	"slices"
	"strings"
)

// Principal is who makes a request.
type Principal struct {
	ARN     string // arn:aws:iam::A:root, or arn:aws:sts::A:assumed-role/R/S
	Role    string // the role's ARN when a role acts
	Account string
	Service string // "events.amazonaws.com" when a service acts by itself
}

func (p Principal) isRoot() bool {
	return p.Role == "" && p.Service == "" && strings.HasSuffix(p.ARN, ":root")
}

// Request is one action on one resource.
type Request struct {
	Principal Principal
	Action    string // "dynamodb:PutItem"
	Resource  string // an ARN, or "*"
	Context   map[string][]string
}

// question is a request as statements are asked: what has no case is in lower
// case.
type question struct {
	Request
	action  string
	context contextKeys
}

func (r Request) question() question {
	return question{r, strings.ToLower(r.Action), newContext(r.Context)}
}

// Policies are those that apply to a request.
type Policies struct {
	Identity []*Policy // of the role
	Boundary *Policy   // the role's permissions boundary; nil: it has none
	Resource *Policy   // of the resource; nil: it has none
}

// Reason says by which rule a request was decided.
type Reason int

// The reasons, denials first.
const (
	NoIdentityAllow Reason = iota // no identity-based policy allows it
	NoResourceAllow               // a service acts, and no resource-based policy allows it
	NoBoundaryAllow               // the permissions boundary does not allow it
	IdentityDeny
	ResourceDeny
	BoundaryDeny
	RootAllow
	IdentityAllow
	ResourceAllow
)

// Decision is what came of a request.
type Decision struct {
	Allowed   bool
	Reason    Reason
	Policy    *Policy    // whose statement decided; nil where none did
	Statement *Statement // that decided
	Action    int        // index of the entry of Action that matched, -1 if none did
	Resource  int        // index of the entry of Resource that matched, -1 if none did
	request   Request
}

// match is a statement that speaks of a request.
type match struct {
	policy           *Policy
	statement        *Statement
	action, resource int
	names            naming
}

// naming is how closely a statement names the principal. It matters for what a
// resource's policy allows: naming the account leaves the permission to the
// account's own identity policies, naming a role leaves it within the role's
// boundary, naming the session or everybody grants it outright.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
type naming int

const (
	notNamed naming = iota
	namesAccount
	namesRole
	namesSession
)

// Evaluate decides a request: an explicit deny anywhere ends it; a role needs an
// allow of its identity policies within its boundary, or of the resource's
// policy; a service needs the resource's policy; the root needs nothing.
func Evaluate(r Request, p Policies) Decision {
	q := r.question()
	for _, layer := range []struct {
		policies []*Policy
		reason   Reason
	}{{p.Identity, IdentityDeny}, {one(p.Resource), ResourceDeny}, {one(p.Boundary), BoundaryDeny}} {
		if m, ok := find(layer.policies, true, q); ok {
			return r.decide(false, layer.reason, m)
		}
	}
	if r.Principal.isRoot() {
		return r.decide(true, RootAllow, match{action: -1, resource: -1})
	}
	byResource, resourceAllows := find(one(p.Resource), false, q)
	if r.Principal.Service != "" {
		if resourceAllows {
			return r.decide(true, ResourceAllow, byResource)
		}
		return r.decide(false, NoResourceAllow, match{action: -1, resource: -1})
	}
	if resourceAllows && byResource.names == namesSession {
		return r.decide(true, ResourceAllow, byResource)
	}
	byIdentity, ok := find(p.Identity, false, q)
	if !ok && byResource.names != namesRole {
		return r.decide(false, NoIdentityAllow, match{action: -1, resource: -1})
	}
	if p.Boundary != nil {
		if _, within := find(one(p.Boundary), false, q); !within {
			return r.decide(false, NoBoundaryAllow, match{policy: p.Boundary, action: -1, resource: -1})
		}
	}
	if ok {
		return r.decide(true, IdentityAllow, byIdentity)
	}
	return r.decide(true, ResourceAllow, byResource)
}

func one(p *Policy) []*Policy {
	if p == nil {
		return nil
	}
	return []*Policy{p}
}

func (r Request) decide(allowed bool, reason Reason, m match) Decision {
	return Decision{Allowed: allowed, Reason: reason, Policy: m.policy, Statement: m.statement, Action: m.action, Resource: m.resource, request: r}
}

// find returns the statement of this effect that speaks of the request: of several
// the one that names the principal most closely, and of those the first.
func find(policies []*Policy, deny bool, q question) (match, bool) {
	var found match
	for _, p := range policies {
		for i := range p.Statements {
			s := &p.Statements[i]
			if s.Deny != deny {
				continue
			}
			m, ok := s.speaksOf(q)
			if !ok {
				continue
			}
			if m.names > found.names {
				found, found.policy = m, p
			}
		}
	}
	return found, found.statement != nil
}

func (s *Statement) speaksOf(q question) (match, bool) {
	m := match{statement: s, names: s.nameOf(q.Principal)}
	if m.names == notNamed {
		return m, false
	}
	m.action = slices.IndexFunc(s.Actions, func(p pattern) bool { return glob(p.parts, q.action) })
	if (m.action >= 0) == s.NotActions {
		return m, false
	}
	m.resource = slices.IndexFunc(s.Resources, func(p pattern) bool { return p.matchResource(q.Resource, q.context) })
	if !s.anyResource && (m.resource >= 0) == s.NotResources {
		return m, false
	}
	for i := range s.Conditions {
		if !s.Conditions[i].holds(q.context) {
			return m, false
		}
	}
	return m, true
}

// nameOf tells how the statement names the principal.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func (s *Statement) nameOf(who Principal) naming {
	if s.anyone {
		return namesSession
	}
	closest := notNamed
	for _, p := range s.Principals {
		closest = max(closest, p.names(who))
	}
	if !s.NotPrincipal {
		return closest
	}
	if closest == notNamed {
		return namesSession
	}
	return notNamed
}

func (p principal) names(who Principal) naming {
	switch {
	case p.kind == "*" || p.kind == "AWS" && p.value == "*": // the two mean the same
		return namesSession
	case p.kind == "Service" && who.Service != "" && (p.value == who.Service || p.value == "*"):
		return namesSession
	case p.kind != "AWS" || who.Service != "":
		return notNamed
	case p.value == who.ARN:
		return namesSession
	case who.Role != "" && p.value == who.Role:
		return namesRole
	case p.value == who.Account || strings.HasSuffix(p.value, ":iam::"+who.Account+":root"):
		return namesAccount
	}
	return notNamed
}

// Message is AWS's refusal; "" if the request is allowed.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func (d Decision) Message() string {
	if d.Allowed {
		return ""
	}
	r := d.request
	text := fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s ", r.Principal.ARN, r.Action, r.Resource)
	switch d.Reason {
	case IdentityDeny:
		return text + "with an explicit deny in an identity-based policy"
	case ResourceDeny:
		return text + "with an explicit deny in a resource-based policy"
	case BoundaryDeny:
		return text + "with an explicit deny in a permissions boundary"
	case NoResourceAllow:
		return text + "because no resource-based policy allows the " + r.Action + " action"
	case NoBoundaryAllow:
		return text + "because no permissions boundary allows the " + r.Action + " action"
	}
	return text + "because no identity-based policy allows the " + r.Action + " action"
}
