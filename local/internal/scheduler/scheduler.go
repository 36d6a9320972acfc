// Package scheduler is EventBridge Scheduler: schedules that invoke one target
// each, at a rate, by cron in a time zone, or once.
//
// A schedule that comes due stores its delivery together with when it is due
// next, so no invocation is lost or made twice by a restart; package delivery
// carries it out with the target's retry policy and dead-letter queue, as the
// target's role. Targets are the kinds of package delivery and, as universal
// targets (arn:aws:scheduler:::aws-sdk:service:action), any operation the local
// AWS offers. Time is the injected clock's.
//
// It does not do: targets that need ECS, Kinesis or SageMaker parameters
// (refused), and the attempt number in an input, which is always 1. What came due
// more than five minutes before a start is left out.
//
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/what-is-scheduler.html
//
// Start at [New], [Service.API] and [Service.Start].
package scheduler

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

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
	Caller          delivery.Caller
	Journal         *journal.Journal // may be nil
	Log             *slog.Logger     // nil: the default one
	// Metrics counts for AWS/Scheduler. May be nil.
	Metrics func(metric string, dimensions map[string]string, value float64)
}

// Service is EventBridge Scheduler.
type Service struct {
	Config
	courier *delivery.Courier
	alarms  *delivery.Alarms // of schedules, by key
}

// The buckets, with the parts of their keys.
const (
	groupBucket    = "scheduler.group"    // group
	scheduleBucket = "scheduler.schedule" // group, schedule
	deliveryBucket = "scheduler.delivery" // delivery id
)

const (
	principal    = "scheduler.amazonaws.com"
	defaultGroup = "default"
)

// New returns the service. It touches no other service before [Service.Start].
func New(cfg Config) (*Service, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Service{Config: cfg, alarms: delivery.NewAlarms(cfg.Clock)}
	s.courier = delivery.New(delivery.Config{Store: cfg.Store, Bucket: deliveryBucket, Clock: cfg.Clock, Caller: cfg.Caller, Journal: cfg.Journal, Log: cfg.Log, Observe: s.count})
	return s, cfg.Store.Update(func(tx *store.Tx) error {
		if _, found := tx.Get(groupBucket, store.Key(defaultGroup)); !found {
			now := cfg.Clock.Now()
			put(tx, groupBucket, store.Key(defaultGroup), group{Name: defaultGroup, Created: now, Modified: now})
		}
		return nil
	})
}

// Start takes up what an earlier process left. Call it once, when the services
// that are targets can be called.
func (s *Service) Start() error {
	release := s.Clock.Hold() // until all timers are set, lest the first one's time comes before
	defer release()
	return errors.Join(s.courier.Resume(), s.resume())
}

// Close waits for the deliveries under way and starts no more; they stay stored.
func (s *Service) Close() {
	s.alarms.Close()
	s.courier.Close()
}

// API lists the operations.
func (s *Service) API() awswire.Service {
	return awswire.Service{
		Name: "scheduler", Protocol: awswire.RESTJSON,
		Errors: map[string]int{"ResourceNotFoundException": 404, "ConflictException": 409, "ServiceQuotaExceededException": 402},
		Operations: []awswire.Operation{
			awswire.Op("CreateSchedule", func(in *scheduleInput) []awswire.Access {
				return s.access("CreateSchedule", s.scheduleARN(in.group(), in.Name))
			}, s.createSchedule).At("POST", "/schedules/{Name}"),
			awswire.Op("UpdateSchedule", func(in *scheduleInput) []awswire.Access {
				return s.access("UpdateSchedule", s.scheduleARN(in.group(), in.Name))
			}, s.updateSchedule).At("PUT", "/schedules/{Name}"),
			awswire.Op("GetSchedule", s.onSchedule("GetSchedule"), s.getSchedule).At("GET", "/schedules/{Name}"),
			awswire.Op("DeleteSchedule", s.onSchedule("DeleteSchedule"), s.deleteSchedule).At("DELETE", "/schedules/{Name}"),
			awswire.Op("ListSchedules", func(*listSchedulesInput) []awswire.Access { return s.access("ListSchedules", "*") }, s.listSchedules).At("GET", "/schedules"),

			awswire.Op("CreateScheduleGroup", s.onGroup("CreateScheduleGroup"), s.createGroup).At("POST", "/schedule-groups/{Name}"),
			awswire.Op("GetScheduleGroup", s.onGroup("GetScheduleGroup"), s.getGroup).At("GET", "/schedule-groups/{Name}"),
			awswire.Op("DeleteScheduleGroup", s.onGroup("DeleteScheduleGroup"), s.deleteGroup).At("DELETE", "/schedule-groups/{Name}"),
			awswire.Op("ListScheduleGroups", func(*listGroupsInput) []awswire.Access { return s.access("ListScheduleGroups", "*") }, s.listGroups).At("GET", "/schedule-groups"),

			awswire.Op("TagResource", func(in *tagInput) []awswire.Access { return s.access("TagResource", in.ResourceArn) }, s.tag).At("POST", "/tags/{ResourceArn}"),
			awswire.Op("UntagResource", func(in *untagInput) []awswire.Access { return s.access("UntagResource", in.ResourceArn) }, s.untag).At("DELETE", "/tags/{ResourceArn}"),
			awswire.Op("ListTagsForResource", func(in *listTagsInput) []awswire.Access { return s.access("ListTagsForResource", in.ResourceArn) }, s.listTags).At("GET", "/tags/{ResourceArn}"),
		},
	}
}

