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

// arnParts are the parts of an ARN: arn:aws:service:region:account:resource.
type arnParts struct{ service, region, account, resource string }

func parseARN(text string) (arnParts, bool) {
	p := strings.SplitN(text, ":", 6)
	if len(p) != 6 || p[0] != "arn" || p[2] == "" || p[5] == "" {
		return arnParts{}, false
	}
	return arnParts{service: p[2], region: p[3], account: p[4], resource: p[5]}, true
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

// roleIdentity is who EventBridge acts as with a target's role.
func roleIdentity(account, role string) awswire.Identity {
	name := role[strings.LastIndexByte(role, '/')+1:]
	return awswire.Identity{Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/" + name + "/EventBridge", Role: role}
}

const principal = "events.amazonaws.com"
