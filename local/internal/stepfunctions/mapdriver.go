package stepfunctions

// This file defines the driver of map runs.
//
// A map run first stores the inputs of its children, read and selected, and from
// then on depends on nothing outside. A child's name comes from the map run and
// its number, so whatever became of it is found by its key: a map run that is
// taken up after a crash counts what its children's rows say and goes on. Like
// an execution it works off an inbox, one message at a time.

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// mapRun is a map run under way.
type mapRun struct {
	s         *Service
	execution string // the parent's key
	id        interp.ID
	inbox     inbox[mapMessage]

	mu    sync.Mutex // guards tally, which DescribeMapRun reads
	tally tally

	// What follows belongs to whoever works the inbox off.

	rec     *mapRecord
	begun   bool // rec is what the store says, and children are counted
	cause   uint64
	next    int             // the first child that was never started
	again   []int           // children to start again, of a redrive
	failing *interp.Error   // why no further child is started
	aborted bool            // nobody waits for the map run any more
	running map[string]bool // the children under way, by key
	inputs  inputCache
}

// mapMessage is what happens to a map run.
type mapMessage struct {
	begin   *interp.StartMapRun
	ended   *record // a child's
	update  *updateMapRunInput
	abort   bool
	redrive bool
}

// maxChildren is how many children run at once when MaxConcurrency is not given:
// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
const maxChildren = 10000

// startAtOnce is how many children share an update.
const startAtOnce = 50

func (s *Service) mapRun(arn string) *mapRun {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mapRuns[arn]
}

// openMapRun returns the map run under way, making it of the record if there is
// none.
func (s *Service) openMapRun(rec *mapRecord, cause uint64) *mapRun {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.mapRuns[rec.ARN]
	if m == nil {
		m = &mapRun{s: s, execution: rec.Execution, id: rec.ID, rec: rec, cause: cause, tally: newTally(), running: map[string]bool{}}
		s.mapRuns[rec.ARN] = m
	}
	return m
}

func (s *Service) startMapRun(r *run, c interp.StartMapRun) {
	rec := &mapRecord{ARN: c.ARN, Execution: r.key, ID: c.MapRun, Parent: r.rec.ARN, RoleARN: r.rec.RoleARN, Definition: r.rec.Definition,
		Location: c.Location, Express: c.ExecutionType == "EXPRESS", MaxConcurrency: c.MaxConcurrency, FailureCount: c.ToleratedFailureCount,
		FailurePercentage: c.ToleratedFailurePercentage, Batched: c.Batcher != nil, Status: interp.Running, Start: s.now().UnixMilli()}
	res, err := parseARN(c.ARN, kindMapRun)
	if err != nil {
		r.tell(interp.MapRunFailed{MapRun: c.MapRun, Error: "States.Runtime", Cause: err.Error()})
		return
	}
	rec.Machine, rec.MachineARN = res.name, s.arn(kindMachine, res.name)
	if w := c.Writer; w != nil {
		rec.Writer = &savedWriter{Transformation: w.Transformation, OutputType: w.OutputType}
		if w.Parameters != nil {
			rec.Writer.Parameters = jsonvalue.String(w.Parameters)
		}
	}
	m := s.openMapRun(rec, r.cause)
	s.whenStarted(func() { m.tell(mapMessage{begin: &c}) })
}

func (s *Service) cancelMapRun(r *run, c interp.CancelMapRun) {
	for _, m := range s.mapRunsOf(func(m *mapRun) bool { return m.execution == r.key && m.id == c.MapRun }) {
		m.tell(mapMessage{abort: true})
	}
}

func (s *Service) mapRunsOf(match func(*mapRun) bool) []*mapRun {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*mapRun
	for _, m := range s.mapRuns {
		if match(m) {
			found = append(found, m)
		}
	}
	return found
}

