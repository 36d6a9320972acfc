package stepfunctions

// This file defines the driver: how an execution moves on.
//
// Whatever happens to an execution (a timer, an answer, an API call) is put into
// its inbox. The first to put something there becomes the one who works the
// inbox off, in a goroutine that ends when it is empty; so at most one Step of
// an execution runs at a time, and an execution that waits has no goroutine.
//
//	load     the interpreter's state, if it is not in memory
//	step     with every event of the inbox
//	persist  state, history, tokens and record, in one update
//	perform  the commands, and answer those who wait for the outcome
//	leave    the state to the store when the execution only waits
//
// A step that cannot be persisted performs nothing; the execution goes on from
// its last durable state at the next start.

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// run is an execution under way.
type run struct {
	s       *Service
	key     string
	durable bool // false for express executions, which live in memory alone

	inbox inbox[message]

	// What follows belongs to whoever works the inbox off.

	exec *interp.Execution // nil while the execution only waits
	rec  *record           // nil with exec
	log  *executionLog     // nil unless the machine logs

	tasks  []*task
	timers []timer
	cause  uint64        // the journal entry that the execution's work is caused by
	ended  func(*record) // tells who waits for an express execution
	gone   atomic.Bool   // its machine was deleted, and all that is stored with it
}

type timer struct {
	id    interp.ID
	clock *clock.Timer
}

// message is an event on its way to an execution.
type message struct {
	event interp.Event
	// task is whose answer the event is; it must be open still.
	task interp.ID
	// token is the fingerprint of the token that the answer came with, 0 if none.
	token uint64
	// submitted holds the event back from a task that is not submitted yet.
	submitted bool
	// redrive brings a closed execution back.
	redrive bool
	// expired says that the event, a Stopped, is the end of an express
	// execution's time.
	expired bool
	// done is told what became of the event; it never blocks. May be nil.
	done func(accepted bool, err error)
}

func (m message) answer(accepted bool, err error) {
	if m.done != nil {
		m.done(accepted, err)
	}
}

var (
	errClosed = errors.New("the service is shutting down")
	errGone   = errors.New("the state machine was deleted")
	errEnded  = errors.New("the execution has ended")
)

// feed puts an event into the inbox.
func (r *run) feed(m message) {
	if r.inbox.put(m) {
		r.begin()
	}
}

// begin works the inbox off in a goroutine of its own, which holds the clock.
func (r *run) begin() {
	release := r.s.Clock.Hold()
	if !r.s.execute(func() { defer release(); r.work() }) {
		release()
		r.drop(errClosed)
	}
}

// tell feeds an event that nobody waits for the outcome of.
func (r *run) tell(ev interp.Event) { r.feed(message{event: ev}) }

func (r *run) drop(err error) {
	for batch := r.inbox.take(); len(batch) > 0; batch = r.inbox.take() {
		for _, m := range batch {
			m.answer(false, err)
		}
	}
}

func (r *run) work() {
	for batch := r.inbox.take(); len(batch) > 0; batch = r.inbox.take() {
		accepted, err := r.advance(batch)
		if err != nil {
			r.exec, r.rec = nil, nil
		}
		if errors.Is(err, errEnded) || errors.Is(err, errGone) { // the events come too late
			accepted, err = make([]bool, len(batch)), nil
			r.s.forget(r)
		}
		if err != nil {
			r.s.Log.Error("an execution could not move on; it will from its last durable state, at the next start", "execution", r.key, "error", err)
		}
		for i, m := range batch {
			m.answer(err == nil && accepted[i], err)
		}
	}
}

// advance takes the execution through a batch of events. A fault of this program
// costs that execution its turn, not the process its life.
func (r *run) advance(batch []message) (accepted []bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if err := r.load(); err != nil {
		return nil, err
	}
	var st step
	accepted = make([]bool, len(batch))
	for i, m := range batch {
		accepted[i] = r.accept(&st, m)
	}
	if !st.empty() {
		if err := r.persist(&st, nil); err != nil {
			return nil, err
		}
		r.perform(&st)
	}
	r.leave()
	return accepted, nil
}

// accept steps with one message's event, unless it comes too late.
func (r *run) accept(st *step, m message) bool {
	t := r.task(m.task)
	switch {
	case m.task != 0 && (t == nil || m.submitted && t.inFlight || m.token != 0 && m.token != t.token):
		return false
	case m.redrive:
		if r.redrivable() != "" {
			return false
		}
		r.redriven(st)
	case r.exec.Status() != interp.Running:
		return false
	}
	r.stepWith(st, m.event)
	if m.expired {
		st.timeOut()
	}
	return true
}

// stepWith runs Step, and says of what it schedules that it is started: the
// driver hands it over as soon as this step is durable. Activities start when a
// worker takes them.
func (r *run) stepWith(st *step, ev interp.Event) {
	now := r.s.now()
	commands, events := r.exec.Step(now, ev)
	r.note(commands)
	st.add(commands, events)
	for _, c := range commands {
		if c, ok := c.(interp.ScheduleTask); ok && c.Resource.Kind != asl.Activity && r.task(c.Task) != nil {
			more, events := r.exec.Step(now, interp.TaskStarted{Task: c.Task})
			r.note(more)
			st.add(more, events)
		}
	}
	r.settle(ev)
}

// note keeps the list of open tasks true: what is scheduled opens, what is
// cancelled closes.
func (r *run) note(commands []interp.Command) {
	for _, c := range commands {
		switch c := c.(type) {
		case interp.ScheduleTask:
			t := &task{run: r, id: c.Task}
			if handsOut(c.Resource) {
				t.token = fingerprint(c.Token)
			}
			r.tasks = append(r.tasks, t)
		case interp.CancelTask:
			r.close(c.Task)
		}
	}
}

