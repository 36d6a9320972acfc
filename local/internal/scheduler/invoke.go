package scheduler

// This file defines when schedules are due and what happens then.

import (
	"context"
	"hash/fnv"
	"time"

	"github.com/stepworks/stepworks/local/internal/delivery"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/schedule"
	"github.com/stepworks/stepworks/local/internal/store"
)

// plan sets when the schedule is due next after a time. A rate without a start
// date is due at once, when it is created.
func (x *record) plan(after time.Time) error {
	parsed, err := x.parsed()
	if err != nil {
		return err
	}
	anchor := x.Created
	if !x.From.IsZero() && parsed.Kind != schedule.At {
		anchor = x.From
		if from := x.From.Add(-time.Nanosecond); after.Before(from) {
			after = from
		}
	}
	due, ok := parsed.Next(after, anchor)
	if !ok || parsed.Kind != schedule.At && !x.To.IsZero() && due.After(x.To) {
		x.Due, x.Fire = time.Time{}, time.Time{}
		return nil
	}
	x.Due, x.Fire = due, due.Add(x.flex(due))
	return nil
}

// flex picks a moment in the flexible window, by schedule and time, so that it is
// the same again after a restart.
func (x *record) flex(due time.Time) time.Duration {
	if x.Window.Mode != flexibleMode || x.Window.Minutes == nil {
		return 0
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(x.Group + "/" + x.Name + due.String()))
	seconds := *x.Window.Minutes * 60
	return time.Duration(int(h.Sum32())%seconds) * time.Second
}

// arm sets the alarm of a schedule as its record says.
func (s *Service) arm(group, name string) {
	key := store.Key(group, name)
	x, err := view(s.Store, func(r store.Reader) (record, error) { return scheduleOf(r, group, name) })
	if err != nil || x.State != enabled || x.Due.IsZero() {
		s.alarms.Clear(key)
		return
	}
	s.alarms.Set(key, x.Fire, func() { s.fire(group, name, x.Fire) })
}

// fire stores the delivery of a schedule that is due, together with when it is
// due next.
func (s *Service) fire(group, name string, at time.Time) {
	var records []*delivery.Record
	err := s.Store.Update(func(tx *store.Tx) error {
		records = nil
		x, err := scheduleOf(tx, group, name)
		if err != nil || x.State != enabled || !x.Fire.Equal(at) {
			return nil // changed meanwhile
		}
		records = append(records, s.invocation(x))
		s.courier.Store(tx, records)
		if err := x.plan(x.Due); err != nil {
			return err
		}
		if x.Due.IsZero() && x.After == deleteAfter {
			tx.Delete(scheduleBucket, x.key())
			return nil
		}
		put(tx, scheduleBucket, x.key(), x)
		return nil
	})
	if err != nil {
		s.Log.Error("a schedule could not be invoked", "schedule", group+"/"+name, "error", err)
		return
	}
	s.courier.Begin(records)
	s.arm(group, name)
}

// invocation makes the delivery of a schedule that is due.
func (s *Service) invocation(x record) *delivery.Record {
	arn := s.scheduleARN(x.Group, x.Name)
	i := invocation{schedule: arn, id: newUUID(), due: x.Due}
	input := s.input(x.Target, i)
	at := s.Journal.Record(context.Background(), journal.Entry{Kind: journal.RuleMatched, Subject: arn, Name: x.Name})
	r := &delivery.Record{
		ID: i.id, Name: x.Name, Target: x.Target.Arn, Calls: x.Target.calls(i, input), Policy: x.Target.policy(),
		As:       delivery.Actor{Account: s.Account, Role: x.Target.RoleArn, Principal: principal, Source: arn},
		Accepted: s.Clock.Now(), Due: s.Clock.Now(), Cause: journal.CauseFrom(at),
		// The execution role writes to the queue:
		// https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
		Letter: delivery.Letter{Body: input, AsRole: true, Attributes: map[string]string{
			"SCHEDULE_ARN": arn, "TARGET_ARN": x.Target.Arn, "EXECUTION_ID": i.id, "SCHEDULED_TIME": i.due.Format(time.RFC3339),
		}},
	}
	if x.Target.DeadLetterConfig != nil {
		r.Letter.Queue = x.Target.DeadLetterConfig.Arn
	}
	return r
}

// lateness is how late a schedule may be invoked that came due while no process
// was running.
const lateness = 5 * time.Minute

// resume sets the alarms of an earlier process's schedules.
func (s *Service) resume() error {
	var all []record
	err := s.Store.Update(func(tx *store.Tx) error {
		all = list[record](tx, scheduleBucket)
		now := s.Clock.Now()
		for _, x := range all {
			if x.State != enabled || x.Due.IsZero() || now.Sub(x.Fire) <= lateness {
				continue
			}
			s.Log.Warn("a schedule came due while nothing ran; it is left out", "schedule", x.Group+"/"+x.Name, "due", x.Due)
			if err := x.plan(now); err != nil {
				return err
			}
			put(tx, scheduleBucket, x.key(), x)
		}
		return nil
	})
	for _, x := range all {
		s.arm(x.Group, x.Name)
	}
	return err
}
