package eventpattern

// This file defines the grammar of anything-but and numeric.

import (
	"errors"
	"math"
)

const tooMany = "Too many elements in numeric expression" // AWS says so for anything-but as well

// refusal is a form of anything-but: how one value of its list is read, and what
// AWS says of a value of another type, alone or in a list.
type refusal struct {
	read     func(text string) (test, error)
	nonempty bool
	notText  string
}

const notFoldable = "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."

var refusals = map[string]refusal{
	"prefix":             {stringOperators["prefix"], true, "prefix/suffix match pattern must be a string"},
	"suffix":             {stringOperators["suffix"], true, "prefix/suffix match pattern must be a string"},
	"wildcard":           {readWildcard, false, "wildcard match pattern must be a string"},
	"equals-ignore-case": {stringOperators["equals-ignore-case"], false, notFoldable},
}

// anythingBut reads the operand of anything-but: a value or list of values, or
// an object that says how to compare them.
func (c *compiler) anythingBut() (test, error) {
	kind, err := c.scan.next()
	if err != nil {
		return nil, err
	}
	if kind != objectStart {
		t, err := c.refused(kind, nil)
		if err == nil {
			err = c.closing(tooMany)
		}
		return t, err
	}
	if kind, err = c.scan.next(); err != nil {
		return nil, err
	}
	if kind != fieldName {
		return nil, c.scan.fault("Anything-But expression name not found")
	}
	form, known := refusals[c.scan.name]
	if !known {
		return nil, c.scan.fault("Unsupported anything-but pattern: " + c.scan.name)
	}
	if kind, err = c.scan.next(); err != nil {
		return nil, err
	}
	t, err := c.refused(kind, &form)
	for range 2 {
		if err == nil {
			err = c.closing(tooMany)
		}
	}
	return t, err
}

// refused reads one value or a list; form is nil for plain values.
func (c *compiler) refused(kind tokenKind, form *refusal) (test, error) {
	read := c.refusedPlain
	if form != nil {
		read = func(kind tokenKind, _ bool) (test, error) { return c.refusedText(kind, form) }
	}
	var values []test
	var err error
	switch kind {
	case arrayStart:
		values, err = c.refusedList(read)
	case stringValue, numberValue:
		values = make([]test, 1)
		values[0], err = read(kind, false)
	default:
		err = c.scan.fault("Value of anything-but must be an array or single string/number value.")
	}
	if err != nil {
		return nil, err
	}
	if form == nil {
		return anythingBut{values}, c.uniform(values)
	}
	return c.formed(values, form)
}

// refusedList reads a list. AWS wraps what goes wrong in reading one and so
// states the position twice.
func (c *compiler) refusedList(read func(kind tokenKind, inList bool) (test, error)) ([]test, error) {
	var values []test
	for {
		kind, err := c.scan.next()
		if err == nil && kind == arrayEnd {
			return values, nil
		}
		var one test
		if err == nil {
			one, err = read(kind, true)
		}
		if err != nil {
			if fault := (*SyntaxError)(nil); errors.As(err, &fault) {
				fault.again = true
			}
			return nil, err
		}
		values = append(values, one)
	}
}

// formed makes tests of the texts that were read. Only now does AWS look into globs.
func (c *compiler) formed(texts []test, form *refusal) (test, error) {
	var t anythingBut
	for _, text := range texts {
		one, err := form.read(text.(equal).text)
		if err != nil {
			return nil, c.scan.fault(err.Error())
		}
		t.refused = append(t.refused, one)
	}
	return t, nil
}

// uniform insists that plain values are strings only or numbers only.
func (c *compiler) uniform(tests []test) error {
	numbers := 0
	for _, t := range tests {
		if _, ok := t.(literal); ok {
			numbers++
		}
	}
	if len(tests) == 0 || numbers != 0 && numbers != len(tests) {
		return c.scan.fault("Inside anything but list, either all values are number or string, mixed type is not supported")
	}
	return nil
}

func (c *compiler) refusedPlain(kind tokenKind, inList bool) (test, error) {
	if kind != stringValue && kind != numberValue {
		return nil, c.scan.fault("Inside anything but list, start|null|boolean is not supported.")
	}
	text, err := c.scan.value()
	if err != nil || kind == stringValue {
		return equal{text}, err
	}
	n, ok := comparableNumber(text)
	switch {
	case ok:
		return literal{text, n, true}, nil
	case inList:
		return nil, c.scan.fault("Cannot compare number : " + text)
	}
	return nil, &SyntaxError{Problem: "Cannot compare number : " + text}
}

