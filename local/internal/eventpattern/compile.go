package eventpattern

// This file defines the grammar of patterns. It checks in the order in which AWS
// does, so that of several faults the same one is reported:
// https://github.com/aws/event-ruler (JsonRuleCompiler is AWS's own compiler).

import (
	"fmt"
	"slices"
	"strings"
)

// Compile reads a pattern. The error is a [*SyntaxError].
func Compile(pattern []byte) (*Pattern, error) {
	c := compiler{scan: scanner{text: string(pattern)}, alternatives: []conjunction{{}}}
	kind, err := c.scan.next()
	if err == nil && kind != objectStart {
		err = c.scan.fault("Filter is not an object")
	}
	if err == nil {
		err = c.object("", false)
	}
	if err != nil {
		return nil, err
	}
	p := newPattern(c.alternatives)
	return p, p.checkComplexity()
}

type compiler struct {
	scan scanner
	// alternatives are what the pattern read so far multiplies out to.
	alternatives []conjunction
}

// notInOr are field names that an $or may not hold: an operator there is
// probably meant to be inside a field.
var notInOr = []string{"exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard", "numeric", "cidr"}

// object reads the members of an object of the pattern that lies at path.
func (c *compiler) object(path string, inOr bool) error {
	for empty := true; ; empty = false {
		kind, err := c.scan.next()
		switch {
		case err != nil:
			return err
		case kind == objectEnd && empty:
			return c.scan.fault("Empty objects are not allowed")
		case kind == objectEnd:
			return nil
		}
		if err := c.member(path, c.scan.name, inOr); err != nil {
			return err
		}
	}
}

func (c *compiler) member(path, name string, inOr bool) error {
	if name == "$or" {
		return c.or(path)
	}
	if inOr && slices.Contains(notInOr, name) {
		return c.scan.fault(name + " is Ruler reserved fieldName which cannot be used inside $or.")
	}
	if path != "" {
		path += "."
	}
	kind, err := c.scan.next()
	switch {
	case err != nil:
		return err
	case kind == objectStart:
		return c.object(path+name, inOr)
	case kind == arrayStart:
		return c.field(path + name)
	}
	return c.scan.fault(fmt.Sprintf("%q must be an object or an array", name))
}

// or reads the alternatives of an $or: each continues everything read so far.
func (c *compiler) or(path string) error {
	if kind, err := c.scan.next(); err != nil {
		return err
	} else if kind != arrayStart {
		return c.scan.fault("It must be an Array followed with $or.")
	}
	before := c.alternatives
	var all []conjunction
	for n := 0; ; n++ {
		kind, err := c.scan.next()
		switch {
		case err != nil:
			return err
		case kind == arrayEnd && n < 2:
			return c.scan.fault("There must have at least 2 Objects in $or relationship.")
		case kind == arrayEnd:
			c.alternatives = all
			return nil
		case kind != objectStart:
			return c.scan.fault("Only JSON object is allowed in array of $or relationship.")
		}
		c.alternatives = before
		if err := c.object(path, true); err != nil {
			return err
		}
		if all = append(all, c.alternatives...); len(all) > maxAlternatives {
			return c.scan.fault(fmt.Sprintf("The $or relationships amount to more than %d rule combinations.", maxAlternatives))
		}
	}
}

// field reads the tests of the field at path and puts them into every
// alternative. Of a path given twice the last one counts.
func (c *compiler) field(path string) error {
	f := field{path: path}
	for {
		kind, err := c.scan.next()
		switch {
		case err != nil:
			return err
		case kind == arrayEnd && len(f.tests) == 0:
			return c.scan.fault("Empty arrays are not allowed")
		case kind == arrayEnd:
			c.put(f)
			return nil
		}
		t, err := c.test(kind)
		if err != nil {
			return err
		}
		f.tests = append(f.tests, t)
	}
}

func (c *compiler) put(f field) {
	alternatives := make([]conjunction, len(c.alternatives))
	for i, fields := range c.alternatives {
		earlier := func(g field) bool { return g.path == f.path }
		alternatives[i] = append(slices.DeleteFunc(slices.Clone(fields), earlier), f)
	}
	c.alternatives = alternatives
}

// test reads one alternative of a field.
func (c *compiler) test(kind tokenKind) (test, error) {
	switch kind {
	case objectStart:
		return c.operator()
	case stringValue:
		text, err := c.scan.value()
		if err != nil {
			return nil, err
		}
		return plainString(text), nil
	case numberValue:
		return c.plainLiteral()
	case trueValue, falseValue, nullValue:
		return c.plainLiteral()
	}
	return nil, c.scan.fault("Match value must be String, number, true, false, or null")
}

