package dynamodb

// This file defines resource policies of tables. They are kept here and judged by
// whoever authorises calls.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/access-control-resource-based.html

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
)

type putResourcePolicyInput struct {
	ResourceArn        *string `aws:"required,min=1,max=1283"`
	Policy             *string `aws:"required"`
	ExpectedRevisionId *string `aws:"min=1,max=255"`
}

type resourcePolicyInput struct {
	ResourceArn        *string `aws:"required,min=1,max=1283"`
	ExpectedRevisionId *string `aws:"min=1,max=255"`
}

type revisionOutput struct {
	RevisionId string `json:",omitempty"`
}

type getResourcePolicyOutput struct {
	Policy     string
	RevisionId string
}

// maxPolicy is the size of the largest policy.
const maxPolicy = 20 << 10

// noPolicy is the revision that stands for "there is none yet".
const noPolicy = "NO_POLICY"

// Policy returns the resource policy of the table that an ARN names, or whose
// index or stream it names; "" if there is none.
func (s *Service) Policy(arn string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, name, _ := strings.Cut(arn, ":table/")
	name, _, _ = strings.Cut(name, "/")
	if t := s.tables[name]; t != nil && strings.HasPrefix(arn, t.arn) {
		return t.Policy
	}
	return ""
}

// revision names a policy by its content.
func revision(policy string) string {
	if policy == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(policy))
	return hex.EncodeToString(sum[:16])
}

// changePolicy replaces a table's policy, if it is the expected one.
func (s *Service) changePolicy(arn string, expected *string, policy string) (*revisionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.resource(arn)
	if err != nil {
		return nil, err
	}
	if expected != nil && *expected != revision(old.Policy) && (*expected != noPolicy || old.Policy != "") {
		return nil, awswire.Errorf("PolicyNotFoundException", "Resource-based policy not found for the provided ResourceArn and expected RevisionId: %s", *expected)
	}
	t := old.copy()
	t.Policy = policy
	return &revisionOutput{revision(policy)}, s.replace(old, t)
}

func (s *Service) putResourcePolicy(ctx context.Context, in *putResourcePolicyInput) (*revisionOutput, error) {
	if err := s.checkResource(ctx, in.ResourceArn, "PutResourcePolicy", "", true); err != nil {
		return nil, err
	}
	switch {
	case len(*in.Policy) > maxPolicy:
		return nil, invalid("Resource-based policy is %d bytes long, %d are the most", len(*in.Policy), maxPolicy)
	case !json.Valid([]byte(*in.Policy)):
		return nil, invalid("Invalid policy document: the policy is not JSON")
	}
	return s.changePolicy(*in.ResourceArn, in.ExpectedRevisionId, *in.Policy)
}

func (s *Service) deleteResourcePolicy(ctx context.Context, in *resourcePolicyInput) (*revisionOutput, error) {
	if err := s.checkResource(ctx, in.ResourceArn, "DeleteResourcePolicy", "", true); err != nil {
		return nil, err
	}
	return s.changePolicy(*in.ResourceArn, in.ExpectedRevisionId, "")
}

func (s *Service) getResourcePolicy(ctx context.Context, in *resourcePolicyInput) (*getResourcePolicyOutput, error) {
	if err := s.checkResource(ctx, in.ResourceArn, "GetResourcePolicy", "", true); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	t, err := s.resource(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if t.Policy == "" {
		return nil, awswire.Errorf("PolicyNotFoundException", "Resource-based policy not found for the provided ResourceArn: %s", *in.ResourceArn)
	}
	return &getResourcePolicyOutput{t.Policy, revision(t.Policy)}, nil
}
