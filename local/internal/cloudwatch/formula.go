package cloudwatch

// This file defines the grammar of metric math, lowest binding first:
//
//	or     and {("OR" | "||") and}
//	and    comparison {("AND" | "&&") comparison}
//	comparison  sum [("<" | ">" | "<=" | ">=" | "==" | "!=") sum]
//	sum    product {("+" | "-") product}
//	product  power {("*" | "/") power}
//	power  unary ["^" power]
//	unary  ["-"] primary
//	primary  number | "string" | id | FUNCTION(arguments) | [list] | (or)
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// formula is a parsed expression: a tree of operators, functions and leaves.
type formula struct {
	op     string // an operator, a function's name, "number", "string", "id" or "list"
	number float64
	text   string // of an id or a string
	args   []*formula
}

type formulaParser struct {
	text   string
	tokens []string
	depth  int
}

const maxFormulaDepth = 50

// parseFormula reads an expression. The error says what is wrong with it.
func parseFormula(text string) (*formula, error) {
	tokens, err := tokenize(text)
	if err != nil {
		return nil, err
	}
	p := &formulaParser{text: text, tokens: tokens}
	f, err := p.binary(0)
	if err == nil && len(p.tokens) > 0 {
		err = fmt.Errorf("%q is not expected where it stands", p.tokens[0])
	}
	return f, err
}

func tokenize(text string) ([]string, error) {
	var tokens []string
	for i := 0; i < len(text); {
		c := rune(text[i])
		end := i + 1
		switch {
		case unicode.IsSpace(c):
			i++
			continue
		case c == '"' || c == '\'':
			n := strings.IndexByte(text[i+1:], text[i])
			if n < 0 {
				return nil, fmt.Errorf("a string is not closed")
			}
			end = i + n + 2
		case isWord(c):
			for end < len(text) && (isWord(rune(text[end])) || text[end] == '.') {
				end++
			}
		case slices.Contains([]string{"<=", ">=", "==", "!=", "&&", "||"}, text[i:min(i+2, len(text))]):
			end = i + 2
		case !strings.ContainsRune("+-*/^()[],<>", c):
			return nil, fmt.Errorf("%q is no part of metric math", c)
		}
		tokens = append(tokens, text[i:end])
		i = end
	}
	return tokens, nil
}

func isWord(c rune) bool {
	return c < 128 && (unicode.IsLetter(c) || unicode.IsDigit(c) || c == '_')
}

func (p *formulaParser) peek() string {
	if len(p.tokens) == 0 {
		return ""
	}
	return p.tokens[0]
}

func (p *formulaParser) next() string {
	t := p.peek()
	if t != "" {
		p.tokens = p.tokens[1:]
	}
	return t
}

func (p *formulaParser) expect(token string) error {
	if t := p.next(); t != token {
		return fmt.Errorf("%q is missing (found %q)", token, t)
	}
	return nil
}

// levels are the binary operators, from the one that binds least.
var levels = [][]string{{"OR", "||"}, {"AND", "&&"}, {"<", ">", "<=", ">=", "==", "!="}, {"+", "-"}, {"*", "/"}}

func (p *formulaParser) binary(level int) (*formula, error) {
	if level == len(levels) {
		return p.power()
	}
	if p.depth++; p.depth > maxFormulaDepth*len(levels) {
		return nil, fmt.Errorf("it is nested too deeply")
	}
	defer func() { p.depth-- }()
	left, err := p.binary(level + 1)
	for err == nil && slices.Contains(levels[level], strings.ToUpper(p.peek())) {
		op := strings.ToUpper(p.next())
		var right *formula
		if right, err = p.binary(level + 1); err == nil {
			left = &formula{op: op, args: []*formula{left, right}}
		}
	}
	return left, err
}

func (p *formulaParser) power() (*formula, error) {
	base, err := p.unary()
	if err != nil || p.peek() != "^" {
		return base, err
	}
	p.next()
	exponent, err := p.power()
	return &formula{op: "^", args: []*formula{base, exponent}}, err
}

func (p *formulaParser) unary() (*formula, error) {
	if p.peek() != "-" {
		return p.primary()
	}
	p.next()
	x, err := p.primary()
	return &formula{op: "-", args: []*formula{{op: "number"}, x}}, err
}

func (p *formulaParser) primary() (*formula, error) {
	switch t := p.next(); {
	case t == "":
		return nil, fmt.Errorf("it ends too early")
	case t == "(":
		f, err := p.binary(0)
		if err == nil {
			err = p.expect(")")
		}
		return f, err
	case t == "[":
		args, err := p.arguments("]")
		return &formula{op: "list", args: args}, err
	case t[0] == '"' || t[0] == '\'':
		return &formula{op: "string", text: t[1 : len(t)-1]}, nil
	case unicode.IsDigit(rune(t[0])):
		x, err := strconv.ParseFloat(t, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no number", t)
		}
		return &formula{op: "number", number: x}, nil
	case !isWord(rune(t[0])):
		return nil, fmt.Errorf("%q is not expected where it stands", t)
	case p.peek() == "(":
		p.next()
		args, err := p.arguments(")")
		return &formula{op: strings.ToUpper(t), args: args}, err
	case unicode.IsLower(rune(t[0])):
		return &formula{op: "id", text: t}, nil
	default: // FILL's REPEAT and LINEAR
		return &formula{op: "word", text: strings.ToUpper(t)}, nil
	}
}

func (p *formulaParser) arguments(end string) ([]*formula, error) {
	var args []*formula
	if p.peek() == end {
		p.next()
		return nil, nil
	}
	for {
		a, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		args = append(args, a)
		switch t := p.next(); t {
		case end:
			return args, nil
		case ",":
		default:
			return nil, fmt.Errorf("%q is missing (found %q)", end, t)
		}
	}
}

// ids lists the queries that a formula names; all is true where METRICS() means
// every metric.
func (f *formula) ids() (ids []string, all bool) {
	if f.op == "id" {
		return []string{f.text}, false
	}
	all = f.op == "METRICS"
	for _, a := range f.args {
		more, allOfIt := a.ids()
		ids, all = append(ids, more...), all || allOfIt
	}
	return ids, all
}

// check refuses functions that are not offered, and wrong numbers of arguments.
func (f *formula) check() error {
	if fn, ok := functions[f.op]; ok {
		if len(f.args) < fn.least || len(f.args) > fn.most {
			return fmt.Errorf("%s takes from %d to %d arguments, not %d", f.op, fn.least, fn.most, len(f.args))
		}
	} else if unicode.IsUpper(rune(f.op[0])) && f.op != "AND" && f.op != "OR" {
		return fmt.Errorf("the local AWS does not offer the function %s", f.op)
	}
	for _, a := range f.args {
		if err := a.check(); err != nil {
			return err
		}
	}
	return nil
}
