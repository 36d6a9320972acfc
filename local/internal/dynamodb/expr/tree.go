package expr

// This file defines the syntax tree of expressions, and its printing.

import (
	"strconv"
	"strings"
)

// op is what a node of the tree is.
type op string

const (
	opPath  op = "path"  // elements
	opValue op = "value" // text: the placeholder
	opCall  op = "call"  // text: the function
	opParen op = "()"    // one argument, in parentheses

	opAnd     op = "AND"
	opOr      op = "OR"
	opNot     op = "NOT"
	opBetween op = "BETWEEN" // operand, lower, upper
	opIn      op = "IN"      // operand, candidates
	opPlus    op = "+"
	opMinus   op = "-"
	// The comparators are ops of their own spelling: = <> < <= > >=.
)

// node is one node of a tree.
type node struct {
	op       op
	text     string
	elements []element
	args     []*node
}

// element is one step of a document path: a name, or a place in a list.
type element struct {
	name  string // as written: "#n" for an alias
	index int    // when name is ""
}

func (e element) String() string {
	if e.name == "" {
		return "[" + strconv.Itoa(e.index) + "]"
	}
	return e.name
}

var comparators = map[op]bool{"=": true, "<>": true, "<": true, "<=": true, ">": true, ">=": true}

// isCondition reports whether a node is true or false rather than a value. A
// call may be either: which functions may stand where is checked in binding.
func (n *node) isCondition() bool {
	switch n.op {
	case opAnd, opOr, opNot, opBetween, opIn, opCall:
		return true
	case opParen:
		return n.args[0].isCondition()
	}
	return comparators[n.op]
}

func (n *node) isOperand() bool {
	switch n.op {
	case opPath, opValue, opCall:
		return true
	case opParen:
		return n.args[0].isOperand()
	}
	return false
}

// bare takes a node's parentheses off.
func (n *node) bare() *node {
	for n.op == opParen {
		n = n.args[0]
	}
	return n
}

// String prints the tree so that it reads back as the same tree.
func (n *node) String() string {
	switch n.op {
	case opPath:
		return pathString(n.elements)
	case opValue:
		return n.text
	case opCall:
		return n.text + "(" + list(n.args) + ")"
	case opParen:
		return "(" + n.args[0].String() + ")"
	case opNot:
		return "NOT " + n.args[0].String()
	case opBetween:
		return n.args[0].String() + " BETWEEN " + n.args[1].String() + " AND " + n.args[2].String()
	case opIn:
		return n.args[0].String() + " IN (" + list(n.args[1:]) + ")"
	}
	return n.args[0].String() + " " + string(n.op) + " " + n.args[1].String()
}

func list(nodes []*node) string {
	var texts []string
	for _, n := range nodes {
		texts = append(texts, n.String())
	}
	return strings.Join(texts, ", ")
}

func pathString(elements []element) string {
	var b strings.Builder
	for i, e := range elements {
		if i > 0 && e.name != "" {
			b.WriteByte('.')
		}
		b.WriteString(e.String())
	}
	return b.String()
}

// action is one change of an update.
type action struct {
	path  *node
	value *node // nil in REMOVE
}

// section is a keyword of an update and its actions.
type section struct {
	keyword string // SET, REMOVE, ADD or DELETE
	actions []action
}

func (s section) String() string {
	var texts []string
	for _, a := range s.actions {
		switch s.keyword {
		case "SET":
			texts = append(texts, a.path.String()+" = "+a.value.String())
		case "REMOVE":
			texts = append(texts, a.path.String())
		default:
			texts = append(texts, a.path.String()+" "+a.value.String())
		}
	}
	return s.keyword + " " + strings.Join(texts, ", ")
}
