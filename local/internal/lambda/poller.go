package lambda

// This file defines what the pollers of queues and streams have in common: who
// runs, how they wait, and how an answer names the items that failed.
//
// A poller that has work holds the clock; one that waits does not. When something
// arrives, [Service.Arrived] says so while the sender still holds the clock, and
// the bell takes over that hold at once: so virtual time cannot run ahead between
// the arrival of a message and its processing.

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/lambda/sandbox"
)

// Arrived tells the pollers of a queue or a stream that it may have something
// new: a message or record, or a message that is visible again. It must be called
// with the clock held; it may be called too often. Config.Announced says for
// which services it is called at all.
func (s *Service) Arrived(sourceARN string) {
	s.pollers.mu.Lock()
	defer s.pollers.mu.Unlock()
	for b := range s.pollers.bells[sourceARN] {
		b.ring()
	}
}

// announced tells whether Arrived is called for a source.
func (s *Service) announced(sourceARN string) bool {
	parts := strings.SplitN(sourceARN, ":", 4)
	return len(parts) == 4 && slices.Contains(s.Announced, parts[2])
}

// pollEvery is how often a source is looked at that is not announced, on the wall.
const pollEvery = 100 * time.Millisecond

// pollers are the running pollers, by mapping.
type pollers struct {
	service *Service

	mu      sync.Mutex
	running map[string]*poller
	bells   map[string]map[*bell]bool // by source
	closed  bool
	ended   sync.WaitGroup
}

// poller serves one mapping until it is stopped.
type poller struct {
	*mapping
	s      *Service
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	bell   *bell
	filter filter
}

func (p *pollers) resume() error {
	var all []*mapping
	err := p.service.eachMapping(func(m *mapping) { all = append(all, m) })
	for _, m := range all {
		p.start(m)
	}
	return err
}

// start serves a mapping as it is now, instead of as it was. It must be called
// with the clock held.
func (p *pollers) start(m *mapping) {
	before := p.stop(m.UUID)
	if m.Disabled {
		return
	}
	patterns, err := m.filters()
	if err != nil {
		p.service.Log.Error("an event source mapping has a filter that cannot be read", "mapping", m.UUID, "error", err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	x := &poller{mapping: m, s: p.service, ctx: ctx, cancel: cancel, done: make(chan struct{}), bell: newBell(p.service, m.Source), filter: patterns}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		cancel()
		return
	}
	if p.running == nil {
		p.running = map[string]*poller{}
	}
	p.running[m.UUID] = x
	x.bell.ring()
	p.ended.Go(func() { x.run(before) })
}

// stop ends a mapping's poller, which finishes the batches under way; done is
// closed when it has. It is nil if there is none.
func (p *pollers) stop(id string) (done <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.running[id]
	delete(p.running, id)
	if x == nil {
		return nil
	}
	x.cancel()
	return x.done
}

// close ends all pollers; what they run goes on.
func (p *pollers) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, x := range p.running {
		x.cancel()
	}
}

// run serves the mapping when the poller before it has ended.
func (x *poller) run(before <-chan struct{}) {
	defer close(x.done)
	defer x.bell.close()
	if before != nil {
		<-before
	}
	if !x.queue() {
		x.pollStream()
		return
	}
	defer x.watch(x.bell)()
	x.pollQueue()
}

// watch lets arrivals ring a bell.
func (x *poller) watch(b *bell) (stop func()) {
	p := &x.s.pollers
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bells == nil {
		p.bells = map[string]map[*bell]bool{}
	}
	if p.bells[x.Source] == nil {
		p.bells[x.Source] = map[*bell]bool{}
	}
	p.bells[x.Source][b] = true
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.bells[x.Source], b)
	}
}

// function returns the function that the mapping invokes.
func (x *poller) function() (*function, error) {
	return x.s.function(name{x.Function, x.Qualifier})
}

// identity is who the poller acts as: the function's role.
func (x *poller) identity(f *function) awswire.Identity {
	return x.s.roleIdentity(f.record.Latest.Config.Role, x.Function, 0)
}

// trouble notes that polling failed, once for each cause, and pauses on the wall:
// nothing that happens in virtual time would help.
func (x *poller) trouble(err error) {
	if x.ctx.Err() != nil {
		return
	}
	result := "PROBLEM: " + err.Error()
	_, missing := x.function()
	if x.Result != result && missing == nil { // a mapping of a deleted function just waits
		x.Result = result
		x.s.Log.Warn("an event source mapping cannot read its source", "mapping", x.UUID, "source", x.Source, "function", x.Function, "error", err)
		x.note(result)
	}
	select {
	case <-x.ctx.Done():
	case <-time.After(time.Second):
	}
}

