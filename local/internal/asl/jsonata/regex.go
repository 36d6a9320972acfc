package jsonata

// This file defines regular expressions, and the string functions that use them.
// JavaScript's are translated to Go's engine, which runs in linear time; it has
// no look-around and no back-references, and an expression with them is refused.

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

type regex struct{ re *regexp.Regexp }

// found is one match.
type found struct {
	text       string
	start, end int // bytes
	groups     []any
}

// spaces are what \s is in JavaScript.
const spaces = `\t\n\v\f\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`

func compileRegex(pattern, flags string, pos int) (*function, error) {
	goFlags := "(?"
	if strings.Contains(flags, "i") {
		goFlags += "i"
	}
	if strings.Contains(flags, "m") {
		goFlags += "m"
	}
	translated := translateRegex(pattern)
	if goFlags != "(?" {
		translated = goFlags + ")" + translated
	}
	re, err := regexp.Compile(translated)
	if err != nil {
		return nil, fault("S0303", pos, "", "value", quote(strings.TrimPrefix(err.Error(), "error parsing regexp: ")))
	}
	rx := &regex{re}
	return &function{name: "regex", arity: 1, regex: rx, native: rx.call}, nil
}

// translateRegex rewrites the escapes that the two notations spell differently.
func translateRegex(p string) string {
	var b strings.Builder
	inClass := false
	for i := 0; i < len(p); i++ {
		c := p[i]
		switch {
		case c == '\\' && i+1 < len(p):
			n := translateEscape(&b, p[i+1:], inClass)
			i += n
			continue
		case c == '[' && inClass:
			b.WriteString(`\[`)
			continue
		case c == '[':
			inClass = true
			if strings.HasPrefix(p[i:], "[^]") {
				b.WriteString(`[\s\S]`)
				i, inClass = i+2, false
				continue
			}
		case c == ']':
			inClass = false
		case c == '.' && !inClass:
			b.WriteString(`[^\n\r\x{2028}\x{2029}]`)
			continue
		case c == '{' && !inClass && !quantifier.MatchString(p[i:]):
			b.WriteString(`\{`)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

var quantifier = regexp.MustCompile(`^\{[0-9]+(,[0-9]*)?\}`)

// translateEscape writes the escape whose letter begins p and returns how many
// bytes of p it took.
func translateEscape(b *strings.Builder, p string, inClass bool) int {
	switch c := p[0]; {
	case c == 's' && inClass:
		b.WriteString(spaces)
	case c == 's':
		b.WriteString("[" + spaces + "]")
	case c == 'S' && !inClass:
		b.WriteString("[^" + spaces + "]")
	case c == 'u' && len(p) >= 5:
		if _, err := strconv.ParseUint(p[1:5], 16, 16); err == nil {
			b.WriteString(`\x{` + p[1:5] + "}")
			return 5
		}
		b.WriteByte('u')
	case c == 'b' && inClass:
		b.WriteString(`\x08`)
	case c == '0':
		b.WriteString(`\x00`)
	case c == '/' || c == '"' || c == '\'' || c == ' ' || c == '@' || c == '#' || c == '%' || c == '&' || c == '~' || c == '`' || c == '<' || c == '>' || c == '=' || c == ':' || c == ';' || c == ',' || c == '!' || c == '_':
		b.WriteByte(c)
	default:
		b.WriteByte('\\')
		b.WriteByte(c)
	}
	return 1
}

// all finds the matches of a string, at most limit. Like the reference it refuses
// an empty one.
func (rx *regex) all(s string, limit int) ([]*found, error) {
	var out []*found
	for _, m := range rx.re.FindAllStringSubmatchIndex(s, limit) {
		f := &found{text: s[m[0]:m[1]], start: m[0], end: m[1]}
		if f.text == "" {
			return nil, fault("D1004", 0, "", "value", quote(rx.re.String()))
		}
		for i := 2; i < len(m); i += 2 {
			if m[i] < 0 {
				f.groups = append(f.groups, undefined)
			} else {
				f.groups = append(f.groups, s[m[i]:m[i+1]])
			}
		}
		out = append(out, f)
	}
	return out, nil
}

// call is a regular expression used as a function: it answers with the first
// match, and a function for the next.
func (rx *regex) call(_ *run, args []any) (any, error) {
	s, ok := argument(args, 0).(string)
	if !ok {
		return undefined, nil
	}
	matches, err := rx.all(s, -1)
	if err != nil {
		return nil, err
	}
	return chain(s, matches), nil
}

func chain(s string, matches []*found) any {
	if len(matches) == 0 {
		return undefined
	}
	next := &function{name: "next", native: func(*run, []any) (any, error) { return chain(s, matches[1:]), nil }}
	m := matches[0]
	return jsonvalue.NewObject(
		jsonvalue.Member{Name: "match", Value: m.text},
		jsonvalue.Member{Name: "start", Value: units(s[:m.start])},
		jsonvalue.Member{Name: "end", Value: units(s[:m.end])},
		jsonvalue.Member{Name: "groups", Value: &array{items: defined(m.groups)}},
		jsonvalue.Member{Name: "next", Value: next},
	)
}

func defined(groups []any) []any {
	out := make([]any, len(groups))
	for i, g := range groups {
		if out[i] = g; isUndefined(g) {
			out[i] = nil
		}
	}
	return out
}

// units is the length of s as JavaScript counts.
func units(s string) float64 {
	n := 0
	for _, c := range s {
		n += max(1, utf16.RuneLen(c))
	}
	return float64(n)
}

// matches finds what a pattern matches, which is a regular expression or a
// function with its protocol.
func (r *run) matches(f *function, s string, limit int, who string) ([]*found, error) {
	if f.regex != nil {
		out, err := f.regex.all(s, limit)
		if err == nil {
			err = r.grow(len(out))
		}
		return out, err
	}
	var out []*found
	v, err := r.invoke(f, []any{s}, undefined)
	for err == nil && len(out) != limit {
		if v = collapse(v); isUndefined(v) {
			break
		}
		m, ok := matchOf(s, v)
		next, also := field(v, "next").(*function)
		if !ok || !also {
			return nil, fault("T1010", 0, who)
		}
		if err = r.grow(1); err != nil {
			break
		}
		out = append(out, m)
		v, err = r.invoke(next, nil, undefined)
	}
	return out, err
}

func matchOf(s string, v any) (*found, bool) {
	start, ok := number(field(v, "start"))
	end, also := number(field(v, "end"))
	if !ok || !also || start < 0 || end < start {
		return nil, false
	}
	m := &found{start: byteAt(s, start), end: byteAt(s, end)}
	m.text, _ = field(v, "match").(string)
	m.groups, _ = elements(field(v, "groups"))
	return m, true
}

// byteAt is the offset of the unit at index.
func byteAt(s string, index float64) int {
	n := 0.0
	for i, c := range s {
		if n >= index {
			return i
		}
		n += float64(max(1, utf16.RuneLen(c)))
	}
	return len(s)
}

func match(r *run, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return undefined, nil
	}
	limit, err := limitOf(argument(args, 2), "D3040", "match")
	if err != nil {
		return nil, err
	}
	f, _ := args[1].(*function)
	found, err := r.matches(f, s, limit, "match")
	if err != nil {
		return nil, err
	}
	out := sequence()
	for _, m := range found {
		out.items = append(out.items, jsonvalue.NewObject(
			jsonvalue.Member{Name: "match", Value: m.text},
			jsonvalue.Member{Name: "index", Value: units(s[:m.start])},
			jsonvalue.Member{Name: "groups", Value: &array{items: defined(m.groups)}},
		))
	}
	return out, nil
}

// limitOf reads the optional number of matches; -1 is all.
func limitOf(v any, code, who string) (int, error) {
	f, ok := number(v)
	switch {
	case !ok:
		return -1, nil
	case f < 0:
		return 0, fault(code, 0, who, "value", formatNumber(f))
	}
	return int(math.Ceil(min(f, 1e9))), nil
}

func contains(r *run, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return undefined, nil
	}
	if f, ok := args[1].(*function); ok {
		found, err := r.matches(f, s, 1, "contains")
		return len(found) > 0, err
	}
	t, ok := args[1].(string)
	if !ok {
		return undefined, nil
	}
	return strings.Contains(s, t), nil
}

func split(r *run, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return undefined, nil
	}
	limit, err := limitOf(argument(args, 2), "D3020", "split")
	if err != nil {
		return nil, err
	}
	if f, ok := number(argument(args, 2)); ok {
		limit = int(math.Floor(min(f, 1e9)))
	}
	var parts []string
	if f, ok := args[1].(*function); ok {
		found, err := r.matches(f, s, -1, "split")
		if err != nil {
			return nil, err
		}
		at := 0
		for _, m := range found {
			parts, at = append(parts, s[at:m.start]), m.end
		}
		parts = append(parts, s[at:])
	} else if separator, ok := args[1].(string); ok {
		parts = strings.Split(s, separator)
	}
	if limit >= 0 && limit < len(parts) {
		parts = parts[:limit]
	}
	out := &array{items: make([]any, len(parts))}
	for i, p := range parts {
		out.items[i] = p
	}
	return out, r.grow(len(parts) + len(s))
}

