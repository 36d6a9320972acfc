package sandbox

// This file defines the life of one execution environment:
//
//	starting -> idle <-> busy -> ending -> gone
//
// from the start of its process to its end, whoever ends it.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// initLimit is how long a runtime may take until it first asks for work. When it
// takes longer, AWS starts it anew within the invocation, and then the function's
// timeout bounds it: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
const initLimit = 10 * time.Second

// shutdownGrace is what a process that registered an extension gets between
// SIGTERM and SIGKILL; others get SIGKILL at once. Same source.
const shutdownGrace = 500 * time.Millisecond

type state int

const (
	starting state = iota
	idle
	busy
	ending
)

// environment is one process. Fields below the line are guarded by the
// manager's lock.
type environment struct {
	m       *Manager
	id      string
	pool    *pool
	spec    *Spec
	attempt int
	stream  string // its log stream
	begun   time.Time
	work    chan *flight  // holds one; the parked /next takes it
	spawned chan struct{} // closed when output and proc are set, or never will be
	gone    chan struct{}

	output *output // nil until the process is there
	proc   *process

	peakMB   int // used by the one goroutine that concludes
	measured time.Time

	state       state
	accessKeyID string
	current     *flight
	retired     bool // ends when its invocation does
	extension   bool // it registered one: SIGTERM before SIGKILL
	idleSince   time.Time
	init        time.Duration
	cold        bool // has finished nothing yet
	initFault   *fault
}

// fault is an error in the shape that runtimes report.
type fault struct {
	kind    string
	payload []byte // the runtime's own words; nil: made of kind and text
	text    string
}

func newEnvironment(m *Manager, p *pool, attempt int) *environment {
	e := &environment{m: m, id: randomHex(8), pool: p, spec: p.spec, attempt: attempt, begun: time.Now(), cold: true,
		work: make(chan *flight, 1), spawned: make(chan struct{}), gone: make(chan struct{})}
	e.stream = streamName(e.spec, m.Clock.Now(), randomHex(16))
	return e
}

// start runs the process to its end.
func (e *environment) start() {
	f, err := e.spawn()
	close(e.spawned)
	if f != nil || err != nil {
		e.m.startFailed(e, f, err, false)
		return
	}
	limit := initLimit
	if e.attempt > 1 {
		limit = e.spec.Timeout
	}
	if !e.spec.Debug {
		timer := time.AfterFunc(limit, e.initTimedOut)
		defer timer.Stop()
	}
	how := e.proc.wait()
	e.output.finish()
	e.m.exited(e, how)
}

// spawn starts the process. The fault is the function's, the error is not.
func (e *environment) spawn() (*fault, error) {
	if e.spec.Broken != "" {
		return &fault{kind: "Runtime.InvalidEntrypoint", text: e.spec.Broken}, nil
	}
	creds := Credentials{AccessKeyID: "ASIALOCALFUNCTION000", SecretAccessKey: "secret", SessionToken: "token"}
	if e.m.Credentials != nil {
		var err error
		if creds, err = e.m.Credentials(context.Background(), e.spec.Role, e.spec.Function); err != nil {
			return nil, fmt.Errorf("credentials of %s for function %s: %w", e.spec.Role, e.spec.Function, err)
		}
	}
	home, err := os.MkdirTemp(e.m.TempDir, "stepworks-"+e.spec.Function+"-")
	if err != nil {
		return nil, err
	}
	program := e.spec.Command[0]
	root := e.spec.TaskRoot
	if root == "" {
		root = filepath.Dir(program)
	}
	out, writer, err := newOutput(e.logLines)
	if err != nil {
		return nil, err
	}
	e.m.mu.Lock()
	e.accessKeyID = creds.AccessKeyID
	e.output = out
	e.m.mu.Unlock()
	proc, err := e.m.startProcess(e.spec.Command, root, home, e.variables(creds, root, home), writer)
	_ = writer.Close()
	if err != nil {
		out.finish()
		_ = os.RemoveAll(home)
		return entrypointFault(program, err), nil
	}
	e.m.mu.Lock()
	defer e.m.mu.Unlock()
	e.proc = proc
	if e.m.killing {
		e.proc.kill()
	}
	return nil, nil
}

func entrypointFault(program string, err error) *fault {
	if errors.Is(err, fs.ErrNotExist) {
		return &fault{kind: "Runtime.InvalidEntrypoint", text: "Couldn't find valid bootstrap(s): [" + program + "]"}
	}
	return &fault{kind: "Runtime.InvalidEntrypoint", text: err.Error()}
}

func (e *environment) initTimedOut() {
	e.m.mu.Lock()
	defer e.m.mu.Unlock()
	if e.state == starting {
		e.initFault = &fault{kind: "Sandbox.Timedout", text: timedOut(e.spec.Timeout)}
		e.kill()
	}
}

