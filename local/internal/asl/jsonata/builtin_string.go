package jsonata

// This file defines the functions on strings that need no regular expression.

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// text makes a function of one string.
func text(of func(string) string) native {
	return func(r *run, args []any) (any, error) {
		s, ok := args[0].(string)
		if !ok {
			return undefined, nil
		}
		return of(s), r.grow(len(s))
	}
}

func lower(s string) string { return strings.ToLower(s) }

func upper(s string) string { return strings.ReplaceAll(strings.ToUpper(s), "ß", "SS") }

func trim(s string) string {
	var b strings.Builder
	space := false
	for _, c := range s {
		if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
			space = true
			continue
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteRune(c)
	}
	return b.String()
}

func length(_ *run, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return undefined, nil
	}
	return float64(utf8.RuneCountInString(s)), nil
}

func toString(r *run, args []any) (any, error) {
	if isUndefined(args[0]) {
		return undefined, nil
	}
	v := args[0]
	if a, ok := v.(*array); ok && a.outer {
		v = a.items[0]
	}
	s, err := stringOf(v, boolize(argument(args, 1)))
	if err != nil {
		return nil, err
	}
	return s, r.grow(len(s))
}

// stringOf is a value as text; nothing is the empty string.
func stringOf(v any, pretty bool) (string, error) {
	switch v := v.(type) {
	case none, *function:
		return "", nil
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	if f, ok := number(v); ok {
		if math.IsInf(f, 0) || math.IsNaN(f) {
			return "", fault("D3001", 0, "", "value", formatNumber(f))
		}
		return rounded(f), nil
	}
	var b strings.Builder
	indent := ""
	if pretty {
		indent = "  "
	}
	if err := writeJSON(&b, v, "", indent, true, 0); err != nil {
		return "", err
	}
	return b.String(), nil
}

// rounded writes a number with the 15 digits that a double is good for.
func rounded(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return formatNumber(f)
	}
	g, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 15, 64), 64)
	return formatNumber(g)
}

// writeJSON writes v as JSON; short rounds numbers as $string does.
func writeJSON(b *strings.Builder, v any, margin, indent string, short bool, depth int) error {
	if depth > jsonvalue.MaxDepth {
		return fault("U1001", 0, "")
	}
	if f, ok := number(v); ok {
		switch {
		case short && (math.IsInf(f, 0) || math.IsNaN(f)):
			return fault("D3001", 0, "", "value", formatNumber(f))
		case short:
			b.WriteString(rounded(f))
		default:
			b.WriteString(formatNumber(f))
		}
		return nil
	}
	if items, ok := elements(v); ok {
		return writeList(b, '[', len(items), margin, indent, func(i int, inner string) error {
			return writeJSON(b, items[i], inner, indent, short, depth+1)
		})
	}
	if isObject(v) {
		names, values := make([]string, 0, memberCount(v)), make([]any, 0, memberCount(v))
		for name, m := range members(v) {
			names, values = append(names, name), append(values, m)
		}
		return writeList(b, '{', len(names), margin, indent, func(i int, inner string) error {
			b.WriteString(quote(names[i]))
			b.WriteByte(':')
			if indent != "" {
				b.WriteByte(' ')
			}
			return writeJSON(b, values[i], inner, indent, short, depth+1)
		})
	}
	switch v := v.(type) {
	case string:
		b.WriteString(quote(v))
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case *function:
		b.WriteString(`""`)
	default:
		b.WriteString("null")
	}
	return nil
}

// writeList writes the elements of an array or object with its brackets.
func writeList(b *strings.Builder, open byte, n int, margin, indent string, element func(i int, inner string) error) error {
	b.WriteByte(open)
	inner := margin + indent
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		if indent != "" {
			b.WriteString("\n" + inner)
		}
		if err := element(i, inner); err != nil {
			return err
		}
	}
	if indent != "" && n > 0 {
		b.WriteString("\n" + margin)
	}
	b.WriteByte(open + 2)
	return nil
}

func substring(_ *run, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return undefined, nil
	}
	chars := []rune(s)
	n := float64(len(chars))
	start, _ := number(args[1])
	if n+start < 0 {
		start = 0
	}
	end := n
	if length, ok := number(argument(args, 2)); ok {
		if length <= 0 {
			return "", nil
		}
		end = start + length
		if start < 0 {
			end += n
		}
	}
	from, to := sliceIndex(start, n), sliceIndex(end, n)
	if from >= to {
		return "", nil
	}
	return string(chars[from:to]), nil
}

// sliceIndex is what JavaScript's slice makes of an index.
func sliceIndex(f, n float64) int {
	f = math.Trunc(f)
	if f < 0 {
		f = max(0, f+n)
	}
	return int(min(f, n))
}