func (s *Service) access(operation, resource string) []awswire.Access {
	return []awswire.Access{{Action: "scheduler:" + operation, Resource: resource}}
}

func (s *Service) onSchedule(operation string) func(*nameInput) []awswire.Access {
	return func(in *nameInput) []awswire.Access {
		return s.access(operation, s.scheduleARN(orDefault(in.GroupName), in.Name))
	}
}

func (s *Service) onGroup(operation string) func(*groupInput) []awswire.Access {
	return func(in *groupInput) []awswire.Access { return s.access(operation, s.groupARN(in.Name)) }
}

func (s *Service) scheduleARN(group, name string) string {
	return "arn:aws:scheduler:" + s.Region + ":" + s.Account + ":schedule/" + group + "/" + name
}

func (s *Service) groupARN(name string) string {
	return "arn:aws:scheduler:" + s.Region + ":" + s.Account + ":schedule-group/" + name
}

func orDefault(group string) string {
	if group == "" {
		return defaultGroup
	}
	return group
}

func invalid(format string, args ...any) error {
	return awswire.Errorf("ValidationException", format, args...)
}

func notFound(what, name string) error {
	return awswire.Errorf("ResourceNotFoundException", "%s %s does not exist.", what, name)
}

func conflict(what, name string) error {
	return awswire.Errorf("ConflictException", "%s %s already exists.", what, name)
}

func put(tx *store.Tx, bucket, key string, record any) {
	text, err := json.Marshal(record)
	if err != nil {
		panic("scheduler: a record that is no JSON: " + err.Error())
	}
	tx.Put(bucket, key, text)
}

func get[T any](r store.Reader, bucket, key string) (record T, found bool) {
	text, ok := r.Get(bucket, key)
	if !ok || json.Unmarshal(text, &record) != nil {
		return record, false
	}
	return record, true
}

// list reads the records whose keys begin with these parts.
func list[T any](r store.Reader, bucket string, parts ...string) []T {
	from, to := "", ""
	if len(parts) > 0 {
		from, to = store.Prefix(parts...)
	}
	var records []T
	for _, text := range r.Scan(bucket, from, to) {
		var record T
		if json.Unmarshal(text, &record) == nil {
			records = append(records, record)
		}
	}
	return records
}

// page returns up to limit records from behind a token, which is a record's
// name, and the token of the next page.
func page[T any](records iter.Seq[T], limit int, token string, name func(T) string) (got []T, next string) {
	if limit == 0 {
		limit = 100
	}
	for record := range records {
		if name(record) <= token {
			continue
		}
		if len(got) == limit {
			return got, name(got[limit-1])
		}
		got = append(got, record)
	}
	return got, ""
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// view runs f on a snapshot and passes on its error.
func view[T any](s *store.Store, f func(r store.Reader) (T, error)) (out T, err error) {
	failed := s.View(func(r store.Reader) error {
		out, err = f(r)
		return nil
	})
	return out, errors.Join(err, failed)
}

// timeOf returns a time as inputs give it; nil is the zero time.
func timeOf(t *awswire.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
