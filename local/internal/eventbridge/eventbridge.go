// Package eventbridge is EventBridge (Classic): event buses, rules and their
// targets, and the delivery of events to them.
//
// An event that PutEvents accepts is stored, with one delivery for every target
// of every rule that matches it, before PutEvents answers. Package delivery then
// sees to it that every event reaches every target, or its dead-letter queue, at
// least once.
//
//	PutEvents -> matching (package eventpattern) -> delivery, stored
//	          -> input (InputPath, Input, transformer) -> target, as the target's role
//	          -> on failure: again later, or the dead-letter queue
//
// Beside that: scheduled rules, archives and replays, connections and API
// destinations. A target of a kind that package delivery does not know is refused
// by PutTargets. Time, backoff included, is the injected clock's.
//
// Start at [New], [Service.API] and [Service.Start].
package eventbridge

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/delivery"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/store"
)

// Config is what the service needs.
type Config struct {
	Account, Region string
	Store           *store.Store
	Clock           clock.Clock
	Caller          delivery.Caller   // reaches the other services
	Journal         *journal.Journal  // may be nil
	Log             *slog.Logger      // nil: the default one
	HTTP            http.RoundTripper // for API destinations; nil: the default one
	// Metrics counts for AWS/Events. May be nil.
	Metrics func(metric string, dimensions map[string]string, value float64)
}

// Service is EventBridge.
type Service struct {
	Config
	courier *delivery.Courier
	alarms  *delivery.Alarms // of scheduled rules, by name
	tokens  tokens
	rates   rates

	mu         sync.Mutex
	buses      map[string]*busState // what matching needs, by bus; rebuilt after a change
	generation uint64               // grows with every change
}

// New returns the service. It touches no other service before [Service.Start].
func New(cfg Config) (*Service, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Service{Config: cfg, buses: map[string]*busState{}, alarms: delivery.NewAlarms(cfg.Clock),
		tokens: tokens{byARN: map[string]token{}}, rates: rates{byARN: map[string]window{}}}
	s.courier = s.newCourier()
	return s, s.ensureDefaultBus()
}

// Start takes up the deliveries and schedules that an earlier process left. Call
// it once, when the services that are targets can be called.
func (s *Service) Start() error {
	release := s.Clock.Hold() // until all timers are set, lest the first one's time comes before
	defer release()
	return errors.Join(s.courier.Resume(), s.resumeTicks(), s.resumeReplays())
}

// Close waits for the deliveries under way and starts no more; they stay stored.
func (s *Service) Close() {
	s.alarms.Close()
	s.courier.Close()
}

// API lists the operations.
func (s *Service) API() awswire.Service {
	return awswire.Service{
		Name: "events", Protocol: awswire.JSON11, Target: "AWSEvents",
		Operations: slices.Concat(s.busAndRuleOperations(), s.archiveOperations(), s.connectionOperations()),
	}
}

func (s *Service) busAndRuleOperations() []awswire.Operation {
	return []awswire.Operation{
		awswire.Op("PutEvents", s.mayPutEvents, s.putEvents),
		awswire.Op("TestEventPattern", s.anywhere("TestEventPattern"), s.testEventPattern),

		awswire.Op("CreateEventBus", onBus(s, "CreateEventBus", func(in *createEventBusInput) string { return in.Name }), s.createEventBus),
		awswire.Op("DeleteEventBus", onBus(s, "DeleteEventBus", func(in *deleteEventBusInput) string { return in.Name }), s.deleteEventBus),
		awswire.Op("DescribeEventBus", onBus(s, "DescribeEventBus", func(in *describeEventBusInput) string { return in.Name }), s.describeEventBus),
		awswire.Op("UpdateEventBus", onBus(s, "UpdateEventBus", func(in *updateEventBusInput) string { return in.Name }), s.updateEventBus),
		awswire.Op("ListEventBuses", func(*listEventBusesInput) []awswire.Access { return s.access("ListEventBuses", "*") }, s.listEventBuses),

		awswire.Op("PutRule", onRule(s, "PutRule", func(in *putRuleInput) (string, string) { return in.EventBusName, in.Name }), s.putRule),
		awswire.Op("DescribeRule", ruleAccess(s, "DescribeRule"), s.describeRule),
		awswire.Op("DeleteRule", onRule(s, "DeleteRule", func(in *deleteRuleInput) (string, string) { return in.EventBusName, in.Name }), s.deleteRule),
		awswire.Op("EnableRule", ruleAccess(s, "EnableRule"), s.enableRule),
		awswire.Op("DisableRule", ruleAccess(s, "DisableRule"), s.disableRule),
		awswire.Op("ListRules", onBus(s, "ListRules", func(in *listRulesInput) string { return in.EventBusName }), s.listRules),
		awswire.Op("ListRuleNamesByTarget", onBus(s, "ListRuleNamesByTarget", func(in *listRuleNamesByTargetInput) string { return in.EventBusName }), s.listRuleNamesByTarget),

		awswire.Op("PutTargets", onRule(s, "PutTargets", func(in *putTargetsInput) (string, string) { return in.EventBusName, in.Rule }), s.putTargets),
		awswire.Op("RemoveTargets", onRule(s, "RemoveTargets", func(in *removeTargetsInput) (string, string) { return in.EventBusName, in.Rule }), s.removeTargets),
		awswire.Op("ListTargetsByRule", onRule(s, "ListTargetsByRule", func(in *listTargetsByRuleInput) (string, string) { return in.EventBusName, in.Rule }), s.listTargetsByRule),

		awswire.Op("PutPermission", onBus(s, "PutPermission", func(in *putPermissionInput) string { return in.EventBusName }), s.putPermission),
		awswire.Op("RemovePermission", onBus(s, "RemovePermission", func(in *removePermissionInput) string { return in.EventBusName }), s.removePermission),

		awswire.Op("TagResource", tagAccess(s, "TagResource", func(in *tagResourceInput) string { return in.ResourceARN }), s.tagResource),
		awswire.Op("UntagResource", tagAccess(s, "UntagResource", func(in *untagResourceInput) string { return in.ResourceARN }), s.untagResource),
		awswire.Op("ListTagsForResource", tagAccess(s, "ListTagsForResource", func(in *listTagsInput) string { return in.ResourceARN }), s.listTags),
	}
}

