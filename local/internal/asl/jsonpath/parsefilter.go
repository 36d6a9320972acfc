package jsonpath

// This file defines how filters, function calls and literals are read.

import (
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// filter reads from "?" up to the closing bracket.
func (p *parser) filter() (step, error) {
	p.accept("?")
	if p.blanks(); p.peek() != '(' {
		return step{}, p.fail(`a filter starts with "?("`)
	}
	outer := p.inner
	p.inner = true
	defer func() { p.inner = outer }()
	c, err := p.anyOf()
	if err != nil {
		return step{}, err
	}
	if !strings.HasSuffix(strings.TrimRight(p.text[:p.pos], " "), ")") {
		return step{}, p.fail(`a filter ends with ")]"`)
	}
	return step{selector: &filter{condition: c}}, nil
}

// anyOf reads conditions joined by ||.
func (p *parser) anyOf() (condition, error) {
	var parts or
	for {
		part, err := p.allOf()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		if p.blanks(); !p.accept("||") {
			break
		}
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return parts, nil
}

func (p *parser) allOf() (condition, error) {
	var parts and
	for {
		part, err := p.condition()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		if p.blanks(); !p.accept("&&") {
			break
		}
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return parts, nil
}

// condition reads one condition: negated, in parentheses, or an expression.
func (p *parser) condition() (condition, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.blanks()
	switch {
	case p.accept("!"):
		c, err := p.condition()
		if _, compared := c.(*comparison); compared {
			return nil, p.fail("put the comparison that ! negates in parentheses")
		}
		return not{c}, err
	case p.accept("("):
		c, err := p.anyOf()
		if err != nil {
			return nil, err
		}
		if p.blanks(); !p.accept(")") {
			return nil, p.fail(`expected ")", "&&" or "||"`)
		}
		return group(c), nil
	}
	return p.expression()
}

// parens marks a condition that stood in parentheses, so that ! may negate it.
type parens struct{ condition }

func (c parens) String() string { return "(" + c.condition.String() + ")" }

func group(c condition) condition {
	if _, compared := c.(*comparison); compared {
		return parens{c}
	}
	return c
}

// expression reads a comparison, or a path whose existence is asked.
func (p *parser) expression() (condition, error) {
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	p.blanks()
	operator := p.operator()
	if operator == "" {
		if left.path == nil {
			return nil, p.fail("expected an operator: ==, !=, <, <=, >, >=, =~, in, nin, contains, all, subsetof, anyof, noneof, size, empty or exists")
		}
		return exists{left.path}, nil
	}
	p.blanks()
	right, ok := p.bareWord()
	if !ok {
		right, err = p.operand()
	}
	if err != nil {
		return nil, err
	}
	if operator == "exists" {
		return p.existence(left, right)
	}
	return &comparison{left: left, right: right, operator: operator, compare: operators[operator]}, nil
}

// bareWord reads a text without quotes on the right of an operator, as in
// $[?(@.code==es)], which published samples of AWS have
// (github.com/aws-samples/step-functions-workflows-collection, parallel-translate).
func (p *parser) bareWord() (operand, bool) {
	end := p.pos
	for end < len(p.text) && wordByte(p.text[end], end > p.pos) {
		end++
	}
	word := p.text[p.pos:end]
	if word == "" || word == "true" || word == "false" || word == "null" {
		return operand{}, false
	}
	p.pos = end
	return operand{literal: word}, true
}

func wordByte(c byte, inside bool) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || inside && (c == '-' || c >= '0' && c <= '9')
}

// existence reads @.a exists true.
func (p *parser) existence(left, right operand) (condition, error) {
	want, ok := right.literal.(bool)
	if !ok || left.path == nil {
		return nil, p.fail("exists compares a path with true or false")
	}
	if want {
		return exists{left.path}, nil
	}
	return not{exists{left.path}}, nil
}

// operator reads an operator if there is one, a word in any case.
func (p *parser) operator() string {
	end := p.pos
	for end < len(p.text) && strings.IndexByte("=!<>~", p.text[end]) >= 0 {
		end++
	}
	if end == p.pos {
		for end < len(p.text) && (p.text[end]|0x20 >= 'a' && p.text[end]|0x20 <= 'z') {
			end++
		}
	}
	word := strings.ToLower(p.text[p.pos:end])
	if operators[word] == nil && word != "exists" {
		return ""
	}
	p.pos = end
	return word
}

// operand reads a path, a pattern or a literal.
func (p *parser) operand() (operand, error) {
	if err := p.enter(); err != nil {
		return operand{}, err
	}
	defer p.leave()
	switch p.peek() {
	case '@', '$':
		path, err := p.innerPath()
		return operand{path: path}, err
	case '/':
		pattern, err := p.pattern()
		return operand{pattern: pattern}, err
	}
	v, err := p.literal()
	return operand{literal: v}, err
}

// innerPath reads a path that starts at the current item, @, or at the document.
func (p *parser) innerPath() (*Path, error) {
	outer, start := p.inner, p.pos
	p.inner = true
	defer func() { p.inner = outer }()
	root := p.text[p.pos : p.pos+1]
	p.pos++
	steps, err := p.steps()
	if err != nil {
		return nil, err
	}
	return newPath(p.text[start:p.pos], root, steps), nil
}

// pattern reads /expression/flags.
func (p *parser) pattern() (*pattern, error) {
	p.accept("/")
	start := p.pos
	for !p.atEnd() && p.peek() != '/' {
		if p.accept(`\`); !p.atEnd() {
			p.pos++
		}
	}
	source := p.text[start:p.pos]
	if !p.accept("/") {
		return nil, p.fail("the pattern does not end with /")
	}
	flags := p.pos
	for c := p.peek(); c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'; c = p.peek() {
		p.pos++
	}
	re, problem := newPattern(source, p.text[flags:p.pos])
	if problem != "" {
		return nil, p.fail(problem)
	}
	return re, nil
}

// call reads a function's arguments; start is where its name does.
func (p *parser) call(name string, start int) (step, error) {
	invoke := functions[name]
	if invoke == nil {
		p.pos = start
		return step{}, p.fail("there is no path function " + shorten(name) + "()")
	}
	p.accept("(")
	c := &call{name: name, invoke: invoke}
	for p.blanks(); !p.accept(")"); p.blanks() {
		if len(c.arguments) > 0 && !p.accept(",") {
			return step{}, p.fail(`expected "," or ")"`)
		}
		p.blanks()
		if p.peek() == '/' {
			return step{}, p.fail("a pattern is no argument")
		}
		a, err := p.operand()
		if err != nil {
			return step{}, err
		}
		c.arguments = append(c.arguments, a)
	}
	return step{selector: c}, nil
}

// literal reads a JSON value; texts may stand in single quotes.
func (p *parser) literal() (jsonvalue.Value, error) {
	switch c := p.peek(); {
	case c == '\'' || c == '"':
		return p.quoted()
	case c == '[':
		return p.list()
	case c == '{':
		return p.object()
	}
	start := p.pos
	for c := p.peek(); c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'; c = p.peek() {
		p.pos++
	}
	word := p.text[start:p.pos]
	v, err := jsonvalue.Parse([]byte(word))
	if err != nil {
		p.pos = start
		return nil, p.fail("expected a path, a text in quotes, a number, true, false, null, a list or a /pattern/")
	}
	return v, nil
}

func (p *parser) list() (jsonvalue.Value, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.accept("[")
	list := []any{}
	for p.blanks(); !p.accept("]"); p.blanks() {
		if len(list) > 0 && !p.accept(",") {
			return nil, p.fail(`expected "," or "]"`)
		}
		p.blanks()
		v, err := p.literal()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func (p *parser) object() (jsonvalue.Value, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.accept("{")
	var b jsonvalue.Builder
	for first := true; ; first = false {
		if p.blanks(); p.accept("}") {
			return b.Object(), nil
		}
		if !first && !p.accept(",") {
			return nil, p.fail(`expected "," or "}"`)
		}
		p.blanks()
		name, err := p.quoted()
		if err != nil {
			return nil, err
		}
		if p.blanks(); !p.accept(":") {
			return nil, p.fail(`expected ":"`)
		}
		p.blanks()
		v, err := p.literal()
		if err != nil {
			return nil, err
		}
		b.Set(name, v)
	}
}
