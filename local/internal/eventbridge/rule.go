package eventbridge

// This file defines rules.

import (
	"context"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/schedule"
	"github.com/stepworks/stepworks/local/internal/store"
)

// maxRules is the quota of rules on a bus:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
const maxRules = 300

// rule is the record of a rule.
type rule struct {
	Bus, Name    string
	Description  string
	EventPattern string
	Schedule     string
	State        string
	Role         string
}

const disabled = "DISABLED"

type putRuleInput struct {
	Name               string `json:"Name" check:"required,min=1,max=64,pattern=[\\.\\-_A-Za-z0-9]+"`
	Description        string `json:"Description" check:"max=512"`
	EventBusName       string `json:"EventBusName" check:"min=1,max=1600"`
	EventPattern       string `json:"EventPattern" check:"max=4096"`
	ScheduleExpression string `json:"ScheduleExpression" check:"max=256"`
	State              string `json:"State" check:"enum=ENABLED|DISABLED|ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"`
	RoleArn            string `json:"RoleArn" check:"max=1600"`
	Tags               []Tag  `json:"Tags"`
}

type putRuleOutput struct {
	RuleArn string `json:"RuleArn"`
}

func (s *Service) putRule(_ context.Context, in *putRuleInput) (*putRuleOutput, error) {
	r := rule{Bus: busName(in.EventBusName), Name: in.Name, Description: in.Description, EventPattern: in.EventPattern,
		Schedule: in.ScheduleExpression, State: in.State, Role: in.RoleArn}
	if r.State == "" {
		r.State = "ENABLED"
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	arn := s.ruleARN(r.Bus, r.Name)
	err := s.Store.Update(func(tx *store.Tx) error {
		if _, err := busOf(tx, r.Bus); err != nil {
			return err
		}
		key := store.Key(r.Bus, r.Name)
		if _, found := tx.Get(ruleBucket, key); !found {
			if count(tx, ruleBucket, r.Bus) >= maxRules {
				return tooMany()
			}
			if err := putTags(tx, arn, in.Tags); err != nil {
				return err
			}
		}
		put(tx, ruleBucket, key, r)
		return s.planTick(tx, r)
	})
	s.ruleChanged(r.Bus, r.Name)
	return &putRuleOutput{RuleArn: arn}, err
}

// check refuses a rule that AWS refuses.
func (r rule) check() error {
	switch {
	case r.EventPattern == "" && r.Schedule == "":
		return invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
	case r.Schedule != "" && r.Bus != defaultBus:
		return invalid("ScheduleExpression is supported only on the default event bus.")
	}
	if r.Schedule != "" {
		if _, err := schedule.ParseRule(r.Schedule); err != nil {
			return invalid("Parameter ScheduleExpression is not valid.")
		}
	}
	return checkPattern(r.EventPattern)
}

type ruleInput struct {
	Name         string `json:"Name" check:"required,min=1,max=64"`
	EventBusName string `json:"EventBusName" check:"min=1,max=1600"`
}

// ruleOf returns a rule of a bus that a request names or gives the ARN of.
func ruleOf(r store.Reader, bus, name string) (rule, error) {
	b, err := busOf(r, bus)
	if err != nil {
		return rule{}, err
	}
	found, ok := get[rule](r, ruleBucket, store.Key(b.Name, name))
	if !ok {
		return rule{}, noRule(b.Name, name)
	}
	return found, nil
}

type ruleOutput struct {
	Arn                string `json:"Arn"`
	Name               string `json:"Name"`
	EventBusName       string `json:"EventBusName"`
	Description        string `json:"Description,omitzero"`
	EventPattern       string `json:"EventPattern,omitzero"`
	ScheduleExpression string `json:"ScheduleExpression,omitzero"`
	State              string `json:"State"`
	RoleArn            string `json:"RoleArn,omitzero"`
	CreatedBy          string `json:"CreatedBy,omitzero"` // DescribeRule alone
}

func (s *Service) ruleOutput(r rule) ruleOutput {
	return ruleOutput{Arn: s.ruleARN(r.Bus, r.Name), Name: r.Name, EventBusName: r.Bus, Description: r.Description,
		EventPattern: r.EventPattern, ScheduleExpression: r.Schedule, State: r.State, RoleArn: r.Role}
}

func (s *Service) describeRule(_ context.Context, in *ruleInput) (*ruleOutput, error) {
	return view(s.Store, func(r store.Reader) (*ruleOutput, error) {
		rule, err := ruleOf(r, in.EventBusName, in.Name)
		out := s.ruleOutput(rule)
		out.CreatedBy = s.Account
		return &out, err
	})
}

type deleteRuleInput struct {
	Name         string `json:"Name" check:"required,min=1,max=64"`
	EventBusName string `json:"EventBusName" check:"min=1,max=1600"`
	Force        bool   `json:"Force"`
}

func (s *Service) deleteRule(_ context.Context, in *deleteRuleInput) (*struct{}, error) {
	bus := busName(in.EventBusName)
	err := s.Store.Update(func(tx *store.Tx) error {
		if _, err := busOf(tx, bus); err != nil {
			return err
		}
		if count(tx, targetBucket, bus, in.Name) > 0 {
			return invalid("Rule can't be deleted since it has targets.")
		}
		tx.Delete(ruleBucket, store.Key(bus, in.Name))
		clearAll(tx, tagBucket, s.ruleARN(bus, in.Name))
		return s.planTick(tx, rule{Bus: bus, Name: in.Name})
	})
	s.ruleChanged(bus, in.Name)
	return &struct{}{}, err
}

func (s *Service) enableRule(_ context.Context, in *ruleInput) (*struct{}, error) {
	return s.setState(in, "ENABLED")
}

func (s *Service) disableRule(_ context.Context, in *ruleInput) (*struct{}, error) {
	return s.setState(in, disabled)
}

func (s *Service) setState(in *ruleInput, state string) (*struct{}, error) {
	err := s.Store.Update(func(tx *store.Tx) error {
		r, err := ruleOf(tx, in.EventBusName, in.Name)
		if err != nil {
			return err
		}
		r.State = state
		put(tx, ruleBucket, store.Key(r.Bus, r.Name), r)
		return s.planTick(tx, r)
	})
	s.ruleChanged(busName(in.EventBusName), in.Name)
	return &struct{}{}, err
}

// ruleChanged brings what is kept in memory in step with a rule.
func (s *Service) ruleChanged(bus, name string) {
	s.changed(bus)
	if bus == defaultBus {
		s.arm(name)
	}
}

type listRulesInput struct {
	EventBusName string `json:"EventBusName" check:"min=1,max=1600"`
	NamePrefix   string `json:"NamePrefix" check:"max=64"`
	Limit        int    `json:"Limit" check:"min=1,max=100"`
	NextToken    string `json:"NextToken" check:"max=2048"`
}

type listRulesOutput struct {
	Rules     []ruleOutput `json:"Rules"`
	NextToken string       `json:"NextToken,omitzero"`
}

func (s *Service) listRules(_ context.Context, in *listRulesInput) (*listRulesOutput, error) {
	return view(s.Store, func(r store.Reader) (*listRulesOutput, error) {
		b, err := busOf(r, in.EventBusName)
		if err != nil {
			return nil, err
		}
		rules, next, err := page(all[rule](r, ruleBucket, b.Name), in.Limit, in.NextToken, func(r rule) bool { return strings.HasPrefix(r.Name, in.NamePrefix) })
		out := &listRulesOutput{Rules: []ruleOutput{}, NextToken: next}
		for _, rule := range rules {
			out.Rules = append(out.Rules, s.ruleOutput(rule))
		}
		return out, err
	})
}

type listRuleNamesByTargetInput struct {
	TargetArn    string `json:"TargetArn" check:"required,min=1,max=1600"`
	EventBusName string `json:"EventBusName" check:"min=1,max=1600"`
	Limit        int    `json:"Limit" check:"min=1,max=100"`
	NextToken    string `json:"NextToken" check:"max=2048"`
}

type listRuleNamesByTargetOutput struct {
	RuleNames []string `json:"RuleNames"`
	NextToken string   `json:"NextToken,omitzero"`
}

func (s *Service) listRuleNamesByTarget(_ context.Context, in *listRuleNamesByTargetInput) (*listRuleNamesByTargetOutput, error) {
	return view(s.Store, func(r store.Reader) (*listRuleNamesByTargetOutput, error) {
		b, err := busOf(r, in.EventBusName)
		if err != nil {
			return nil, err
		}
		leads := func(rule rule) bool {
			return slices.ContainsFunc(targetsOf(r, rule), func(t Target) bool { return t.Arn == in.TargetArn })
		}
		rules, next, err := page(all[rule](r, ruleBucket, b.Name), in.Limit, in.NextToken, leads)
		out := &listRuleNamesByTargetOutput{RuleNames: []string{}, NextToken: next}
		for _, rule := range rules {
			out.RuleNames = append(out.RuleNames, rule.Name)
		}
		return out, err
	})
}
