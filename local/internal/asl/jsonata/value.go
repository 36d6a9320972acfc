package jsonata

// This file defines the values that exist while an expression is evaluated:
// those of jsonvalue, and besides them undefined, computed numbers, sequences,
// functions, and objects that a transform is changing.

import (
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// none is undefined: what a path that leads nowhere yields. It is not null.
type none struct{}

var undefined any = none{}

// array is an array that the evaluator made. Arrays of the input are []any.
type array struct {
	items    []any
	sequence bool // yields its only item where it has one, and nothing where it has none
	keep     bool // ... unless one item is to stay an array
	cons     bool // written as [...] at an end of a path: not flattened
	outer    bool // wraps an input that is an array itself
	tuples   bool // items are *tuple
	lazy     int  // of a range that nobody has looked into: its length
	low      int
}

func sequence(items ...any) *array { return &array{items: items, sequence: true} }

// elements are the items of either kind of array.
func elements(v any) ([]any, bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case *array:
		return v.list(), true
	}
	return nil, false
}

func (a *array) list() []any {
	if a.lazy > 0 {
		a.items = make([]any, a.lazy)
		for i := range a.items {
			a.items[i] = float64(a.low + i)
		}
		a.lazy = 0
	}
	return a.items
}

func isArray(v any) bool {
	switch v.(type) {
	case []any, *array:
		return true
	}
	return false
}

func isSequence(v any) bool {
	a, ok := v.(*array)
	return ok && a.sequence
}

// tuple is an item of a path together with what was bound on the way to it.
type tuple struct {
	at   any
	vars []binding
}

type binding struct {
	name  string
	value any
}

func (t *tuple) set(name string, v any) {
	for i := range t.vars {
		if t.vars[i].name == name {
			t.vars[i].value = v
			return
		}
	}
	t.vars = append(t.vars, binding{name, v})
}

// draft is an object that a transform may change.
type draft struct {
	names  []string
	values map[string]any
}

func (d *draft) set(name string, v any) {
	if _, ok := d.values[name]; !ok {
		d.names = append(d.names, name)
	}
	d.values[name] = v
}

func (d *draft) remove(name string) {
	if _, ok := d.values[name]; ok {
		delete(d.values, name)
		d.names = slices.DeleteFunc(d.names, func(n string) bool { return n == name })
	}
}

func isObject(v any) bool {
	switch v.(type) {
	case *jsonvalue.Object, *draft:
		return true
	}
	return false
}

// field is a member of an object.
func field(v any, name string) any {
	switch o := v.(type) {
	case *jsonvalue.Object:
		if m, ok := o.Get(name); ok {
			return m
		}
	case *draft:
		if m, ok := o.values[name]; ok {
			return m
		}
	}
	return undefined
}

// members ranges over those of an object.
func members(v any) iter.Seq2[string, any] {
	switch o := v.(type) {
	case *jsonvalue.Object:
		return o.All()
	case *draft:
		return func(yield func(string, any) bool) {
			for _, name := range slices.Clone(o.names) {
				if !yield(name, o.values[name]) {
					return
				}
			}
		}
	}
	return func(func(string, any) bool) {}
}

func memberCount(v any) (n int) {
	switch o := v.(type) {
	case *jsonvalue.Object:
		return o.Len()
	case *draft:
		return len(o.names)
	}
	return 0
}

// number returns v as a double if it is a number.
func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case jsonvalue.Number:
		return parseNumber(string(n)), true
	}
	return 0, false
}

// parseNumber reads small integers, the usual case, without ParseFloat.
func parseNumber(s string) float64 {
	if len(s) < 16 {
		n, i := 0, 0
		if s[0] == '-' && len(s) > 1 {
			i = 1
		}
		for ; i < len(s); i++ {
			if s[i] < '0' || s[i] > '9' {
				f, _ := strconv.ParseFloat(s, 64)
				return f
			}
			n = n*10 + int(s[i]-'0')
		}
		if s[0] == '-' && n > 0 {
			n = -n
		}
		return float64(n)
	}
	f, _ := strconv.ParseFloat(s, 64)
	return f
}

// finite is number, with an error for what no JSON number can be.
func finite(v any) (f float64, ok bool, err error) {
	f, ok = number(v)
	if ok && (math.IsInf(f, 0) || math.IsNaN(f)) {
		return 0, false, fault("D1001", 0, "", "value", formatNumber(f))
	}
	return f, ok, nil
}

// formatNumber writes f as JavaScript does.
func formatNumber(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == 0:
		return "0"
	}
	return string(jsonvalue.Float(f))
}

// boolize is the truth of a value. Undefined and functions are false.
func boolize(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case string:
		return v != ""
	case float64:
		return v != 0 && !math.IsNaN(v)
	case jsonvalue.Number:
		f, _ := number(v)
		return f != 0
	case *jsonvalue.Object, *draft:
		return memberCount(v) > 0
	}
	if items, ok := elements(v); ok {
		return slices.ContainsFunc(items, boolize)
	}
	return false
}

// equal compares deeply; the order of an object's members does not matter.
func equal(a, b any) bool {
	if f, ok := number(a); ok {
		g, ok := number(b)
		return ok && f == g
	}
	if as, ok := elements(a); ok {
		bs, ok := elements(b)
		return ok && slices.EqualFunc(as, bs, equal)
	}
	if isObject(a) {
		return isObject(b) && equalObjects(a, b)
	}
	if isArray(b) {
		return false
	}
	return a == b
}

func equalObjects(a, b any) bool {
	if memberCount(a) != memberCount(b) {
		return false
	}
	for name, v := range members(a) {
		if w := field(b, name); isUndefined(w) || !equal(v, w) {
			return false
		}
	}
	return true
}

func isUndefined(v any) bool {
	_, ok := v.(none)
	return ok
}

// join appends b to a as the reference's append does: a flat, plain array.
func join(a, b any) any {
	if isUndefined(a) {
		return b
	}
	if isUndefined(b) {
		return a
	}
	as, ok := elements(a)
	if !ok {
		as = []any{a}
	}
	bs, ok := elements(b)
	if !ok {
		bs = []any{b}
	}
	return &array{items: slices.Concat(as, bs)}
}

// show writes a value for an error text.
func show(v any) string {
	if isUndefined(v) {
		return "undefined"
	}
	var b strings.Builder
	if err := writeJSON(&b, v, "", "", false, 0); err != nil {
		return "?"
	}
	return b.String()
}

func quote(s string) string { return string(jsonvalue.AppendString(nil, s)) }

// typeName is what $type answers.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64, jsonvalue.Number:
		return "number"
	case *function:
		return "function"
	case none:
		return "undefined"
	}
	if isArray(v) {
		return "array"
	}
	return "object"
}
