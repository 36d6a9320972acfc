package jsonpath

// This file defines the operators of filters. What each does with values of
// unlike kinds is Jayway's rule, not JSON's.

import (
	"regexp"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// operators are Jayway's: https://github.com/json-path/JsonPath#filter-operators
// Those that need Java classes or predicates (type, matches) do not exist here.
var operators = map[string]func(l, r term) bool{
	"==":       equal,
	"!=":       func(l, r term) bool { return !equal(l, r) },
	"===":      same,
	"!==":      func(l, r term) bool { return !same(l, r) },
	"<":        func(l, r term) bool { c, ok := order(l, r); return ok && c < 0 },
	"<=":       func(l, r term) bool { c, ok := order(l, r); return ok && c <= 0 },
	">":        func(l, r term) bool { c, ok := order(l, r); return ok && c > 0 },
	">=":       func(l, r term) bool { c, ok := order(l, r); return ok && c >= 0 },
	"=~":       matches,
	"in":       in,
	"nin":      func(l, r term) bool { return !in(l, r) },
	"contains": contains,
	"all":      func(l, r term) bool { return subset(r, l) },
	"subsetof": subset,
	"anyof":    anyOf,
	"noneof":   noneOf,
	"size":     size,
	"empty":    empty,
}

// equal compares numbers by value and, as Jayway does, a number with a string by
// the number's text. What is absent equals nothing, not even null.
func equal(l, r term) bool {
	if l.absent || r.absent || l.pattern != nil || r.pattern != nil {
		return false
	}
	return equalValues(l.value, r.value)
}

func equalValues(l, r jsonvalue.Value) bool {
	switch lv := l.(type) {
	case jsonvalue.Number:
		if text, ok := r.(string); ok {
			n, err := jsonvalue.Parse([]byte(text))
			number, isNumber := n.(jsonvalue.Number)
			return err == nil && isNumber && lv.Compare(number) == 0
		}
	case string:
		if n, ok := r.(jsonvalue.Number); ok {
			return lv == string(n)
		}
	}
	return jsonvalue.Equal(l, r)
}

func same(l, r term) bool {
	return jsonvalue.Kind(l.value) == jsonvalue.Kind(r.value) && equal(l, r)
}

// order exists between two numbers and between two strings.
func order(l, r term) (c int, ok bool) {
	switch lv := l.value.(type) {
	case jsonvalue.Number:
		if rv, ok := r.value.(jsonvalue.Number); ok {
			return lv.Compare(rv), true
		}
	case string:
		if rv, ok := r.value.(string); ok {
			return strings.Compare(lv, rv), true
		}
	}
	return 0, false
}

// matches demands that the whole text fits the pattern. What is no text counts as
// an empty one; of an array any element may fit.
func matches(l, r term) bool {
	p, subject := r.pattern, l.value
	if p == nil {
		p, subject = l.pattern, r.value
	}
	if p == nil || l.pattern != nil && r.pattern != nil {
		return false
	}
	if list, ok := subject.([]any); ok {
		return slices.ContainsFunc(list, func(e any) bool { return p.re.MatchString(textOf(e)) })
	}
	return p.re.MatchString(textOf(subject))
}

func textOf(v jsonvalue.Value) string {
	switch v := v.(type) {
	case string:
		return v
	case jsonvalue.Number, bool:
		return jsonvalue.String(v)
	}
	return ""
}

func in(l, r term) bool {
	list, ok := r.value.([]any)
	return ok && !l.absent && holds(list, l.value)
}

func holds(list []any, v jsonvalue.Value) bool {
	return slices.ContainsFunc(list, func(e any) bool { return equalValues(v, e) })
}

func contains(l, r term) bool {
	switch lv := l.value.(type) {
	case string:
		part, ok := r.value.(string)
		return ok && strings.Contains(lv, part)
	case []any:
		return !r.absent && holds(lv, r.value)
	}
	return false
}

func lists(l, r term) (left, right []any, ok bool) {
	left, lok := l.value.([]any)
	right, rok := r.value.([]any)
	return left, right, lok && rok
}

func subset(l, r term) bool {
	left, right, ok := lists(l, r)
	return ok && !slices.ContainsFunc(left, func(e any) bool { return !holds(right, e) })
}

func anyOf(l, r term) bool {
	left, right, ok := lists(l, r)
	return ok && slices.ContainsFunc(left, func(e any) bool { return holds(right, e) })
}

func noneOf(l, r term) bool {
	left, right, ok := lists(l, r)
	return ok && !slices.ContainsFunc(left, func(e any) bool { return holds(right, e) })
}

func size(l, r term) bool {
	number, ok := r.value.(jsonvalue.Number)
	if !ok {
		return false
	}
	want, ok := number.Int64()
	switch lv := l.value.(type) {
	case string:
		return ok && int64(UTF16Length(lv)) == want
	case []any:
		return ok && int64(len(lv)) == want
	}
	return false
}

// UTF16Length is a text's length as Java, and so AWS, counts characters.
func UTF16Length(s string) (n int) {
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

func empty(l, r term) bool {
	want, ok := r.value.(bool)
	if !ok {
		return false
	}
	switch lv := l.value.(type) {
	case string:
		return (lv == "") == want
	case []any:
		return (len(lv) == 0) == want
	case *jsonvalue.Object:
		return (lv.Len() == 0) == want
	}
	return false
}

// pattern is a regular expression between slashes.
type pattern struct {
	source, flags string
	re            *regexp.Regexp
}

func (p *pattern) String() string { return "/" + p.source + "/" + p.flags }

// newPattern compiles a Java pattern with Go's engine, which runs in linear time.
// It returns what is wrong with it: a fault, or a part of Java's syntax that Go's
// lacks or would read in another way.
func newPattern(source, flags string) (p *pattern, problem string) {
	own := ""
	for _, f := range flags {
		switch f {
		case 'i', 'm', 's':
			own += string(f)
		case 'u': // Go folds case by Unicode always
		default:
			return nil, "pattern flag " + string(f) + " is not supported; i, m, s and u are"
		}
	}
	if classOfClasses(source) {
		return nil, "a character class inside a character class is not supported"
	}
	prefix := ""
	if own != "" {
		prefix = "(?" + own + ")"
	}
	re, err := regexp.Compile(prefix + `\A(?:` + source + `)\z`)
	if err != nil {
		return nil, "pattern: " + strings.TrimPrefix(err.Error(), "error parsing regexp: ")
	}
	return &pattern{source: source, flags: flags, re: re}, ""
}

// classOfClasses finds Java's unions and intersections of character classes,
// [a-c[x-z]] and [a-z&&[^b]], which Go would read as plain characters.
func classOfClasses(source string) bool {
	inside := false
	for i := 0; i < len(source); i++ {
		switch c := source[i]; {
		case c == '\\':
			i++
		case c == '[' && inside, inside && strings.HasPrefix(source[i:], "&&"):
			return true
		case c == '[':
			inside = true
		case c == ']':
			inside = false
		}
	}
	return false
}
