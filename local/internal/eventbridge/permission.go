package eventbridge

// This file defines the resource policies of event buses. They are kept and
// shown here; [Service.ResourcePolicy] hands them to whoever evaluates policies.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPermission.html

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// maxPolicy is the longest policy a bus may have.
const maxPolicy = 10240

type putPermissionInput struct {
	EventBusName string `json:"EventBusName" check:"min=1,max=256"`
	Action       string `json:"Action" check:"min=1,max=64"`
	Principal    string `json:"Principal" check:"min=1,max=12,pattern=(\\d{12}|\\*)"`
	StatementID  string `json:"StatementId" check:"min=1,max=64,pattern=[a-zA-Z0-9-_]+"`
	Policy       string `json:"Policy"`
	Condition    *struct {
		Type  string `json:"Type" check:"required"`
		Key   string `json:"Key" check:"required"`
		Value string `json:"Value" check:"required"`
	} `json:"Condition"`
}

func (s *Service) putPermission(_ context.Context, in *putPermissionInput) (*struct{}, error) {
	return &struct{}{}, s.changePolicy(in.EventBusName, func(b *bus) error {
		if in.Policy != "" {
			b.Policy = in.Policy
			return checkPolicy(in.Policy)
		}
		if in.Action == "" || in.Principal == "" || in.StatementID == "" {
			return invalid("Either Policy, or Action, Principal and StatementId must be specified.")
		}
		statements := withoutStatement(b.Policy, in.StatementID)
		b.Policy = policyOf(append(statements, s.statement(b.Name, in)))
		return checkPolicy(b.Policy)
	})
}

// statement spells a permission as a policy statement.
func (s *Service) statement(bus string, in *putPermissionInput) jsonvalue.Value {
	var principal jsonvalue.Value = "*"
	if in.Principal != "*" {
		principal = object(member("AWS", "arn:aws:iam::"+in.Principal+":root"))
	}
	statement := object(member("Sid", in.StatementID), member("Effect", "Allow"), member("Principal", principal),
		member("Action", in.Action), member("Resource", s.busARN(bus)))
	if c := in.Condition; c != nil {
		statement = statement.With("Condition", object(member(c.Type, object(member(c.Key, c.Value)))))
	}
	return statement
}

func policyOf(statements []any) string {
	if len(statements) == 0 {
		return ""
	}
	return jsonvalue.String(object(member("Version", "2012-10-17"), member("Statement", statements)))
}

func statementsOf(policy string) []any {
	v, _ := jsonvalue.Parse([]byte(policy))
	o, _ := v.(*jsonvalue.Object)
	list, _ := o.Get("Statement")
	statements, ok := list.([]any)
	if !ok && list != nil {
		statements = []any{list}
	}
	return statements
}

func withoutStatement(policy, id string) []any {
	return slices.DeleteFunc(slices.Clone(statementsOf(policy)), func(v any) bool {
		statement, ok := v.(*jsonvalue.Object)
		return ok && text(statement, "Sid") == id
	})
}

func checkPolicy(policy string) error {
	switch {
	case len(policy) > maxPolicy:
		return awswire.Errorf("PolicyLengthExceededException", "The resource policy of an event bus may have %d characters; this one has %d.", maxPolicy, len(policy))
	case !json.Valid([]byte(policy)):
		return invalid("Parameter Policy is not valid. Reason: it is not JSON.")
	}
	return nil
}

type removePermissionInput struct {
	EventBusName         string `json:"EventBusName" check:"min=1,max=256"`
	StatementID          string `json:"StatementId" check:"min=1,max=64"`
	RemoveAllPermissions bool   `json:"RemoveAllPermissions"`
}

func (s *Service) removePermission(_ context.Context, in *removePermissionInput) (*struct{}, error) {
	return &struct{}{}, s.changePolicy(in.EventBusName, func(b *bus) error {
		if in.RemoveAllPermissions {
			b.Policy = ""
			return nil
		}
		if b.Policy == "" {
			return awswire.Errorf("ResourceNotFoundException", "EventBus does not have a policy.")
		}
		left := withoutStatement(b.Policy, in.StatementID)
		if len(left) == len(statementsOf(b.Policy)) {
			return awswire.Errorf("ResourceNotFoundException", "Statement with the provided id does not exist.")
		}
		b.Policy = policyOf(left)
		return nil
	})
}

func (s *Service) changePolicy(nameOrARN string, change func(b *bus) error) error {
	return s.Store.Update(func(tx *store.Tx) error {
		b, err := busOf(tx, nameOrARN)
		if err != nil {
			return err
		}
		if err := change(&b); err != nil {
			return err
		}
		b.Modified = s.Clock.Now()
		put(tx, busBucket, store.Key(b.Name), b)
		return nil
	})
}

// ResourcePolicy returns the policy of a bus, by ARN, if it has one.
func (s *Service) ResourcePolicy(arn string) (policy string, found bool) {
	b, err := view(s.Store, func(r store.Reader) (bus, error) { return busOf(r, arn) })
	return b.Policy, err == nil && b.Policy != "" && s.busARN(b.Name) == arn
}
