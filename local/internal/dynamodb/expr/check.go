package expr

// This file defines what binding checks: everything that is wrong with an
// expression whatever the item.

import (
	"slices"
	"strings"
)

// signature is how a function may be called.
type signature struct {
	operands  int
	condition bool // it stands for a condition, not for a value
	update    bool // it belongs to SET, not to conditions
	path      bool // its first operand is a document path
	// types are what a literal may be at each operand; nil: anything.
	types [2][]Kind
	// distinct: the operands differ.
	distinct bool
}

// functions is the one list of them.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html#Expressions.OperatorsAndFunctions.Functions
var functions = map[string]signature{
	"attribute_exists":     {operands: 1, condition: true, path: true},
	"attribute_not_exists": {operands: 1, condition: true, path: true},
	"attribute_type":       {operands: 2, condition: true, types: [2][]Kind{nil, {S}}},
	"begins_with":          {operands: 2, condition: true, types: [2][]Kind{{S, B}, {S, B}}, distinct: true},
	"contains":             {operands: 2, condition: true, types: [2][]Kind{{S, B, SS, NS, BS, L}, nil}, distinct: true},
	"size":                 {operands: 1, types: [2][]Kind{{S, B, SS, NS, BS, L, M}, nil}},
	"if_not_exists":        {operands: 2, update: true, path: true},
	"list_append":          {operands: 2, update: true, types: [2][]Kind{{L}, {L}}},
}

// ordered are the types that < and its kin compare.
var ordered = []Kind{S, N, B}

// binder walks a tree and notes its faults.
type binder struct {
	scope    *Scope
	inUpdate bool
	faults   faults
}

func (b *binder) condition(n *node) {
	switch n.op {
	case opParen:
		b.parentheses(n)
		b.condition(n.args[0])
	case opCall:
		b.call(n, true)
	case opAnd, opOr, opNot:
		for _, arg := range n.args {
			b.condition(arg)
		}
	default:
		b.operandsOf(n)
	}
}

// parentheses refuses a pair directly around another.
func (b *binder) parentheses(n *node) {
	if n.args[0].op == opParen {
		b.faults.note(faultParentheses, "The expression has redundant parentheses;")
	}
}

// operandsOf checks comparisons, BETWEEN and IN.
func (b *binder) operandsOf(n *node) {
	for _, arg := range n.args {
		b.operand(arg)
	}
	switch n.op {
	case "=", "<>":
	case opBetween:
		b.types(string(n.op), ordered, n.args...)
		b.bounds(n.args[1], n.args[2])
	case opIn:
		if len(n.args)-1 > maxCandidates {
			b.faults.note(faultCount, "Incorrect number of operands for operator or function; operator or function: IN, number of operands: %d", len(n.args)-1)
		}
	default:
		b.types(string(n.op), ordered, n.args...)
	}
	b.distinct(string(n.op), n.args)
}

// maxCandidates is how many operands IN may have.
const maxCandidates = 100

// operand checks a value, its parentheses included.
func (b *binder) operand(n *node) {
	switch n.op {
	case opParen:
		b.parentheses(n)
		b.operand(n.args[0])
	case opPath:
		b.path(n)
	case opValue:
		b.value(n)
	case opCall:
		b.call(n, false)
	}
}

func (b *binder) value(n *node) {
	b.scope.usedValues[n.text] = true
	if _, ok := b.scope.values[n.text]; !ok {
		b.faults.note(faultUndefined, "An expression attribute value used in expression is not defined; attribute value: %s", n.text)
	}
}

func (b *binder) path(n *node) {
	if len(n.elements) > MaxDepth {
		b.faults.note(faultReserved, "The document path has too many nesting elements; nesting levels: %d", len(n.elements))
	}
	for _, e := range n.elements {
		switch {
		case e.name == "":
		case e.name[0] != '#':
			if reserved[strings.ToUpper(e.name)] {
				b.faults.note(faultReserved, "Attribute name is a reserved keyword; reserved keyword: %s", e.name)
			}
		default:
			b.scope.usedNames[e.name] = true
			if _, ok := b.scope.names[e.name]; !ok {
				b.faults.note(faultUndefined, "An expression attribute name used in the document path is not defined; attribute name: %s", e.name)
			}
		}
	}
}

func (b *binder) call(n *node, asCondition bool) {
	f, known := functions[n.text]
	switch {
	case !known:
		b.faults.note(faultFunction, "Invalid function name; function: %s", n.text)
	case f.condition != asCondition || f.update != b.inUpdate:
		b.faults.note(faultMisplaced, "The function is not allowed to be used this way in an expression; function: %s", n.text)
	}
	for _, arg := range n.args {
		b.operand(arg)
	}
	if !known {
		return
	}
	if len(n.args) != f.operands {
		b.faults.note(faultCount, "Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", n.text, len(n.args))
		return
	}
	if f.path && n.args[0].bare().op != opPath {
		b.faults.note(faultNotPath, "Operator or function requires a document path; operator or function: %s", n.text)
	}
	for i, arg := range n.args {
		if f.types[i] != nil {
			b.types(n.text, f.types[i], arg)
		}
	}
	if n.text == "attribute_type" {
		b.typeName(n.args[1])
	}
	if f.distinct {
		b.distinct(n.text, n.args)
	}
}

