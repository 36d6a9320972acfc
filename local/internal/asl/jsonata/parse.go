package jsonata

// This file defines the parser: operator precedence after Pratt.

import "strings"

// maxNesting bounds how deep an expression may nest, so that hostile text
// cannot exhaust the stack.
const maxNesting = 500

type parser struct {
	lex   lexer
	tok   token
	depth int
}

// powers binds the infix operators; higher binds tighter.
var powers = map[string]int{
	".": 75, "[": 80, "{": 70, "(": 80, "@": 80, "#": 80, "?": 20,
	"+": 50, "-": 50, "*": 60, "/": 60, "%": 60, "=": 40, "<": 40, ">": 40, "^": 40,
	":=": 10, "!=": 40, "<=": 40, ">=": 40, "~>": 40, "and": 30, "or": 25, "in": 40, "&": 50,
}

const unaryPower = 70

func parse(text string) (*node, error) {
	p := &parser{lex: lexer{text: text}}
	if err := p.advance(true); err != nil {
		return nil, err
	}
	n, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if p.tok.kind != tokEnd {
		return nil, p.fault("S0201")
	}
	return n, nil
}

func (p *parser) advance(operandDue bool) (err error) {
	p.tok, err = p.lex.next(operandDue)
	return err
}

func (p *parser) pos() int { return p.lex.position(p.tok.end) }

func (p *parser) fault(code string, pairs ...string) error {
	return fault(code, p.pos(), p.tok.shown(), pairs...)
}

func (p *parser) is(op string) bool { return p.tok.kind == tokOperator && p.tok.text == op }

// expect takes op. operandDue tells whether an operand may follow it.
func (p *parser) expect(op string, operandDue bool) error {
	if !p.is(op) {
		code := "S0202"
		if p.tok.kind == tokEnd {
			code = "S0203"
		}
		return p.fault(code, "value", `"`+op+`"`)
	}
	return p.advance(operandDue)
}

func (p *parser) expression(power int) (*node, error) {
	if p.depth++; p.depth > maxNesting {
		return nil, fault("U1001", p.pos(), "")
	}
	defer func() { p.depth-- }()
	left, err := p.prefix()
	for err == nil && p.tok.kind == tokOperator && powers[p.tok.text] > power {
		left, err = p.infix(left)
	}
	return left, err
}

// operand takes the token and returns a leaf.
func (p *parser) operand(n *node) (*node, error) {
	n.pos = p.pos()
	return n, p.advance(false)
}

var constants = map[string]any{"true": true, "false": false, "null": nil}

func (p *parser) prefix() (*node, error) {
	t := p.tok
	switch t.kind {
	case tokEnd:
		return nil, p.fault("S0207")
	case tokName:
		return p.operand(&node{kind: kName, text: t.text})
	case tokVariable:
		return p.operand(&node{kind: kVariable, text: t.text})
	case tokString:
		return p.operand(&node{kind: kString, text: t.text, value: t.text})
	case tokNumber:
		return p.operand(&node{kind: kConstant, value: t.num})
	case tokValue:
		return p.operand(&node{kind: kConstant, value: constants[t.text]})
	case tokRegex:
		rx, err := compileRegex(t.text, t.flags, p.pos())
		if err != nil {
			return nil, err
		}
		return p.operand(&node{kind: kRegex, text: "/" + t.text + "/" + t.flags, value: rx})
	}
	return p.prefixOperator(t.text)
}

func (p *parser) prefixOperator(op string) (*node, error) {
	switch op {
	case "and", "or", "in":
		return p.operand(&node{kind: kName, text: op})
	case "*":
		return p.operand(&node{kind: kWildcard})
	case "**":
		return p.operand(&node{kind: kDescendant})
	case "%":
		return p.operand(&node{kind: kParent})
	case "-":
		return p.negation()
	case "[":
		return p.array()
	case "{":
		return p.object(nil)
	case "(":
		return p.block()
	case "|":
		return p.transform()
	}
	return nil, p.fault("S0211")
}