// note stores the result that people see.
func (x *poller) note(result string) {
	_ = x.s.changeMapping(x.UUID, errors.New("it was deleted"), func(m *mapping) error {
		m.Result = result
		return nil
	})
}

// batchResult is how a batch went.
type batchResult struct {
	requestID string
	version   string
	unhandled bool     // the function failed
	failed    bool     // it did, or its report of failed items cannot be read
	items     []string // the items that it reports as failed
	err       error    // it was not run: throttled, or closing
}

// deliver runs the function with a batch of records. age is the last record's,
// for streams.
func (x *poller) deliver(f *function, records []jsonvalue.Value, age *time.Duration) batchResult {
	event := jsonvalue.Append(nil, jsonvalue.NewObject(member("Records", records)))
	r := run{function: f, name: name{x.Function, x.Qualifier}, requestID: newID(), payload: event, iteratorAge: age}
	ctx := x.s.Journal.Record(context.Background(), journal.Entry{Kind: journal.Delivered, Subject: x.Source, Name: lastOf(x.Source),
		Detail: jsonvalue.NewObject(member("records", jsonvalue.Int(int64(len(records)))))})
	result, v, err := x.s.run(ctx, r)
	if err != nil {
		return batchResult{requestID: r.requestID, err: err}
	}
	b := batchResult{requestID: r.requestID, version: v.Config.Version, unhandled: result.Failed(), failed: result.Failed()}
	if !b.failed && x.reportsItems() {
		b.items, b.failed = failedItems(result.Payload)
	}
	return b
}

// failedItems reads a partial batch response. One that cannot be read fails the
// whole batch:
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
func failedItems(payload []byte) (items []string, whole bool) {
	v, err := jsonvalue.Parse(payload)
	if err != nil {
		return nil, true
	}
	o, ok := v.(*jsonvalue.Object)
	if !ok {
		return nil, false
	}
	list, _ := o.Get("batchItemFailures")
	failures, ok := list.([]any)
	if !ok {
		return nil, list != nil
	}
	for _, failure := range failures {
		item, _ := failure.(*jsonvalue.Object)
		id := ""
		if item != nil {
			id = textOf(item, "itemIdentifier")
		}
		if id == "" {
			return nil, true
		}
		items = append(items, id)
	}
	return items, false
}

// closing tells whether a batch was not run because everything ends.
func (b batchResult) closing() bool { return errors.Is(b.err, sandbox.ErrClosed) }

// bell wakes a poller. Between ring and wait it holds the clock.
type bell struct {
	clock   clock.Clock
	ticks   bool          // nobody rings it: its source is looked at regularly
	rung    chan struct{} // holds one
	mu      sync.Mutex
	release func()
	closed  bool
}

func newBell(s *Service, source string) *bell {
	return &bell{clock: s.Clock, ticks: !s.announced(source), rung: make(chan struct{}, 1)}
}

// ring must be called with the clock held.
func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.release != nil {
		return
	}
	b.release = b.clock.Hold()
	b.rung <- struct{}{}
}

// wait waits for a ring, or some time where nobody rings, and returns with the
// clock held; ok is false when ctx ended.
func (b *bell) wait(ctx context.Context) (release func(), ok bool) {
	var tick <-chan time.Time
	if b.ticks {
		timer := time.NewTimer(pollEvery)
		defer timer.Stop()
		tick = timer.C
	}
	select {
	case <-b.rung:
		b.mu.Lock()
		defer b.mu.Unlock()
		release, b.release = b.release, nil
		return release, true
	case <-tick:
		return b.clock.Hold(), true
	case <-ctx.Done():
		return nil, false
	}
}

func (b *bell) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if b.release != nil {
		b.release()
		b.release = nil
	}
}

// pause lets virtual time run for d, and returns with the clock held again; ok is
// false, and nothing held, when ctx ended.
func (s *Service) pause(ctx context.Context, d time.Duration, release func()) (again func(), ok bool) {
	woken := make(chan func(), 1)
	timer := s.Clock.AfterFunc(d, func() { woken <- s.Clock.Hold() })
	release()
	select {
	case again = <-woken:
		return again, true
	case <-ctx.Done():
		if !timer.Stop() {
			(<-woken)()
		}
		return func() {}, false
	}
}
