package interp

// This file defines how an execution is written down and read again.

import (
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/stepworks/stepworks/local/internal/asl"
)

// Append writes the execution after dst, as JSON: everything but the
// definition. Task tokens are in it, as AWS keeps them too; it is no text for
// logs.
func (x *Execution) Append(dst []byte) []byte {
	text, err := json.Marshal(&x.state, json.Deterministic(true))
	if err != nil {
		panic("interp: an execution cannot be written: " + err.Error())
	}
	return append(dst, text...)
}

// Load reads what Append wrote. m must be the definition that the execution
// was started with.
func Load(m *asl.Machine, text []byte) (*Execution, error) {
	x := &Execution{machine: m}
	if err := json.Unmarshal(text, &x.state); err != nil {
		return nil, fmt.Errorf("this is no execution: %w", err)
	}
	if x.Root == nil || x.Random == nil || len(x.Random.Seed) == 0 || x.state.Start.Input == nil {
		return nil, fmt.Errorf("this is no execution: it lacks its frames")
	}
	return x, x.link(x.Root)
}

// link finds the states that a frame and those below it stand in.
func (x *Execution) link(f *frame) error {
	if f.Location != "" {
		if f.at = x.machine.At(f.Location); f.at == nil {
			return fmt.Errorf("the execution stands at %s, which the definition does not have", f.Location)
		}
	}
	if f.Fan == nil {
		return nil
	}
	for _, child := range f.Fan.Children {
		if child == nil {
			continue
		}
		child.parent = f
		if err := x.link(child); err != nil {
			return err
		}
	}
	return nil
}

// Pending returns what the execution waits for as commands: the tasks, timers
// and map runs under way. A driver that starts again performs them, and finds
// out first what became of tasks that were Started or Submitted.
func (x *Execution) Pending() []Command {
	var out []Command
	if x.Deadline != 0 {
		out = append(out, StartTimer{x.Deadline, x.Due})
	}
	if x.Resume != 0 {
		out = append(out, StartTimer{Timer: x.Resume}) // due already
	}
	x.Root.all(func(f *frame) {
		if f.Task != nil {
			out = append(out, x.schedule(f))
			for _, t := range []pendingTimer{f.Task.TimeoutTimer, f.Task.HeartbeatTimer} {
				if t.ID != 0 {
					out = append(out, StartTimer{t.ID, t.At})
				}
			}
		}
		if f.Timer != nil {
			out = append(out, StartTimer{f.Timer.ID, f.Timer.At})
		}
		if f.MapRun != nil && !f.MapRun.Failed {
			out = append(out, x.startAgain(f))
		}
	})
	return out
}
