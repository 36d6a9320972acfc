package eventbridge

// This file defines TestEventPattern, and the question people ask more often:
// which rules would this event match, and why not the others?

import (
	"context"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/eventpattern"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

type testEventPatternInput struct {
	EventPattern string `json:"EventPattern" check:"required,max=4096"`
	Event        string `json:"Event" check:"required"`
}

type testEventPatternOutput struct {
	Result bool `json:"Result"`
}

func (s *Service) testEventPattern(_ context.Context, in *testEventPatternInput) (*testEventPatternOutput, error) {
	if err := checkEnvelope(in.Event); err != nil {
		return nil, err
	}
	p, err := eventpattern.Compile([]byte(in.EventPattern))
	if err != nil {
		return nil, invalidPattern(err)
	}
	matched, err := p.Match([]byte(in.Event))
	if err != nil {
		return nil, awswire.Errorf("ValidationException", "Parameter Event is not valid.")
	}
	return &testEventPatternOutput{matched}, nil
}

// checkEnvelope insists on the fields that TestEventPattern wants:
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html
func checkEnvelope(text string) error {
	v, err := jsonvalue.Parse([]byte(text))
	event, ok := v.(*jsonvalue.Object)
	if err != nil || !ok {
		return invalid("Parameter Event is not valid.")
	}
	for _, name := range []string{"id", "account", "source", "time", "region", "detail-type"} {
		if !event.Has(name) {
			return invalid("Parameter Event is not valid.")
		}
	}
	return nil
}

// Verdict is what one rule makes of an event.
type Verdict struct {
	Bus, Rule string
	State     string // ENABLED, DISABLED
	Targets   []Target
	eventpattern.Explanation
}

// Explain says, for every rule with a pattern on a bus ("" for every bus),
// whether it matches the event and if not, which field did not and why. Disabled
// rules are explained too; they match nothing.
func (s *Service) Explain(bus string, event []byte) ([]Verdict, error) {
	return view(s.Store, func(r store.Reader) ([]Verdict, error) {
		var verdicts []Verdict
		for _, found := range all[rule](r, ruleBucket) {
			if found.EventPattern == "" || bus != "" && found.Bus != busName(bus) {
				continue
			}
			p, err := eventpattern.Compile([]byte(found.EventPattern))
			if err != nil {
				return nil, invalidPattern(err)
			}
			why, err := p.Explain(event)
			if err != nil {
				return nil, err
			}
			verdicts = append(verdicts, Verdict{found.Bus, found.Name, found.State, targetsOf(r, found), why})
		}
		return verdicts, nil
	})
}
