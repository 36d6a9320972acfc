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

// names is ['a','b']: as the last step an object of those members that are there,
// before others each member in turn. Both are Jayway's.
type names struct {
	list []string
	last bool
}

func (n names) definite() bool { return n.last }

func (n names) String() string {
	quoted := make([]string, len(n.list))
	for i, name := range n.list {
		quoted[i] = quote(name)
	}
	return "[" + strings.Join(quoted, ",") + "]"
}

func (n names) apply(e *evaluation, i int, v jsonvalue.Value) error {
	o, ok := v.(*jsonvalue.Object)
	if !ok {
		return e.missing(i, v)
	}
	if !n.last {
		return n.each(e, i, o)
	}
	var b jsonvalue.Builder
	for _, name := range n.list {
		if member, ok := o.Get(name); ok {
			b.Set(name, member)
		}
	}
	return e.walk(i+1, b.Object())
}

func (n names) each(e *evaluation, i int, o *jsonvalue.Object) error {
	for _, name := range n.list {
		member, ok := o.Get(name)
		if !ok {
			if err := e.missing(i, o); err != nil {
				return err
			}
			continue
		}
		if err := e.walk(i+1, member); err != nil {
			return err
		}
	}
	return nil
}

// indexes is [0,2,-1].
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

// slice is [from:to]. Jayway has no step width: it reads [0:9:2] as [0:9].
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

// bounds follows Jayway to the letter: a negative bound counts from the end only
// where it is alone. In [from:to] both are taken as they stand and every index in
// between is looked up on its own, so [-4:2] of six elements goes around the end
// and yields six, and [3:-2] nothing (answers of Jayway recorded in
// https://cburgmer.github.io/json-path-comparison/).
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
	}
	return max(from, -length), min(to, length)
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
		if !isObject || sel.last && slices.ContainsFunc(sel.list, func(name string) bool { return !o.Has(name) }) {
			return nil
		}
	case indexes, slice:
		if !isArray {
			return nil
		}
	case *filter:
		if !isArray && !isObject || !sel.condition.holds(e, v) {
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
