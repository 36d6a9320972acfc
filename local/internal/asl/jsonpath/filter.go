package jsonpath

// This file defines filters: [?( condition )].

import (
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// filter keeps the elements of an array that its condition holds for; an object
// it keeps or drops as a whole, as Jayway does.
type filter struct{ condition condition }

func (*filter) definite() bool   { return false }
func (f *filter) String() string { return "[?(" + f.condition.String() + ")]" }

func (f *filter) apply(e *evaluation, i int, v jsonvalue.Value) error {
	switch v := v.(type) {
	case *jsonvalue.Object:
		if f.condition.holds(e, v) {
			return e.walk(i+1, v)
		}
		return e.failed
	case []any:
		for _, child := range v {
			if f.condition.holds(e, child) {
				if err := e.walk(i+1, child); err != nil {
					return err
				}
			}
			if e.failed != nil {
				return e.failed
			}
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

func (c *comparison) holds(e *evaluation, item jsonvalue.Value) bool {
	l, r := c.left.term(e, item), c.right.term(e, item)
	return e.charge(1+l.weight()+r.weight()) && c.compare(e, l, r)
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
	absent  bool // the path led nowhere: Jayway's undefined, which is not null
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

func (o operand) term(e *evaluation, item jsonvalue.Value) term {
	switch {
	case o.path != nil:
		v, ok := e.value(o.path, item)
		return term{value: v, absent: !ok}
	case o.pattern != nil:
		return term{pattern: o.pattern}
	}
	return term{value: o.literal}
}
