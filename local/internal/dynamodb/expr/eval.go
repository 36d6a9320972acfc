package expr

// This file defines conditions that are bound and can be asked of items.

// Condition is a bound condition.
type Condition struct{ root test }

// Match reports whether the condition holds of item; nil is an item that is not
// there. A nil Condition holds of everything.
func (c *Condition) Match(item *Map) bool { return c == nil || c.root.match(item) }

// Paths calls f for every document path in the condition.
func (c *Condition) Paths(f func(Path)) {
	if c != nil {
		c.root.paths(f)
	}
}

// test is a bound condition, operand a bound value. Both are trees over the
// syntax tree's nodes: the node says what to do, the rest is what it needs.
type test struct {
	op       op
	function string
	tests    []test
	operands []operand
}

type operand struct {
	path    Path
	literal Value
	sizeOf  *operand
	first   *operand // of if_not_exists: its path; of list_append, + and -: their left side
	second  *operand
	op      op
}

func (s *Scope) bind(n *node) test {
	n = n.bare()
	t := test{op: n.op, function: n.text}
	for _, arg := range n.args {
		if n.op == opAnd || n.op == opOr || n.op == opNot {
			t.tests = append(t.tests, s.bind(arg))
		} else {
			t.operands = append(t.operands, s.operand(arg))
		}
	}
	return t
}

func (s *Scope) operand(n *node) operand {
	n = n.bare()
	switch {
	case n.op == opPath:
		return operand{path: s.resolve(n)}
	case n.op == opValue:
		return operand{literal: s.values[n.text]}
	case n.op == opCall && n.text == "size":
		inner := s.operand(n.args[0])
		return operand{sizeOf: &inner}
	}
	first, second := s.operand(n.args[0]), s.operand(n.args[1])
	return operand{op: op(n.text) + n.op, first: &first, second: &second}
}

func (t test) match(item *Map) bool {
	switch t.op {
	case opAnd:
		return t.tests[0].match(item) && t.tests[1].match(item)
	case opOr:
		return t.tests[0].match(item) || t.tests[1].match(item)
	case opNot:
		return !t.tests[0].match(item)
	case opCall:
		return t.call(item)
	}
	first := t.operands[0].value(item)
	if t.op == "<>" {
		return !same(first, t.operands[1].value(item))
	}
	if first == nil {
		return false
	}
	switch t.op {
	case "=":
		return same(first, t.operands[1].value(item))
	case opIn:
		for _, candidate := range t.operands[1:] {
			if same(first, candidate.value(item)) {
				return true
			}
		}
		return false
	case opBetween:
		return ordersAs(first, t.operands[1].value(item), ">=") && ordersAs(first, t.operands[2].value(item), "<=")
	}
	return ordersAs(first, t.operands[1].value(item), t.op)
}

// same is equality in conditions: what is not there equals nothing. So "<>" holds
// of a missing attribute, as recorded.
func same(a, b Value) bool { return a != nil && b != nil && Equal(a, b) }

func ordersAs(a, b Value, comparator op) bool {
	order, ok := Compare(a, b)
	if !ok {
		return false
	}
	switch comparator {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

func (t test) call(item *Map) bool {
	first := t.operands[0].value(item)
	switch t.function {
	case "attribute_exists":
		return first != nil
	case "attribute_not_exists":
		return first == nil
	}
	second := t.operands[1].value(item)
	if first == nil || second == nil {
		return false
	}
	switch t.function {
	case "attribute_type":
		name, ok := second.(String)
		return ok && string(first.Kind()) == string(name)
	case "begins_with":
		return beginsWith(first, second)
	}
	return contains(first, second)
}

// value returns an operand's value, nil if there is none.
func (o operand) value(item *Map) Value {
	switch {
	case o.literal != nil:
		return o.literal
	case o.sizeOf != nil:
		if n, ok := length(o.sizeOf.value(item)); ok {
			return integer(n)
		}
		return nil
	case o.path != nil:
		return o.path.Get(item)
	}
	return nil
}

func (t test) paths(f func(Path)) {
	for _, inner := range t.tests {
		inner.paths(f)
	}
	for i := range t.operands {
		t.operands[i].paths(f)
	}
}

func (o *operand) paths(f func(Path)) {
	if o == nil {
		return
	}
	if o.path != nil {
		f(o.path)
	}
	o.sizeOf.paths(f)
	o.first.paths(f)
	o.second.paths(f)
}
