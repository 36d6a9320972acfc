package jsonpath

// This file defines the operators of filters. What each does with values of
// unlike kinds is Jayway's rule, not JSON's.

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// operation is an operator. It asks e for leave to look into containers.
type operation func(e *evaluation, l, r term) bool

// operators are Jayway's: https://github.com/json-path/JsonPath#filter-operators
// Those that need Java classes or predicates (type, matches) do not exist here.
var operators = map[string]operation{
	"==":       equal,
	"!=":       negated(equal),
	"===":      same,
	"!==":      negated(same),
	"<":        ordered(func(c int) bool { return c < 0 }),
	"<=":       ordered(func(c int) bool { return c <= 0 }),
	">":        ordered(func(c int) bool { return c > 0 }),
	">=":       ordered(func(c int) bool { return c >= 0 }),
	"=~":       matches,
	"in":       in,
	"nin":      negated(in),
	"contains": contains,
	"all":      func(e *evaluation, l, r term) bool { return subset(e, r, l) },
	"subsetof": subset,
	"anyof":    anyOf,
	"noneof":   noneOf,
	"size":     size,
	"empty":    empty,
}

func negated(op operation) operation {
	return func(e *evaluation, l, r term) bool { return !op(e, l, r) }
}

// equal compares numbers by value and, as Jayway does, a number with a string by
// the number's text.
func equal(e *evaluation, l, r term) bool {
	return l.pattern == nil && r.pattern == nil && e.equal(l.value, r.value)
}

func (e *evaluation) equal(l, r jsonvalue.Value) bool {
	if !e.charge(1) {
		return false
	}
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
	case []any:
		rv, ok := r.([]any)
		return ok && len(lv) == len(rv) && e.charge(weigh(lv)) && jsonvalue.Equal(l, r)
	case *jsonvalue.Object:
		rv, ok := r.(*jsonvalue.Object)
		return ok && lv.Len() == rv.Len() && e.charge(weigh(lv)) && jsonvalue.Equal(l, r)
	}
	return jsonvalue.Equal(l, r)
}

// weigh counts the values in v, up to the limit of all work.
func weigh(v jsonvalue.Value) int {
	n := 1
	_ = eachChild(v, func(child jsonvalue.Value) error {
		n += term{value: child}.weight() + weigh(child)
		return nil
	})
	return n
}

func same(e *evaluation, l, r term) bool {
	return jsonvalue.Kind(l.value) == jsonvalue.Kind(r.value) && equal(e, l, r)
}

// ordered exists between two numbers and between two strings.
func ordered(holds func(c int) bool) operation {
	return func(_ *evaluation, l, r term) bool {
		switch lv := l.value.(type) {
		case jsonvalue.Number:
			rv, ok := r.value.(jsonvalue.Number)
			return ok && holds(lv.Compare(rv))
		case string:
			rv, ok := r.value.(string)
			return ok && holds(strings.Compare(lv, rv))
		}
		return false
	}
}

// matches demands that the whole text fits the pattern; of an array any element
// may. Null and objects count as empty texts.
func matches(e *evaluation, l, r term) bool {
	p, subject := r.pattern, l.value
	if p == nil {
		p, subject = l.pattern, r.value
	}
	if p == nil || l.pattern != nil && r.pattern != nil {
		return false
	}
	list, ok := subject.([]any)
	if !ok {
		list = []any{subject}
	}
	return slices.ContainsFunc(list, func(v any) bool {
		text := textOf(v)
		return e.charge((1+len(text))*p.cost) && p.re.MatchString(text)
	})
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

func in(e *evaluation, l, r term) bool {
	list, ok := r.value.([]any)
	return ok && e.holds(list, l.value)
}

func (e *evaluation) holds(list []any, v jsonvalue.Value) bool {
	return slices.ContainsFunc(list, func(element any) bool { return e.equal(v, element) })
}

func contains(e *evaluation, l, r term) bool {
	switch lv := l.value.(type) {
	case string:
		part, ok := r.value.(string)
		return ok && strings.Contains(lv, part)
	case []any:
		return e.holds(lv, r.value)
	}
	return false
}

func lists(l, r term) (left, right []any, ok bool) {
	left, lok := l.value.([]any)
	right, rok := r.value.([]any)
	return left, right, lok && rok
}

func subset(e *evaluation, l, r term) bool {
	left, right, ok := lists(l, r)
	return ok && !slices.ContainsFunc(left, func(v any) bool { return !e.holds(right, v) })
}

func anyOf(e *evaluation, l, r term) bool {
	left, right, ok := lists(l, r)
	return ok && slices.ContainsFunc(left, func(v any) bool { return e.holds(right, v) })
}

func noneOf(e *evaluation, l, r term) bool {
	left, right, ok := lists(l, r)
	return ok && !slices.ContainsFunc(left, func(v any) bool { return e.holds(right, v) })
}

func size(_ *evaluation, l, r term) bool {
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

func empty(_ *evaluation, l, r term) bool {
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
	cost          int // of a character, in steps
}

func (p *pattern) String() string { return "/" + p.source + "/" + p.flags }

// Limits of a compiled pattern: its instructions, and how many of them make a
// step of the engine about as dear as visiting a value.
const (
	maxInstructions     = 4096
	instructionsPerStep = 16
)

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
	return compile(source, flags, prefix+`\A(?:`+source+`)\z`)
}

func compile(source, flags, expression string) (p *pattern, problem string) {
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil, "pattern: " + strings.TrimPrefix(err.Error(), "error parsing regexp: ")
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(program.Inst) > maxInstructions {
		return nil, "the pattern is too large"
	}
	return &pattern{source: source, flags: flags, re: regexp.MustCompile(expression), cost: 1 + len(program.Inst)/instructionsPerStep}, ""
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
