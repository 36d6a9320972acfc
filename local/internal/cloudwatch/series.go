package cloudwatch

// This file defines how data is kept: what is counted waits in memory for a
// moment, then minutes and seconds are merged into the store, and old ones go.

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/store"
)

// How long data is kept. AWS keeps longer periods for longer; here there are none.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#metrics-retention
const (
	keepByMinute = 15 * 24 * time.Hour
	keepBySecond = 3 * time.Hour
)

// flushAfter is how long, on the wall, counted data waits for more. It is no
// timer of the injected clock: nobody can see when data is stored, and virtual
// time has nothing to wait for.
const flushAfter = time.Second

// point is where an aggregate belongs.
type point struct {
	metric string // its key
	at     int64  // the second that the minute, or second, begins
	unit   string
	fine   bool // of high resolution
}

func (p point) place() (bucket, key string) {
	bucket = bucketMinute
	if p.fine {
		bucket = bucketSecond
	}
	return bucket, store.Key(p.metric, store.Uint64(uint64(p.at)), p.unit)
}

func into(batch map[point]*aggregate, p point) *aggregate {
	a := batch[p]
	if a == nil {
		a = &aggregate{}
		batch[p] = a
	}
	return a
}

// pending is what was counted and is not stored yet.
type pending struct {
	mu     sync.Mutex
	data   map[point]*aggregate
	tails  map[string]*tail // by metric, of those that alarms watch
	timer  *time.Timer
	closed bool
	store  sync.Mutex // held while a batch is on its way to the store
}

func (p *pending) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
}

// Count adds a value to a metric, now. It does no I/O; it is for the services of
// the local AWS, whose metrics AWS delivers by best effort too.
func (s *Service) Count(namespace, name string, dimensions map[string]string, value float64, unit string) {
	list := make([]dimension, 0, len(dimensions))
	for k, v := range dimensions {
		list = append(list, dimension{k, v})
	}
	p := point{metric: newMetric(namespace, name, list).key(), at: s.Clock.Now().Truncate(time.Minute).Unix(), unit: unit}
	q := &s.pending
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return
	}
	into(q.data, p).add(value, 1)
	if t := q.tails[p.metric]; t != nil {
		one := &aggregate{}
		one.add(value, 1)
		t.add(p.at, unit, one)
	}
	if q.timer == nil {
		q.timer = time.AfterFunc(flushAfter, s.flush)
	}
	q.mu.Unlock()
	s.wake(p.metric)
}

// flush stores what was counted. When it returns, what was counted before it was
// called is in the store.
func (s *Service) flush() {
	q := &s.pending
	q.store.Lock()
	defer q.store.Unlock()
	q.mu.Lock()
	batch := q.data
	if q.timer != nil {
		q.timer.Stop()
		q.timer = nil
	}
	if len(batch) == 0 {
		q.mu.Unlock()
		return
	}
	q.data = map[point]*aggregate{}
	q.mu.Unlock()
	if err := s.write(batch); err != nil {
		s.Log.Warn("metrics could not be stored", "error", err)
	}
}

// write merges a batch into the store.
func (s *Service) write(batch map[point]*aggregate) error {
	now := s.Clock.Now()
	return s.Store.Update(func(tx *store.Tx) error {
		for p, a := range batch {
			bucket, key := p.place()
			whole := decodeAggregate(get(tx, bucket, key))
			whole.merge(a)
			tx.Put(bucket, key, encode(whole))
			s.touch(tx, p, now)
		}
		return nil
	})
}

func get(r store.Reader, bucket, key string) []byte {
	text, _ := r.Get(bucket, key)
	return text
}

func decodeAggregate(text []byte) *aggregate {
	a := &aggregate{}
	if len(text) > 0 {
		_ = json.Unmarshal(text, a) // what this package wrote
	}
	return a
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("cloudwatch: " + err.Error()) // structs of numbers, strings and times always marshal
	}
	return text
}

// seen is what the index knows of a metric.
type seen struct {
	Last   int64 // the latest minute with data
	Pruned int64 // data before this is gone
}

// touch enters a metric in the index, and drops its data that is too old, once
// an hour.
func (s *Service) touch(tx *store.Tx, p point, now time.Time) {
	var have seen
	text, known := tx.Get(bucketMetric, p.metric)
	if known {
		_ = json.Unmarshal(text, &have)
	}
	was := have
	have.Last = max(have.Last, p.at-p.at%60)
	if now.Unix()-have.Pruned >= 3600 {
		if known {
			s.prune(tx, p.metric, now)
		}
		have.Pruned = now.Unix()
	}
	if have != was || !known {
		tx.Put(bucketMetric, p.metric, encode(have))
	}
}

func (s *Service) prune(tx *store.Tx, metric string, now time.Time) {
	for bucket, keep := range map[string]time.Duration{bucketMinute: keepByMinute, bucketSecond: keepBySecond} {
		var gone []string
		for key := range tx.Scan(bucket, store.Key(metric), store.Key(metric, store.Uint64(uint64(now.Add(-keep).Unix())))) {
			gone = append(gone, key)
		}
		for _, key := range gone {
			tx.Delete(bucket, key)
		}
	}
}

// datum is a stored aggregate and when it began.
type datum struct {
	at   int64
	unit string
	*aggregate
}

// read returns the data of a metric from one second until before another, in
// order; unit, unless empty, selects.
func read(r store.Reader, m metric, unit string, from, to int64, fine bool) []datum {
	bucket := bucketMinute
	if fine {
		bucket = bucketSecond
	}
	key := m.key()
	var all []datum
	for k, text := range r.Scan(bucket, store.Key(key, store.Uint64(uint64(max(from, 0)))), store.Key(key, store.Uint64(uint64(max(to, 0))))) {
		parts := store.SplitKey(k)
		if len(parts) != 3 || unit != "" && parts[2] != unit {
			continue
		}
		all = append(all, datum{int64(store.ParseUint64(parts[1])), parts[2], decodeAggregate(text)})
	}
	return all
}

// fold lays data into n slots of period seconds from start on; a slot without
// data is nil.
func fold(data []datum, start, period int64, n int) []*aggregate {
	slots := make([]*aggregate, n)
	for _, d := range data {
		i := (d.at - start) / period
		if d.at < start || i >= int64(n) {
			continue
		}
		if slots[i] == nil {
			slots[i] = &aggregate{}
		}
		slots[i].merge(d.aggregate)
	}
	return slots
}