func twoTexts(args []any) (s, t string, ok bool) {
	s, ok = args[0].(string)
	t, also := args[1].(string)
	return s, t, ok && also
}

func substringBefore(_ *run, args []any) (any, error) {
	s, t, ok := twoTexts(args)
	if !ok {
		return args[0], nil
	}
	before, _, _ := strings.Cut(s, t)
	if !strings.Contains(s, t) {
		before = s
	}
	return before, nil
}

func substringAfter(_ *run, args []any) (any, error) {
	s, t, ok := twoTexts(args)
	if !ok {
		return args[0], nil
	}
	if _, after, found := strings.Cut(s, t); found {
		return after, nil
	}
	return s, nil
}

func pad(r *run, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return undefined, nil
	}
	width, _ := number(args[1])
	fill, ok := argument(args, 2).(string)
	if !ok || fill == "" {
		fill = " "
	}
	missing := math.Trunc(math.Abs(width) - float64(utf8.RuneCountInString(s)))
	if missing <= 0 {
		return s, nil
	}
	if missing > float64(r.limits.Size) {
		return nil, r.grow(r.limits.Size + 1)
	}
	if err := r.grow(int(missing)); err != nil {
		return nil, err
	}
	chars, padding := []rune(fill), make([]rune, int(missing))
	for i := range padding {
		padding[i] = chars[i%len(chars)]
	}
	if width < 0 {
		return string(padding) + s, nil
	}
	return s + string(padding), nil
}

func joinText(r *run, args []any) (any, error) {
	if isUndefined(args[0]) {
		return undefined, nil
	}
	separator, _ := argument(args, 1).(string)
	items, _ := elements(args[0])
	parts, size := make([]string, len(items)), 0
	for i, item := range items {
		parts[i], _ = item.(string)
		size += len(parts[i]) + len(separator)
	}
	if err := r.grow(size); err != nil {
		return nil, err
	}
	return strings.Join(parts, separator), nil
}

// base64encode and base64decode work on the characters up to U+00FF as bytes.
func base64encode(s string) string {
	b := make([]byte, 0, len(s))
	for _, c := range s {
		b = append(b, byte(c))
	}
	return base64.StdEncoding.EncodeToString(b)
}

func base64decode(_ *run, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return undefined, nil
	}
	s = strings.TrimRight(strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) {
			return -1
		}
		return c
	}, s), "=")
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return nil, fault("D3137", 0, "base64decode", "message", "The argument of the base64decode function is not base64: "+err.Error())
	}
	out := make([]rune, len(b))
	for i, c := range b {
		out[i] = rune(c)
	}
	return string(out), nil
}

const (
	urlPlain    = "-_.!~*'()"
	urlReserved = ";/?:@&=+$,#"
)

// encodeURL escapes all but letters, digits, the marks of a URL and keep.
func encodeURL(name, keep string) native {
	return func(r *run, args []any) (any, error) {
		s, ok := args[0].(string)
		if !ok {
			return undefined, nil
		}
		if strings.ContainsRune(s, utf8.RuneError) {
			return nil, fault("D3140", 0, name, "value", quote(s))
		}
		var b strings.Builder
		for i := range len(s) {
			c := s[i]
			if c < utf8.RuneSelf && (unicode.IsLetter(rune(c)) || unicode.IsDigit(rune(c)) || strings.IndexByte(urlPlain+keep, c) >= 0) {
				b.WriteByte(c)
				continue
			}
			b.WriteString("%" + strings.ToUpper(strconv.FormatInt(int64(c)|0x100, 16)[1:]))
		}
		return b.String(), r.grow(b.Len())
	}
}

// decodeURL undoes escapes, except of the characters of keep.
func decodeURL(name, keep string) native {
	return func(_ *run, args []any) (any, error) {
		s, ok := args[0].(string)
		if !ok {
			return undefined, nil
		}
		var b strings.Builder
		for i := 0; i < len(s); i++ {
			if s[i] != '%' {
				b.WriteByte(s[i])
				continue
			}
			if i+3 > len(s) {
				return nil, fault("D3140", 0, name, "value", quote(s))
			}
			c, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return nil, fault("D3140", 0, name, "value", quote(s))
			}
			if strings.IndexByte(keep, byte(c)) >= 0 {
				b.WriteString(s[i : i+3])
			} else {
				b.WriteByte(byte(c))
			}
			i += 2
		}
		if !utf8.ValidString(b.String()) {
			return nil, fault("D3140", 0, name, "value", quote(s))
		}
		return b.String(), nil
	}
}
