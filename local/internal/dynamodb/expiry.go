package dynamodb

// This file defines TTL: items that carry the second of their end are deleted
// when the clock has passed it. AWS takes up to some days for that; here it
// happens at once, so that what depends on it can be seen.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html

import (
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/dynamodb/expr"
	"github.com/stepworks/stepworks/local/internal/store"
)

// tooOld is the age from which AWS leaves an expired item alone.
const tooOld = 5 * 365 * 24 * time.Hour

// expiryOf returns when an item ends; ok is false for one that does not.
func (t *table) expiryOf(m *expr.Map, now time.Time) (seconds uint64, ok bool) {
	if t.TTL == "" {
		return 0, false
	}
	v, _ := m.Get(t.TTL)
	n, isNumber := v.(expr.Number)
	if !isNumber {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil || f < 0 || f >= 1<<53 || time.Unix(int64(f), 0).Before(now.Add(-tooOld)) {
		return 0, false
	}
	return uint64(f), true
}

// applyExpiry keeps the list of what ends when.
func (x *session) applyExpiry(t *table, key string, e effect) {
	if t.TTL == "" {
		return
	}
	before, had := t.expiryOf(e.old, x.now)
	after, has := t.expiryOf(e.new, x.now)
	if had && (!has || before != after) {
		x.Delete(t.ttlBucket(), store.Uint64(before)+key)
	}
	if has && (!had || before != after) {
		x.Put(t.ttlBucket(), store.Uint64(after)+key, nil)
		x.expiresAt(after)
	}
}

func (x *session) expiresAt(seconds uint64) {
	// An item has expired when the clock is past its second.
	end := time.Unix(int64(seconds)+1, 0)
	if x.expires.IsZero() || end.Before(x.expires) {
		x.expires = end
	}
}

// expiryTimer wakes the service for the next item that ends.
type expiryTimer struct {
	mu      sync.Mutex
	next    time.Time
	timer   *clock.Timer
	stopped bool
}

// at makes sure that somebody looks at t.
func (e *expiryTimer) at(s *Service, t time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped || !e.next.IsZero() && !t.Before(e.next) {
		return
	}
	e.timer.Stop()
	e.next = t
	e.timer = s.Clock.Background(t.Sub(s.Clock.Now()), func() {
		e.mu.Lock()
		e.next = time.Time{}
		e.mu.Unlock()
		s.expire()
	})
}

func (e *expiryTimer) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped = true
	e.timer.Stop()
}

// planExpiry sets the timer to the earliest end in the store. The caller holds
// s.mu.
func (s *Service) planExpiry() error {
	return s.Store.View(func(r store.Reader) error {
		for _, t := range s.tables {
			if t.TTL == "" {
				continue // what its bucket may hold is of an earlier time
			}
			for key := range r.Scan(t.ttlBucket(), "", "") {
				s.expiry.at(s, time.Unix(int64(store.ParseUint64(key[:8]))+1, 0))
				break
			}
		}
		return nil
	})
}

// expireAtOnce is how many items one transaction deletes.
const expireAtOnce = 100

// retryExpiry is when it is tried again after the store refused.
const retryExpiry = time.Minute

// expire deletes what has ended, and plans the next look.
func (s *Service) expire() {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var err error
	for _, t := range s.tables {
		err = errors.Join(err, s.expireAll(t))
	}
	if err == nil {
		err = s.planExpiry()
	}
	if err != nil {
		s.expiry.at(s, s.Clock.Now().Add(retryExpiry))
	}
}

func (s *Service) expireAll(t *table) error {
	for t.TTL != "" {
		deleted := 0
		err := s.write(func(x *session) (err error) {
			deleted, err = x.expireSome(t)
			return err
		})
		if err != nil || deleted < expireAtOnce {
			return err
		}
	}
	return nil
}

// byDynamoDB marks the records of what TTL deletes.
var byDynamoDB = &userIdentity{Type: "Service", PrincipalId: "dynamodb.amazonaws.com"}

func (x *session) expireSome(t *table) (deleted int, err error) {
	var due []string
	for key := range x.Scan(t.ttlBucket(), "", store.Uint64(uint64(x.now.Unix()))) {
		if due = append(due, key); len(due) == expireAtOnce {
			break
		}
	}
	for _, key := range due {
		m := &mutation{verb: verbDelete, table: t, key: key[8:]}
		e := effect{mutation: m}
		if e.old, err = t.item(x, m.key); err != nil {
			return 0, err
		}
		x.Delete(t.ttlBucket(), key)
		if e.old == nil {
			continue
		}
		m.keyMap = t.key.pick(e.old)
		x.apply(e, byDynamoDB)
	}
	return len(due), nil
}
