package asl

// This file defines the rules of Choice states and the operators they test
// with. https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html

import (
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Rule is one element of Choices.
type Rule struct {
	Test      *Test     // JSONPath
	Condition *Template // JSONata
	Next      string
	Assign    *Template
	Output    *Template // JSONata
}

// Test is a comparison, or And, Or, Not over others.
type Test struct {
	Operator string  // "And", "StringEquals", "IsPresent", without a "Path" at its end
	Tests    []*Test // of And, Or and Not
	Variable *Path
	Value    jsonvalue.Value // what Variable is compared with
	Path     *Path           // what it is compared with, when the operator ended in "Path"
}

// operand is what a comparison operator compares with.
type operand int

const (
	stringOperand operand = iota
	numberOperand
	booleanOperand
	timeOperand
	testOperand // true or false, of the Is... tests; has no Path form
)

// operators are all comparison operators.
var operators = func() map[string]operand {
	all := map[string]operand{"BooleanEquals": booleanOperand, "StringMatches": stringOperand}
	for _, relation := range []string{"Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals"} {
		all["String"+relation] = stringOperand
		all["Numeric"+relation] = numberOperand
		all["Timestamp"+relation] = timeOperand
	}
	for _, test := range []string{"IsNull", "IsPresent", "IsNumeric", "IsString", "IsBoolean", "IsTimestamp"} {
		all[test] = testOperand
	}
	return all
}()

// operatorOf tells what a field of a rule compares with; ok is false when it is
// no comparison operator. StringMatches has no Path form.
func operatorOf(name string) (op string, kind operand, byPath, ok bool) {
	if kind, ok = operators[name]; ok {
		return name, kind, false, true
	}
	op, byPath = strings.CutSuffix(name, "Path")
	kind, ok = operators[op]
	ok = ok && byPath && kind != testOperand && op != "StringMatches"
	return op, kind, byPath, ok
}

// buildTest compiles a test that validation has accepted.
func buildTest(o *jsonvalue.Object) *Test {
	t := &Test{}
	for name, v := range o.All() {
		switch op, _, byPath, ok := operatorOf(name); {
		case name == "And" || name == "Or":
			t.Operator = name
			for _, sub := range v.([]any) {
				t.Tests = append(t.Tests, buildTest(sub.(*jsonvalue.Object)))
			}
		case name == "Not":
			t.Operator, t.Tests = name, []*Test{buildTest(v.(*jsonvalue.Object))}
		case name == "Variable":
			t.Variable = must(parseSource(v.(string)))
		case ok && byPath:
			t.Operator, t.Path = op, must(parseSource(v.(string)))
		case ok:
			t.Operator, t.Value = op, v
		}
	}
	return t
}
