package eventbridge

// This file defines scheduled rules: when each is due, across restarts, and the
// event it makes.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html

import (
	"context"
	"time"

	"github.com/stepworks/stepworks/local/internal/delivery"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/schedule"
	"github.com/stepworks/stepworks/local/internal/store"
)

// tick is the record of when a scheduled rule is due next.
type tick struct {
	Expression string
	Since      time.Time // a rate counts from here: when the rule got this schedule, or was enabled
	Due        time.Time
}

// lateness is how late a rule may be triggered that came due while no process
// was running. What was missed longer ago is not made up for.
const lateness = 5 * time.Minute

// planTick keeps the record of a rule's schedule in step with the rule.
func (s *Service) planTick(tx *store.Tx, r rule) error {
	key := store.Key(r.Name)
	if r.Bus != defaultBus {
		return nil
	}
	if r.Schedule == "" || r.State == disabled {
		tx.Delete(tickBucket, key)
		return nil
	}
	if t, found := get[tick](tx, tickBucket, key); found && t.Expression == r.Schedule {
		return nil
	}
	now := s.Clock.Now()
	return putTick(tx, r.Name, tick{Expression: r.Schedule, Since: now, Due: now})
}

// putTick stores when a schedule is due after t.Due, if ever.
func putTick(tx *store.Tx, name string, t tick) error {
	parsed, err := schedule.ParseRule(t.Expression)
	if err != nil {
		return err
	}
	due, ok := parsed.Next(t.Due, t.Since)
	if !ok {
		tx.Delete(tickBucket, store.Key(name))
		return nil
	}
	t.Due = due
	put(tx, tickBucket, store.Key(name), t)
	return nil
}

// arm sets the timer of a rule as its record says.
func (s *Service) arm(name string) {
	t, err := view(s.Store, func(r store.Reader) (*tick, error) {
		if t, found := get[tick](r, tickBucket, store.Key(name)); found {
			return &t, nil
		}
		return nil, nil
	})
	if err != nil {
		s.Log.Error("a schedule could not be read", "rule", name, "error", err)
		return
	}
	if t == nil {
		s.alarms.Clear(name)
		return
	}
	s.alarms.Set(name, t.Due, func() { s.trigger(name, t.Due) })
}

// trigger makes the event of a rule that is due and stores its deliveries
// together with when the rule is due next.
func (s *Service) trigger(name string, due time.Time) {
	var deliveries []*delivery.Record
	err := s.Store.Update(func(tx *store.Tx) error {
		deliveries = nil
		t, found := get[tick](tx, tickBucket, store.Key(name))
		r, isRule := get[rule](tx, ruleBucket, store.Key(defaultBus, name))
		if !found || !isRule || !t.Due.Equal(due) {
			return nil // changed meanwhile
		}
		ev := s.newEvent(defaultBus, "aws.events", "Scheduled Event", due, []string{s.ruleARN(defaultBus, name)}, object())
		ctx := s.Journal.Record(context.Background(), journal.Entry{Kind: journal.EventReceived, Subject: ev.id, Name: ev.kind, Where: ev.bus, Detail: ev.value})
		deliveries = s.deliveriesOf(ctx, ev, matchRule{rule: r, targets: targetsOf(tx, r)})
		s.courier.Store(tx, deliveries)
		return putTick(tx, name, t)
	})
	if err != nil {
		s.Log.Error("a scheduled rule could not be triggered", "rule", name, "error", err)
		return
	}
	if len(deliveries) > 0 && s.Metrics != nil {
		s.countRule("TriggeredRules", defaultBus, name)
	}
	s.courier.Begin(deliveries)
	s.arm(name)
}

// resumeTicks sets the timers of an earlier process's schedules. A rule that came
// due a moment ago is triggered now; what was missed longer ago is left out.
func (s *Service) resumeTicks() error {
	var names []string
	err := s.Store.Update(func(tx *store.Tx) error {
		now := s.Clock.Now()
		names = nil
		for key, t := range all[tick](tx, tickBucket) {
			name := store.SplitKey(key)[0]
			names = append(names, name)
			if now.Sub(t.Due) <= lateness {
				continue
			}
			s.Log.Warn("a scheduled rule came due while nothing ran; it is left out", "rule", name, "due", t.Due)
			t.Due = now
			if err := putTick(tx, name, t); err != nil {
				return err
			}
		}
		return nil
	})
	for _, name := range names {
		s.arm(name)
	}
	return err
}
