package stack

// This file defines what commands ask of a running stack.

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Explain says, a line a rule, whether an event on a bus ("" for every bus)
// matches, and if not, which field did not and why.
func (s *Stack) Explain(bus string, event []byte) ([]string, error) {
	verdicts, err := s.services.events.Explain(bus, event)
	if err != nil {
		return nil, err
	}
	lines := make([]string, len(verdicts))
	for i, v := range verdicts {
		lines[i] = fmt.Sprintf("%-24s %-22s %s", v.Bus, v.Rule, v.Explanation)
	}
	return lines, nil
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
