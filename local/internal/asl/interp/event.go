package interp

// This file defines what can happen to an execution: the events that a driver
// feeds to Step.

import "github.com/stepworks/stepworks/local/internal/jsonvalue"

// ID numbers the tasks, timers and map runs of one execution; no two share one.
type ID int64

// Event is one thing that happened. Events for a task, timer or map run that
// has ended (a late answer, a timer that fired while it was being cancelled)
// are ignored: Step answers with nothing.
type Event interface{ event() }

type (
	// Started begins the execution. It is the first event, once.
	Started struct{}

	// TaskStarted says that a task was handed to who does it. Without it the
	// first later event of the task implies it. For activities, timeout and
	// heartbeat begin here:
	// https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html
	TaskStarted struct {
		Task       ID
		WorkerName string // of an activity worker, may be empty
	}

	// TaskSubmitted says that the service took the request of a .sync or
	// .waitForTaskToken task; the task goes on.
	TaskSubmitted struct {
		Task   ID
		Output jsonvalue.Value // the service's answer
	}

	// TaskSucceeded ends a task with its result.
	TaskSucceeded struct {
		Task   ID
		Output jsonvalue.Value
	}

	// TaskFailed ends a task with an error. SubmitFailed marks a .sync or
	// .waitForTaskToken task whose request the service refused; ScheduleFailed
	// one that could not even be asked for (a deleted activity).
	TaskFailed struct {
		Task           ID
		Error, Cause   string
		SubmitFailed   bool
		ScheduleFailed bool
	}

	// Heartbeat restarts a task's heartbeat timer.
	Heartbeat struct{ Task ID }

	// TimerFired says that the time of a StartTimer command has come.
	TimerFired struct{ Timer ID }

	// MapRunSucceeded ends a map run: Output is the array of the children's
	// outputs, or what the result writer left (see [MapRunOutput]).
	MapRunSucceeded struct {
		MapRun ID
		Output jsonvalue.Value
	}

	// MapRunFailed ends a map run with an error such as
	// States.ExceedToleratedFailureThreshold or States.ItemReaderFailed.
	MapRunFailed struct {
		MapRun       ID
		Error, Cause string
	}

	// Stopped is StopExecution: the execution ends as ABORTED.
	Stopped struct{ Error, Cause string }

	// Redriven is RedriveExecution of an execution that ended unsuccessfully:
	// it goes on where it failed. Ask [Execution.Redrivable] first.
	Redriven struct{}
)

func (Started) event()         {}
func (TaskStarted) event()     {}
func (TaskSubmitted) event()   {}
func (TaskSucceeded) event()   {}
func (TaskFailed) event()      {}
func (Heartbeat) event()       {}
func (TimerFired) event()      {}
func (MapRunSucceeded) event() {}
func (MapRunFailed) event()    {}
func (Stopped) event()         {}
func (Redriven) event()        {}