func (s *Service) redriveMapRun(r *run, c interp.RedriveMapRun) {
	rec, err := s.loadMapRun(c.ARN)
	if err != nil {
		r.tell(interp.MapRunFailed{MapRun: c.MapRun, Error: "States.Runtime", Cause: err.Error()})
		return
	}
	s.openMapRun(rec, r.cause).tell(mapMessage{redrive: true})
}

// itemEnded tells a map run of a child's end.
func (s *Service) itemEnded(rec *record) {
	if m := s.mapRun(rec.MapRun); m != nil {
		m.tell(mapMessage{ended: rec})
	}
}

func (m *mapRun) tell(msg mapMessage) {
	if !m.inbox.put(msg) {
		return
	}
	release := m.s.Clock.Hold()
	if !m.s.execute(func() { defer release(); m.work() }) {
		release()
	}
}

func (m *mapRun) work() {
	for batch := m.inbox.take(); len(batch) > 0; batch = m.inbox.take() {
		if err := m.turn(batch); err != nil && m.s.ctx.Err() == nil {
			m.s.Log.Error("a map run could not go on", "mapRun", m.rec.ARN, "error", err)
			m.stop(&interp.Error{Name: "States.Runtime", Cause: err.Error()})
			m.inbox.put(mapMessage{})
		}
	}
}

func (m *mapRun) turn(batch []mapMessage) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	for _, msg := range batch {
		m.handle(msg)
	}
	return m.goOn()
}

func (m *mapRun) handle(msg mapMessage) {
	var err error
	switch {
	case msg.begin != nil:
		err = m.begin(msg.begin)
		m.begun = true
		if m.failing != nil { // aborted before it began
			m.stop(m.failing)
		}
	case msg.ended != nil:
		m.count(msg.ended)
	case msg.update != nil:
		msg.update.apply(m.rec)
	case msg.redrive:
		err = m.redrive()
		m.begun = true
	case msg.abort:
		m.aborted = true
		m.stop(&interp.Error{})
	}
	if e := (*interp.Error)(nil); errors.As(err, &e) {
		m.failing = e
	} else if err != nil && m.s.ctx.Err() == nil {
		m.failing = &interp.Error{Name: "States.Runtime", Cause: err.Error()}
	}
}

// begin prepares a map run, or finds out how far it has come.
func (m *mapRun) begin(c *interp.StartMapRun) error {
	if have, err := m.s.loadMapRun(m.rec.ARN); err == nil {
		m.rec = have
		if have.Status != interp.Running {
			m.report()
			return nil
		}
	} else if err := m.s.Store.Update(func(tx *store.Tx) error { m.rec.save(tx); return nil }); err != nil {
		return err
	}
	if m.rec.Prepared {
		return m.recount()
	}
	return m.prepare(c)
}

// prepare reads the items and stores what the children get.
func (m *mapRun) prepare(c *interp.StartMapRun) error {
	def, err := m.s.machineOf(m.rec.Definition)
	if err != nil {
		return err
	}
	selector, err := interp.NewSelector(def, *c)
	if err != nil {
		return err
	}
	m.rec.Items, m.rec.Children = 0, 0
	items := func(yield func(jsonvalue.Value, error) bool) {
		for v, err := range m.s.readItems(m.context(), m.identity(), c) {
			if err == nil {
				m.rec.Items++
			}
			if !yield(v, err) {
				return
			}
		}
	}
	err = m.s.saveInputs(m.rec, selector.Inputs(items))
	if err != nil {
		m.rec.Items, m.rec.Children = 0, 0
	}
	return err
}

// recount finds out what became of the children so far. Those that run are
// executions like any other and are taken up as such.
func (m *mapRun) recount() error {
	return m.s.Store.View(func(r store.Reader) error {
		for i := range m.rec.Children {
			child, ok := loadRecord(r, m.childKey(i))
			if !ok {
				m.again = append(m.again, i)
				continue
			}
			m.note(child.Status, child.Items)
			if child.Status == interp.Running {
				m.running[m.childKey(i)] = true
			}
		}
		m.next = m.rec.Children
		return nil
	})
}