func plainString(text string) test {
	if address, err := parseAddress(text); err == nil {
		return sameAddress{text, address}
	}
	return equal{text}
}

func (c *compiler) plainLiteral() (test, error) {
	text, err := c.scan.value()
	t := literal{text: text}
	if c.scan.kind == numberValue {
		t.number, t.comparable = comparableNumber(text)
	}
	return t, err
}

// operator reads a match expression: an object with one operator.
func (c *compiler) operator() (test, error) {
	kind, err := c.scan.next()
	if err != nil {
		return nil, err
	}
	if kind != fieldName {
		return nil, c.scan.fault("Match expression name not found")
	}
	name := c.scan.name
	switch name {
	case "anything-but":
		return c.anythingBut()
	case "numeric":
		return c.numeric()
	case "exists":
		return c.exists()
	}
	read, known := stringOperators[name]
	if !known {
		return nil, c.scan.fault("Unrecognized match type " + name)
	}
	return c.stringOperator(name, read)
}

// stringOperators take one string and make a test of it.
var stringOperators = map[string]func(text string) (test, error){
	"exactly":            func(text string) (test, error) { return equal{text}, nil },
	"prefix":             func(text string) (test, error) { return prefix{text: text}, nil },
	"suffix":             func(text string) (test, error) { return suffix{text: text}, nil },
	"equals-ignore-case": func(text string) (test, error) { return equalFold{text}, nil },
	"wildcard":           readWildcard,
	"cidr":               readBlock,
}

// caseless are the operators that also take {"equals-ignore-case": text}.
var caseless = map[string]func(text string) test{
	"prefix": func(text string) test { return prefix{text, true} },
	"suffix": func(text string) test { return suffix{text, true} },
}

func readWildcard(text string) (test, error) {
	g, err := parseGlob(text)
	return wildcard{g}, err
}

func readBlock(text string) (test, error) {
	block, err := parseBlock(text)
	return addressRange{block}, err
}

func (c *compiler) stringOperator(name string, read func(string) (test, error)) (test, error) {
	kind, err := c.scan.next()
	if err != nil {
		return nil, err
	}
	if fold := caseless[name]; fold != nil && kind == objectStart {
		return c.ignoringCase(name, fold)
	}
	if kind != stringValue {
		return nil, c.scan.fault(operandNames[name] + " match pattern must be a string")
	}
	text, err := c.scan.value()
	if err != nil {
		return nil, err
	}
	t, err := read(text)
	if err != nil {
		return nil, c.invalid(name, err)
	}
	return t, c.closing("Only one key allowed in match expression")
}

// operandNames is how AWS's messages name the operators; cidr's says prefix.
var operandNames = map[string]string{
	"exactly": "exact", "prefix": "prefix", "suffix": "suffix", "cidr": "prefix",
	"equals-ignore-case": "equals-ignore-case", "wildcard": "wildcard",
}

// invalid gives a fault in an operand its position. AWS names none for addresses.
func (c *compiler) invalid(operator string, err error) error {
	if operator == "cidr" {
		return &SyntaxError{Problem: err.Error()}
	}
	return c.scan.fault(err.Error())
}

// ignoringCase reads the {"equals-ignore-case": text} behind prefix or suffix.
func (c *compiler) ignoringCase(name string, fold func(string) test) (test, error) {
	kind, err := c.scan.next()
	switch {
	case err != nil:
		return nil, err
	case kind != fieldName:
		return nil, c.scan.fault(strings.ToUpper(name[:1]) + name[1:] + " expression name not found")
	case c.scan.name != "equals-ignore-case":
		return nil, c.scan.fault("Unsupported " + name + " pattern: " + c.scan.name)
	}
	if kind, err = c.scan.next(); err != nil {
		return nil, err
	}
	if kind != stringValue {
		return nil, c.scan.fault("equals-ignore-case match pattern must be a string")
	}
	text, err := c.scan.value()
	if err == nil {
		err = c.closing("Only one key allowed in match expression")
	}
	if err == nil {
		err = c.closing("Only one key allowed in match expression")
	}
	return fold(text), err
}

func (c *compiler) exists() (test, error) {
	kind, err := c.scan.next()
	if err != nil {
		return nil, err
	}
	if kind != trueValue && kind != falseValue {
		return nil, c.scan.fault("exists match pattern must be either true or false.")
	}
	if err := c.closing("Only one key allowed in match expression"); err != nil {
		return nil, err
	}
	if kind == trueValue {
		return exists{}, nil
	}
	return absent{}, nil
}

// closing insists that the match expression ends here.
func (c *compiler) closing(otherwise string) error {
	kind, err := c.scan.next()
	if err == nil && kind != objectEnd {
		err = c.scan.fault(otherwise)
	}
	return err
}