// settle closes what an event ended.
func (r *run) settle(ev interp.Event) {
	switch ev := ev.(type) {
	case interp.TimerFired:
		r.stopTimer(ev.Timer)
	case interp.TaskSubmitted:
		if t := r.task(ev.Task); t != nil {
			t.inFlight = false
		}
	case interp.TaskSucceeded:
		r.close(ev.Task)
	case interp.TaskFailed:
		r.close(ev.Task)
	}
}

func (r *run) task(id interp.ID) *task {
	for _, t := range r.tasks {
		if t.id == id {
			return t
		}
	}
	return nil
}

// close removes a task: answers to it come too late from now on.
func (r *run) close(id interp.ID) {
	r.tasks = slices.DeleteFunc(r.tasks, func(t *task) bool { return t.id == id })
}

// persist makes a step durable. also runs in the same update, before.
func (r *run) persist(st *step, also func(tx *store.Tx) error) error {
	w := r.write(st)
	if r.log != nil {
		r.log.add(st.events)
	}
	if !r.durable {
		return nil
	}
	return r.s.Store.Update(func(tx *store.Tx) error {
		if r.gone.Load() {
			return errGone
		}
		if also != nil {
			if err := also(tx); err != nil {
				return err
			}
		}
		w.put(tx)
		return nil
	})
}

// write turns a step into rows.
func (r *run) write(st *step) *written {
	w := &written{key: r.key, rec: r.rec, saveRecord: st.touched, fresh: st.fresh}
	if c, ok := st.complete(); ok {
		w.closed, w.saveRecord = true, true
		w.keep = c.Status != interp.Succeeded
		r.finish(c, st)
	}
	if !r.durable {
		return w
	}
	if !r.rec.Express { // a map run's express children have no history
		w.history, w.first = encodeHistory(st.events)
	}
	w.tokens = r.tokenRows(st)
	if !w.closed || w.keep {
		w.snapshot = r.exec.Append(nil)
	}
	return w
}

func (r *run) finish(c interp.Complete, st *step) {
	output := ""
	if c.Status == interp.Succeeded {
		output = jsonvalue.String(c.Output)
	}
	last := r.rec.Events
	if n := len(st.events); n > 0 {
		last = st.events[n-1].ID
	}
	r.rec.finish(c, output, r.s.now(), last)
}

// load brings the execution into memory.
func (r *run) load() error {
	if r.exec != nil {
		return nil
	}
	if r.gone.Load() {
		return errGone
	}
	var snapshot []byte
	err := r.s.Store.View(func(rd store.Reader) error {
		rec, ok := loadRecord(rd, r.key)
		if !ok {
			return fmt.Errorf("execution %s is not in the store", r.key)
		}
		r.rec = rec
		if snapshot, ok = rd.Get(bucketRunning, r.key); !ok {
			snapshot, ok = rd.Get(bucketClosed, r.key)
		}
		if !ok {
			return errEnded
		}
		snapshot = append([]byte(nil), snapshot...)
		return nil
	})
	if err != nil {
		return err
	}
	return r.revive(snapshot)
}

// revive makes the interpreter's execution from what was stored.
func (r *run) revive(snapshot []byte) error {
	m, err := r.s.definitionFor(r.rec)
	if err != nil {
		return err
	}
	if r.exec, err = interp.Load(m, snapshot); err != nil {
		return fmt.Errorf("state of execution %s: %w", r.key, err)
	}
	r.exec.Check = r.check
	return nil
}

// definitionFor returns what an execution runs: its machine's definition, or the
// processor of one of its Map states.
func (s *Service) definitionFor(rec *record) (*asl.Machine, error) {
	m, err := s.machineOf(rec.Definition)
	if err == nil && rec.Pointer != "" {
		m = m.Processor(rec.Pointer)
	}
	return m, err
}

// leave drops what the store has as well when nothing but time or an answer from
// outside can move the execution. Ten thousand that wait must fit.
func (r *run) leave() {
	ended := r.exec.Status() != interp.Running
	if ended {
		r.s.forget(r)
	}
	inFlight := slices.ContainsFunc(r.tasks, func(t *task) bool { return t.inFlight })
	if ended || r.durable && !inFlight {
		r.exec, r.rec = nil, nil
	}
}

// forget removes an execution that ended from those under way.
func (s *Service) forget(r *run) {
	for _, t := range r.timers {
		t.clock.Stop()
	}
	r.timers = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs[r.key] == r {
		delete(s.runs, r.key)
	}
}

// register adds an execution to those under way.
func (s *Service) register(r *run) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	s.runs[r.key] = r
	return nil
}

// running returns the execution of a key if it is under way.
func (s *Service) running(key string) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs[key]
}

// startTimer asks the clock for a TimerFired.
func (r *run) startTimer(id interp.ID, at time.Time) {
	t := r.s.Clock.AfterFunc(at.Sub(r.s.now()), func() { r.tell(interp.TimerFired{Timer: id}) })
	for i := range r.timers { // a place that a fired timer left
		if r.timers[i].clock == nil {
			r.timers[i] = timer{id, t}
			return
		}
	}
	r.timers = append(r.timers, timer{id, t})
}

func (r *run) stopTimer(id interp.ID) {
	for i := range r.timers {
		if r.timers[i].id == id {
			r.timers[i].clock.Stop()
			r.timers[i] = timer{}
		}
	}
}

// context is that of work for this execution: it ends with the service, and what
// it leads to is told in the journal as caused by the execution.
func (r *run) context() context.Context { return journal.WithCause(r.s.ctx, r.cause) }
