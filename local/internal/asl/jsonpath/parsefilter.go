package jsonpath

// This file defines how filters and literals are read.

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
	if left.path != nil && left.path.root == "$" {
		p.cautionReference(left.path)
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
	right, err := p.right(operator)
	if err != nil {
		return nil, err
	}
	if operator == "exists" {
		return p.existence(left, right)
	}
	return &comparison{left: left, right: right, operator: operator, compare: operators[operator]}, nil
}

// right reads what an operator compares with.
func (p *parser) right(operator string) (operand, error) {
	if operator[0]|0x20 >= 'a' || operator == "=~" {
		p.caution("AWS documents that the operator " + operator + " is not supported in filters")
	}
	if operator != "=~" {
		if text, ok := p.bareText(); ok {
			return text, nil
		}
	}
	right, err := p.operand()
	if right.path != nil {
		p.cautionReference(right.path)
	}
	return right, err
}

func (p *parser) cautionReference(path *Path) {
	p.caution("AWS documents that a filter cannot refer to another value: " + path.text)
}

// bareText reads a text without quotes on the right of an operator, as in
// $[?(@.code==es)] or $[?(@.Name==/eggs/cooked)], up to what ends the comparison.
func (p *parser) bareText() (operand, bool) {
	rest := p.text[p.pos:]
	if end := strings.IndexAny(rest, ")&|"); end >= 0 {
		rest = rest[:end]
	}
	rest = strings.TrimRight(rest, " ")
	if rest == "" || strings.IndexByte(`'"@$[{`, rest[0]) >= 0 {
		return operand{}, false
	}
	p.pos += len(rest)
	if v, err := jsonvalue.Parse([]byte(rest)); err == nil {
		return operand{literal: v}, true
	}
	return operand{literal: rest}, true
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
