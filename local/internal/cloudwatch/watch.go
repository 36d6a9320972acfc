package cloudwatch

// This file defines when alarms are evaluated: one timer, for the earliest of
// them, and none while data in hand and time alone change nothing.

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/store"
)

// watch knows which alarms look at which metrics and when each is due.
type watch struct {
	mu       sync.Mutex
	watchers map[string][]watcher // by metric
	due      map[string]time.Time // by alarm
	parsed   map[string]parsed    // by alarm
	timer    *clock.Timer
	at       time.Time // of the timer
	closed   bool
	running  sync.Mutex // one evaluation at a time
}

// parsed is an alarm and the text that it was read from: parsing the formulas anew in
// each evaluation takes longer than the evaluation.
type parsed struct {
	text  string
	alarm *alarm
}

// read returns an alarm, which nobody may change; nil where it is gone.
func (w *watch) read(r store.Reader, name string) (*alarm, error) {
	text, ok := r.Get(bucketAlarm, name)
	if !ok {
		return nil, nil
	}
	w.mu.Lock()
	have := w.parsed[name]
	w.mu.Unlock()
	if have.text == string(text) {
		return have.alarm, nil
	}
	a, err := decodeAlarm(text)
	if err == nil {
		w.mu.Lock()
		w.parsed[name] = parsed{string(text), a}
		w.mu.Unlock()
	}
	return a, err
}

// watcher is an alarm that looks at a metric.
type watcher struct {
	alarm string
	step  time.Duration
}

func (w *watch) init() {
	w.watchers, w.due, w.parsed = map[string][]watcher{}, map[string]time.Time{}, map[string]parsed{}
}

// close waits for an evaluation under way.
func (w *watch) close() {
	w.mu.Lock()
	w.closed = true
	w.timer.Stop()
	w.mu.Unlock()
	w.running.Lock()
	w.running.Unlock() //nolint:staticcheck // only to wait
}

// add takes up an alarm, in place of what was known of it.
func (w *watch) add(a *alarm) {
	w.remove(a.AlarmName)
	if a.set == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, q := range a.set.queries {
		if q.MetricStat != nil {
			key := q.MetricStat.Metric.key()
			w.watchers[key] = append(w.watchers[key], watcher{a.AlarmName, a.step()})
		}
	}
}

func (w *watch) remove(names ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, list := range w.watchers {
		list = slices.DeleteFunc(list, func(x watcher) bool { return slices.Contains(names, x.alarm) })
		w.watchers[key] = list
		if len(list) == 0 {
			delete(w.watchers, key)
		}
	}
	for _, name := range names {
		delete(w.due, name)
		delete(w.parsed, name)
	}
}

// watchAll takes up the alarms of an earlier process.
func (s *Service) watchAll() error {
	var names []string
	err := s.Store.View(func(r store.Reader) error {
		for name, text := range r.Scan(bucketAlarm, "", "") {
			a, err := decodeAlarm(text)
			if err != nil {
				return err
			}
			s.watch.add(a)
			names = append(names, name)
		}
		return nil
	})
	for _, name := range names {
		s.plan(name)
	}
	return err
}

// dataArrived wakes the alarms that watch what a batch holds.
func (s *Service) dataArrived(batch map[point]*aggregate) {
	for p := range batch {
		if !p.fine {
			s.wake(p.metric)
		}
	}
}

// wake has the alarms that watch a metric evaluated at their next step.
func (s *Service) wake(metric string) {
	s.watch.mu.Lock()
	defer s.watch.mu.Unlock()
	list := s.watch.watchers[metric]
	if len(list) == 0 {
		return
	}
	now := s.Clock.Now()
	for _, x := range list {
		s.setDue(x.alarm, now.Truncate(x.step).Add(x.step))
	}
	s.arm()
}

// setDue keeps the earlier of two times; watch.mu is held.
func (s *Service) setDue(alarm string, at time.Time) {
	if have, ok := s.watch.due[alarm]; !ok || at.Before(have) {
		s.watch.due[alarm] = at
	}
}

