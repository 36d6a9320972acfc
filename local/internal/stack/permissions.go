package stack

// This file defines what the roles of the deployed template were granted, what of
// that was used, and how a grant is taken away for a while.

import (
	"context"
	"errors"
	"fmt"
	"net/url"
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

// Without takes one action away from a role while do runs, and gives it back.
func (s *Stack) Without(ctx context.Context, g Grant, do func() error) error {
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
	less, err := withoutAction(whole, g.Statement, g.Value)
	if err != nil {
		return err
	}
	if _, err := call("PutRolePolicy", on.With("PolicyDocument", less)); err != nil {
		return err
	}
	err = do()
	_, restore := call("PutRolePolicy", on.With("PolicyDocument", whole))
	return errors.Join(err, restore)
}

// withoutAction returns a policy whose statement of this index lacks an action. A
// statement that would have none allows what nobody asks for.
func withoutAction(policy string, index int, action string) (string, error) {
	v, err := jsonvalue.Parse([]byte(policy))
	if err != nil {
		return "", err
	}
	document, _ := v.(*jsonvalue.Object)
	member, _ := document.Get("Statement")
	statements, ok := member.([]any)
	if !ok {
		statements = []any{member}
	}
	if index >= len(statements) {
		return "", fmt.Errorf("the policy has no statement %d", index)
	}
	statement, _ := statements[index].(*jsonvalue.Object)
	granted, _ := statement.Get("Action")
	left := []any{}
	if actions, ok := granted.([]any); ok {
		for _, a := range actions {
			if a != action {
				left = append(left, a)
			}
		}
	}
	if len(left) == 0 {
		left = append(left, "sts:GetSessionToken")
	}
	statements = append([]any{}, statements...)
	statements[index] = statement.With("Action", left)
	return jsonvalue.String(document.With("Statement", statements)), nil
}
