package stack

// This file defines what commands ask of a running stack.

import (
	"context"
	"encoding/base64"
	"slices"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/console"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Verdict is what a rule makes of an event.
type Verdict = console.Verdict

// Explain says of each rule whether an event on a bus ("" for every bus) matches,
// and if not, which field did not and why.
func (s *Stack) Explain(bus string, event []byte) ([]Verdict, error) {
	found, err := s.services.events.Explain(bus, event)
	verdicts := make([]Verdict, len(found))
	for i, v := range found {
		verdicts[i] = Verdict{Bus: v.Bus, Rule: v.Rule, Why: v.Explanation.String(), Matched: v.Matched && v.State != "DISABLED"}
		if v.Matched && v.State == "DISABLED" {
			verdicts[i].Why = "it would match, but the rule is disabled"
		}
	}
	return verdicts, err
}

// Functions are the logical ids of the deployed template's functions, in order.
func (s *Stack) Functions() []string {
	var names []string
	for _, r := range s.deployed {
		if r.Type == "AWS::Lambda::Function" {
			names = append(names, r.LogicalID)
		}
	}
	slices.Sort(names)
	return names
}

// Invoke runs a function of the deployed template, by its logical id, and returns
// its answer, its log, and what kind of fault the answer tells, if any.
func (s *Stack) Invoke(ctx context.Context, logicalID string, payload []byte) (answer []byte, log, fault string, err error) {
	name, err := s.cfn.PhysicalID(Name, logicalID)
	if err != nil {
		return nil, "", "", err
	}
	in := jsonvalue.NewObject(jsonvalue.Member{Name: "FunctionName", Value: name}, jsonvalue.Member{Name: "LogType", Value: "Tail"},
		jsonvalue.Member{Name: "Payload", Value: base64.StdEncoding.EncodeToString(payload)})
	out, err := s.wire.Call(ctx, awswire.Root(s.Account), "lambda", "Invoke", in)
	if err != nil {
		return nil, "", "", err
	}
	o, _ := out.(*jsonvalue.Object)
	text := func(name string) string {
		v, _ := o.Get(name)
		t, _ := v.(string)
		return t
	}
	answer, err = base64.StdEncoding.DecodeString(text("Payload"))
	if err != nil {
		return nil, "", "", err
	}
	tail, err := base64.StdEncoding.DecodeString(text("LogResult"))
	return answer, string(tail), text("FunctionError"), err
}
