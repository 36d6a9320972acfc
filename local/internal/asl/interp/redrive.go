package interp

// This file defines redrive: an execution that ended unsuccessfully goes on
// where it was.
// https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html

import (
	"fmt"

	"github.com/stepworks/stepworks/local/internal/asl"
)

// Redrivable says why the execution cannot be redriven, in AWS's words, or nil.
// That 14 days have passed since it ended is the driver's to know.
func (x *Execution) Redrivable() error {
	switch s := x.state.Status; {
	case x.state.Start.Express:
		return fmt.Errorf("Express executions cannot be redriven") //nolint:staticcheck // AWS's words
	case s == Running || s == Succeeded:
		return fmt.Errorf("Execution is %s and cannot be redriven", s) //nolint:staticcheck // AWS's words
	case x.Events >= maxEvents-1:
		return fmt.Errorf("Execution history exceeded the limit of %d events and cannot be redriven", maxEvents) //nolint:staticcheck
	}
	return nil
}

// RedriveCount is how often the execution was redriven.
func (x *Execution) RedriveCount() int { return x.Redrives }

// redrive lets every frame that did not end act again in its state. Retries
// count from the start, and so does the machine's TimeoutSeconds.
func (x *Execution) redrive() {
	if x.Redrivable() != nil {
		return
	}
	x.Redrives++
	x.state.Status, x.Error, x.Cause, x.Redriven = Running, "", "", x.now
	x.waiting, x.context = nil, nil
	x.emit(nil, executionRedriven, Details{RedriveCount: x.Redrives})
	x.startDeadline()
	var fans []*frame
	x.Root.all(func(f *frame) {
		if f.Done {
			return
		}
		f.Spent, f.Attempt = nil, 0
		switch {
		case f.at == nil: // an iteration that had not begun
			x.enter(f, x.graphOf(f).StartAt)
		case f.MapRun != nil:
			x.redriveRun(f)
		case f.Fan != nil:
			fans = append(fans, f)
		default:
			x.ready = append(x.ready, f)
		}
	})
	for _, f := range fans {
		x.redriveFan(f)
	}
}

// redriveFan goes on with a Parallel or Map of which some children have ended
// well. When all have, it was the state's own output that failed.
func (x *Execution) redriveFan(f *frame) {
	switch {
	case f.Fan.Left == 0 && f.at.Type == asl.TypeMap:
		x.fanSucceeded(f, mapSucceeded)
	case f.Fan.Left == 0:
		x.fanSucceeded(f, parallelSucceeded)
	case f.at.Type == asl.TypeMap:
		x.fill(f)
	}
}

func (x *Execution) redriveRun(f *frame) {
	f.MapRun.Failed = false
	f.MapRun.Redrives++
	x.emit(f, mapRunRedriven, Details{MapRunARN: f.MapRun.ARN, RedriveCount: f.MapRun.Redrives})
	x.commands = append(x.commands, RedriveMapRun{MapRun: f.MapRun.ID, ARN: f.MapRun.ARN})
}