func (c *compiler) refusedText(kind tokenKind, form *refusal) (test, error) {
	if kind != stringValue {
		return nil, c.scan.fault(form.notText)
	}
	text, err := c.scan.value()
	if err != nil {
		return nil, err
	}
	if text == "" && form.nonempty {
		return nil, c.scan.fault("Null prefix/suffix not allowed")
	}
	return equal{text}, nil
}

// numeric reads the operand of numeric: one comparison, or a lower bound and an
// upper one.
func (c *compiler) numeric() (test, error) {
	kind, err := c.scan.next()
	if err != nil {
		return nil, err
	}
	if kind != arrayStart {
		return nil, c.scan.fault("Value of numeric must be an array.")
	}
	t, err := c.numericRange()
	if err == nil {
		err = c.closing(tooMany)
	}
	return t, err
}

// numericRange reads the members of the array. The order of the checks is AWS's.
func (c *compiler) numericRange() (test, error) {
	operator, err := c.operatorText("Invalid member in numeric match: ")
	if err != nil {
		return nil, err
	}
	first, known := bounds[operator]
	if !known {
		if _, err := c.scan.next(); err != nil {
			return nil, err
		}
		return nil, c.scan.fault("Unrecognized numeric range operator: " + operator)
	}
	text, err := c.operand(first.name)
	if err != nil {
		return nil, err
	}
	kind, err := c.scan.next()
	switch {
	case err != nil:
		return nil, err
	case kind == arrayEnd:
		return c.within(operator+" "+text, numeric{low: math.Inf(-1), high: math.Inf(1)}, bounded{first, text})
	case !first.lower:
		return nil, c.scan.fault(tooMany)
	}
	return c.upperBound(kind, operator, bounded{first, text})
}

// upperBound reads the second half of a range; its operator is the current token.
func (c *compiler) upperBound(kind tokenKind, lower string, low bounded) (test, error) {
	operator, err := c.currentText(kind, "Bad value in numeric range: ")
	if err != nil {
		return nil, err
	}
	second := bounds[operator]
	if operator != "<" && operator != "<=" {
		return nil, c.scan.fault("Bad numeric range operator: " + operator)
	}
	text, err := c.operand(second.name)
	if err != nil {
		return nil, err
	}
	if kind, err = c.scan.next(); err != nil {
		return nil, err
	}
	if kind != arrayEnd {
		return nil, c.scan.fault("Too many terms in numeric range expression")
	}
	words := lower + " " + low.text + " and " + operator + " " + text
	return c.within(words, numeric{}, low, bounded{second, text})
}

// bound is a comparison operator.
type bound struct {
	name         string // in messages
	lower, upper bool   // which side it bounds
	open         bool   // excludes the bound itself
}

var bounds = map[string]bound{
	"=":  {"equals", false, true, false},
	">":  {">", true, false, true},
	">=": {">=", true, false, false},
	"<":  {"<", false, true, true},
	"<=": {"<=", false, true, false},
}

type bounded struct {
	bound
	text string
}

// within applies bounds to a range.
func (c *compiler) within(words string, t numeric, limits ...bounded) (test, error) {
	t.words = words
	for _, b := range limits {
		n, ok := comparableNumber(b.text)
		if !ok {
			return nil, c.scan.fault("Cannot compare number : " + b.text)
		}
		if b.lower || b.name == "equals" {
			t.low, t.openLow = n, b.open
		}
		if b.upper {
			t.high, t.openHigh = n, b.open
		}
	}
	if len(limits) == 2 && t.low >= t.high {
		return nil, c.scan.fault("Bottom must be less than top")
	}
	return t, nil
}

func (c *compiler) operatorText(otherwise string) (string, error) {
	kind, err := c.scan.next()
	if err != nil {
		return "", err
	}
	return c.currentText(kind, otherwise)
}

func (c *compiler) currentText(kind tokenKind, otherwise string) (string, error) {
	if kind != stringValue {
		return "", c.scan.fault(otherwise + c.scan.spelling())
	}
	return c.scan.value()
}

func (c *compiler) operand(of string) (string, error) {
	kind, err := c.scan.next()
	if err != nil {
		return "", err
	}
	if kind != numberValue {
		return "", c.scan.fault("Value of " + of + " must be numeric")
	}
	return c.scan.value()
}