func (s *Service) archiveOperations() []awswire.Operation {
	return []awswire.Operation{
		awswire.Op("CreateArchive", named(s, "CreateArchive", "archive/", func(in *createArchiveInput) string { return in.ArchiveName }), s.createArchive),
		awswire.Op("DescribeArchive", named(s, "DescribeArchive", "archive/", func(in *archiveInput) string { return in.ArchiveName }), s.describeArchive),
		awswire.Op("UpdateArchive", named(s, "UpdateArchive", "archive/", func(in *updateArchiveInput) string { return in.ArchiveName }), s.updateArchive),
		awswire.Op("DeleteArchive", named(s, "DeleteArchive", "archive/", func(in *archiveInput) string { return in.ArchiveName }), s.deleteArchive),
		awswire.Op("ListArchives", func(*listArchivesInput) []awswire.Access { return s.access("ListArchives", "*") }, s.listArchives),
		awswire.Op("StartReplay", named(s, "StartReplay", "replay/", func(in *startReplayInput) string { return in.ReplayName }), s.startReplay),
		awswire.Op("DescribeReplay", named(s, "DescribeReplay", "replay/", func(in *replayInput) string { return in.ReplayName }), s.describeReplay),
		awswire.Op("CancelReplay", named(s, "CancelReplay", "replay/", func(in *replayInput) string { return in.ReplayName }), s.cancelReplay),
		awswire.Op("ListReplays", func(*listReplaysInput) []awswire.Access { return s.access("ListReplays", "*") }, s.listReplays),
	}
}

func (s *Service) connectionOperations() []awswire.Operation {
	connection := func(operation string) func(*connectionInput) []awswire.Access {
		return named(s, operation, "connection/", func(in *connectionInput) string { return in.Name + "/*" })
	}
	destination := func(operation string) func(*destinationInput) []awswire.Access {
		return named(s, operation, "api-destination/", func(in *destinationInput) string { return in.Name + "/*" })
	}
	return []awswire.Operation{
		awswire.Op("CreateConnection", named(s, "CreateConnection", "connection/", func(in *createConnectionInput) string { return in.Name + "/*" }), s.createConnection),
		awswire.Op("DescribeConnection", connection("DescribeConnection"), s.describeConnection),
		awswire.Op("UpdateConnection", named(s, "UpdateConnection", "connection/", func(in *updateConnectionInput) string { return in.Name + "/*" }), s.updateConnection),
		awswire.Op("DeleteConnection", connection("DeleteConnection"), s.deleteConnection),
		awswire.Op("DeauthorizeConnection", connection("DeauthorizeConnection"), s.deauthorizeConnection),
		awswire.Op("ListConnections", func(*listConnectionsInput) []awswire.Access { return s.access("ListConnections", "*") }, s.listConnections),
		awswire.Op("RetrieveConnectionCredentials", func(in *retrieveCredentialsInput) []awswire.Access {
			return s.access("RetrieveConnectionCredentials", in.ConnectionArn)
		}, s.retrieveCredentials),

		awswire.Op("CreateApiDestination", named(s, "CreateApiDestination", "api-destination/", func(in *createDestinationInput) string { return in.Name + "/*" }), s.createDestination),
		awswire.Op("DescribeApiDestination", destination("DescribeApiDestination"), s.describeDestination),
		awswire.Op("UpdateApiDestination", named(s, "UpdateApiDestination", "api-destination/", func(in *updateDestinationInput) string { return in.Name + "/*" }), s.updateDestination),
		awswire.Op("DeleteApiDestination", destination("DeleteApiDestination"), s.deleteDestination),
		awswire.Op("ListApiDestinations", func(*listDestinationsInput) []awswire.Access { return s.access("ListApiDestinations", "*") }, s.listDestinations),
		awswire.Op("InvokeApiDestination", func(in *invokeDestinationInput) []awswire.Access {
			return s.access("InvokeApiDestination", in.ApiDestinationArn)
		}, s.invokeDestination),
	}
}
