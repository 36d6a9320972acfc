package interp

// This file defines the loop and the transitions: how a frame enters a state,
// leaves it, and what its end means to the frame above.

import (
	"github.com/stepworks/stepworks/local/internal/asl"
)

// run lets every frame go on that can, one state at a time in turn, until all
// wait, the execution has ended, or the step has made so much that it should be
// persisted first.
func (x *Execution) run() {
	for len(x.ready) > 0 && x.state.Status == Running {
		f := x.ready[0]
		x.ready = x.ready[1:]
		if x.full {
			break
		}
		if len(x.events) >= stepEvents || x.bytes >= stepBytes {
			x.pause()
			return
		}
		x.act(f)
	}
	x.ready = nil
	if x.full && x.state.Status == Running {
		x.fail(x.Root, *historyLimit)
	}
}

// How much one Step may make before it lets the driver persist: a machine that
// never waits would otherwise hold gigabytes of history in memory.
const (
	stepEvents = 5000
	stepBytes  = 16 << 20
)

// pause asks for another step, by a timer that is due already.
func (x *Execution) pause() {
	x.ready = nil
	x.Resume = x.startTimer(nil, x.now)
}

// resume goes on after a pause: with every frame that waits for nothing.
func (x *Execution) resume() {
	x.Resume = 0
	x.Root.all(func(f *frame) {
		if !f.Done && f.Task == nil && f.Timer == nil && f.MapRun == nil && f.Fan == nil {
			x.ready = append(x.ready, f)
		}
	})
}

// The limits on events. Standard executions fail at 25,000:
// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
// Express executions have five minutes instead of a limit; here one bounds a
// loop that would never wait.
const (
	maxEvents        = 25000
	maxEventsExpress = 250000
)

// noRoom reports whether an event must be left out, because the last one that
// the history can take is kept for the end of the execution.
func (x *Execution) noRoom(t EventType) bool {
	limit := int64(maxEvents)
	if x.state.Start.Express {
		limit = maxEventsExpress
	}
	if x.Events < limit-1 || lastEvents[t] {
		return false
	}
	x.full = true
	return true
}

// lastEvents are the events that end a history.
var lastEvents = map[EventType]bool{
	executionSucceeded: true, executionFailed: true, executionAborted: true, executionTimedOut: true,
}

// actions has what each type of state does once it was entered, and again on
// each retry.
var actions map[asl.Type]func(*Execution, *frame)

func init() { // not a literal: the actions come back to enter
	actions = map[asl.Type]func(*Execution, *frame){
		asl.TypeTask:     (*Execution).actTask,
		asl.TypePass:     (*Execution).actPass,
		asl.TypeWait:     (*Execution).actWait,
		asl.TypeChoice:   (*Execution).actChoice,
		asl.TypeParallel: (*Execution).actParallel,
		asl.TypeMap:      (*Execution).actMap,
		asl.TypeSucceed:  (*Execution).passOn,
		asl.TypeFail:     (*Execution).actFail,
	}
}

func (x *Execution) act(f *frame) { actions[f.at.Type](x, f) }

// enter puts a frame into a state of its graph. The frame's Input is set.
func (x *Execution) enter(f *frame, name string) {
	x.enterState(f, x.graphOf(f).State(name))
}

func (x *Execution) enterState(f *frame, s *asl.State) {
	f.at = s
	f.Location, f.Entered, f.Spent, f.Attempt, f.items = f.at.Location, x.now, nil, 0, nil
	x.observe(f, PartState, 0, "")
	f.BeforeID = f.Prev
	x.emit(f, enteredTypes[f.at.Type], Details{Name: s.Name, Input: f.Input.Text()})
	f.EnteredID = f.Prev
	x.ready = append(x.ready, f)
}

// graphOf returns the graph that a frame runs.
func (x *Execution) graphOf(f *frame) *asl.Graph {
	switch {
	case f.parent == nil:
		return &x.machine.Graph
	case f.parent.at.Type == asl.TypeMap:
		return f.parent.at.Map.Processor
	}
	return f.parent.at.Parallel.Branches[f.Index]
}

// runAgain acts in the state once more, after the delay of a retrier.
func (x *Execution) runAgain(f *frame) {
	f.Attempt++
	x.ready = append(x.ready, f)
}

// leave makes a state's output and assignments real and moves on. It answers
// with what is in the way, and has done nothing then.
func (x *Execution) leave(f *frame, o outcome, next string) *failure {
	if !o.output.fits() {
		return dataLimit(f.name())
	}
	if e := f.assign(o.assigned); e != nil {
		return e
	}
	x.emit(f, exitedTypes[f.at.Type], Details{Name: f.name(), Output: o.output.Text(), Assigned: texts(o.assigned)})
	if x.probe != nil {
		x.probeLeft(o, next)
		return nil
	}
	if next == "" {
		x.end(f, o.output)
		return nil
	}
	f.Input = o.output
	x.enter(f, next)
	return nil
}

// proceed leaves a state by its Next or End.
func (x *Execution) proceed(f *frame, o outcome) {
	x.observe(f, PartNext, 0, f.at.Next)
	if e := x.leave(f, o, f.at.Next); e != nil {
		x.failState(f, e)
	}
}

// end ends a frame with the output of its last state.
func (x *Execution) end(f *frame, output *data) {
	switch {
	case f.parent == nil:
		x.succeed(f, output)
	case f.parent.at.Type == asl.TypeMap:
		x.iterationSucceeded(f, output)
	default:
		x.branchSucceeded(f, output)
	}
}

// finish turns a frame into the memory of its output.
func (f *frame) finish(output *data) {
	*f = frame{Index: f.Index, Prev: f.Prev, parent: f.parent, Output: output, Done: true}
}
