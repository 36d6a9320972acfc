package eventbridge

// This file defines the metrics of the namespace AWS/Events.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html

import (
	"strings"

	"github.com/stepworks/stepworks/local/internal/delivery"
)

// metricsOf are the metrics that grow by one with what happens to a delivery.
// Invocations and FailedInvocations count each delivery once, when it is decided.
var metricsOf = map[delivery.Happening][]string{
	delivery.Delivered:     {"InvocationAttempts", "SuccessfulInvocationAttempts", "Invocations"},
	delivery.FailedForNow:  {"InvocationAttempts"},
	delivery.FailedForGood: {"InvocationAttempts", "Invocations", "FailedInvocations"},
	delivery.Buried:        {"InvocationsSentToDlq"},
	delivery.LetterLost:    {"InvocationsFailedToBeSentToDlq"},
}

func (s *Service) count(r *delivery.Record, what delivery.Happening) {
	if s.Metrics == nil {
		return
	}
	bus, rule := ruleOfARN(r.As.Source)
	for _, metric := range metricsOf[what] {
		s.countRule(metric, bus, rule)
	}
	attempt := what == delivery.Delivered || what == delivery.FailedForNow || what == delivery.FailedForGood
	again := r.Attempts > 0 && what == delivery.Delivered || r.Attempts > 1 // failures count themselves
	if attempt && again {
		s.countRule("RetryInvocationAttempts", bus, rule)
	}
}

// countMatched counts an event that rules matched.
func (s *Service) countMatched(state *busState, matched []int) {
	if s.Metrics == nil || len(matched) == 0 {
		return
	}
	s.Metrics("MatchedEvents", map[string]string{}, 1)
	for _, i := range matched {
		r := state.rules[i].rule
		s.countRule("MatchedEvents", r.Bus, r.Name)
		s.countRule("TriggeredRules", r.Bus, r.Name)
	}
}

// countRule counts for a rule: by its name alone on the default bus, and by bus
// and name on every bus.
func (s *Service) countRule(metric, bus, rule string) {
	if bus == defaultBus {
		s.Metrics(metric, map[string]string{"RuleName": rule}, 1)
	}
	s.Metrics(metric, map[string]string{"EventBusName": bus, "RuleName": rule}, 1)
}

// ruleOfARN reads a rule's ARN: ...:rule/NAME on the default bus, ...:rule/BUS/NAME
// on others.
func ruleOfARN(arn string) (bus, rule string) {
	_, path, _ := strings.Cut(arn, ":rule/")
	if bus, rule, found := strings.Cut(path, "/"); found {
		return bus, rule
	}
	return defaultBus, path
}