// note counts a child.
func (m *mapRun) note(status interp.Status, items int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tally.add(status, items, 1)
}

// count notes a child's end.
func (m *mapRun) count(child *record) {
	key := child.key()
	if !m.running[key] {
		return
	}
	delete(m.running, key)
	m.mu.Lock()
	m.tally.add(interp.Running, child.Items, -1)
	m.tally.add(child.Status, child.Items, 1)
	failed := m.tally.failedItems()
	m.mu.Unlock()
	if m.failing == nil && m.rec.run().Exceeded(int64(m.rec.Items), failed) {
		m.stop(&interp.Error{Name: interp.ErrTooManyFailures, Cause: interp.CauseTooManyFailures})
	}
}

// stop starts no further child and stops those that run.
func (m *mapRun) stop(why *interp.Error) {
	if m.failing == nil {
		m.failing = why
	}
	for key := range m.running {
		if r := m.s.running(key); r != nil {
			r.tell(interp.Stopped{})
		}
	}
}

func (m *mapRun) counted() tally {
	m.mu.Lock()
	defer m.mu.Unlock()
	return tally{maps.Clone(m.tally.Executions), maps.Clone(m.tally.Items), m.tally.Written}
}

// goOn starts some of what may be started, and ends the map run when nothing is
// left. Between two lots the inbox is looked at: children may have failed.
func (m *mapRun) goOn() error {
	if !m.begun {
		return nil // a child that was taken up ended first: begin will count it
	}
	if m.rec.Status != interp.Running || m.s.mapRun(m.rec.ARN) != m {
		return nil // it has ended, or its machine was deleted
	}
	if n := min(m.left(), startAtOnce, m.limit()-len(m.running)); n > 0 && m.failing == nil {
		m.inbox.put(mapMessage{})
		if err := m.may("states:StartExecution", m.s.arn(kindMachine, m.machine())); err != nil {
			m.stop(err)
			return nil
		}
		return m.startChildren(n)
	}
	if len(m.running) > 0 {
		return nil
	}
	return m.finish()
}

func (m *mapRun) left() int { return len(m.again) + m.rec.Children - m.next }

func (m *mapRun) limit() int {
	if m.rec.MaxConcurrency > 0 {
		return min(m.rec.MaxConcurrency, maxChildren)
	}
	return maxChildren
}

// pick takes the number of the next child to start.
func (m *mapRun) pick() int {
	if len(m.again) > 0 {
		i := m.again[0]
		m.again = m.again[1:]
		return i
	}
	m.next++
	return m.next - 1
}