func (p *parser) negation() (n *node, err error) {
	n = &node{kind: kNegate, pos: p.pos()}
	if err = p.advance(true); err == nil {
		n.left, err = p.expression(unaryPower)
	}
	return n, err
}

func (p *parser) array() (*node, error) {
	n := &node{kind: kArray, pos: p.pos()}
	err := p.list("]", func() error {
		item, err := p.expression(0)
		if err == nil && p.is("..") {
			span := &node{kind: kRange, pos: p.pos(), left: item}
			if err = p.advance(true); err == nil {
				span.right, err = p.expression(0)
			}
			item = span
		}
		n.items = append(n.items, item)
		return err
	})
	return n, err
}

// list takes an opening bracket, elements with commas between them, and closer.
func (p *parser) list(closer string, element func() error) error {
	if err := p.advance(true); err != nil {
		return err
	}
	for !p.is(closer) {
		if err := element(); err != nil {
			return err
		}
		if !p.is(",") {
			break
		}
		if err := p.advance(true); err != nil {
			return err
		}
	}
	return p.expect(closer, false)
}

// object reads {k: v, ...}: a constructor, or the grouping of left.
func (p *parser) object(left *node) (*node, error) {
	n := &node{kind: kObject, pos: p.pos()}
	if left != nil {
		n.kind, n.left = kGroup, left
	}
	if err := p.advance(true); err != nil {
		return nil, err
	}
	for !p.is("}") {
		key, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		if err := p.expect(":", true); err != nil {
			return nil, err
		}
		value, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		n.pairs = append(n.pairs, pair{key, value})
		if !p.is(",") {
			break
		}
		if err := p.advance(true); err != nil {
			return nil, err
		}
	}
	return n, p.expect("}", false)
}

func (p *parser) block() (*node, error) {
	n := &node{kind: kBlock, pos: p.pos()}
	if err := p.advance(true); err != nil {
		return nil, err
	}
	for !p.is(")") {
		item, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		n.items = append(n.items, item)
		if !p.is(";") {
			break
		}
		if err := p.advance(true); err != nil {
			return nil, err
		}
	}
	return n, p.expect(")", false)
}

func (p *parser) transform() (n *node, err error) {
	n = &node{kind: kTransform, pos: p.pos()}
	if err = p.advance(true); err != nil {
		return nil, err
	}
	if n.left, err = p.expression(0); err != nil {
		return nil, err
	}
	if err = p.expect("|", true); err != nil {
		return nil, err
	}
	if n.right, err = p.expression(0); err != nil {
		return nil, err
	}
	if p.is(",") {
		if err = p.advance(true); err != nil {
			return nil, err
		}
		if n.other, err = p.expression(0); err != nil {
			return nil, err
		}
	}
	return n, p.expect("|", false)
}

func (p *parser) infix(left *node) (*node, error) {
	op := p.tok.text
	switch op {
	case "[":
		return p.filter(left)
	case "{":
		return p.object(left)
	case "(":
		return p.call(left)
	case "^":
		return p.order(left)
	case "?":
		return p.condition(left)
	case "@", "#":
		return p.binding(left, op)
	case ":=":
		return p.bind(left)
	}
	n := &node{kind: kBinary, pos: p.pos(), text: op, left: left}
	switch op {
	case ".":
		n.kind = kDot
	case "~>":
		n.kind = kApply
	}
	err := p.advance(true)
	if err == nil {
		n.right, err = p.expression(powers[op])
	}
	return n, err
}

func (p *parser) bind(left *node) (*node, error) {
	n := &node{kind: kBind, pos: p.pos(), left: left}
	if left.kind != kVariable {
		return nil, p.fault("S0212")
	}
	err := p.advance(true)
	if err == nil {
		n.right, err = p.expression(powers[":="] - 1)
	}
	return n, err
}

