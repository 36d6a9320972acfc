package jsonpath

// This file defines how the text of a path is read.

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a path's text. A definition may be 1 MiB; a path this long is hostile.
const (
	maxLength  = 1 << 16
	maxNesting = 64 // conditions in parentheses, paths in filters, lists in lists
)

// parser reads one text from pos on.
type parser struct {
	text     string
	pos      int
	nesting  int
	inner    bool // reading a path inside a filter
	cautions []string
}

func (p *parser) fail(problem string) error {
	return &SyntaxError{Text: p.text, Offset: min(p.pos, len(p.text)), Problem: problem}
}

// peek returns the next byte, 0 at the end.
func (p *parser) peek() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

func (p *parser) atEnd() bool { return p.pos >= len(p.text) }

// accept skips token if it is next.
func (p *parser) accept(token string) bool {
	if strings.HasPrefix(p.text[p.pos:], token) {
		p.pos += len(token)
		return true
	}
	return false
}

func (p *parser) blanks() {
	for p.peek() == ' ' || p.peek() == '\t' || p.peek() == '\n' || p.peek() == '\r' {
		p.pos++
	}
}

func (p *parser) enter() error {
	if p.nesting++; p.nesting > maxNesting {
		return p.fail("nested deeper than " + strconv.Itoa(maxNesting) + " levels")
	}
	return nil
}

func (p *parser) leave() { p.nesting-- }

// whole reads the text as one path.
func (p *parser) whole() (*Path, error) {
	if len(p.text) > maxLength {
		return nil, p.fail("longer than " + strconv.Itoa(maxLength) + " bytes")
	}
	if !utf8.ValidString(p.text) {
		return nil, p.fail("not valid UTF-8")
	}
	root, err := p.root()
	if err != nil {
		return nil, err
	}
	steps, err := p.steps()
	if err != nil {
		return nil, err
	}
	if p.blanks(); !p.atEnd() {
		return nil, p.fail(`expected ".", "[" or the end of the path`)
	}
	path := newPath(p.text, root, steps)
	path.cautions = p.cautions
	return path, nil
}

// caution notes a doubt about the path, once.
func (p *parser) caution(text string) {
	if !slices.Contains(p.cautions, text) {
		p.cautions = append(p.cautions, text)
	}
}

func newPath(text, root string, steps []step) *Path {
	path := &Path{text: text, root: root, steps: steps, definite: true, simple: true}
	for i := range path.steps {
		s := &path.steps[i]
		path.definite = path.definite && s.definite()
		path.simple = path.simple && s.selector == nil
	}
	return path
}

// root reads "$", "$$" or "$name".
func (p *parser) root() (string, error) {
	if !p.accept("$") {
		return "", p.fail(`a path starts with "$"`)
	}
	if p.accept("$") {
		return "$$", nil
	}
	start := p.pos
	for i, r := range p.text[start:] {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r)) {
			break
		}
		p.pos = start + i + utf8.RuneLen(r)
	}
	return "$" + p.text[start:p.pos], nil
}

func (p *parser) steps() ([]step, error) {
	var steps []step
	for {
		s, more, err := p.step()
		if err != nil {
			return nil, err
		}
		if steps = append(steps, s...); !more {
			return steps, nil
		}
	}
}

// step reads what follows "." or ".." or stands in brackets: one step, with ".."
// two.
func (p *parser) step() (steps []step, more bool, err error) {
	if p.accept("..") {
		steps = append(steps, step{selector: descent{}})
	} else if !p.accept(".") && p.peek() != '[' {
		return nil, false, nil
	}
	var s step
	switch {
	case p.atEnd():
		return nil, false, p.fail(`a path must not end with "."`)
	case p.accept("*"):
		s.selector = wildcard{}
	case p.peek() == '[':
		s, err = p.bracket()
	default:
		s, err = p.name()
	}
	return append(steps, s), true, err
}

// name reads a name after a dot. "()" may end it: the name of a member that looks
// like a function, which Step Functions does not have.
func (p *parser) name() (step, error) {
	start := p.pos
	for !p.atEnd() && !p.endsName(p.peek()) {
		p.pos++
	}
	if p.pos > start && p.accept("()") {
		p.caution("Step Functions has no path functions: " + p.text[start:p.pos] + " is looked for as a member of that name")
	}
	name := p.text[start:p.pos]
	switch {
	case p.peek() == '(':
		return step{}, p.fail("Step Functions has no path functions")
	case name == "":
		return step{}, p.fail("expected a name, \"*\" or \"[\"")
	case p.peek() == ' ' && !p.inner && strings.TrimRight(p.text[p.pos:], " ") != "":
		return step{}, p.fail("a name with blanks needs brackets and quotes: ['my name']")
	}
	return step{name: name}, nil
}

// endsName tells where a name after a dot ends. Inside filters the operators end
// it too; elsewhere any character but these may stand in it: $.detail-type.
func (p *parser) endsName(c byte) bool {
	switch c {
	case '.', '[', '(', ' ':
		return true
	case '=', '!', '<', '>', '~', '&', '|', ')', ']', ',', '\t', '\n', '\r':
		return p.inner
	}
	return false
}

