// Package journal is the ordered stream of what happened: an event arrived, a
// rule matched it, an execution started, a function ran, it put an event.
//
// Each entry names the entry that caused it, so the stream is a forest of
// causes: that is what the console draws and `watch` prints. Causes travel in
// contexts ([Journal.Record] returns one) and, where a request leaves the
// process, with the caller's credentials (awswire.Identity.Cause).
//
// The journal keeps the latest entries in memory and forgets the rest: it shows,
// it is no record that anything may depend on. Entries never hold a task token
// or a presigned URL: what is recorded passes [Redact]. Safe for concurrent use.
// Start at [Journal.Record] and [Journal.After].
package journal

import (
	"context"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Kind says what happened.
type Kind string

// The kinds of entries. Subject is what the entry is about; Detail adds to it.
const (
	EventReceived      Kind = "event"    // Subject: event id
	RuleMatched        Kind = "match"    // Subject: rule ARN
	Delivered          Kind = "delivery" // Subject: target ARN
	DeliveryFailed     Kind = "undelivered"
	DeadLettered       Kind = "dead-letter"
	ExecutionStarted   Kind = "execution" // Subject: execution ARN
	ExecutionEnded     Kind = "execution-end"
	StateEntered       Kind = "state" // Subject: execution ARN, Name: state
	InvocationStarted  Kind = "invocation"
	InvocationEnded    Kind = "invocation-end"
	MessageSent        Kind = "message"
	AlarmChanged       Kind = "alarm"
	PermissionRefused  Kind = "refused"
	ResourceChanged    Kind = "resource"
	DeploymentProgress Kind = "deployment"
)

// Entry is one thing that happened.
type Entry struct {
	ID      uint64
	Cause   uint64 // 0: from outside
	Time    time.Time
	Kind    Kind
	Subject string
	Name    string          // a short name for people
	Where   string          // of an event: its bus
	Error   string          // what went wrong, if something did
	Detail  jsonvalue.Value // redacted on the way in
}

// Journal is the stream. Make it with [New].
type Journal struct {
	now func() time.Time

	mu      sync.Mutex
	entries []Entry // a ring: entries[(ID-1) % len]
	last    uint64
	changed chan struct{}
}

// New returns a journal that keeps the latest keep entries.
func New(keep int, now func() time.Time) *Journal {
	return &Journal{now: now, entries: make([]Entry, keep), changed: make(chan struct{})}
}

// Record appends e and returns a context whose further entries it causes. ID and
// Time are set here; Cause too, from ctx, unless e has one. A nil Journal
// records nothing.
func (j *Journal) Record(ctx context.Context, e Entry) context.Context {
	if j == nil {
		return ctx
	}
	if e.Cause == 0 {
		e.Cause = CauseFrom(ctx)
	}
	e.Detail = Redact(e.Detail)
	e.Time = j.now()
	j.mu.Lock()
	j.last++
	e.ID = j.last
	j.entries[(e.ID-1)%uint64(len(j.entries))] = e
	close(j.changed)
	j.changed = make(chan struct{})
	j.mu.Unlock()
	return WithCause(ctx, e.ID)
}

// After returns up to limit entries that came after id, oldest first, and a
// channel that is closed when there is more.
func (j *Journal) After(id uint64, limit int) (entries []Entry, more <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if oldest := j.last - min(j.last, uint64(len(j.entries))); id < oldest {
		id = oldest
	}
	for ; id < j.last && len(entries) < limit; id++ {
		entries = append(entries, j.entries[id%uint64(len(j.entries))])
	}
	return entries, j.changed
}

// Last returns the id of the latest entry, 0 if there is none.
func (j *Journal) Last() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

type causeKey struct{}

// CauseFrom returns the id of the entry that ctx descends from, 0 if none.
func CauseFrom(ctx context.Context) uint64 {
	id, _ := ctx.Value(causeKey{}).(uint64)
	return id
}

// WithCause returns ctx with a cause, as a driver does that resumes stored work.
func WithCause(ctx context.Context, id uint64) context.Context {
	return context.WithValue(ctx, causeKey{}, id)
}
