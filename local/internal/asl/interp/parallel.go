package interp

// This file defines Parallel, and what it has in common with an inline Map:
// frames below a frame.
// https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html

import "github.com/stepworks/stepworks/local/internal/asl"

func (x *Execution) actParallel(f *frame) {
	if x.mocked(f) {
		return
	}
	in, e := languageOf(f).input(x, f)
	if e != nil {
		x.failState(f, e)
		return
	}
	if !in.fits() {
		x.failState(f, dataLimit(f.name()))
		return
	}
	x.emit(f, parallelStarted, Details{})
	n := len(f.at.Parallel.Branches)
	f.Fan = &fan{Children: make([]*frame, n), Next: n, Left: n, Limit: n}
	for i, branch := range f.at.Parallel.Branches {
		child := &frame{Index: i, Input: in, Prev: f.Prev, parent: f}
		f.Fan.Children[i] = child
		x.enter(child, branch.StartAt)
	}
}

func (x *Execution) branchSucceeded(child *frame, output *data) {
	f := child.parent
	child.finish(output)
	f.Prev = child.Prev
	if f.Fan.Left--; f.Fan.Left == 0 {
		x.fanSucceeded(f, parallelSucceeded)
	}
}

// fanSucceeded leaves a Parallel or Map with the array of its children's
// outputs. Its ...StateSucceeded event is no link of the chain.
func (x *Execution) fanSucceeded(f *frame, t EventType) {
	outputs := make([]any, len(f.Fan.Children))
	for i, child := range f.Fan.Children {
		outputs[i] = child.Output.Value()
	}
	x.emitAside(f, t, Details{})
	x.leaveWith(f, newData(outputs))
}

// leaveWith leaves a state with its result.
func (x *Execution) leaveWith(f *frame, result *data) {
	o, e := languageOf(f).output(x, f, result, true)
	if e != nil {
		x.failState(f, e)
		return
	}
	f.Fan, f.MapRun = nil, nil
	x.proceed(f, o)
}

// childFailed fails the Parallel or Map around a frame that failed, and stops
// the frame's siblings.
func (x *Execution) childFailed(child *frame, e *failure) {
	f := child.parent
	f.Prev = child.Prev
	if f.at.Type == asl.TypeMap {
		x.emitAside(f, mapIterationFailed, Details{Name: f.name(), Index: child.Index})
	}
	x.cancelAll(child, e.Error)
	x.failFan(f, child, e)
}

// failFan fails a Parallel or Map whose children run, all but one of them.
func (x *Execution) failFan(f, ended *frame, e *failure) {
	for _, child := range f.Fan.Children {
		if child != nil && child != ended && !child.Done {
			x.abortFrame(f, child)
		}
	}
	x.forget(f)
	x.failState(f, e)
}

// abortFrame stops a frame and tells so.
func (x *Execution) abortFrame(f, child *frame) {
	child.all(func(c *frame) {
		if c.at == nil || c.Done {
			return
		}
		if t, ok := abortedTypes[c.at.Type]; ok {
			x.emitAside(f, t, Details{})
		}
	})
	if f.at.Type == asl.TypeMap {
		x.emitAside(f, mapIterationAborted, Details{Name: f.name(), Index: child.Index})
	}
	x.cancelAll(child, "")
}

// forget takes the frames below f out of the turn.
func (x *Execution) forget(f *frame) {
	kept := x.ready[:0]
	for _, r := range x.ready {
		if !r.below(f) {
			kept = append(kept, r)
		}
	}
	x.ready = kept
}

func (f *frame) below(other *frame) bool {
	for f = f.parent; f != nil; f = f.parent {
		if f == other {
			return true
		}
	}
	return false
}