// filter reads [expression], or the [] that keeps a single result an array.
func (p *parser) filter(left *node) (*node, error) {
	n := &node{kind: kFilter, pos: p.pos(), left: left}
	if err := p.advance(true); err != nil {
		return nil, err
	}
	if p.is("]") {
		step := left
		for step.kind == kFilter {
			step = step.left
		}
		step.keepArray = true
		return left, p.advance(false)
	}
	var err error
	if n.right, err = p.expression(0); err != nil {
		return nil, err
	}
	return n, p.expect("]", false)
}

func (p *parser) condition(left *node) (n *node, err error) {
	n = &node{kind: kCondition, pos: p.pos(), left: left}
	if err = p.advance(true); err != nil {
		return nil, err
	}
	if n.right, err = p.expression(0); err != nil || !p.is(":") {
		return n, err
	}
	if err = p.advance(true); err == nil {
		n.other, err = p.expression(0)
	}
	return n, err
}

func (p *parser) binding(left *node, op string) (*node, error) {
	n := &node{kind: kFocus, pos: p.pos(), left: left}
	if op == "#" {
		n.kind = kIndex
	}
	if err := p.advance(true); err != nil {
		return nil, err
	}
	if p.tok.kind != tokVariable {
		return nil, fault("S0214", p.pos(), op)
	}
	n.text = p.tok.text
	return n, p.advance(false)
}

func (p *parser) order(left *node) (*node, error) {
	n := &node{kind: kOrder, pos: p.pos(), left: left}
	if err := p.advance(true); err != nil {
		return nil, err
	}
	if !p.is("(") {
		return nil, p.expect("(", true)
	}
	for more := true; more; more = p.is(",") {
		if err := p.advance(true); err != nil {
			return nil, err
		}
		t := term{descending: p.is(">")}
		if t.descending || p.is("<") {
			if err := p.advance(true); err != nil {
				return nil, err
			}
		}
		var err error
		if t.by, err = p.expression(0); err != nil {
			return nil, err
		}
		n.terms = append(n.terms, t)
	}
	return n, p.expect(")", false)
}

func (p *parser) call(left *node) (*node, error) {
	n := &node{kind: kCall, pos: p.pos(), left: left}
	err := p.list(")", func() error {
		if p.is("?") {
			n.kind = kPartial
			n.items = append(n.items, &node{kind: kPlaceholder, pos: p.pos()})
			return p.advance(false)
		}
		arg, err := p.expression(0)
		n.items = append(n.items, arg)
		return err
	})
	if err != nil {
		return nil, err
	}
	if left.kind == kName && (left.text == "function" || left.text == "λ") {
		return p.lambda(n)
	}
	return n, nil
}

func (p *parser) lambda(n *node) (*node, error) {
	n.kind = kLambda
	for _, param := range n.items {
		if param.kind != kVariable {
			return nil, fault("S0208", param.pos, param.text, "value", quote(param.text))
		}
	}
	if p.is("<") {
		if err := p.signature(n); err != nil {
			return nil, err
		}
	}
	err := p.expect("{", true)
	if err == nil {
		n.right, err = p.expression(0)
	}
	if err != nil {
		return nil, err
	}
	return n, p.expect("}", false)
}

// signature collects the tokens from < to its > and compiles them.
func (p *parser) signature(n *node) (err error) {
	var b strings.Builder
	pos := p.pos()
	for depth := 0; ; {
		switch {
		case p.tok.kind == tokEnd || p.is("{"):
			return p.fault("S0203", "value", `">"`)
		case p.is("<"):
			depth++
		case p.is(">"):
			depth--
		}
		b.WriteString(p.tok.text)
		if err = p.advance(false); err != nil {
			return err
		}
		if depth == 0 {
			break
		}
	}
	n.sigTxt = b.String()
	n.sig, err = compileSignature(n.sigTxt, pos)
	return err
}
