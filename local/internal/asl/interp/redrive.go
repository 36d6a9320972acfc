package interp

// This file defines redrive: an execution that ended unsuccessfully goes on
// where it was.
// https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html

import "fmt"

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
		case f.Fan == nil:
			x.ready = append(x.ready, f)
		}
	})
}

func (x *Execution) redriveRun(f *frame) {
	f.MapRun.Failed = false
	f.MapRun.Redrives++
	x.emit(f, mapRunRedriven, Details{MapRunARN: f.MapRun.ARN, RedriveCount: f.MapRun.Redrives})
	x.commands = append(x.commands, RedriveMapRun{MapRun: f.MapRun.ID, ARN: f.MapRun.ARN})
}