// ready notes that the runtime asked for work. The caller holds the lock.
func (m *Manager) ready(e *environment) {
	switch e.state {
	case starting:
		m.starting--
		e.pool.starting--
		e.init = time.Since(e.begun)
	case idle, ending: // it asked twice, or too late
		return
	}
	e.state = idle
	e.idleSince = time.Now()
	if e.retired || m.closing || time.Since(e.begun) > maxAge {
		m.end(e)
		return
	}
	e.pool.idle = append(e.pool.idle, e)
	m.dispatchAll()
}

// end lets an environment go. The caller holds the lock.
func (m *Manager) end(e *environment) {
	e.state = ending
	e.pool.idle = slices.DeleteFunc(e.pool.idle, func(x *environment) bool { return x == e })
	if e.proc == nil {
		return
	}
	if !e.extension {
		e.proc.kill()
		return
	}
	e.proc.terminate()
	time.AfterFunc(shutdownGrace, e.kill)
}

func (e *environment) kill() {
	if e.proc != nil {
		e.proc.kill()
	}
}

// exited follows the end of the process, whatever ended it.
func (m *Manager) exited(e *environment, how exit) {
	m.mu.Lock()
	if e.state == starting {
		m.mu.Unlock()
		m.startFailed(e, e.exitFault(how), nil, true)
		return
	}
	f := e.current
	if f != nil && f.begun.IsZero() { // the runtime never took it
		e.current = nil
		m.requeue(f)
		f = nil
	}
	if f != nil && f.concluding { // its end is being told already
		f = nil
	}
	if f != nil {
		f.concluding = true
	}
	m.mu.Unlock()
	if f != nil {
		m.conclude(e, f, func() { f.fail(e.exitFault(how)) })
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remove(e)
	if f != nil {
		m.land(f, nil)
	}
}

func (m *Manager) remove(e *environment) {
	e.state = ending
	close(e.gone)
	delete(m.environments, e.id)
	e.pool.idle = slices.DeleteFunc(e.pool.idle, func(x *environment) bool { return x == e })
	m.live--
	m.dispatchAll()
	m.changed.Broadcast()
}

// exitFault words the end of a process as AWS does.
func (e *environment) exitFault(how exit) *fault {
	if e.initFault != nil {
		return e.initFault
	}
	if how.clean {
		return &fault{kind: "Runtime.ExitError", text: "Runtime exited without providing a reason"}
	}
	return &fault{kind: "Runtime.ExitError", text: "Runtime exited with error: " + how.text}
}

// startFailed follows a start that led to no working runtime. A first one is
// tried again, if that may help; then the invocation at the head of the queue
// gets the fault, or the error.
func (m *Manager) startFailed(e *environment, why *fault, err error, again bool) {
	e.reportInit(why)
	m.mu.Lock()
	m.starting--
	e.pool.starting--
	var f *flight
	switch wanted := !m.closing && !e.retired && len(e.pool.queue) > 0; {
	case wanted && again && e.attempt == 1:
		m.launch(e.pool, 2)
	case wanted:
		f = e.pool.take()
		f.begun, f.concluding = time.Now(), true
		e.current = f
	}
	m.mu.Unlock()
	if f != nil {
		m.conclude(e, f, func() {
			if f.err = err; err == nil {
				f.fail(why)
			}
		})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remove(e)
	if f != nil {
		m.land(f, nil)
	}
}

// conclude completes the result of an invocation that is over: settle gives it
// one if it has none, what the function printed is read to the end, and its last
// lines are logged. The caller has marked it as concluding, and lands it.
func (m *Manager) conclude(e *environment, f *flight, settle func()) {
	if e.output != nil {
		e.output.drain()
	}
	m.mu.Lock()
	f.timer.Stop()
	if !f.answered && f.err == nil {
		settle()
	}
	f.result.Duration = time.Since(f.begun)
	if e.cold {
		f.result.Cold, f.result.Init, e.cold = true, e.init, false
	}
	e.current = nil
	m.mu.Unlock()
	f.result.MemoryMB = e.memory()
	e.reportEnd(f)
	f.result.LogTail = f.lines.bytes()
}

// memoryAge is how old a measured memory peak may be: looking costs 50 µs, a
// tenth of a warm invocation.
const memoryAge = 100 * time.Millisecond

func (e *environment) memory() int {
	if e.proc != nil && time.Since(e.measured) > memoryAge {
		e.peakMB, e.measured = e.proc.peakMemoryMB(), time.Now()
	}
	return e.peakMB
}

// fail gives the flight an error for an answer.
func (f *flight) fail(why *fault) {
	f.answered = true
	f.result.ErrorType = why.kind
	f.result.Payload = why.payload
	if why.payload == nil {
		f.result.Payload = why.report(f.RequestID)
	}
	f.reason = why.text
}

func timedOut(limit time.Duration) string {
	return fmt.Sprintf("Task timed out after %.2f seconds", limit.Seconds())
}
