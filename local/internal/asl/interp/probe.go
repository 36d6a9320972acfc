package interp

// This file defines probes: one state run alone, with what is to be seen of its
// processing, as TestState does.
// https://docs.aws.amazon.com/step-functions/latest/dg/test-state-isolation.html

import (
	"time"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Probe says how a state is run alone.
type Probe struct {
	Location   string            // of the state in the definition
	Mock       *Mock             // nil: a Task asks its driver as ever
	Context    *jsonvalue.Object // the context object; nil: one is made
	Variables  *jsonvalue.Object // the variables in scope
	RetryCount int               // attempts that the retriers have used
}

// Mock stands for the work of a Task, Parallel or Map.
type Mock struct {
	Result       jsonvalue.Value
	Failed       bool
	Error, Cause string // when Failed
}

// ProbeStatus is what TestState calls status.
type ProbeStatus string

// The statuses of a probe.
const (
	ProbeSucceeded ProbeStatus = "SUCCEEDED"
	ProbeFailed    ProbeStatus = "FAILED"
	ProbeRetriable ProbeStatus = "RETRIABLE"
	ProbeCaught    ProbeStatus = "CAUGHT_ERROR"
)

// Verdict is what a probe found out.
type Verdict struct {
	Status       ProbeStatus
	Output       jsonvalue.Value // unless Failed or Retriable
	Error, Cause string          // unless Succeeded
	NextState    string          // "" when the state ends its graph, and unless Succeeded or Caught

	// Inspection has the members of TestState's inspectionData: data as JSON
	// text, numbers as numbers.
	Inspection *jsonvalue.Object
}

// probing is a probe under way.
type probing struct {
	Probe
	verdict    Verdict
	inspection jsonvalue.Builder
}

// NewProbe returns an execution of one state, which waits for Started and
// completes when the state is left or would be tried again.
func NewProbe(m *asl.Machine, s Start, p Probe) *Execution {
	x := New(m, s)
	x.probe = &probing{Probe: p}
	if p.Context != nil {
		x.outer = p.Context
	}
	return x
}

// Verdict returns what a completed probe found out.
func (x *Execution) Verdict() Verdict {
	v := x.probe.verdict
	v.Inspection = x.probe.inspection.Object()
	return v
}

// beginProbe enters the state under test.
func (x *Execution) beginProbe() {
	f, p := x.Root, x.probe
	f.Input = x.state.Start.Input
	for name, v := range p.Variables.All() {
		if f.Variables == nil {
			f.Variables = map[string]*data{}
		}
		f.Variables[name] = newData(v)
	}
	x.noteValue("input", f.Input)
	at := x.machine.At(p.Location)
	if at == nil {
		x.fail(f, failure{Error: errRuntime, Cause: "There is no state at " + p.Location})
		return
	}
	x.enterState(f, at)
	f.Attempt = p.RetryCount
	f.Spent = make([]int, len(at.Retry))
	for i := range f.Spent {
		f.Spent[i] = p.RetryCount
	}
}

// note keeps a step of the processing of a state under test.
func (x *Execution) note(name string, d *data) {
	if x.probe != nil && d != nil {
		x.noteValue(name, d)
	}
}

func (x *Execution) noteValue(name string, d *data) { x.probe.inspection.Set(name, d.Text()) }

func (x *Execution) noteNumber(name string, n jsonvalue.Number) {
	if x.probe != nil {
		x.probe.inspection.Set(name, n)
	}
}

// mocked ends a Task, Parallel or Map by its mock, if it has one.
func (x *Execution) mocked(f *frame) bool {
	if x.probe == nil || x.probe.Mock == nil {
		return false
	}
	m := x.probe.Mock
	if m.Failed {
		x.failState(f, &failure{Error: m.Error, Cause: m.Cause, final: m.Error == errRuntime})
		return true
	}
	result := newData(m.Result)
	if f.at.Type == asl.TypeTask {
		x.note("result", result)
	}
	x.leaveWith(f, result)
	return true
}

// probeLeft ends a probe with the state's outcome.
func (x *Execution) probeLeft(o outcome, next string) {
	v := &x.probe.verdict
	if v.Status == "" {
		v.Status = ProbeSucceeded
	}
	v.Output, v.NextState = o.output.Value(), next
	x.state.Output = o.output
	x.complete(Complete{Status: Succeeded, Output: v.Output})
}

// probeCaught remembers which catcher has the failure; the state is left next.
func (x *Execution) probeCaught(i int, e *failure) {
	if x.probe == nil {
		return
	}
	x.probe.verdict = Verdict{Status: ProbeCaught, Error: e.Error, Cause: e.Cause}
	x.probe.inspection.Set("errorDetails", object("catchIndex", jsonvalue.Int(int64(i))))
}

// probeRetried ends a probe whose state would be tried again.
func (x *Execution) probeRetried(i int, e *failure, delay time.Duration) {
	x.probe.verdict = Verdict{Status: ProbeRetriable, Error: e.Error, Cause: e.Cause}
	x.probe.inspection.Set("errorDetails", object(
		"retryIndex", jsonvalue.Int(int64(i)), "retryBackoffIntervalSeconds", jsonvalue.Int(int64(delay/time.Second))))
	x.complete(Complete{Status: Failed, Error: e.Error, Cause: e.Cause})
}

// probeFailed ends a probe without success.
func (x *Execution) probeFailed(e failure) {
	x.probe.verdict = Verdict{Status: ProbeFailed, Error: e.Error, Cause: e.Cause}
}
