// Package interp runs state machines: an [Execution] is plain data, and
// [Execution.Step] moves it on by one event.
//
// Step starts no goroutine, reads no clock and does no I/O. The time and what
// happened come in as values; what must now be done comes out as commands,
// together with the history events that AWS would have recorded. One Step runs
// through every transition that needs no waiting. Random numbers, UUIDs and task
// tokens come from a seed inside the Execution, so the same events at the same
// times give the same commands and the same history.
//
// # The driver's obligations, in order
//
//  1. call Step with one event at a time;
//  2. persist the execution ([Execution.Append]) and the history events;
//  3. only then perform the commands;
//  4. after a restart: [Load], and perform again what [Execution.Pending] tells
//     (tasks in flight, timers, map runs).
//
// An Execution is not safe for concurrent use.
//
// # Where to start
//
// run.go has the loop and the transitions, one file each has what a type of
// state does (task.go, choice.go, ...), processing.go the input and output
// processing of a state in the order of the specification, failure.go the
// errors and their words, retry.go what Retry and Catch make of them. What
// AWS records is told by history.go. Conformance with the histories that AWS
// recorded is the measure of all of it.
package interp

import (
	"time"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Status is what DescribeExecution calls status.
type Status string

// The statuses of an execution.
const (
	Running   Status = "RUNNING"
	Succeeded Status = "SUCCEEDED"
	Failed    Status = "FAILED"
	TimedOut  Status = "TIMED_OUT"
	Aborted   Status = "ABORTED"
)

// Start is what an execution is born with.
type Start struct {
	ARN        string // of the execution
	Name       string
	RoleARN    string
	MachineARN string
	VersionARN string // when it was started by version or alias
	AliasARN   string
	Express    bool // no activities, tokens or jobs
	Input      jsonvalue.Value
	Time       time.Time
	Seed       [32]byte // unguessable in production: task tokens come from it
}

// Execution is one run of a state machine.
type Execution struct {
	// Check may refuse a task before it is scheduled, for what only the driver
	// knows: parameters that the service would not take, an activity that does
	// not exist. Its error ends the execution with States.Runtime. It must be
	// quick and is nil by default.
	Check func(ScheduleTask) error

	// Observe is told which parts of the definition the execution makes use of.
	// It is nil by default.
	Observe func(Observation)

	machine *asl.Machine
	state

	// What one Step works with.
	now      time.Time
	commands []Command
	events   []HistoryEvent
	full     bool     // the history has no room for what happened
	bytes    int      // of the events' data
	ready    []*frame // frames that can go on, in turn

	waiting map[ID]*frame     // by the ID of a task, timer or map run; nil: to be made
	context *jsonvalue.Object // its part Execution, made once
	outer   *jsonvalue.Object // a context object given from outside, to a Selector or a probe
	probe   *probing          // of one state alone, else nil
}

// state is all of an execution that changes or must survive, as it is written.
type state struct {
	Start    start
	Status   Status
	Root     *frame
	Events   int64 // the number of history events so far
	IDs      ID    // the last ID given away
	Random   *random
	Deadline ID        `json:",omitzero"` // the timer of the machine's TimeoutSeconds
	Due      time.Time `json:",omitzero"` // when that fires
	Resume   ID        `json:",omitzero"` // the timer that ends a pause

	Output *data  `json:",omitzero"` // when Succeeded
	Error  string `json:",omitzero"`
	Cause  string `json:",omitzero"`

	Redrives int       `json:",omitzero"`
	Redriven time.Time `json:",omitzero"`
}

// start is Start as it is written; the seed is in the random source.
type start struct {
	ARN, Name, RoleARN, MachineARN string
	VersionARN, AliasARN           string `json:",omitzero"`
	Express                        bool   `json:",omitzero"`
	Input                          *data
	Time                           time.Time
}

// New returns an execution that waits for Started.
func New(m *asl.Machine, s Start) *Execution {
	return &Execution{machine: m, state: state{
		Start: start{s.ARN, s.Name, s.RoleARN, s.MachineARN, s.VersionARN, s.AliasARN, s.Express, newData(s.Input), s.Time},
		Root:  &frame{}, Status: Running, Random: newRandom(s.Seed),
	}}
}

// Machine returns the definition that the execution runs.
func (x *Execution) Machine() *asl.Machine { return x.machine }

// Status returns where the execution stands.
func (x *Execution) Status() Status { return x.state.Status }

// Output returns the output of an execution that succeeded.
func (x *Execution) Output() jsonvalue.Value {
	if x.state.Output == nil {
		return nil
	}
	return x.state.Output.Value()
}

// Failure returns error and cause of an execution that ended otherwise.
func (x *Execution) Failure() (name, cause string) { return x.Error, x.Cause }

// Step moves the execution on by one event, at a time. The commands must be
// performed in order, after the execution and its history were made durable.
func (x *Execution) Step(now time.Time, ev Event) ([]Command, []HistoryEvent) {
	x.now, x.commands, x.events, x.bytes = now, nil, nil, 0
	if x.state.Status == Running {
		x.handle(ev)
		x.run()
	} else if _, ok := ev.(Redriven); ok {
		x.redrive()
		x.run()
	}
	commands, events := x.commands, x.events
	x.commands, x.events = nil, nil // a waiting execution holds no history
	return commands, events
}

func (x *Execution) handle(ev Event) {
	switch ev := ev.(type) {
	case Started:
		x.begin()
	case Stopped:
		x.abort(ev)
	case TimerFired:
		x.timerFired(ev.Timer)
	case TaskStarted:
		x.onTask(ev.Task, func(f *frame) { x.taskStarted(f, ev.WorkerName) })
	case TaskSubmitted:
		x.onTask(ev.Task, func(f *frame) { x.taskSubmitted(f, ev.Output) })
	case TaskSucceeded:
		x.onTask(ev.Task, func(f *frame) { x.taskSucceeded(f, ev.Output) })
	case TaskFailed:
		x.onTask(ev.Task, func(f *frame) { x.taskFailed(f, ev) })
	case Heartbeat:
		x.onTask(ev.Task, x.heartbeat)
	case MapRunSucceeded:
		if f := x.find(ev.MapRun); f != nil && f.MapRun != nil {
			x.mapRunSucceeded(f, ev.Output)
		}
	case MapRunFailed:
		if f := x.find(ev.MapRun); f != nil && f.MapRun != nil {
			x.mapRunFailed(f, ev)
		}
	}
}

// begin starts the execution.
func (x *Execution) begin() {
	if x.Events > 0 {
		return
	}
	s := x.state.Start
	x.emit(nil, executionStarted, Details{Input: s.Input.Text(), RoleARN: s.RoleARN, VersionARN: s.VersionARN, AliasARN: s.AliasARN})
	if x.probe != nil {
		x.beginProbe()
		return
	}
	x.startDeadline()
	x.Root.Input = s.Input
	x.enter(x.Root, x.machine.StartAt)
}

func (x *Execution) startDeadline() {
	if limit := x.machine.TimeoutSeconds; limit > 0 {
		x.Due = x.now.Add(time.Duration(limit) * time.Second)
		x.Deadline = x.startTimer(nil, x.Due)
	}
}

// abort ends the execution on StopExecution. AWS links the event to none before
// it (conformance case test_stop_execution).
func (x *Execution) abort(ev Stopped) {
	x.emit(nil, executionAborted, Details{Error: ev.Error, Cause: ev.Cause})
	x.complete(Complete{Status: Aborted, Error: ev.Error, Cause: ev.Cause})
}

// timeOut ends the execution when the machine's TimeoutSeconds are over.
func (x *Execution) timeOut() {
	x.emit(nil, executionTimedOut, Details{Error: errTimeout})
	x.complete(Complete{Status: TimedOut, Error: errTimeout})
}

// succeed ends the execution with the output of its last state.
func (x *Execution) succeed(f *frame, output *data) {
	if x.full {
		x.fail(f, *historyLimit)
		return
	}
	x.emit(f, executionSucceeded, Details{Output: output.Text()})
	x.state.Output = output
	x.complete(Complete{Status: Succeeded, Output: output.Value()})
}

// fail ends the execution with an error.
func (x *Execution) fail(f *frame, e failure) {
	if x.probe != nil {
		x.probeFailed(e)
	}
	x.emit(f, executionFailed, Details{Error: e.Error, Cause: e.Cause})
	x.complete(Complete{Status: Failed, Error: e.Error, Cause: e.Cause})
}

// complete takes back what is under way and tells the end. The frames stay as
// they are, for a redrive.
func (x *Execution) complete(c Complete) {
	x.cancelAll(x.Root, c.Error)
	for _, timer := range []*ID{&x.Deadline, &x.Resume} {
		x.cancelTimer(*timer)
		*timer = 0
	}
	x.state.Status, x.Error, x.Cause = c.Status, c.Error, c.Cause
	x.ready = nil
	x.commands = append(x.commands, c)
}
