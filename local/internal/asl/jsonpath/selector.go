package jsonpath

// This file defines the steps that are more than one name or one index.

import (
	"slices"
	"strconv"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// selector is a step that picks in its own way. apply picks from v and goes on
// with step i+1.
type selector interface {
	apply(e *evaluation, i int, v jsonvalue.Value) error
	definite() bool
	String() string
}

// wildcard is .* and [*]: all elements, or all members' values.
type wildcard struct{}

func (wildcard) definite() bool { return false }
func (wildcard) String() string { return "[*]" }

func (wildcard) apply(e *evaluation, i int, v jsonvalue.Value) error {
	return eachChild(v, func(child jsonvalue.Value) error { return e.walk(i+1, child) })
}

func eachChild(v jsonvalue.Value, do func(jsonvalue.Value) error) error {
	switch v := v.(type) {
	case []any:
		for _, child := range v {
			if err := do(child); err != nil {
				return err
			}
		}
	case *jsonvalue.Object:
		for _, child := range v.All() {
			if err := do(child); err != nil {
				return err
			}
		}
	}
	return nil
}

// names is ['a','b']: an object of those members that are there. It can only be
// the last step.
type names []string

func (names) definite() bool { return true }

func (n names) String() string {
	quoted := make([]string, len(n))
	for i, name := range n {
		quoted[i] = quote(name)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func (n names) apply(e *evaluation, i int, v jsonvalue.Value) error {
	if i+1 < len(e.path.steps) {
		return &NotFound{Path: e.path, Document: e.start, Problem: "Multi properties can only be used as path leafs: " + canonicalSteps(e.path.steps[:i+1])}
	}
	o, ok := v.(*jsonvalue.Object)
	if !ok {
		return e.missing(i, v)
	}
	var b jsonvalue.Builder
	for _, name := range n {
		if member, ok := o.Get(name); ok {
			b.Set(name, member)
		}
	}
	return e.walk(i+1, b.Object())
}

// indexes is [0,2].
type indexes []int

func (indexes) definite() bool { return false }

func (x indexes) String() string {
	texts := make([]string, len(x))
	for i, n := range x {
		texts[i] = strconv.Itoa(n)
	}
	return "[" + strings.Join(texts, ",") + "]"
}

func (x indexes) apply(e *evaluation, i int, v jsonvalue.Value) error {
	a, ok := v.([]any)
	if !ok {
		return e.missing(i, v)
	}
	for _, n := range x {
		if child, ok := element(a, n); ok {
			if err := e.walk(i+1, child); err != nil {
				return err
			}
		}
	}
	return nil
}

// slice is [from:to].
type slice struct {
	from, to       int
	hasFrom, hasTo bool
}

func (slice) definite() bool { return false }

func (s slice) String() string {
	var from, to string
	if s.hasFrom {
		from = strconv.Itoa(s.from)
	}
	if s.hasTo {
		to = strconv.Itoa(s.to)
	}
	return "[" + from + ":" + to + "]"
}

func (s slice) apply(e *evaluation, i int, v jsonvalue.Value) error {
	a, ok := v.([]any)
	if !ok {
		return e.missing(i, v)
	}
	from, to := s.bounds(len(a))
	for n := from; n < to; n++ {
		if child, ok := element(a, n); ok {
			if err := e.walk(i+1, child); err != nil {
				return err
			}
		}
	}
	return nil
}

// bounds follows Jayway: a negative bound counts from the end only where it stands
// alone. In [from:to] both are taken as they are, so a negative one finds nothing.
func (s slice) bounds(length int) (from, to int) {
	from, to = s.from, s.to
	switch {
	case !s.hasTo:
		if from < 0 {
			from += length
		}
		return max(from, 0), length
	case !s.hasFrom:
		if to < 0 {
			to += length
		}
		return 0, min(to, length)
	case from < 0:
		return 0, 0
	}
	return from, min(to, length)
}

// descent is "..": what follows it is applied to the value and everything below.
type descent struct{}

func (descent) definite() bool { return false }
func (descent) String() string { return ".." }

func (d descent) apply(e *evaluation, i int, v jsonvalue.Value) error {
	if i+1 == len(e.path.steps) {
		return nil
	}
	if err := d.here(e, i+1, v); err != nil {
		return err
	}
	return eachChild(v, func(child jsonvalue.Value) error {
		if !e.charge(1) {
			return e.failed
		}
		return d.apply(e, i, child)
	})
}

// here applies the step after ".." to one value if it is of the kind that the
// step picks from.
func (descent) here(e *evaluation, i int, v jsonvalue.Value) error {
	s := &e.path.steps[i]
	o, isObject := v.(*jsonvalue.Object)
	list, isArray := v.([]any)
	switch sel := s.selector.(type) {
	case nil:
		if s.byIndex && !isArray || !s.byIndex && !(isObject && o.Has(s.name)) {
			return nil
		}
	case names:
		if !isObject || slices.ContainsFunc(sel, func(name string) bool { return !o.Has(name) }) {
			return nil
		}
	case indexes, slice:
		if !isArray {
			return nil
		}
	case *filter:
		if !sel.keeps(e, v) {
			return e.failed
		}
	}
	if isArray && i+1 < len(e.path.steps) {
		return e.walkEach(i+1, list)
	}
	return e.walk(i, v)
}

// walkEach is what Jayway does with an array behind ".." when more steps follow:
// it takes all elements, whichever the step picks. $..[1].key is the key of every
// element (recorded in https://cburgmer.github.io/json-path-comparison/ as
// dot_notation_after_bracket_notation_after_recursive_descent).
func (e *evaluation) walkEach(i int, list []any) error {
	for _, element := range list {
		if err := e.walk(i, element); err != nil {
			return err
		}
	}
	return nil
}
