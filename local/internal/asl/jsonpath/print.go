package jsonpath

// This file defines how paths are written in Jayway's bracket form, and values as Java prints them.

import (
	"strconv"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Canonical returns the path in Jayway's bracket form, as its error texts show
// it: $['a'][0]. It parses to the same path.
func (p *Path) Canonical() string {
	root := p.root
	if root == "@" {
		return root + strings.TrimPrefix(canonicalSteps(p.steps), "$")
	}
	return root + canonicalSteps(p.steps)[1:]
}

func canonicalSteps(steps []step) string {
	var b strings.Builder
	b.WriteByte('$')
	for i := range steps {
		b.WriteString(steps[i].String())
	}
	return b.String()
}

func (s *step) String() string {
	switch {
	case s.selector != nil:
		return s.selector.String()
	case s.fromEnd:
		return "[(@.length-" + strconv.Itoa(s.index) + ")]"
	case s.byIndex:
		return "[" + strconv.Itoa(s.index) + "]"
	}
	return "[" + quote(s.name) + "]"
}

// quote writes a name in single quotes, escaped so that unquote reads it back.
func quote(name string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for i := range len(name) {
		if name[i] == '\'' || name[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(name[i])
	}
	b.WriteByte('\'')
	return b.String()
}

// Plain writes a value as AWS's engine, which is Java, prints one inside a text:
// strings without quotes, objects as {a=1, b=[x, null]}. States.Format does so
// with objects and arrays (recorded from AWS).
func Plain(v jsonvalue.Value) string {
	if s, ok := v.(string); ok {
		return s
	}
	return string(AppendPlain(nil, v))
}

// AppendPlain is Plain, written after dst.
func AppendPlain(dst []byte, v jsonvalue.Value) []byte {
	switch v := v.(type) {
	case string:
		return append(dst, v...)
	case []any:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = AppendPlain(dst, e)
		}
		return append(dst, ']')
	case *jsonvalue.Object:
		dst = append(dst, '{')
		for i := range v.Len() {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			m := v.At(i)
			dst = append(append(dst, m.Name...), '=')
			dst = AppendPlain(dst, m.Value)
		}
		return append(dst, '}')
	}
	return jsonvalue.Append(dst, v)
}
