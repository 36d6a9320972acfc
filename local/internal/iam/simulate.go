package iam

// This file defines the policy simulator, which asks the same evaluation as every
// call does.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html

import "github.com/stepworks/stepworks/local/internal/awswire"

type simulateInput struct {
	PolicySourceArn string         `json:"PolicySourceArn" check:"required,min=20"`
	ActionNames     []string       `json:"ActionNames" check:"required"`
	ResourceArns    []string       `json:"ResourceArns"`
	ContextEntries  []contextEntry `json:"ContextEntries"`
}

type contextEntry struct {
	ContextKeyName   string   `json:"ContextKeyName"`
	ContextKeyValues []string `json:"ContextKeyValues"`
	ContextKeyType   string   `json:"ContextKeyType"`
}

type simulateOutput struct {
	EvaluationResults []evaluationResult `json:"EvaluationResults"`
	IsTruncated       bool               `json:"IsTruncated"`
}

type evaluationResult struct {
	EvalActionName    string             `json:"EvalActionName"`
	EvalResourceName  string             `json:"EvalResourceName"`
	EvalDecision      string             `json:"EvalDecision"`
	MatchedStatements []matchedStatement `json:"MatchedStatements"`
}

type matchedStatement struct {
	SourcePolicyID   string `json:"SourcePolicyId"`
	SourcePolicyType string `json:"SourcePolicyType"`
}

func (s *Service) simulatePrincipalPolicy(in *simulateInput) (*simulateOutput, error) {
	resources := in.ResourceArns
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	keys := map[string][]string{}
	for _, e := range in.ContextEntries {
		keys[e.ContextKeyName] = e.ContextKeyValues
	}
	out := &simulateOutput{}
	for _, action := range in.ActionNames {
		for _, resource := range resources {
			d, err := s.Decide(s.Identity(in.PolicySourceArn, "simulation"), awswire.Access{Action: action, Resource: resource, Context: keys})
			if err != nil {
				return nil, err
			}
			out.EvaluationResults = append(out.EvaluationResults, resultOf(d, action, resource))
		}
	}
	return out, nil
}

func resultOf(d Decision, action, resource string) evaluationResult {
	r := evaluationResult{EvalActionName: action, EvalResourceName: resource, EvalDecision: "implicitDeny"}
	switch {
	case d.Allowed:
		r.EvalDecision = "allowed"
	case d.Reason == IdentityDeny || d.Reason == ResourceDeny || d.Reason == BoundaryDeny:
		r.EvalDecision = "explicitDeny"
	}
	if d.Policy != nil {
		kind := "IAM Policy"
		if d.Reason == ResourceDeny || d.Reason == ResourceAllow {
			kind = "Resource Policy"
		}
		r.MatchedStatements = []matchedStatement{{d.Policy.Name, kind}}
	}
	return r
}
