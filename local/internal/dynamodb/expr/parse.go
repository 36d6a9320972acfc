package expr

// This file defines the parsing of expressions: syntax alone.
//
//	condition   = and { OR and }
//	and         = not { AND not }
//	not         = NOT not | comparison
//	comparison  = primary [ comparator primary | BETWEEN primary AND primary | IN ( primary {, primary} ) ]
//	primary     = ( condition ) | :value | function ( operand {, operand} ) | path
//	path        = name { . name | [ number ] }
//	update      = section { section }
//	section     = SET path = sum {, ...} | REMOVE path {, ...} | ADD path :value {, ...} | DELETE path :value {, ...}
//	sum         = operand [ + operand | - operand ]

import (
	"strconv"
	"strings"
)

// maxOperators and maxNesting bound an expression.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html#limits-expression-parameters
const (
	maxLength    = 4096
	maxOperators = 300
	maxNesting   = 300 // of parentheses, so that hostile text cannot exhaust the stack
)

// parser reads one expression. Its first fault sticks and moves it to the end of
// the text, where nothing is accepted any more: so its methods need not look.
type parser struct {
	text      string
	tokens    []token
	at        int
	operators int
	depth     int
	err       error
}

func parse[T any](text string, read func(p *parser) T) (tree T, err error) {
	if strings.TrimSpace(text) == "" {
		return tree, errorf("The expression can not be empty;")
	}
	if len(text) > maxLength {
		return tree, errorf("Expression size has exceeded the maximum allowed size; expression size: %d", len(text))
	}
	p := &parser{text: text, tokens: lex(text)}
	tree = read(p)
	if p.peek().kind != tokenEnd {
		p.fail()
	}
	return tree, p.err
}

func parseCondition(text string) (*node, error) { return parse(text, (*parser).condition) }

func parseProjection(text string) ([]*node, error) {
	return parse(text, func(p *parser) []*node {
		paths := []*node{p.path()}
		for p.accept(",") {
			paths = append(paths, p.path())
		}
		return paths
	})
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) giveUp(err error) {
	if p.err == nil {
		p.err = err
	}
	p.at = len(p.tokens) - 1
}

// fail gives up at the current token, which AWS shows with its neighbours.
func (p *parser) fail() {
	t := p.peek()
	start, end := t.start, t.end
	if p.at > 0 {
		start = p.tokens[p.at-1].start
	}
	if p.at+1 < len(p.tokens) && p.tokens[p.at+1].kind != tokenEnd {
		end = p.tokens[p.at+1].end
	}
	p.giveUp(errorf(`Syntax error; token: "%s", near: "%s"`, t.text, strings.TrimSpace(p.text[start:end])))
}

// skip goes to the next token; the last one it never leaves.
func (p *parser) skip() { p.at = min(p.at+1, len(p.tokens)-1) }

// accept steps over a symbol if it is next.
func (p *parser) accept(symbol string) bool {
	if t := p.peek(); t.kind == tokenSymbol && t.text == symbol {
		p.skip()
		return true
	}
	return false
}

func (p *parser) expect(symbol string) {
	if !p.accept(symbol) {
		p.fail()
	}
}

// keyword steps over a keyword if it is next; keywords are written in any case.
func (p *parser) keyword(word string) bool {
	if t := p.peek(); t.kind == tokenName && strings.EqualFold(t.text, word) {
		p.skip()
		return true
	}
	return false
}

// operator counts what AWS counts.
func (p *parser) operator() {
	p.operators++
	if p.operators > maxOperators {
		p.giveUp(errorf("The expression contains too many operators; operator count: %d", p.operators))
	}
}

func (p *parser) nested(read func() *node) *node {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxNesting {
		p.giveUp(errorf("The expression is nested too deep; levels: %d", p.depth))
	}
	return read()
}

func (p *parser) condition() *node {
	n := p.or()
	if !n.isCondition() {
		p.fail()
	}
	return n
}

// or reads conditions, or a single operand when the parentheses around it turn
// out to be an operand's.
func (p *parser) or() *node {
	return p.chain("OR", opOr, func() *node { return p.chain("AND", opAnd, p.not) })
}

func (p *parser) chain(word string, op op, read func() *node) *node {
	left := read()
	for p.peek().kind == tokenName && strings.EqualFold(p.peek().text, word) {
		if !left.isCondition() {
			p.fail()
		}
		p.skip()
		p.operator()
		right := read()
		if !right.isCondition() {
			p.fail()
		}
		left = &node{op: op, args: []*node{left, right}}
	}
	return left
}

func (p *parser) not() *node {
	if !p.keyword("NOT") {
		return p.comparison()
	}
	p.operator()
	n := p.nested(p.not)
	if !n.isCondition() {
		p.fail()
	}
	return &node{op: opNot, args: []*node{n}}
}

