package jsonpath

// This file defines filters: [?( condition )].

import (
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// filter keeps those elements of an array that are objects and that its condition
// holds for; an object it keeps or drops as a whole, as Jayway does.
type filter struct{ condition condition }

func (*filter) definite() bool   { return false }
func (f *filter) String() string { return "[?(" + f.condition.String() + ")]" }

// keeps asks the condition about objects only: "The @ operator [...] does not
// match scalar values. It only matches objects."
// https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
func (f *filter) keeps(e *evaluation, item jsonvalue.Value) bool {
	_, isObject := item.(*jsonvalue.Object)
	return e.charge(1) && isObject && f.condition.holds(e, item) && e.failed == nil
}

func (f *filter) apply(e *evaluation, i int, v jsonvalue.Value) error {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, item := range list {
		if f.keeps(e, item) {
			if err := e.walk(i+1, item); err != nil {
				return err
			}
		}
		if e.failed != nil {
			return e.failed
		}
	}
	return nil
}

// condition is the inside of a filter.
type condition interface {
	holds(e *evaluation, item jsonvalue.Value) bool
	String() string
}

type and []condition
type or []condition
type not struct{ condition }
type exists struct{ path *Path }

func (c and) holds(e *evaluation, item jsonvalue.Value) bool {
	for _, part := range c {
		if !part.holds(e, item) {
			return false
		}
	}
	return true
}

func (c or) holds(e *evaluation, item jsonvalue.Value) bool {
	for _, part := range c {
		if part.holds(e, item) {
			return true
		}
	}
	return false
}

func (c not) holds(e *evaluation, item jsonvalue.Value) bool { return !c.condition.holds(e, item) }

func (c exists) holds(e *evaluation, item jsonvalue.Value) bool { return e.exists(c.path, item) }

func (c and) String() string    { return joined(c, " && ") }
func (c or) String() string     { return joined(c, " || ") }
func (c not) String() string    { return "!(" + c.condition.String() + ")" }
func (c exists) String() string { return c.path.Canonical() }

func joined(parts []condition, by string) string {
	texts := make([]string, len(parts))
	for i, part := range parts {
		texts[i] = part.String()
		switch part.(type) {
		case and, or:
			texts[i] = "(" + texts[i] + ")"
		}
	}
	return strings.Join(texts, by)
}

// comparison is left operator right.
type comparison struct {
	left, right operand
	operator    string
	compare     operation
}

// holds is false whatever the operator when a path leads nowhere: then Jayway
// does not even compare.
func (c *comparison) holds(e *evaluation, item jsonvalue.Value) bool {
	l, lok := c.left.term(e, item)
	r, rok := c.right.term(e, item)
	return lok && rok && e.charge(1+l.weight()+r.weight()) && c.compare(e, l, r)
}

func (c *comparison) String() string {
	return c.left.String() + " " + c.operator + " " + c.right.String()
}

// operand is one side of a comparison: a path, a pattern or a literal.
type operand struct {
	path    *Path
	pattern *pattern
	literal jsonvalue.Value
}

func (o operand) String() string {
	switch {
	case o.path != nil:
		return o.path.Canonical()
	case o.pattern != nil:
		return o.pattern.String()
	}
	return jsonvalue.String(o.literal)
}

// term is an operand's value for one item.
type term struct {
	value   jsonvalue.Value
	pattern *pattern
}

// weight is what looking at the term costs, beside looking into a container.
func (t term) weight() int {
	switch v := t.value.(type) {
	case string:
		return len(v) / 16
	case jsonvalue.Number:
		return len(v) / 16
	}
	return 0
}

// term evaluates the operand; ok is false when its path leads nowhere.
func (o operand) term(e *evaluation, item jsonvalue.Value) (t term, ok bool) {
	switch {
	case o.path != nil:
		v, ok := e.value(o.path, item)
		return term{value: v}, ok
	case o.pattern != nil:
		return term{pattern: o.pattern}, true
	}
	return term{value: o.literal}, true
}
