// Package eventpattern decides which events an EventBridge event pattern selects,
// and says why one was not selected.
//
// A pattern has the shape of the events it selects. Each leaf is an array of
// alternatives: plain values, or an object with one operator. patterns.txt in
// testdata states the semantics as examples, one per rule, and is the test.
//
//	[Compile]        pattern text -> Pattern, or a [SyntaxError] in AWS's words and with AWS's position
//	[Pattern.Match]  does one pattern select an event?
//	[Set.Match]      which of many patterns do? (100,000 events a second against 300)
//	[Pattern.Explain] the first field that did not match, and why, for a person
//
// Semantics follow AWS's own engine and documentation:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
//
// An event is read as a list of leaves, each with its path ("detail.items.sku":
// arrays add nothing to a path). All fields of a pattern must match; where
// they lie inside arrays of objects, they must match within the same element.
// Empty arrays and objects have no leaves, so their fields are absent.
//
// The package is pure: no I/O, no goroutine, no clock. Everything compiled is
// immutable and may be used by many goroutines. It does not know the event
// envelope, nor how long AWS lets a pattern be: eventbridge does.
package eventpattern

import (
	"slices"
	"strings"
)

// Pattern is a compiled event pattern.
type Pattern struct {
	// alternatives are the ways to satisfy the pattern: one, unless it uses $or.
	alternatives []conjunction
	paths        *pathTree
}

// conjunction is a list of fields that must all match.
type conjunction []field

// field is one leaf of a pattern: the value at path passes any of the tests.
type field struct {
	path  string
	tests []test
	slot  int // of path in the Pattern's paths
}

// maxAlternatives bounds what nested $or may multiply out to:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-complex-example-or
const maxAlternatives = 1000

// newPattern prepares alternatives for matching. Fields are ordered by path
// because the order matters for one thing: an absent field inside an array is
// looked for in the element that the fields before it have chosen.
func newPattern(alternatives []conjunction) *Pattern {
	p := &Pattern{alternatives: alternatives, paths: newPathTree()}
	for _, c := range alternatives {
		for i := range c {
			c[i].slot = p.paths.want(c[i])
		}
	}
	return p
}

// sorted returns the fields in the order of their paths.
func (c conjunction) sorted() conjunction {
	s := slices.Clone(c)
	slices.SortFunc(s, func(a, b field) int { return strings.Compare(a.path, b.path) })
	return s
}

// Match reports whether the pattern selects the event, the text of a JSON
// object. The error says where the text stops being one.
func (p *Pattern) Match(event []byte) (bool, error) {
	leaves, err := p.paths.leaves(string(event))
	if err != nil {
		return false, err
	}
	return p.matches(leaves), nil
}

func (p *Pattern) matches(e *leaves) bool {
	return slices.ContainsFunc(p.alternatives, func(c conjunction) bool { return c.matches(e) })
}

func (c conjunction) matches(e *leaves) bool {
	if !e.nested {
		return !slices.ContainsFunc(c, func(f field) bool { return !f.matches(e) })
	}
	return c.sorted().matchesWithin(e)
}

// matches reports whether the field matches anywhere in the event.
func (f field) matches(e *leaves) bool {
	if !e.has(f.slot) {
		return f.acceptsAbsent()
	}
	for v := range e.at(f.slot) {
		if f.accepts(v) {
			return true
		}
	}
	return false
}

// accepts reports whether one value passes one of the tests.
func (f field) accepts(v *leaf) bool {
	return slices.ContainsFunc(f.tests, func(t test) bool { return t.passes(v) })
}

func (f field) acceptsAbsent() bool {
	return slices.ContainsFunc(f.tests, func(t test) bool { return t == absent{} })
}

// matchesWithin matches an event with arrays of objects: it follows every choice
// of array elements that satisfies the fields so far. Choices are kept as a set,
// restricted to the arrays that later fields lie in, so independent arrays do
// not multiply.
func (c conjunction) matchesWithin(e *leaves) bool {
	choices := []choice{nil}
	for i, f := range c {
		later := e.arraysOf(c[i+1:])
		next := newChoiceSet()
		for _, held := range choices {
			f.extend(e, held, func(with choice) { next.add(with.restricted(later)) })
		}
		if choices = next.list; len(choices) == 0 {
			return false
		}
	}
	return true
}

// extend yields every choice that held can grow to by satisfying f.
func (f field) extend(e *leaves, held choice, yield func(choice)) {
	present := false
	for v := range e.at(f.slot) {
		with, ok := held.with(v.in)
		if !ok {
			continue
		}
		present = true
		if f.accepts(v) {
			yield(with)
		}
	}
	if !present && f.acceptsAbsent() {
		yield(held)
	}
}