// arm sets the timer to the earliest alarm; watch.mu is held. Alarms are no reason to
// skip time: a queue that nobody reads would drive a virtual clock minute by minute.
func (s *Service) arm() {
	w := &s.watch
	var first time.Time
	for _, at := range w.due {
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	if w.closed || w.timer != nil && first.Equal(w.at) {
		return
	}
	w.timer.Stop()
	w.timer, w.at = nil, first
	if !first.IsZero() {
		w.timer = s.Clock.Background(first.Sub(s.Clock.Now()), s.fire)
	}
}

// fire evaluates what is due. The clock is held.
func (s *Service) fire() {
	s.watch.running.Lock()
	defer s.watch.running.Unlock()
	now := s.Clock.Now()
	var names []string
	s.watch.mu.Lock()
	s.watch.timer = nil
	if s.watch.closed {
		s.watch.mu.Unlock()
		return
	}
	for name, at := range s.watch.due {
		if !at.After(now) {
			names = append(names, name)
			delete(s.watch.due, name)
		}
	}
	s.watch.mu.Unlock()
	slices.Sort(names)
	news := false
	for _, name := range names {
		changed, err := s.evaluate(name, now)
		if err != nil {
			s.Log.Warn("an alarm could not be evaluated", "alarm", name, "error", err)
		}
		news = news || changed
	}
	s.watch.mu.Lock()
	s.arm()
	s.watch.mu.Unlock()
	if news {
		s.tell(context.Background())
	}
}

// look returns an alarm and the data in its reach; nil where it is gone.
func (s *Service) look(name string, now time.Time) (a *alarm, data dataset, err error) {
	err = s.Store.View(func(r store.Reader) error {
		a, err = s.watch.read(r, name)
		return err
	})
	if a == nil || a.Rule != "" || err != nil {
		return a, nil, err
	}
	data = dataset{}
	for _, q := range a.set.queries {
		if q.MetricStat == nil {
			continue
		}
		if data[q.ID], err = s.recent(q.MetricStat, now, a.reach()+a.step()); err != nil {
			return a, nil, err
		}
	}
	return a, data, nil
}

// evaluate judges an alarm as of its last step, and plans its next evaluation.
func (s *Service) evaluate(name string, now time.Time) (changed bool, err error) {
	a, data, err := s.look(name, now)
	if a == nil || err != nil || a.Rule != "" {
		return false, err
	}
	v, err := a.evaluate(data, now.Truncate(a.step()))
	if err != nil || v.state == "" || v.state == a.State {
		s.planFrom(a, data, now)
		return false, err
	}
	defer s.plan(name)
	reason, reasonData := a.explain(v, now)
	err = s.Store.Update(func(tx *store.Tx) error {
		current, err := loadAlarm(tx, name)
		if err != nil || current == nil || !current.Configured.Equal(a.Configured) || current.State != a.State {
			return err // changed meanwhile: its change has planned an evaluation of its own
		}
		return change(tx, current, v.state, reason, reasonData, now)
	})
	if err == nil {
		s.changed(name)
	}
	return true, err
}

// plan sets when an alarm must be evaluated next, if no more data comes. A
// composite alarm is evaluated at once.
func (s *Service) plan(name string) {
	now := s.Clock.Now()
	a, data, err := s.look(name, now)
	switch {
	case err != nil:
		s.Log.Warn("an alarm could not be planned", "alarm", name, "error", err)
	case a == nil:
	case a.Rule != "":
		s.combine(name)
		s.tell(context.Background())
	default:
		s.planFrom(a, data, now)
	}
}

func (s *Service) planFrom(a *alarm, data dataset, now time.Time) {
	at, ok := a.nextChange(data, now)
	if !ok {
		return
	}
	s.watch.mu.Lock()
	defer s.watch.mu.Unlock()
	s.setDue(a.AlarmName, at)
	s.arm()
}
