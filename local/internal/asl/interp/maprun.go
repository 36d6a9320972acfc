package interp

// This file defines the distributed Map: what a map run is told, and what its
// end means to the state. The driver reads the items, runs the children and
// writes the results.
// https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html

import (
	"strings"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// actMapRun starts a map run. With an ItemReader, ItemsPath means nothing
// (conformance case INVALID_ITEMS_PATH) and the length is not known yet.
func (x *Execution) actMapRun(f *frame) {
	before := x.Random.clone()
	run, e := x.newRun(f)
	if e != nil {
		x.failState(f, e)
		return
	}
	if run.Items != nil {
		if f.at.Language == asl.JSONPath { // JSONata has no such step (conformance case test_map_state_error_caused_by_state)
			x.note("afterItemsPath", newData(run.Items))
		}
	}
	x.emit(f, mapStarted, Details{Length: len(run.Items)})
	if e := x.evaluateRun(f, &run); e != nil {
		x.failState(f, e)
		return
	}
	if x.mocked(f) {
		return
	}
	f.MapRun = &pendingRun{ARN: x.mapRunARN(f), Random: before}
	f.MapRun.ID = x.newID(f)
	run.MapRun, run.ARN = f.MapRun.ID, f.MapRun.ARN
	x.emit(f, mapRunStarted, Details{MapRunARN: run.ARN})
	x.commands = append(x.commands, run)
}

// newRun begins the command: what it goes over.
func (x *Execution) newRun(f *frame) (StartMapRun, *failure) {
	run := StartMapRun{State: f.name(), Label: f.at.Map.Label, Location: f.at.Location, ExecutionType: f.at.Map.ExecutionType}
	if f.at.Map.Reader != nil {
		return run, nil
	}
	items, e := languageOf(f).items(x, f)
	run.Items = items
	return run, e
}

// startAgain makes the command of a map run under way once more: evaluated
// from the same random source it is the same.
func (x *Execution) startAgain(f *frame) StartMapRun {
	now := x.Random
	x.Random = f.MapRun.Random.clone()
	run, e := x.newRun(f)
	if e == nil {
		e = x.evaluateRun(f, &run)
	}
	x.Random = now
	if e != nil {
		panic("interp: a map run cannot be evaluated again: " + e.Cause)
	}
	run.MapRun, run.ARN = f.MapRun.ID, f.MapRun.ARN
	return run
}

// mapRunARN names the map run: arn:aws:states:<region>:<account>:mapRun:<machine>/<label>:<uuid>.
func (x *Execution) mapRunARN(f *frame) string {
	label := f.at.Map.Label
	if label == "" {
		label = x.Random.UUID()
	}
	parts := strings.SplitN(x.state.Start.MachineARN, ":", 6)
	prefix := strings.Join(parts[:min(5, len(parts))], ":")
	return prefix + ":mapRun:" + lastPart(x.state.Start.MachineARN) + "/" + label + ":" + x.Random.UUID()
}

// evaluateRun evaluates what a map run needs to know.
func (x *Execution) evaluateRun(f *frame, run *StartMapRun) *failure {
	steps := []func(*frame, *StartMapRun) *failure{
		x.evaluateSelection, x.evaluateLimits, x.evaluateReader, x.evaluateBatcher, x.evaluateWriter,
	}
	for _, step := range steps {
		if e := step(f, run); e != nil {
			return e
		}
	}
	return nil
}

func (x *Execution) evaluateSelection(f *frame, run *StartMapRun) *failure {
	in, e := languageOf(f).input(x, f)
	if e != nil {
		return e
	}
	run.Selection = Selection{Input: in.Value(), Context: x.contextOf(f, nil), Variables: f.scope(), EnteredID: f.EnteredID}
	return nil
}

func (x *Execution) evaluateLimits(f *frame, run *StartMapRun) (e *failure) {
	m := f.at.Map
	if run.MaxConcurrency, e = x.concurrency(f); e != nil {
		return e
	}
	x.noteNumber("maxConcurrency", jsonvalue.Int(int64(run.MaxConcurrency)))
	if m.ToleratedFailureCount.Given() {
		n, e := x.wholeOperand(f, m.ToleratedFailureCount)
		if e != nil {
			return e
		}
		if n < 0 {
			return runtimeFailure(f, "ToleratedFailureCount must not be negative.")
		}
		run.ToleratedFailureCount = &n
		x.noteNumber("toleratedFailureCount", jsonvalue.Int(n))
	}
	if m.ToleratedFailurePercentage.Given() {
		p, e := x.floatOperand(f, m.ToleratedFailurePercentage)
		if e != nil {
			return e
		}
		if p < 0 || p > 100 {
			return runtimeFailure(f, "ToleratedFailurePercentage must be between 0 and 100.")
		}
		run.ToleratedFailurePercentage = &p
		x.noteNumber("toleratedFailurePercentage", jsonvalue.Float(p))
	}
	return nil
}

// evaluateReader leaves the checks of MaxItems to the map run, where AWS makes
// them (conformance case test_map_item_reader_csv_max_items_paths[-1]).
func (x *Execution) evaluateReader(f *frame, run *StartMapRun) *failure {
	r := f.at.Map.Reader
	if r == nil {
		return nil
	}
	run.Reader = &ItemReader{
		Resource: r.Resource, InputType: r.InputType, CSVHeaderLocation: r.CSVHeaderLocation, CSVHeaders: r.CSVHeaders,
		CSVDelimiter: r.CSVDelimiter, ManifestType: r.ManifestType, Transformation: r.Transformation, ItemsPointer: r.ItemsPointer,
	}
	v, e := x.evaluateParameters(f, r.Parameters)
	if e != nil {
		return e
	}
	run.Reader.Parameters = v
	if r.MaxItems.Given() {
		run.Reader.MaxItems, e = x.wholeOperand(f, r.MaxItems)
	}
	return e
}

// evaluateParameters evaluates Parameters of ItemReader and ResultWriter.
func (x *Execution) evaluateParameters(f *frame, t *asl.Template) (jsonvalue.Value, *failure) {
	if t == nil {
		return nil, nil
	}
	in, e := languageOf(f).input(x, f)
	if e != nil {
		return nil, e
	}
	d, e := languageOf(f).template(x, f, t, in, "Parameters")
	if e != nil {
		return nil, e
	}
	return d.Value(), nil
}

func (x *Execution) evaluateBatcher(f *frame, run *StartMapRun) (e *failure) {
	b := f.at.Map.Batcher
	if b == nil {
		return nil
	}
	run.Batcher = &ItemBatcher{}
	for _, limit := range []struct {
		from asl.Operand
		to   *int64
	}{{b.MaxItems, &run.Batcher.MaxItems}, {b.MaxBytes, &run.Batcher.MaxBytes}} {
		if !limit.from.Given() {
			continue
		}
		if *limit.to, e = x.wholeOperand(f, limit.from); e != nil {
			return e
		}
		if *limit.to < 1 {
			return runtimeFailure(f, "The %s field must be positive: %s == %d", limit.from.Field, sourceOf(limit.from), *limit.to)
		}
	}
	run.Batcher.Input, e = x.evaluateParameters(f, b.Input)
	return e
}

func (x *Execution) evaluateWriter(f *frame, run *StartMapRun) *failure {
	w := f.at.Map.Writer
	if w == nil {
		return nil
	}
	v, e := x.evaluateParameters(f, w.Parameters)
	run.Writer = &ResultWriter{Resource: w.Resource, Parameters: v, Transformation: w.Transformation, OutputType: w.OutputType}
	return e
}

func (x *Execution) mapRunSucceeded(f *frame, output jsonvalue.Value) {
	delete(x.waiting, f.MapRun.ID)
	f.MapRun = nil
	x.emit(f, mapRunSucceeded, Details{})
	result := newData(output)
	if !result.fits() {
		x.failState(f, dataLimit(f.name()))
		return
	}
	x.emitAside(f, mapSucceeded, Details{})
	x.leaveWith(f, result)
}

func (x *Execution) mapRunFailed(f *frame, ev MapRunFailed) {
	delete(x.waiting, f.MapRun.ID)
	f.MapRun.Failed = true
	x.emit(f, mapRunFailed, Details{Error: ev.Error, Cause: ev.Cause})
	x.failState(f, &failure{Error: ev.Error, Cause: ev.Cause})
}
