// Package delivery carries inputs to targets, for EventBridge's rules and for
// Scheduler's schedules: durably, with retries, and with a dead-letter queue.
//
// A [Record] is one input on its way to one target: the calls that deliver it, as
// whom, how long they are tried, and what the dead-letter queue gets. The owner
// stores it with whatever made it ([Courier.Store], in the owner's own write) and
// then begins it ([Courier.Begin]); from then on it is tried until it succeeds or
// its policy is exhausted, across restarts ([Courier.Resume]). So every record
// reaches its target or its dead-letter queue at least once, and a target may see
// it twice when the process is killed between a delivery and its note.
//
// Records begin in the order they are given; up to 64 are under way at once.
// Errors that trying again cannot mend (permission, no such resource) are not
// tried again. Time is the injected clock's, and a virtual clock is held while
// something is under way.
//
// It reaches targets only through [Caller], which checks permissions. Start at
// [New], and at [Target.Calls] for the calls that a target's ARN means.
package delivery

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// Caller runs operations of services in process.
type Caller interface {
	Call(ctx context.Context, as awswire.Identity, service, operation string, params jsonvalue.Value) (jsonvalue.Value, error)
}

// Record is an input on its way to a target.
type Record struct {
	ID     string
	Name   string // of the rule or schedule, for people
	Target string // its ARN
	Calls  []Call
	As     Actor
	Policy Policy
	Letter Letter

	Accepted time.Time
	Due      time.Time // of the next attempt
	Attempts int       // that failed
	Dead     *Obituary `json:",omitzero"` // set when all that is left is to tell the dead-letter queue

	Cause uint64 `json:"-"` // the journal entry that led here, in this process
}

// Call is one operation of a target's service.
type Call struct {
	Service, Operation string
	Params             json.RawMessage
	// Tolerates is an error code that is as good as success.
	Tolerates string `json:",omitzero"`
}

// Actor is as whom a record is delivered: as Role if there is one, else as the
// service Principal on behalf of Source. Dead letters are the service's
// unless they say otherwise.
type Actor struct {
	Account, Role, Principal, Source string
}

// identity of the actor.
func (a Actor) identity(cause uint64) awswire.Identity {
	id := awswire.ServicePrincipal(a.Account, a.Principal, a.Source)
	if a.Role != "" {
		id = roleIdentity(a.Account, a.Role)
	}
	id.Cause = cause
	return id
}

// Policy bounds how long a record is tried: this many attempts beyond the first,
// within this time of its acceptance.
type Policy struct {
	Attempts int
	Age      time.Duration
}

// DefaultPolicy is that of a target which gives none:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
var DefaultPolicy = Policy{Attempts: 185, Age: 24 * time.Hour}

// Letter is what a dead-letter queue gets: the body, and attributes beside those
// that say what went wrong.
type Letter struct {
	Queue      string `json:",omitzero"` // ARN; "" when there is none
	AsRole     bool   `json:",omitzero"` // sent as the actor's role, not as the service
	Body       string
	Attributes map[string]string
}

// Obituary says why a record could not be delivered.
type Obituary struct {
	Code, Message string
	Exhausted     string // the retry condition, "" when it was not worth a retry
	Attempts      int
	Since         time.Time
}

// Config is what a courier needs.
type Config struct {
	Store   *store.Store
	Bucket  string // of the store, for the records
	Clock   clock.Clock
	Caller  Caller
	Journal *journal.Journal // may be nil
	Log     *slog.Logger
	// Context, if set, prepares the context of a record's calls.
	Context func(ctx context.Context, r *Record) context.Context
	// Observe, if set, is told of what happens to records, for metrics.
	Observe func(r *Record, what Happening)
}

// Happening is what an attempt came to.
type Happening int

// What happens to records. Every attempt at a target ends in Delivered, in
// FailedForNow or in FailedForGood; after the last one the dead-letter queue, if
// there is one, is tried until Buried or LetterLost.
const (
	Delivered Happening = iota
	FailedForNow
	FailedForGood
	Buried
	LetterLost
)

func (c *Courier) happened(r *Record, what Happening) {
	if c.Observe != nil {
		c.Observe(r, what)
	}
}

// maxWorkers is how many records are under way at once.
const maxWorkers = 64

// Courier delivers records. Make it with [New].
type Courier struct {
	Config
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	queue   []waiting
	running int
	closed  bool
	idle    sync.WaitGroup
}

// waiting is a record whose turn comes, with the hold that keeps a virtual clock
// from running ahead of it.
type waiting struct {
	*Record
	release func()
}

// New returns a courier that has nothing to do yet.
func New(cfg Config) *Courier {
	ctx, cancel := context.WithCancel(context.Background())
	return &Courier{Config: cfg, ctx: ctx, cancel: cancel}
}

// Store makes records durable as part of the owner's write.
func (c *Courier) Store(tx *store.Tx, records []*Record) {
	for _, r := range records {
		c.put(tx, r)
	}
}

func (c *Courier) put(tx *store.Tx, r *Record) {
	text, err := json.Marshal(r)
	if err != nil {
		panic("delivery: a record that is no JSON: " + err.Error())
	}
	tx.Put(c.Bucket, store.Key(r.ID), text)
}

// Begin delivers records that were stored.
func (c *Courier) Begin(records []*Record) {
	for _, r := range records {
		c.add(r)
	}
}

// Resume takes up the records that an earlier process left.
func (c *Courier) Resume() error {
	var left []*Record
	err := c.Config.Store.View(func(r store.Reader) error {
		for _, text := range r.Scan(c.Bucket, "", "") {
			var record Record
			if err := json.Unmarshal(text, &record); err != nil {
				return err
			}
			left = append(left, &record)
		}
		return nil
	})
	release := c.Clock.Hold() // until all timers are set, lest the first one's time comes before
	defer release()
	for _, r := range left {
		c.addAt(r, r.Due)
	}
	return err
}

// Background runs f beside the deliveries, until it ends or the courier closes.
func (c *Courier) Background(f func(ctx context.Context)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	release := c.Clock.Hold()
	c.idle.Add(1)
	go func() {
		defer c.idle.Done()
		defer release()
		f(c.ctx)
	}()
}

// Close waits for what is under way and starts no more; it stays stored.
func (c *Courier) Close() {
	c.mu.Lock()
	c.closed = true
	for _, w := range c.queue {
		w.release()
	}
	c.queue = nil
	c.mu.Unlock()
	c.cancel()
	c.idle.Wait()
}

// addAt delivers a record when it is due.
func (c *Courier) addAt(r *Record, due time.Time) {
	if wait := due.Sub(c.Clock.Now()); wait > 0 {
		c.Clock.AfterFunc(wait, func() { c.add(r) })
		return
	}
	c.add(r)
}

// add delivers a record as soon as a worker is free.
func (c *Courier) add(r *Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.queue = append(c.queue, waiting{r, c.Clock.Hold()})
	if c.running < maxWorkers {
		c.running++
		c.idle.Add(1)
		go c.work()
	}
}

func (c *Courier) work() {
	defer c.idle.Done()
	for {
		w, ok := c.take()
		if !ok {
			return
		}
		c.attempt(w.Record)
		w.release()
	}
}

func (c *Courier) take() (waiting, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 || c.closed {
		c.running--
		return waiting{}, false
	}
	w := c.queue[0]
	c.queue[0] = waiting{}
	c.queue = c.queue[1:]
	return w, true
}
