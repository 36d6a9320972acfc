package cloudwatch

// This file defines the tails of the metrics that alarms watch: their latest data, in
// memory. Skipping a day is 1,440 evaluations of each alarm on a queue that holds
// something; without tails each of them was a commit and two scans of the store.

import (
	"cmp"
	"slices"
	"time"

	"github.com/stepworks/stepworks/local/internal/store"
)

// tail is the data of a metric by minute, in order of time and unit. Its aggregates
// are never changed, only replaced, so that a reader may keep them.
type tail struct {
	from  int64         // data before this second is not in the tail
	reach time.Duration // how far back its readers look
	data  []datum
}

// add merges an aggregate into the tail.
func (t *tail) add(at int64, unit string, a *aggregate) {
	if at < t.from {
		return
	}
	i, found := slices.BinarySearchFunc(t.data, datum{at: at, unit: unit}, func(x, y datum) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.unit, y.unit))
	})
	whole := &aggregate{}
	if found {
		*whole = *t.data[i].aggregate
		whole.Sample = slices.Clone(whole.Sample)
	} else {
		t.data = slices.Insert(t.data, i, datum{at: at, unit: unit})
	}
	whole.merge(a)
	t.data[i].aggregate = whole
}

// forget drops what no reader looks back to any more.
func (t *tail) forget(now time.Time) {
	from := now.Add(-t.reach - time.Hour).Unix()
	if from < t.from+3600 { // not for each point
		return
	}
	i, _ := slices.BinarySearchFunc(t.data, from, func(x datum, at int64) int { return cmp.Compare(x.at, at) })
	t.data, t.from = slices.Clone(t.data[i:]), from
}

// between returns the data from one second until before another; unit, unless
// empty, selects.
func (t *tail) between(unit string, from, to int64) []datum {
	var all []datum
	for _, d := range t.data {
		if d.at >= from && d.at < to && (unit == "" || unit == d.unit) {
			all = append(all, d)
		}
	}
	return all
}

// recent returns what the alarms' evaluation needs of a metric: all that was counted
// or put, stored or not.
func (s *Service) recent(q *metricStat, now time.Time, back time.Duration) (data []datum, err error) {
	from, to := now.Add(-back).Unix(), now.Add(maxAhead).Unix()
	if q.Period < 60 {
		s.flush()
		err = s.Store.View(func(r store.Reader) error {
			data = read(r, q.Metric, q.Unit, from, to, true)
			return nil
		})
		return data, err
	}
	key := q.Metric.key()
	p := &s.pending
	p.mu.Lock()
	t := p.tails[key]
	if t != nil && t.from <= from {
		data = t.between(q.Unit, from, to)
		t.forget(now)
		p.mu.Unlock()
		return data, nil
	}
	p.mu.Unlock()
	if t, err = s.loadTail(q.Metric, now, back); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return t.between(q.Unit, from, to), nil
}

// loadTail reads a tail from the store and adds what is not there yet. Nothing is on
// its way to the store meanwhile, and nothing is counted.
func (s *Service) loadTail(m metric, now time.Time, back time.Duration) (*tail, error) {
	p := &s.pending
	p.store.Lock()
	defer p.store.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	key := m.key()
	if old := p.tails[key]; old != nil {
		back = max(back, old.reach)
	}
	t := &tail{from: now.Add(-back - time.Minute).Unix(), reach: back}
	err := s.Store.View(func(r store.Reader) error {
		t.data = read(r, m, "", t.from, now.Add(maxAhead).Unix()+60, false)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for at, a := range p.data {
		if at.metric == key && !at.fine {
			t.add(at.at, at.unit, a)
		}
	}
	p.tails[key] = t
	return t, nil
}

// putAside forgets the tails of metrics that were written past them.
func (p *pending) putAside(batch map[point]*aggregate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for at := range batch {
		delete(p.tails, at.metric)
	}
}