// types checks what is known of operands' types: literals, and what functions return.
func (b *binder) types(operator string, allowed []Kind, operands ...*node) {
	for _, n := range operands {
		if kind := b.kind(n); kind != "" && !slices.Contains(allowed, kind) {
			b.faults.note(faultType, "Incorrect operand type for operator or function; operator or function: %s, operand type: %s", operator, kind)
		}
	}
}

// kind returns an operand's type where it is known without an item, else "".
func (b *binder) kind(n *node) Kind {
	n = n.bare()
	switch {
	case n.op == opValue:
		if v, ok := b.scope.values[n.text]; ok {
			return v.Kind()
		}
	case n.op == opCall && n.text == "size", n.op == opPlus, n.op == opMinus:
		return N
	case n.op == opCall && n.text == "list_append":
		return L
	}
	return ""
}

var typeNames = []Kind{B, NULL, SS, BOOL, L, BS, N, NS, S, M}

func (b *binder) typeName(n *node) {
	v, ok := b.scope.values[n.bare().text].(String)
	if ok && !slices.Contains(typeNames, Kind(v)) {
		b.faults.note(faultType, "Invalid attribute type name found; type: %s, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}", string(v))
	}
}

// bounds checks BETWEEN where both bounds are literals.
func (b *binder) bounds(lower, upper *node) {
	lo, hi := b.scope.values[lower.bare().text], b.scope.values[upper.bare().text]
	if lo == nil || hi == nil {
		return
	}
	if lo.Kind() != hi.Kind() {
		b.faults.note(faultBounds, "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: %s, upper bound operand: AttributeValue: %s", Show(lo), Show(hi))
	} else if order, ok := Compare(lo, hi); ok && order > 0 {
		b.faults.note(faultBounds, "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: %s, upper bound operand: AttributeValue: %s", Show(lo), Show(hi))
	}
}

// distinct refuses an operand that is compared with itself.
func (b *binder) distinct(operator string, operands []*node) {
	first := operands[0].bare()
	for _, other := range operands[1:] {
		if other = other.bare(); first.op == opPath && other.op == opPath && b.names(first) == b.names(other) {
			b.faults.note(faultDistinct, "The first operand must be distinct from the remaining operands for this operator or function; operator: %s, first operand: %s", operator, b.names(first))
		}
	}
}

// names prints a path as AWS's errors do, aliases resolved: [a, [1], b].
func (b *binder) names(n *node) string { return b.scope.resolve(n).String() }

// update checks an update's sections.
func (b *binder) update(sections []section) {
	b.inUpdate = true
	seen := map[string]bool{}
	var paths []*node
	for _, s := range sections {
		if seen[s.keyword] {
			b.faults.note(faultSections, `The "%s" section can only be used once in an update expression;`, s.keyword)
		}
		seen[s.keyword] = true
		for _, a := range s.actions {
			b.path(a.path)
			b.action(s.keyword, a)
			paths = append(paths, a.path)
		}
	}
	b.collisions(paths)
}

func (b *binder) action(keyword string, a action) {
	switch keyword {
	case "SET":
		b.sum(a.value)
	case "ADD", "DELETE":
		b.value(a.value)
		kind := b.kind(a.value)
		if kind != "" && !addable(keyword, kind) {
			b.faults.note(faultUpdateType, "Incorrect operand type for operator or function; operator: %s, operand type: %s, typeSet: ALLOWED_FOR_%s_OPERAND", keyword, longNames[kind], keyword)
		}
	}
}

func addable(keyword string, kind Kind) bool {
	return kind == SS || kind == NS || kind == BS || kind == N && keyword == "ADD"
}

func (b *binder) sum(n *node) {
	switch n.op {
	case opParen:
		b.parentheses(n)
		b.sum(n.args[0])
	case opPlus, opMinus:
		for _, arg := range n.args {
			b.operand(arg)
		}
		b.types(string(n.op), []Kind{N}, n.args...)
	default:
		b.operand(n)
	}
}

// projection checks paths and returns them resolved.
func (b *binder) projection(nodes []*node) []Path {
	for _, n := range nodes {
		b.path(n)
	}
	b.collisions(nodes)
	paths := make([]Path, len(nodes))
	for i, n := range nodes {
		paths[i] = b.scope.resolve(n)
	}
	return paths
}

// collisions refuses paths of which one holds the other, or that take the same
// place for a list and a map.
func (b *binder) collisions(nodes []*node) {
	if len(nodes) < 2 {
		return
	}
	paths := make([]Path, len(nodes))
	for i, n := range nodes {
		paths[i] = b.scope.resolve(n)
	}
	for i, p := range paths {
		for _, q := range paths[:i] {
			switch collide(q, p) {
			case overlap:
				b.faults.note(faultOverlap, "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: %s, path two: %s", q, p)
			case conflict:
				b.faults.note(faultConflict, "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: %s, path two: %s", q, p)
			}
		}
	}
}