func (p *parser) comparison() *node {
	left := p.primary()
	if !left.isOperand() {
		return left
	}
	t := p.peek()
	switch {
	case t.kind == tokenSymbol && comparators[op(t.text)]:
		p.skip()
		p.operator()
		return &node{op: op(t.text), args: []*node{left, p.operand()}}
	case p.keyword("BETWEEN"):
		p.operator()
		lower := p.operand()
		if !p.keyword("AND") {
			p.fail()
		}
		return &node{op: opBetween, args: []*node{left, lower, p.operand()}}
	case p.keyword("IN"):
		p.operator()
		p.expect("(")
		return &node{op: opIn, args: append([]*node{left}, p.operands()...)}
	}
	return left
}

// operands reads a list and its closing parenthesis.
func (p *parser) operands() []*node {
	args := []*node{p.operand()}
	for p.accept(",") {
		args = append(args, p.operand())
	}
	p.expect(")")
	return args
}

// operand reads a value, maybe in parentheses.
func (p *parser) operand() *node {
	n := p.primary()
	if !n.isOperand() {
		p.fail()
	}
	return n
}

func (p *parser) primary() *node {
	t := p.peek()
	switch {
	case p.accept("("):
		inner := p.nested(p.or)
		p.expect(")")
		return &node{op: opParen, args: []*node{inner}}
	case t.kind == tokenValue:
		p.skip()
		return &node{op: opValue, text: t.text}
	case t.kind == tokenName && keywords[strings.ToUpper(t.text)]:
		p.fail()
	case t.kind == tokenName && p.tokens[p.at+1].text == "(":
		p.at += 2
		p.operator()
		return p.nested(func() *node { return &node{op: opCall, text: t.text, args: p.operands()} })
	}
	return p.path()
}

// keywords cannot be attributes; NOT is read where it may stand.
var keywords = map[string]bool{"AND": true, "OR": true, "NOT": true, "BETWEEN": true, "IN": true,
	"SET": true, "REMOVE": true, "ADD": true, "DELETE": true}

func (p *parser) path() *node {
	n := &node{op: opPath, elements: []element{p.name()}}
	for {
		switch {
		case p.accept("."):
			n.elements = append(n.elements, p.name())
		case p.accept("["):
			n.elements = append(n.elements, p.index())
		default:
			return n
		}
	}
}

func (p *parser) name() element {
	t := p.peek()
	if t.kind != tokenName && t.kind != tokenAlias {
		p.fail()
	} else {
		p.skip()
	}
	return element{name: t.text}
}

func (p *parser) index() element {
	t := p.peek()
	if t.kind != tokenNumber {
		p.fail()
		return element{}
	}
	i, err := strconv.ParseInt(t.text, 10, 32)
	if err != nil {
		p.giveUp(errorf("List index is not within the allowable range; index: [%s]", t.text))
		return element{}
	}
	p.skip()
	p.expect("]")
	return element{index: int(i)}
}

func parseUpdate(text string) ([]section, error) {
	return parse(text, func(p *parser) []section {
		var sections []section
		for {
			sections = append(sections, p.section())
			if p.peek().kind == tokenEnd {
				return sections
			}
		}
	})
}

func (p *parser) section() section {
	t := p.peek()
	keyword := strings.ToUpper(t.text)
	s := section{keyword: keyword}
	if t.kind != tokenName || updateActions[keyword] == nil {
		p.fail()
		return s
	}
	p.skip()
	for {
		a := action{path: p.path()}
		a.value = updateActions[keyword](p)
		p.operator()
		s.actions = append(s.actions, a)
		if !p.accept(",") {
			return s
		}
	}
}

// updateActions reads what follows the path, by keyword.
var updateActions = map[string]func(p *parser) *node{
	"SET": func(p *parser) *node {
		p.expect("=")
		return p.sum()
	},
	"REMOVE": func(*parser) *node { return nil },
	"ADD":    (*parser).value,
	"DELETE": (*parser).value,
}

func (p *parser) value() *node {
	t := p.peek()
	if t.kind == tokenValue {
		p.skip()
	} else {
		p.fail()
	}
	return &node{op: opValue, text: t.text}
}

// sum reads the right side of SET; it may stand in parentheses.
func (p *parser) sum() *node {
	if p.peek().text == "(" && p.parenthesesHoldSum() {
		p.skip()
		inner := p.nested(p.sum)
		p.expect(")")
		return &node{op: opParen, args: []*node{inner}}
	}
	left := p.operand()
	for _, sign := range []op{opPlus, opMinus} {
		if p.accept(string(sign)) {
			p.operator()
			return &node{op: sign, args: []*node{left, p.operand()}}
		}
	}
	return left
}

// parenthesesHoldSum looks whether a + or - stands directly within the
// parentheses that begin here: "(a + b)" is a sum, "(a) + b" begins with an operand.
func (p *parser) parenthesesHoldSum() bool {
	depth := 0
	for _, t := range p.tokens[p.at:] {
		switch {
		case t.kind != tokenSymbol:
		case t.text == "(":
			depth++
		case t.text == ")":
			if depth--; depth == 0 {
				return false
			}
		case (t.text == "+" || t.text == "-") && depth > 0:
			return true
		}
	}
	return false
}
