package jsonpath

// This file defines how a path that is more than names and indexes is walked.

import (
	"fmt"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Limits of one evaluation. AWS has none of its own here but refuses payloads over
// 256 KiB, which no result near these fits into; they stop "$..*..*..*".
const (
	maxMatches = 1 << 18
	maxWork    = 1 << 21 // values visited and compared, 16 characters of a text counting as one
)

// evaluation is one walk of a path over a document.
type evaluation struct {
	path    *Path
	doc     jsonvalue.Value // what "$" means inside filters
	start   jsonvalue.Value
	matches []jsonvalue.Value
	lenient bool // a step that leads nowhere is no error
	work    *int // what was done so far, shared with the evaluations of inner paths
	failed  error
}

func newEvaluation(p *Path, doc jsonvalue.Value) *evaluation {
	return &evaluation{path: p, doc: doc, start: doc, lenient: !p.definite, work: new(int)}
}

// inner evaluates a path of a filter on the same account.
func (e *evaluation) inner(p *Path, item jsonvalue.Value) *evaluation {
	return &evaluation{path: p, doc: e.doc, start: e.startOf(p, item), lenient: !p.definite, work: e.work}
}

// startOf is what an inner path starts from: the item or the document.
func (e *evaluation) startOf(p *Path, item jsonvalue.Value) jsonvalue.Value {
	if p.root == "$" {
		return e.doc
	}
	return item
}

// walk applies the steps from i on to v.
func (e *evaluation) walk(i int, v jsonvalue.Value) error {
	if !e.charge(1) {
		return e.failed
	}
	if i == len(e.path.steps) {
		return e.match(v)
	}
	s := &e.path.steps[i]
	if s.selector != nil {
		return s.selector.apply(e, i, v)
	}
	child, ok := s.child(v)
	if ok {
		return e.walk(i+1, child)
	}
	return e.missing(i, v)
}

func (e *evaluation) match(v jsonvalue.Value) error {
	if len(e.matches) >= maxMatches {
		e.failed = &LimitError{Path: e.path, Problem: fmt.Sprintf("matches more than %d values", maxMatches)}
		return e.failed
	}
	e.matches = append(e.matches, v)
	return nil
}

func (e *evaluation) missing(i int, v jsonvalue.Value) error {
	if e.lenient {
		return nil
	}
	return e.path.notFound(i, v, e.start)
}

// charge accounts for n units of work; it fails the evaluation when they are too
// many.
func (e *evaluation) charge(n int) bool {
	if *e.work += n; *e.work > maxWork {
		e.failed = &LimitError{Path: e.path, Problem: fmt.Sprintf("takes more than %d steps on this document", maxWork)}
		return false
	}
	return true
}

// value is what an inner path leads to: for an indefinite one the array of its
// matches; ok is false when a definite one leads nowhere.
func (e *evaluation) value(p *Path, item jsonvalue.Value) (v jsonvalue.Value, ok bool) {
	if p.simple {
		v, missing := p.follow(e.startOf(p, item))
		return v, e.charge(1) && missing < 0
	}
	in := e.inner(p, item)
	if err := in.walk(0, in.start); err != nil {
		e.adopt(in)
		return nil, false
	}
	if !p.definite {
		return nonNil(in.matches), true
	}
	if len(in.matches) == 0 {
		return nil, false
	}
	return in.matches[0], true
}

// exists tells whether an inner path leads to something other than null. Jayway
// demands here that every member on the way is present, and is then content with
// an empty list.
func (e *evaluation) exists(p *Path, item jsonvalue.Value) bool {
	if p.simple {
		v, missing := p.follow(e.startOf(p, item))
		return e.charge(1) && missing < 0 && v != nil
	}
	in := e.inner(p, item)
	in.lenient = false
	err := in.walk(0, in.start)
	e.adopt(in)
	return err == nil && (!p.definite || len(in.matches) > 0)
}

// adopt keeps an inner evaluation's exceeded limit; that a path led nowhere is
// no failure of the outer one.
func (e *evaluation) adopt(in *evaluation) {
	if in.failed != nil {
		e.failed = in.failed
	}
}