// bracket reads from "[" to "]".
func (p *parser) bracket() (s step, err error) {
	p.accept("[")
	p.blanks()
	switch c := p.peek(); {
	case c == '\'' || c == '"':
		s, err = p.quotedNames()
	case c == '*':
		p.accept("*")
		s.selector = wildcard{}
	case c == '?':
		s, err = p.filter()
	case c == '-' || c == ':' || c >= '0' && c <= '9':
		s, err = p.positions()
	case c == '(':
		s, err = p.fromEnd()
	default:
		return s, p.fail(`expected a quoted name, an index, a slice, "*" or "?(" after "["`)
	}
	if err != nil {
		return s, err
	}
	if p.blanks(); !p.accept("]") {
		return s, p.fail(`expected "]"`)
	}
	return s, nil
}

func (p *parser) quotedNames() (step, error) {
	var list []string
	for {
		p.blanks()
		name, err := p.quoted()
		if err != nil {
			return step{}, err
		}
		list = append(list, name)
		if p.blanks(); !p.accept(",") {
			break
		}
	}
	if len(list) == 1 {
		return step{name: list[0]}, nil
	}
	return step{selector: names(list)}, nil
}

// quoted reads a text in single or double quotes. A backslash takes the next
// character as it stands, but for the escapes that Java knows.
func (p *parser) quoted() (string, error) {
	quote := p.peek()
	if quote != '\'' && quote != '"' {
		return "", p.fail("expected a text in quotes")
	}
	p.pos++
	var b strings.Builder
	for !p.atEnd() {
		switch c := p.peek(); c {
		case quote:
			p.pos++
			return b.String(), nil
		case '\\':
			p.pos++
			if err := p.escape(&b); err != nil {
				return "", err
			}
		default:
			b.WriteByte(c)
			p.pos++
		}
	}
	return "", p.fail("the quoted text does not end")
}

var escapes = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', 'b': '\b', 'f': '\f'}

func (p *parser) escape(b *strings.Builder) error {
	c := p.peek()
	p.pos++
	if plain, ok := escapes[c]; ok {
		b.WriteByte(plain)
		return nil
	}
	if c != 'u' {
		if c == 0 {
			return p.fail("the quoted text does not end")
		}
		b.WriteByte(c)
		return nil
	}
	if p.pos+4 > len(p.text) {
		return p.fail(`\u needs four hexadecimal digits`)
	}
	n, err := strconv.ParseUint(p.text[p.pos:p.pos+4], 16, 16)
	if err != nil {
		return p.fail(`\u needs four hexadecimal digits`)
	}
	p.pos += 4
	b.WriteRune(p.surrogate(rune(n)))
	return nil
}

// surrogate joins a \u escape with the one behind it when they are a pair.
func (p *parser) surrogate(high rune) rune {
	if high < 0xd800 || high > 0xdbff || !strings.HasPrefix(p.text[p.pos:], `\u`) || p.pos+6 > len(p.text) {
		return high
	}
	low, err := strconv.ParseUint(p.text[p.pos+2:p.pos+6], 16, 16)
	if err != nil || low < 0xdc00 || low > 0xdfff {
		return high
	}
	p.pos += 6
	return 0x10000 + (high-0xd800)<<10 + rune(low) - 0xdc00
}

// positions reads an index, a list of indexes or a slice.
func (p *parser) positions() (step, error) {
	first, has, err := p.integer()
	if err != nil {
		return step{}, err
	}
	if p.blanks(); p.accept(":") {
		return p.slice(first, has)
	}
	list := indexes{first}
	for p.accept(",") {
		p.blanks()
		n, has, err := p.integer()
		if err != nil {
			return step{}, err
		}
		if !has {
			return step{}, p.fail("expected an index")
		}
		list = append(list, n)
		p.blanks()
	}
	if slices.Min(list) < 0 {
		p.caution("an index counts from the start only: the last element is [(@.length-1)]")
	}
	if len(list) == 1 {
		return step{index: first, byIndex: true}, nil
	}
	return step{selector: list}, nil
}

// fromEnd reads (@.length-n), an index from the end.
func (p *parser) fromEnd() (step, error) {
	p.accept("(")
	p.blanks()
	ok := p.accept("@.length")
	p.blanks()
	ok = ok && p.accept("-")
	p.blanks()
	n, has, err := p.integer()
	if err != nil {
		return step{}, err
	}
	if p.blanks(); !ok || !has || n < 1 || !p.accept(")") {
		return step{}, p.fail("of scripts there is only [(@.length-1)]")
	}
	return step{index: n, byIndex: true, fromEnd: true}, nil
}

func (p *parser) slice(from int, hasFrom bool) (step, error) {
	p.blanks()
	to, hasTo, err := p.integer()
	if err != nil {
		return step{}, err
	}
	if !hasFrom && !hasTo {
		return step{}, p.fail("a slice needs a number before or after the colon")
	}
	if hasFrom && hasTo && (from < 0 || to < 0) {
		p.caution("a negative bound finds nothing where a slice has two")
	}
	return step{selector: slice{from: from, to: to, hasFrom: hasFrom, hasTo: hasTo}}, nil
}

// integer reads a number that fits Java's int; has is false when there is none.
func (p *parser) integer() (n int, has bool, err error) {
	start := p.pos
	p.accept("-")
	for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
		p.pos++
	}
	text := p.text[start:p.pos]
	if text == "" {
		return 0, false, nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v > math.MaxInt32 || v < math.MinInt32 {
		p.pos = start
		return 0, false, p.fail("expected a whole number of at most 32 bits, not " + shorten(text))
	}
	return int(v), true, nil
}
