package interp_test

import (
	"errors"
	"time"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
)

// fataler is what a runner needs of a test.
type fataler interface{ Fatal(args ...any) }

// runner is the smallest driver: it answers every task at once, lets time jump
// to the next timer, and runs the children of map runs one after the other.
type runner struct {
	m      *asl.Machine
	x      *interp.Execution
	now    time.Time
	timers map[interp.ID]time.Time
	queue  []interp.Event
	events []interp.HistoryEvent
	enough int                                    // stop after so many events; 0: never
	answer func(interp.ScheduleTask) interp.Event // nil: every task fails
}

func newRunner(m *asl.Machine, s interp.Start) *runner {
	return &runner{m: m, x: interp.New(m, s), now: s.Time, timers: map[interp.ID]time.Time{}, queue: []interp.Event{interp.Started{}}}
}

// all runs the execution to its end, but for no more than a bounded number of
// steps.
func (r *runner) all(t fataler) {
	for steps := 0; r.x.Status() == interp.Running; steps++ {
		if steps > 100000 {
			t.Fatal("the execution does not end")
		}
		if r.enough > 0 && len(r.events) > r.enough {
			return
		}
		r.step(t)
	}
}

// step feeds the next event and performs what comes of it.
func (r *runner) step(t fataler) {
	if len(r.queue) == 0 && !r.fire() {
		t.Fatal("the execution waits for nothing")
	}
	ev := r.queue[0]
	r.queue = r.queue[1:]
	commands, events := r.x.Step(r.now, ev)
	r.events = append(r.events, events...)
	for _, c := range commands {
		r.perform(t, c)
	}
}

// fire queues the timer that is due next.
func (r *runner) fire() bool {
	next := interp.ID(0)
	for id, at := range r.timers {
		if next == 0 || at.Before(r.timers[next]) || at.Equal(r.timers[next]) && id < next {
			next = id
		}
	}
	if next == 0 {
		return false
	}
	if at := r.timers[next]; at.After(r.now) {
		r.now = at
	}
	delete(r.timers, next)
	r.queue = append(r.queue, interp.TimerFired{Timer: next})
	return true
}

func (r *runner) perform(t fataler, c interp.Command) {
	switch c := c.(type) {
	case interp.ScheduleTask:
		if r.answer != nil {
			r.queue = append(r.queue, r.answer(c))
		} else {
			r.queue = append(r.queue, interp.TaskFailed{Task: c.Task, Error: "Unbound"})
		}
	case interp.StartTimer:
		r.timers[c.Timer] = c.At
	case interp.CancelTimer:
		delete(r.timers, c.Timer)
	case interp.StartMapRun:
		r.queue = append(r.queue, r.mapRun(t, c))
	}
}

func (r *runner) mapRun(t fataler, c interp.StartMapRun) interp.Event {
	selector, err := interp.NewSelector(r.m, c)
	if err != nil {
		t.Fatal(err)
	}
	items, err := interp.Collect(selector.Inputs(interp.Each(c.Items)))
	if err != nil {
		return failedRun(c, err)
	}
	var children []interp.Child
	failed := int64(0)
	for _, input := range items {
		child := newRunner(r.m.Processor(c.Location), interp.Start{
			ARN: c.ARN + ":c", Name: "c", MachineARN: c.ARN, Input: input, Time: r.now, Express: c.ExecutionType == "EXPRESS",
		})
		child.answer = r.answer
		child.all(t)
		if child.x.Status() != interp.Succeeded {
			failed++
		}
		name, cause := child.x.Failure()
		children = append(children, interp.Child{Input: input, Output: child.x.Output(), Status: child.x.Status(), Error: name, Cause: cause})
	}
	if c.Exceeded(int64(len(items)), failed) {
		return interp.MapRunFailed{MapRun: c.MapRun, Error: interp.ErrTooManyFailures, Cause: interp.CauseTooManyFailures}
	}
	return interp.MapRunSucceeded{MapRun: c.MapRun, Output: c.Results(children)}
}

func failedRun(c interp.StartMapRun, err error) interp.Event {
	var e *interp.Error
	if !errors.As(err, &e) {
		e = &interp.Error{Name: "States.Runtime", Cause: err.Error()}
	}
	return interp.MapRunFailed{MapRun: c.MapRun, Error: e.Name, Cause: e.Cause}
}
