package lambda

// This file defines asynchronous invocations: accepted on disk, run in the order
// of their acceptance, retried as AWS does
// (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html):
//
//	the function fails        again after 1 minute, then after 2, as often as configured
//	throttled, cannot start   again after 1 s, 2 s, 4 s ... 5 minutes; no retry is used up
//	too old                   given up
//
// and, succeeded or given up, told to the destinations.

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/lambda/sandbox"
	"github.com/stepworks/stepworks/local/internal/store"
)

// maxRunning is how many asynchronous invocations run at once. The queue behind
// them is on disk; in memory is a key for each.
const maxRunning = 100

// pending is an accepted asynchronous invocation, as it is stored.
type pending struct {
	RequestID           string
	Function, Qualifier string
	Identity            string // of the function that it was accepted for
	Payload             []byte
	Trace               string `json:",omitempty"`
	ClientContext       string `json:",omitempty"`
	Accepted, Due       time.Time
	Attempts, Throttles int
	Outcome             *outcome `json:",omitempty"` // settled: only telling is left
}

// outcome is what became of an asynchronous invocation.
type outcome struct {
	Condition string // "Success", "RetriesExhausted", "EventAgeExceeded"
	Version   string `json:",omitempty"` // that was run last
	ErrorType string `json:",omitempty"`
	Response  []byte `json:",omitempty"`
}

func (o *outcome) failed() bool { return o.Condition != "Success" }

// queue runs pending invocations.
type queue struct {
	s      *Service
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	waiting []turn
	running int
	closed  bool
	workers sync.WaitGroup
}

// turn is a pending invocation whose time has come. It holds the clock.
type turn struct {
	key     string
	cause   uint64
	release func()
}

func newQueue(s *Service) *queue {
	ctx, cancel := context.WithCancel(context.Background())
	return &queue{s: s, ctx: ctx, cancel: cancel}
}

// accept makes an invocation durable and lets it run.
func (q *queue) accept(ctx context.Context, r run) error {
	now := q.s.Clock.Now()
	p := pending{RequestID: r.requestID, Function: r.name.function, Qualifier: r.name.qualifier, Identity: r.function.record.Identity,
		Payload: r.payload, Trace: r.trace, ClientContext: r.clientContext, Accepted: now, Due: now}
	key := store.Key(store.Uint64(uint64(now.UnixNano())), r.requestID)
	err := q.s.Store.Update(func(tx *store.Tx) error {
		tx.Put(bucketAsync, key, encode(p))
		return nil
	})
	if err == nil {
		q.add(key, journal.CauseFrom(ctx))
	}
	return err
}

// resume takes up what is stored.
func (q *queue) resume() error {
	due := map[string]time.Time{}
	var keys []string
	err := q.s.Store.View(func(r store.Reader) error {
		for key, text := range r.Scan(bucketAsync, "", "") {
			p, err := decode[pending](text)
			if err != nil {
				return err
			}
			keys = append(keys, key)
			due[key] = p.Due
		}
		return nil
	})
	for _, key := range keys {
		q.addAt(key, 0, due[key])
	}
	return err
}

func (q *queue) addAt(key string, cause uint64, due time.Time) {
	if wait := due.Sub(q.s.Clock.Now()); wait > 0 {
		q.s.Clock.AfterFunc(wait, func() { q.add(key, cause) })
		return
	}
	q.add(key, cause)
}

func (q *queue) add(key string, cause uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.waiting = append(q.waiting, turn{key, cause, q.s.Clock.Hold()})
	if q.running < maxRunning {
		q.running++
		q.workers.Go(q.work)
	}
}

func (q *queue) work() {
	for {
		t, ok := q.next()
		if !ok {
			return
		}
		if err := q.attempt(journal.WithCause(q.ctx, t.cause), t); err != nil && !errors.Is(err, store.ErrClosed) {
			q.s.Log.Error("an asynchronous invocation stays as it is until the next start", "error", err)
		}
		t.release()
	}
}

