package stack

// This file defines what the roles of the deployed template were granted, what of
// that was used, and how a grant is taken away.

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/iam"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Grant is an action or a resource that a role is allowed, and how often since the
// start that let a call through.
type Grant struct {
	iam.Grant
	LogicalID string // of the role, in the template
	Entry     int    // within the statement's Action or Resource
}

// Grants lists what the roles of the deployed template are granted.
func (s *Stack) Grants() ([]Grant, error) {
	names, err := s.cfn.LogicalIDs(Name, "AWS::IAM::Role")
	if err != nil {
		return nil, err
	}
	all, err := s.services.iam.Grants()
	if err != nil {
		return nil, err
	}
	var out []Grant
	for _, g := range all {
		id := names[g.Role[strings.LastIndexByte(g.Role, '/')+1:]]
		if id == "" {
			continue
		}
		next := Grant{g, id, 0}
		if n := len(out) - 1; n >= 0 && out[n].Role == g.Role && out[n].Policy == g.Policy && out[n].Statement == g.Statement && out[n].Element == g.Element {
			next.Entry = out[n].Entry + 1
		}
		out = append(out, next)
	}
	return out, nil
}

// Denied tells how often since the start a grant's role was refused what the grant
// would allow: its action, or for a resource anything.
func (s *Stack) Denied(g Grant) uint64 {
	if g.Element == "Action" {
		return s.services.iam.Denied(g.Role, g.Value)
	}
	return s.services.iam.Denied(g.Role, "")
}

// Revoke takes one action or resource away from a role.
func (s *Stack) Revoke(ctx context.Context, g Grant) error {
	name := g.Role[strings.LastIndexByte(g.Role, '/')+1:]
	on := jsonvalue.NewObject(jsonvalue.Member{Name: "RoleName", Value: name}, jsonvalue.Member{Name: "PolicyName", Value: g.Policy})
	call := func(operation string, params *jsonvalue.Object) (*jsonvalue.Object, error) {
		out, err := s.wire.Call(context.WithoutCancel(ctx), awswire.Root(s.Account), "iam", operation, params)
		o, _ := out.(*jsonvalue.Object)
		return o, err
	}
	found, err := call("GetRolePolicy", on)
	if err != nil {
		return fmt.Errorf("the policy %s of %s: %w", g.Policy, g.LogicalID, err)
	}
	encoded, _ := found.Get("PolicyDocument")
	text, _ := encoded.(string)
	whole, err := url.QueryUnescape(text)
	if err != nil {
		return err
	}
	less, err := withoutEntry(whole, g)
	if err != nil {
		return err
	}
	_, err = call("PutRolePolicy", on.With("PolicyDocument", less))
	return err
}

// withoutEntry returns a policy whose statement lacks a grant. One that would have
// no action left allows what nobody asks for.
func withoutEntry(policy string, g Grant) (string, error) {
	v, err := jsonvalue.Parse([]byte(policy))
	if err != nil {
		return "", err
	}
	document, _ := v.(*jsonvalue.Object)
	member, _ := document.Get("Statement")
	statements := slices.Clone(listOf(member))
	if g.Statement >= len(statements) {
		return "", fmt.Errorf("the policy has no statement %d", g.Statement)
	}
	statement, _ := statements[g.Statement].(*jsonvalue.Object)
	granted, _ := statement.Get(g.Element)
	left := slices.DeleteFunc(slices.Clone(listOf(granted)), func(entry any) bool { return entry == g.Value })
	if len(left) == 0 && g.Element == "Action" {
		left = append(left, "sts:GetSessionToken")
	}
	statements[g.Statement] = statement.With(g.Element, left)
	return jsonvalue.String(document.With("Statement", statements)), nil
}

// listOf returns the items of what may be one or a list.
func listOf(v jsonvalue.Value) []any {
	if items, ok := v.([]any); ok {
		return items
	}
	return []any{v}
}
