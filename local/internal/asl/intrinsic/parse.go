package intrinsic

// This file defines how the text of an expression is read.

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/stepworks/stepworks/local/internal/asl/jsonpath"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Limits of an expression. AWS nests up to 10 functions in a field and counts
// every call: https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
const (
	maxFunctions = 10
	maxLength    = 1 << 18
)

// SyntaxError says why a text is no expression.
type SyntaxError struct {
	Text    string
	Offset  int // in bytes
	Problem string
}

func (e *SyntaxError) Error() string {
	text := e.Text
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "..."
	}
	return fmt.Sprintf("intrinsic function %q, character %d: %s", text, e.Offset+1, e.Problem)
}

// Parse compiles an expression. The error is a [*SyntaxError].
func Parse(text string) (*Expr, error) {
	p := &parser{text: text}
	if len(text) > maxLength {
		return nil, p.fail(fmt.Sprintf("longer than %d bytes", maxLength))
	}
	if !utf8.ValidString(text) {
		return nil, p.fail("not valid UTF-8")
	}
	root, err := p.call()
	if err != nil {
		return nil, err
	}
	if p.pos < len(text) {
		return nil, p.fail("expected the end of the expression")
	}
	return &Expr{root: root, paths: p.paths}, nil
}

type parser struct {
	text      string
	pos       int
	functions int
	paths     []*jsonpath.Path
}

func (p *parser) fail(problem string) error {
	return &SyntaxError{Text: p.text, Offset: p.pos, Problem: problem}
}

func (p *parser) peek() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

func (p *parser) blanks() {
	for p.peek() == ' ' || p.peek() == '\t' || p.peek() == '\n' || p.peek() == '\r' {
		p.pos++
	}
}

// call reads States.Name(arguments).
func (p *parser) call() (*call, error) {
	start := p.pos
	open := strings.IndexByte(p.text[start:], '(')
	name, ok := strings.CutPrefix(p.text[start:], "States.")
	if !ok || open < 0 {
		return nil, p.fail("expected an intrinsic function such as States.Format('{}', $.name)")
	}
	name = name[:open-len("States.")]
	f := functions[name]
	if f == nil {
		return nil, p.fail("there is no intrinsic function States." + strings.ToValidUTF8(name[:min(len(name), 80)], ""))
	}
	if p.functions++; p.functions > maxFunctions {
		return nil, p.fail(fmt.Sprintf("more than %d intrinsic functions in one field", maxFunctions))
	}
	p.pos += open + 1
	arguments, err := p.arguments()
	if err != nil {
		return nil, err
	}
	if len(arguments) < f.min || f.max >= 0 && len(arguments) > f.max {
		p.pos = start
		return nil, p.fail(fmt.Sprintf("States.%s takes %s, not %d", name, f.takes(), len(arguments)))
	}
	return &call{text: p.text[start:p.pos], function: f, arguments: arguments}, nil
}

// arguments reads up to and over the closing parenthesis.
func (p *parser) arguments() ([]argument, error) {
	var list []argument
	if p.blanks(); p.peek() == ')' {
		p.pos++
		return nil, nil
	}
	for {
		p.blanks()
		a, err := p.argument()
		if err != nil {
			return nil, err
		}
		list = append(list, a)
		p.blanks()
		switch p.peek() {
		case ',':
			p.pos++
		case ')':
			p.pos++
			return list, nil
		default:
			return nil, p.fail(`expected "," or ")"`)
		}
	}
}

func (p *parser) argument() (argument, error) {
	switch c := p.peek(); {
	case c == '\'':
		return p.literalText()
	case c == '$':
		return p.path()
	case c == 'S':
		c, err := p.call()
		return argument{call: c}, err
	}
	start := p.pos
	for c := p.peek(); c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'; c = p.peek() {
		p.pos++
	}
	v, err := jsonvalue.Parse([]byte(p.text[start:p.pos]))
	if err != nil {
		p.pos = start
		return argument{}, p.fail("expected a path, a text in single quotes, a number, true, false, null or an intrinsic function")
	}
	return argument{literal: v}, nil
}

// literalText reads a text in single quotes. A backslash may stand before ' { }
// and \ only: AWS refuses a definition with any other (recorded). The pieces are
// what stands around each {} that is not escaped.
func (p *parser) literalText() (argument, error) {
	var pieces []string
	var b strings.Builder
	p.pos++
	for {
		switch c := p.peek(); {
		case p.pos >= len(p.text):
			return argument{}, p.fail("the text in single quotes does not end")
		case c == '\'':
			p.pos++
			pieces = append(pieces, b.String())
			return argument{literal: strings.Join(pieces, "{}"), pieces: pieces}, nil
		case c == '\\':
			p.pos++
			if p.pos >= len(p.text) || strings.IndexByte(`'{}\`, p.text[p.pos]) < 0 {
				return argument{}, p.fail(`a backslash escapes ' { } and \ only`)
			}
			b.WriteByte(p.text[p.pos])
			p.pos++
		case strings.HasPrefix(p.text[p.pos:], "{}"):
			pieces = append(pieces, b.String())
			b.Reset()
			p.pos += 2
		default:
			b.WriteByte(c)
			p.pos++
		}
	}
}

// path reads a path, which ends at a comma or parenthesis outside of its own
// brackets.
func (p *parser) path() (argument, error) {
	start, depth := p.pos, 0
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		if depth == 0 && (c == ',' || c == ')') {
			break
		}
		switch {
		case c == '[' || c == '(':
			depth++
		case c == ']' || c == ')':
			depth--
		case depth > 0 && (c == '\'' || c == '"' || c == '/'):
			p.skipQuoted(c)
		}
		p.pos++
	}
	path, err := jsonpath.Parse(strings.TrimRight(p.text[start:p.pos], " \t\r\n"))
	if err != nil {
		p.pos = start
		return argument{}, p.fail(err.Error())
	}
	p.paths = append(p.paths, path)
	return argument{path: path}, nil
}

// skipQuoted goes to the closing quote, or stays where there is none.
func (p *parser) skipQuoted(quote byte) {
	for i := p.pos + 1; i < len(p.text); i++ {
		switch p.text[i] {
		case '\\':
			i++
		case quote:
			p.pos = i
			return
		}
	}
}
