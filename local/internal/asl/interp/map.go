package interp

// This file defines Map: inline, whose iterations are frames of the execution.
// A distributed one is in maprun.go.
// https://docs.aws.amazon.com/step-functions/latest/dg/state-map.html

import (
	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// maxInline is how many iterations of an inline Map run at once, at most:
// https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
const maxInline = 40

func (x *Execution) actMap(f *frame) {
	if f.at.Map.Distributed {
		x.actMapRun(f)
		return
	}
	items, e := languageOf(f).items(x, f)
	if e != nil {
		x.failState(f, e)
		return
	}
	if f.at.Language == asl.JSONPath { // JSONata has no such step (conformance case test_map_state_error_caused_by_state)
		x.note("afterItemsPath", newData(items))
	}
	x.emit(f, mapStarted, Details{Length: len(items)})
	limit, e := x.concurrency(f)
	if e != nil {
		x.failState(f, e)
		return
	}
	x.noteNumber("maxConcurrency", jsonvalue.Int(int64(limit)))
	if x.mocked(f) {
		return
	}
	if limit == 0 || limit > maxInline {
		limit = maxInline
	}
	f.items = items
	f.Fan = &fan{Children: make([]*frame, len(items)), Left: len(items), Limit: limit}
	if len(items) == 0 {
		x.fanSucceeded(f, mapSucceeded)
		return
	}
	x.fill(f)
}

// fill starts as many iterations as may run at once: all of them are told to
// have started before the first does anything.
func (x *Execution) fill(f *frame) {
	running := 0
	for _, child := range f.Fan.Children[:f.Fan.Next] {
		if !child.Done {
			running++
		}
	}
	first := f.Fan.Next
	for ; running < f.Fan.Limit && f.Fan.Next < len(f.Fan.Children); running++ {
		if !x.startIteration(f, f.Prev) {
			return
		}
	}
	for _, child := range f.Fan.Children[first:f.Fan.Next] {
		x.enter(child, f.at.Map.Processor.StartAt)
	}
}

// concurrency evaluates MaxConcurrency; 0 is no limit.
func (x *Execution) concurrency(f *frame) (int, *failure) {
	o := f.at.Map.MaxConcurrency
	if !o.Given() {
		return 0, nil
	}
	n, e := x.wholeOperand(f, o)
	if e == nil && n < 0 {
		e = runtimeFailure(f, "The %s field must not be negative: %s == %d", o.Field, sourceOf(o), n)
	}
	return int(n), e
}

// startIteration makes the next iteration's frame, which follows the event
// prev. It reports false when the iteration's input failed, and the state with
// it.
func (x *Execution) startIteration(f *frame, prev int64) bool {
	i := f.Fan.Next
	input, e := x.itemInput(f, i)
	if e != nil {
		x.failFan(f, nil, e)
		return false
	}
	child := &frame{Index: i, Input: input, Item: newData(f.items[i]), Prev: prev, parent: f}
	f.Fan.Children[i] = child
	f.Fan.Next++
	x.emit(child, mapIterationStarted, Details{Name: f.name(), Index: i})
	return true
}

// itemInput is what an iteration gets: the item, or what ItemSelector makes.
func (x *Execution) itemInput(f *frame, i int) (*data, *failure) {
	if f.items == nil { // after a restart
		items, e := languageOf(f).items(x, f)
		if e != nil {
			return nil, e
		}
		f.items = items
	}
	if f.at.Map.ItemSelector == nil {
		return newData(f.items[i]), nil
	}
	return languageOf(f).selected(x, f, &item{i, f.items[i]})
}

// selected evaluates ItemSelector for an item, with $ the effective input.
func (l jsonPath) selected(x *Execution, f *frame, it *item) (*data, *failure) {
	in, e := l.inputPath(x, f)
	if e != nil {
		return nil, e
	}
	ev := x.evaluator(f, in)
	ev.item = it
	v, e := ev.template(f.at.Map.ItemSelector)
	if e != nil {
		return nil, e
	}
	return newData(v), nil
}

// iterationSucceeded starts the next iteration or leaves the state. An
// iteration that takes another's turn follows that one's last event, not its
// MapIterationSucceeded (conformance case test_map_state).
func (x *Execution) iterationSucceeded(child *frame, output *data) {
	f := child.parent
	last := child.Prev
	x.emit(child, mapIterationSucceeded, Details{Name: f.name(), Index: child.Index})
	f.Prev = child.Prev
	child.finish(output)
	f.Fan.Left--
	switch {
	case f.Fan.Left == 0:
		x.fanSucceeded(f, mapSucceeded)
	case f.Fan.Next < len(f.Fan.Children):
		i := f.Fan.Next
		if x.startIteration(f, last) {
			x.enter(f.Fan.Children[i], f.at.Map.Processor.StartAt)
		}
	}
}
