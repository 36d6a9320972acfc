package eventbridge

// This file defines names and ARNs, and the permission each operation needs:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html

import (
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
)

const defaultBus = "default"

func (s *Service) arn(resource string) string {
	return "arn:aws:events:" + s.Region + ":" + s.Account + ":" + resource
}

func (s *Service) busARN(name string) string { return s.arn("event-bus/" + name) }

// ruleARN omits the bus for the default one, as AWS does.
func (s *Service) ruleARN(bus, rule string) string {
	if bus == defaultBus {
		return s.arn("rule/" + rule)
	}
	return s.arn("rule/" + bus + "/" + rule)
}

// busName returns the name of a bus that a request names or gives the ARN of.
func busName(nameOrARN string) string {
	if nameOrARN == "" {
		return defaultBus
	}
	if _, name, ok := strings.Cut(nameOrARN, ":event-bus/"); ok {
		return name
	}
	return nameOrARN
}

func (s *Service) access(operation, resource string) []awswire.Access {
	return []awswire.Access{{Action: "events:" + operation, Resource: resource}}
}

func (s *Service) anywhere(operation string) func(*testEventPatternInput) []awswire.Access {
	return func(*testEventPatternInput) []awswire.Access { return s.access(operation, "*") }
}

func onBus[In any](s *Service, operation string, bus func(*In) string) func(*In) []awswire.Access {
	return func(in *In) []awswire.Access { return s.access(operation, s.busARN(busName(bus(in)))) }
}

func onRule[In any](s *Service, operation string, rule func(*In) (bus, name string)) func(*In) []awswire.Access {
	return func(in *In) []awswire.Access {
		bus, name := rule(in)
		return s.access(operation, s.ruleARN(busName(bus), name))
	}
}

// named asks for an action on a resource that a prefix and a name make.
func named[In any](s *Service, operation, prefix string, name func(*In) string) func(*In) []awswire.Access {
	return func(in *In) []awswire.Access { return s.access(operation, s.arn(prefix+name(in))) }
}

func ruleAccess(s *Service, operation string) func(*ruleInput) []awswire.Access {
	return onRule(s, operation, func(in *ruleInput) (string, string) { return in.EventBusName, in.Name })
}

func tagAccess[In any](s *Service, operation string, arn func(*In) string) func(*In) []awswire.Access {
	return func(in *In) []awswire.Access { return s.access(operation, arn(in)) }
}

// principal is who EventBridge acts as where a target has no role.
const principal = "events.amazonaws.com"
