package jsonata

// This file defines the operators.

import (
	"cmp"
	"math"
	"strings"
	"unicode/utf16"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

type operator uint8

const (
	opAdd operator = iota + 1
	opSubtract
	opMultiply
	opDivide
	opRemainder
	opEqual
	opUnequal
	opLess
	opLessEqual
	opGreater
	opGreaterEqual
	opConcatenate
	opAnd
	opOr
	opIn
)

var operators = map[string]operator{
	"+": opAdd, "-": opSubtract, "*": opMultiply, "/": opDivide, "%": opRemainder, "=": opEqual, "!=": opUnequal,
	"<": opLess, "<=": opLessEqual, ">": opGreater, ">=": opGreaterEqual, "&": opConcatenate, "and": opAnd, "or": opOr, "in": opIn,
}

func (r *run) binary(n *node, in any, s *scope) (any, error) {
	a, err := r.eval(n.left, in, s)
	if err != nil {
		return nil, err
	}
	if n.op == opAnd || n.op == opOr {
		if boolize(a) == (n.op == opOr) {
			return n.op == opOr, nil
		}
		b, err := r.eval(n.right, in, s)
		return boolize(b), err
	}
	b, err := r.eval(n.right, in, s)
	if err != nil {
		return nil, err
	}
	switch {
	case n.op <= opRemainder:
		return arithmetic(n, a, b)
	case n.op <= opUnequal:
		if isUndefined(a) || isUndefined(b) {
			return false, nil
		}
		return equal(a, b) == (n.op == opEqual), nil
	case n.op <= opGreaterEqual:
		return compare(n, a, b)
	case n.op == opConcatenate:
		return r.concatenate(a, b)
	}
	return includes(a, b), nil
}

func arithmetic(n *node, a, b any) (any, error) {
	f, aOK, err := finite(a)
	if err != nil {
		return nil, located(err, n.pos, n.text)
	}
	g, bOK, err := finite(b)
	switch {
	case err != nil:
		return nil, located(err, n.pos, n.text)
	case !aOK && !isUndefined(a):
		return nil, fault("T2001", n.pos, n.text, "value", show(a))
	case !bOK && !isUndefined(b):
		return nil, fault("T2002", n.pos, n.text, "value", show(b))
	case !aOK || !bOK:
		return undefined, nil
	}
	switch n.op {
	case opAdd:
		return f + g, nil
	case opSubtract:
		return f - g, nil
	case opMultiply:
		return f * g, nil
	case opDivide:
		return f / g, nil
	}
	return math.Mod(f, g), nil
}

func compare(n *node, a, b any) (any, error) {
	f, aNumber, err := finite(a)
	if err != nil {
		return nil, located(err, n.pos, n.text)
	}
	g, bNumber, err := finite(b)
	if err != nil {
		return nil, located(err, n.pos, n.text)
	}
	s, aString := a.(string)
	t, bString := b.(string)
	aOK, bOK := aNumber || aString || isUndefined(a), bNumber || bString || isUndefined(b)
	switch {
	case !aOK:
		return nil, fault("T2010", n.pos, n.text, "value", show(a))
	case !bOK:
		return nil, fault("T2010", n.pos, n.text, "value", show(b))
	case isUndefined(a) || isUndefined(b):
		return undefined, nil
	case aNumber != bNumber:
		return nil, fault("T2009", n.pos, n.text, "value", show(a), "value2", show(b))
	}
	c := cmp.Compare(f, g)
	if aString {
		c = compareText(s, t)
	}
	switch n.op {
	case opLess:
		return c < 0, nil
	case opLessEqual:
		return c <= 0, nil
	case opGreater:
		return c > 0, nil
	}
	return c >= 0, nil
}

// compareText compares by UTF-16 units, as JavaScript does. That differs from
// the order of bytes only where both texts differ beyond the basic plane.
func compareText(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	if i == len(a) || i == len(b) || a[i] < 0xEE || b[i] < 0xEE {
		return strings.Compare(a, b)
	}
	x, y := utf16.Encode([]rune(a)), utf16.Encode([]rune(b))
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return cmp.Compare(x[i], y[i])
		}
	}
	return cmp.Compare(len(x), len(y))
}

func (r *run) concatenate(a, b any) (any, error) {
	s, err := stringOf(a, false)
	if err != nil {
		return nil, err
	}
	t, err := stringOf(b, false)
	if err != nil {
		return nil, err
	}
	return s + t, r.grow(len(s) + len(t))
}

func includes(a, b any) bool {
	if isUndefined(a) || isUndefined(b) {
		return false
	}
	items, ok := elements(b)
	if !ok {
		items = []any{b}
	}
	for _, item := range items {
		if identical(a, item) {
			return true
		}
	}
	return false
}

// identical is JavaScript's ===: arrays and objects are only themselves.
func identical(a, b any) bool {
	if f, ok := number(a); ok {
		g, ok := number(b)
		return ok && f == g
	}
	switch a.(type) {
	case nil, bool, string, *array, *jsonvalue.Object, *draft, *function:
		return !isArray(b) && a == b
	}
	return false
}

func (r *run) negate(n *node, in any, s *scope) (any, error) {
	v, err := r.eval(n.left, in, s)
	if err != nil || isUndefined(v) {
		return v, err
	}
	f, ok, err := finite(v)
	if err == nil && !ok {
		err = fault("D1002", n.pos, "-", "value", show(v))
	}
	return -f, err
}

// maxRange is the reference's limit.
const maxRange = 10_000_000

func (r *run) span(n *node, in any, s *scope) (any, error) {
	a, err := r.eval(n.left, in, s)
	if err != nil {
		return nil, err
	}
	b, err := r.eval(n.right, in, s)
	if err != nil {
		return nil, err
	}
	f, aOK := number(a)
	g, bOK := number(b)
	switch {
	case !isUndefined(a) && (!aOK || f != math.Trunc(f)):
		return nil, fault("T2003", n.pos, "..", "value", show(a))
	case !isUndefined(b) && (!bOK || g != math.Trunc(g)):
		return nil, fault("T2004", n.pos, "..", "value", show(b))
	case !aOK || !bOK || f > g:
		return undefined, nil
	case g-f+1 > maxRange:
		return nil, fault("D2014", n.pos, "..", "value", formatNumber(g-f+1))
	}
	if n := int(g-f) + 1; n > 16 {
		return &array{lazy: n, low: int(f), sequence: true}, r.grow(n)
	}
	out := sequence()
	for i := f; i <= g; i++ {
		out.items = append(out.items, i)
	}
	return out, nil
}