func replace(r *run, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return undefined, nil
	}
	if args[1] == "" {
		return nil, fault("D3010", 0, "replace")
	}
	limit, err := limitOf(argument(args, 3), "D3011", "replace")
	if err != nil {
		return nil, err
	}
	var list []*found
	if f, ok := args[1].(*function); ok {
		list, err = r.matches(f, s, limit, "replace")
	} else if pattern, ok := args[1].(string); ok {
		list = occurrences(s, pattern, limit)
	}
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	at := 0
	for _, m := range list {
		by, err := r.replacement(m, s, args[1], args[2])
		if err != nil {
			return nil, err
		}
		b.WriteString(s[at:m.start])
		b.WriteString(by)
		if err := r.grow(len(by)); err != nil {
			return nil, err
		}
		at = m.end
	}
	b.WriteString(s[at:])
	return b.String(), r.grow(len(s))
}

func occurrences(s, pattern string, limit int) (out []*found) {
	for at := 0; len(out) != limit; {
		i := strings.Index(s[at:], pattern)
		if i < 0 {
			break
		}
		out = append(out, &found{text: pattern, start: at + i, end: at + i + len(pattern)})
		at += i + len(pattern)
	}
	return out
}

// replacement is what comes in the place of a match. Only that of a regular
// expression knows $1.
func (r *run) replacement(m *found, s string, pattern, by any) (string, error) {
	if f, ok := by.(*function); ok {
		v, err := r.invoke(f, []any{jsonvalue.NewObject(
			jsonvalue.Member{Name: "match", Value: m.text},
			jsonvalue.Member{Name: "start", Value: units(s[:m.start])},
			jsonvalue.Member{Name: "end", Value: units(s[:m.end])},
			jsonvalue.Member{Name: "groups", Value: &array{items: defined(m.groups)}},
		)}, undefined)
		if err != nil {
			return "", err
		}
		text, ok := collapse(v).(string)
		if !ok {
			return "", fault("D3012", 0, "replace", "value", show(v))
		}
		return text, nil
	}
	text, _ := by.(string)
	if _, plain := pattern.(string); plain {
		return text, nil
	}
	return expand(text, m), nil
}

// expand fills $$, $0 and $n in, n having as many digits as there are groups for.
func expand(text string, m *found) string {
	var b strings.Builder
	for {
		before, after, more := strings.Cut(text, "$")
		b.WriteString(before)
		if !more {
			return b.String()
		}
		text = after
		switch {
		case strings.HasPrefix(text, "$"):
			b.WriteByte('$')
			text = text[1:]
			continue
		case strings.HasPrefix(text, "0"):
			b.WriteString(m.text)
			text = text[1:]
			continue
		}
		n := groupNumber(text, len(m.groups))
		if n == "" {
			b.WriteByte('$')
			continue
		}
		if i, _ := strconv.Atoi(n); i >= 1 && i <= len(m.groups) {
			group, _ := m.groups[i-1].(string)
			b.WriteString(group)
		}
		text = text[len(n):]
	}
}

// groupNumber is the digits at the start of text that number a group.
func groupNumber(text string, groups int) string {
	most := max(1, len(strconv.Itoa(groups)))
	n := 0
	for n < most && n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	if i, _ := strconv.Atoi(text[:n]); n > 1 && n == most && i > groups {
		n--
	}
	return text[:n]
}
