package jsonata

// This file defines the tokens of an expression.

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokName
	tokVariable
	tokString
	tokNumber
	tokValue // true, false, null
	tokOperator
	tokRegex
)

type token struct {
	kind  tokenKind
	text  string // name, operator, string; a regex's pattern
	flags string // of a regex
	num   float64
	start int // byte offset
	end   int // byte offset behind it
}

// shown is how an error names the token.
func (t token) shown() string {
	switch t.kind {
	case tokEnd:
		return "(end)"
	case tokNumber:
		return formatNumber(t.num)
	}
	return t.text
}

type lexer struct {
	text string
	at   int
}

// position is the reference's: characters up to the end of what was read.
func (l *lexer) position(offset int) int { return utf8.RuneCountInString(l.text[:offset]) }

const singleOperators = ".[]{}(),@#;:?+-*/%|=<>^&!~"

var doubleOperators = []string{"..", ":=", "!=", ">=", "<=", "**", "~>"}

// next reads a token. Where an operand is due a slash opens a regular expression.
func (l *lexer) next(operandDue bool) (token, error) {
	if err := l.space(); err != nil {
		return token{}, err
	}
	start := l.at
	if start >= len(l.text) {
		return token{kind: tokEnd, start: start, end: start}, nil
	}
	t, err := l.scan(l.text[start], operandDue)
	t.start, t.end = start, l.at
	return t, err
}

func (l *lexer) scan(c byte, operandDue bool) (token, error) {
	switch {
	case c == '/' && operandDue:
		return l.regex()
	case c == '"' || c == '\'':
		return l.quoted(c)
	case c == '`':
		return l.backquoted()
	case c >= '0' && c <= '9':
		return l.number()
	}
	for _, op := range doubleOperators {
		if strings.HasPrefix(l.text[l.at:], op) {
			l.at += 2
			return token{kind: tokOperator, text: op}, nil
		}
	}
	if strings.IndexByte(singleOperators, c) >= 0 {
		l.at++
		return token{kind: tokOperator, text: string(c)}, nil
	}
	return l.word(), nil
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' }

// space skips white space and comments.
func (l *lexer) space() error {
	for l.at < len(l.text) {
		switch {
		case isSpace(l.text[l.at]):
			l.at++
		case strings.HasPrefix(l.text[l.at:], "/*"):
			end := strings.Index(l.text[l.at+2:], "*/")
			if end < 0 {
				return fault("S0106", l.position(l.at), "")
			}
			l.at += 2 + end + 2
		default:
			return nil
		}
	}
	return nil
}

func (l *lexer) word() token {
	start := l.at
	for l.at < len(l.text) && !isSpace(l.text[l.at]) && strings.IndexByte(singleOperators, l.text[l.at]) < 0 {
		l.at++
	}
	switch w := l.text[start:l.at]; {
	case w[0] == '$':
		return token{kind: tokVariable, text: w[1:]}
	case w == "or" || w == "and" || w == "in":
		return token{kind: tokOperator, text: w}
	case w == "true" || w == "false" || w == "null":
		return token{kind: tokValue, text: w}
	default:
		return token{kind: tokName, text: w}
	}
}

func (l *lexer) backquoted() (token, error) {
	end := strings.IndexByte(l.text[l.at+1:], '`')
	if end < 0 {
		l.at = len(l.text)
		return token{}, fault("S0105", l.position(l.at), "")
	}
	text := l.text[l.at+1 : l.at+1+end]
	l.at += end + 2
	return token{kind: tokName, text: text}, nil
}

func (l *lexer) number() (token, error) {
	start := l.at
	digits := func() (some bool) {
		for l.at < len(l.text) && l.text[l.at] >= '0' && l.text[l.at] <= '9' {
			l.at, some = l.at+1, true
		}
		return some
	}
	if l.text[l.at] == '0' {
		l.at++
	} else {
		digits()
	}
	if mark := l.at; l.at < len(l.text) && l.text[l.at] == '.' {
		l.at++
		if !digits() {
			l.at = mark
		}
	}
	if mark := l.at; l.at < len(l.text) && (l.text[l.at]|0x20) == 'e' {
		l.at++
		if l.at < len(l.text) && (l.text[l.at] == '+' || l.text[l.at] == '-') {
			l.at++
		}
		if !digits() {
			l.at = mark
		}
	}
	text := l.text[start:l.at]
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		return token{}, fault("S0102", l.position(l.at), text)
	}
	return token{kind: tokNumber, num: f, text: text}, nil
}

var escapes = map[byte]string{'"': "\"", '\'': "'", '\\': "\\", '/': "/", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t"}

func (l *lexer) quoted(quote byte) (token, error) {
	var b strings.Builder
	for l.at++; l.at < len(l.text); l.at++ {
		switch c := l.text[l.at]; c {
		case quote:
			l.at++
			return token{kind: tokString, text: b.String()}, nil
		case '\\':
			if err := l.escape(&b); err != nil {
				return token{}, err
			}
		default:
			b.WriteByte(c)
		}
	}
	return token{}, fault("S0101", l.position(len(l.text)), "")
}

// escape reads one behind the backslash at l.at, and stays on its last byte.
func (l *lexer) escape(b *strings.Builder) error {
	l.at++
	if l.at >= len(l.text) {
		return fault("S0101", l.position(len(l.text)), "")
	}
	if s, ok := escapes[l.text[l.at]]; ok {
		b.WriteString(s)
		return nil
	}
	if l.text[l.at] != 'u' {
		r, _ := utf8.DecodeRuneInString(l.text[l.at:])
		return fault("S0103", l.position(l.at), string(r))
	}
	unit, ok := l.hex(l.at + 1)
	if !ok {
		return fault("S0104", l.position(l.at), "")
	}
	l.at += 4
	if low, ok := l.lowSurrogate(unit); ok {
		unit = (unit-0xD800)<<10 | (low - 0xDC00) + 0x10000
		l.at += 6
	}
	b.WriteRune(unit)
	return nil
}

func (l *lexer) hex(at int) (rune, bool) {
	if at+4 > len(l.text) {
		return 0, false
	}
	n, err := strconv.ParseUint(l.text[at:at+4], 16, 16)
	return rune(n), err == nil
}

// lowSurrogate looks for the second half of a pair whose first half was read.
func (l *lexer) lowSurrogate(high rune) (rune, bool) {
	if high < 0xD800 || high > 0xDBFF || !strings.HasPrefix(l.text[l.at+1:], `\u`) {
		return 0, false
	}
	low, ok := l.hex(l.at + 3)
	return low, ok && low >= 0xDC00 && low <= 0xDFFF
}

// regex reads /pattern/flags. A slash within brackets of any kind, or escaped,
// does not end it.
func (l *lexer) regex() (token, error) {
	start, depth := l.at+1, 0
	for l.at = start; l.at < len(l.text); l.at++ {
		switch l.text[l.at] {
		case '\\':
			l.at++
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case '/':
			if depth != 0 {
				continue
			}
			pattern := l.text[start:l.at]
			if pattern == "" {
				return token{}, fault("S0301", l.position(l.at), "")
			}
			l.at++
			flags := l.at
			for l.at < len(l.text) && (l.text[l.at] == 'i' || l.text[l.at] == 'm') {
				l.at++
			}
			return token{kind: tokRegex, text: pattern, flags: l.text[flags:l.at]}, nil
		}
	}
	l.at = len(l.text)
	return token{}, fault("S0302", l.position(l.at), "")
}
