package expr

// This file defines conditions and updates that are built without text: what the
// older parameters (Expected, AttributeUpdates, KeyConditions, filters) ask for.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LegacyConditionalParameters.html

// comparisons maps the older operators to ours; those that are missing are
// written with NOT or a function.
var comparisons = map[string]op{"EQ": "=", "NE": "<>", "LT": "<", "LE": "<=", "GT": ">", "GE": ">=", "BETWEEN": opBetween, "IN": opIn}

var olderFunctions = map[string]string{"NULL": "attribute_not_exists", "NOT_NULL": "attribute_exists",
	"BEGINS_WITH": "begins_with", "CONTAINS": "contains", "NOT_CONTAINS": "contains"}

// OlderCondition returns the condition that the older operator states of an attribute.
func OlderCondition(attribute, operator string, values ...Value) *Condition {
	t := test{op: comparisons[operator], operands: []operand{{path: Path{{Name: attribute}}}}}
	for _, v := range values {
		t.operands = append(t.operands, operand{literal: v})
	}
	if t.op == "" {
		t.op, t.function = opCall, olderFunctions[operator]
	}
	if operator == "NOT_CONTAINS" {
		exists := test{op: opCall, function: "attribute_exists", operands: t.operands[:1]}
		t = test{op: opAnd, tests: []test{exists, {op: opNot, tests: []test{t}}}}
	}
	return &Condition{root: t}
}

// OlderKeyTest is OlderCondition for a key.
func OlderKeyTest(attribute, operator string, values ...Value) KeyTest {
	k := KeyTest{Attribute: attribute, Op: string(comparisons[operator]), Values: values}
	if operator == "BEGINS_WITH" {
		k.Op = "begins_with"
	}
	return k
}

// Join returns the condition that all, or any, of the conditions hold; nil of none.
func Join(any bool, conditions ...*Condition) *Condition {
	if len(conditions) == 0 {
		return nil
	}
	joined, op := conditions[0].root, opAnd
	if any {
		op = opOr
	}
	for _, c := range conditions[1:] {
		joined = test{op: op, tests: []test{joined, c.root}}
	}
	return &Condition{root: joined}
}

// Assignment is one of AttributeUpdates: PUT, ADD or DELETE, and a value, which
// DELETE may lack.
type Assignment struct {
	Attribute, Action string
	Value             Value
}

// OlderUpdate returns the update that assigns. ADD also appends to lists, which
// the expression's ADD does not.
func OlderUpdate(assignments []Assignment) *Update {
	u := &Update{}
	for _, a := range assignments {
		path := Path{{Name: a.Attribute}}
		c := change{keyword: "SET", path: path, value: operand{literal: a.Value}}
		switch {
		case a.Action == "DELETE" && a.Value == nil:
			c = change{keyword: "REMOVE", path: path}
		case a.Action == "ADD" && a.Value.Kind() == L:
			empty := operand{op: "if_not_exists" + opCall, first: &operand{path: path}, second: &operand{literal: List{}}}
			c.value = operand{op: "list_append" + opCall, first: &empty, second: &operand{literal: a.Value}}
		case a.Action == "ADD", a.Action == "DELETE":
			c.keyword = a.Action
		}
		u.changes = append(u.changes, c)
	}
	u.sort()
	return u
}