func (q *queue) next() (turn, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 || q.closed {
		q.running--
		return turn{}, false
	}
	t := q.waiting[0]
	q.waiting[0] = turn{}
	q.waiting = q.waiting[1:]
	return t, true
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	for _, t := range q.waiting {
		t.release()
	}
	q.waiting = nil
	q.mu.Unlock()
	q.cancel()
	q.workers.Wait()
}

// attempt brings one pending invocation a step further.
func (q *queue) attempt(ctx context.Context, t turn) error {
	var p *pending
	err := q.s.Store.View(func(r store.Reader) (err error) {
		p, err = get[pending](r, bucketAsync, t.key)
		return err
	})
	if err != nil || p == nil {
		return err
	}
	n := name{p.Function, p.Qualifier}
	f, err := q.s.function(n)
	if err != nil || f.record.Identity != p.Identity {
		return q.remove(t.key) // deleted in the meantime
	}
	config, err := q.s.asyncConfig(n)
	if err != nil {
		return err
	}
	if p.Outcome == nil {
		again, err := q.try(ctx, f, n, p, config)
		if err != nil || again {
			return q.later(t, p, err)
		}
	}
	return q.settle(ctx, t, f, n, p, config)
}

// try runs the function once, unless its event has become too old; again tells
// that it is to be run once more at p.Due, otherwise p has an outcome.
func (q *queue) try(ctx context.Context, f *function, n name, p *pending, config *asyncConfig) (again bool, err error) {
	now := q.s.Clock.Now()
	if now.Sub(p.Accepted) > config.age() {
		p.Outcome = &outcome{Condition: "EventAgeExceeded"}
		return false, nil
	}
	result, v, err := q.s.run(ctx, run{function: f, name: n, requestID: p.RequestID, payload: p.Payload, trace: p.Trace, clientContext: p.ClientContext})
	now = q.s.Clock.Now()
	switch {
	case ctx.Err() != nil || errors.Is(err, sandbox.ErrClosed):
		return false, store.ErrClosed
	case err != nil:
		p.Due = now.Add(min(time.Second<<min(p.Throttles, 20), 5*time.Minute))
		if oldest := p.Accepted.Add(config.age() + time.Millisecond); p.Due.After(oldest) {
			p.Due = oldest
		}
		p.Throttles++
		return true, nil
	case !result.Failed():
		p.Outcome = &outcome{Condition: "Success", Version: v.Config.Version, Response: result.Payload}
	default:
		p.Attempts++
		p.Outcome = &outcome{Condition: "RetriesExhausted", Version: v.Config.Version, ErrorType: result.ErrorType, Response: result.Payload}
		if p.Attempts <= config.retries() {
			p.Outcome, p.Due = nil, now.Add(time.Duration(p.Attempts)*time.Minute)
			return true, nil
		}
	}
	return false, nil
}

// later stores p for another attempt at p.Due.
func (q *queue) later(t turn, p *pending, err error) error {
	if err != nil {
		return err
	}
	if err := q.put(t.key, p); err != nil {
		return err
	}
	q.addAt(t.key, t.cause, p.Due)
	return nil
}

func (q *queue) put(key string, p *pending) error {
	return q.s.Store.Update(func(tx *store.Tx) error {
		tx.Put(bucketAsync, key, encode(p))
		return nil
	})
}

func (q *queue) remove(key string) error {
	return q.s.Store.Update(func(tx *store.Tx) error {
		tx.Delete(bucketAsync, key)
		return nil
	})
}

// settle tells the destinations of p's outcome and forgets p. The outcome is
// stored first: a process that dies while telling must tell again, but not run
// the function again.
func (q *queue) settle(ctx context.Context, t turn, f *function, n name, p *pending, config *asyncConfig) error {
	letters := q.s.letters(f, n, p, config)
	if len(letters) > 0 {
		if err := q.put(t.key, p); err != nil {
			return err
		}
	}
	for _, l := range letters {
		q.s.send(ctx, f, l)
	}
	return q.remove(t.key)
}