func (m *mapRun) childName(i int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s#%d", m.rec.ARN, i))
	b := sum[:16]
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

func (m *mapRun) childARN(i int) string {
	name := m.childName(i)
	if m.rec.Express {
		return m.s.arn(kindExpress, m.rec.Machine, name, m.childName(-1-i))
	}
	return m.s.arn(kindExecution, m.rec.Machine, name)
}

func (m *mapRun) childKey(i int) string {
	key, _ := executionKey(m.childARN(i))
	return key
}

// startChildren begins n children in one update.
func (m *mapRun) startChildren(n int) error {
	children := make([]*opening, 0, n)
	for range n {
		o, err := m.child(m.pick())
		if err != nil {
			return err
		}
		m.running[o.run.key] = true
		m.note(interp.Running, o.started.Items)
		children = append(children, o)
	}
	return m.s.openAll(children)
}

func (m *mapRun) child(i int) (*opening, error) {
	def, err := m.s.machineOf(m.rec.Definition)
	if err != nil {
		return nil, err
	}
	text, err := m.inputs.get(m.s.Store, m.rec.ARN, i)
	if err != nil {
		return nil, err
	}
	input, err := jsonvalue.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	items := 1
	if m.rec.Batched {
		batch, _ := member(input, "Items").([]any)
		items = len(batch)
	}
	rec := &record{ARN: m.childARN(i), Name: m.childName(i), Machine: m.rec.Machine, MachineARN: m.rec.MachineARN, RoleARN: m.rec.RoleARN,
		Definition: m.rec.Definition, Pointer: m.rec.Location, Express: m.rec.Express, Status: interp.Running, Start: m.s.now().UnixMilli(),
		Input: text, MapRun: m.rec.ARN, Item: i, Items: items}
	return m.s.opening(m.context(), &beginning{rec: rec, input: input, def: def.Processor(m.rec.Location), m: m.s.machineNamed(rec.Machine)}), nil
}

// machine is the name of the machine that the map is part of.
func (m *mapRun) machine() string {
	name, _, _ := strings.Cut(m.rec.Machine, "/")
	return name
}

// may asks whether the machine's role may have children: start them, as executions
// of its own machine, and redrive those that are standard. AWS's example also grants
// DescribeExecution and StopExecution, on a resource that no child has: that nobody
// is asked for them is what this takes from it. The failure's name is not documented.
// https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
func (m *mapRun) may(action, resource string) *interp.Error {
	if m.s.Allow == nil {
		return nil
	}
	if err := m.s.Allow(m.context(), m.identity(), awswire.Access{Action: action, Resource: resource}); err != nil {
		return &interp.Error{Name: "States.Permissions", Cause: err.Error()}
	}
	return nil
}

func (m *mapRun) context() context.Context { return journal.WithCause(m.s.ctx, m.cause) }

func (m *mapRun) identity() awswire.Identity {
	as := m.s.Role(m.rec.RoleARN, sessionName(m.childName(-1)))
	as.Cause = m.cause
	return as
}

// redrive runs the unsuccessful children again: standard ones from where they
// failed, express ones and those that never ran from their start.
// https://docs.aws.amazon.com/step-functions/latest/dg/redrive-map-run.html
func (m *mapRun) redrive() error {
	m.rec.Status, m.rec.Stop, m.rec.Redriven = interp.Running, 0, m.s.now().UnixMilli()
	m.rec.Redrives++
	m.rec.Output, m.rec.Error, m.rec.Cause = "", "", ""
	m.failing, m.aborted, m.next = nil, false, m.rec.Children
	m.mu.Lock()
	m.tally = newTally()
	m.mu.Unlock()
	if err := m.s.Store.Update(func(tx *store.Tx) error { m.rec.save(tx); return nil }); err != nil {
		return err
	}
	failed := map[string]*record{}
	err := m.s.Store.View(func(r store.Reader) error {
		for i := range m.rec.Children {
			child, ok := loadRecord(r, m.childKey(i))
			switch {
			case !ok || child.Status != interp.Succeeded && m.rec.Express:
				m.again = append(m.again, i)
			case child.Status == interp.Succeeded:
				m.note(child.Status, child.Items)
			default:
				failed[child.key()] = child
			}
		}
		return nil
	})
	return errors.Join(err, m.reopen(failed))
}

// reopen lets children go on from where they failed.
func (m *mapRun) reopen(children map[string]*record) error {
	for _, child := range children {
		if err := m.may("states:RedriveExecution", child.ARN); err != nil {
			for _, c := range children {
				m.note(c.Status, c.Items)
			}
			return err
		}
	}
	for key, child := range children {
		m.note(interp.Running, child.Items)
		m.running[key] = true
	}
	for key := range children {
		r, err := m.s.reopen(key)
		if err != nil {
			return err
		}
		r.feed(message{event: interp.Redriven{}, redrive: true, done: func(accepted bool, _ error) {
			if !accepted { // too old by now: what it was is what it stays
				m.tell(mapMessage{ended: children[key]})
			}
		}})
	}
	return nil
}
