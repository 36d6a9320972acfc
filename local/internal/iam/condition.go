package iam

// This file defines conditions: the table of operators and how a condition is
// judged against the keys of a request.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// contextKeys are a request's condition keys in lower case: their names are not
// case-sensitive.
type contextKeys map[string][]string

func newContext(keys map[string][]string) contextKeys {
	c := make(contextKeys, len(keys))
	for name, values := range keys {
		c[strings.ToLower(name)] = values
	}
	return c
}

func (c contextKeys) get(key string) ([]string, bool) {
	values, ok := c[strings.ToLower(key)]
	return values, ok && len(values) > 0
}

// operator compares one value of the request with one of the policy.
type operator struct {
	name    string
	negated bool // true where no value of the policy matches, and where the key is absent
	match   func(have string, want pattern, context contextKeys) bool
	valid   func(want string) bool // nil: any text
}

// operators is the table; a negated one shares its opposite's comparison.
var operators = func() map[string]operator {
	table := map[string]operator{}
	for _, op := range []operator{
		{name: "StringEquals", match: equalText},
		{name: "StringEqualsIgnoreCase", match: equalFold},
		{name: "StringLike", match: like},
		{name: "ArnEquals", match: likeARN},
		{name: "ArnLike", match: likeARN},
		{name: "Bool", match: equalBool, valid: isBool},
		{name: "BinaryEquals", match: equalBinary, valid: isBinary},
		{name: "IpAddress", match: withinBlock, valid: isBlock},
		{name: "NumericEquals", match: numeric(func(a, b float64) bool { return a == b }), valid: isNumber},
		{name: "NumericLessThan", match: numeric(func(a, b float64) bool { return a < b }), valid: isNumber},
		{name: "NumericLessThanEquals", match: numeric(func(a, b float64) bool { return a <= b }), valid: isNumber},
		{name: "NumericGreaterThan", match: numeric(func(a, b float64) bool { return a > b }), valid: isNumber},
		{name: "NumericGreaterThanEquals", match: numeric(func(a, b float64) bool { return a >= b }), valid: isNumber},
		{name: "DateEquals", match: date(func(a, b time.Time) bool { return a.Equal(b) }), valid: isDate},
		{name: "DateLessThan", match: date(func(a, b time.Time) bool { return a.Before(b) }), valid: isDate},
		{name: "DateLessThanEquals", match: date(func(a, b time.Time) bool { return !a.After(b) }), valid: isDate},
		{name: "DateGreaterThan", match: date(func(a, b time.Time) bool { return a.After(b) }), valid: isDate},
		{name: "DateGreaterThanEquals", match: date(func(a, b time.Time) bool { return !a.Before(b) }), valid: isDate},
		{name: "Null", valid: isBool},
	} {
		table[strings.ToLower(op.name)] = op
	}
	for opposite, name := range map[string]string{
		"StringEquals": "StringNotEquals", "StringEqualsIgnoreCase": "StringNotEqualsIgnoreCase", "StringLike": "StringNotLike",
		"ArnEquals": "ArnNotEquals", "ArnLike": "ArnNotLike", "IpAddress": "NotIpAddress", "NumericEquals": "NumericNotEquals", "DateEquals": "DateNotEquals",
	} {
		op := table[strings.ToLower(opposite)]
		op.name, op.negated = name, true
		table[strings.ToLower(name)] = op
	}
	return table
}()

// quantifier says how a key of several values is judged.
type quantifier int

const (
	single quantifier = iota
	forAllValues
	forAnyValue
)

// condition is one key of one operator, with the values that satisfy it.
type condition struct {
	operator   operator
	quantifier quantifier
	ifExists   bool
	key        string
	values     []pattern
}

func parseConditions(v jsonvalue.Value, variables bool) ([]condition, error) {
	doc, ok := v.(*jsonvalue.Object)
	if !ok {
		return nil, malformed("Syntax errors in policy. (Condition is an object of operators, not %s)", jsonvalue.Kind(v))
	}
	var out []condition
	for name, keys := range doc.All() {
		like, err := parseOperator(name)
		if err != nil {
			return nil, err
		}
		object, ok := keys.(*jsonvalue.Object)
		if !ok {
			return nil, malformed("Syntax errors in policy. (the condition operator %s has an object of keys, not %s)", name, jsonvalue.Kind(keys))
		}
		for key, values := range object.All() {
			c := like
			c.key = strings.ToLower(key)
			if err := c.setValues(values, variables); err != nil {
				return nil, err
			}
			out = append(out, c)
		}
	}
	return out, nil
}

func parseOperator(name string) (condition, error) {
	var c condition
	rest := strings.ToLower(name)
	if after, ok := strings.CutPrefix(rest, "forallvalues:"); ok {
		c.quantifier, rest = forAllValues, after
	} else if after, ok := strings.CutPrefix(rest, "foranyvalue:"); ok {
		c.quantifier, rest = forAnyValue, after
	}
	if before, ok := strings.CutSuffix(rest, "ifexists"); ok && before != "null" {
		c.ifExists, rest = true, before
	}
	op, ok := operators[rest]
	if !ok {
		return c, malformed("Invalid Condition type : %s.", name)
	}
	c.operator = op
	return c, nil
}

func (c *condition) setValues(v jsonvalue.Value, variables bool) error {
	for _, item := range listOf(v) {
		var text string
		switch item := item.(type) {
		case string:
			text = item
		case bool:
			text = strconv.FormatBool(item)
		case jsonvalue.Number:
			text = string(item)
		default:
			return malformed("Syntax errors in policy. (the values of the condition key %s are texts, not %s)", c.key, jsonvalue.Kind(item))
		}
		if c.operator.valid != nil && !strings.Contains(text, "${") && !c.operator.valid(text) {
			return malformed("Syntax errors in policy. (%q is not a value for the condition operator %s)", text, c.operator.name)
		}
		c.values = append(c.values, parsePattern(text, variables))
	}
	return nil
}

// holds judges the condition.
func (c *condition) holds(context contextKeys) bool {
	have, present := context.get(c.key)
	if c.operator.match == nil { // Null: "true" asks that the key be absent
		for _, want := range c.values {
			if strings.EqualFold(want.source, "true") != present {
				return true
			}
		}
		return false
	}
	if !present {
		return c.ifExists || c.quantifier == forAllValues || c.operator.negated && c.quantifier != forAnyValue
	}
	switch c.quantifier {
	case forAllValues:
		for _, value := range have {
			if !c.satisfied(value, context) {
				return false
			}
		}
		return true
	case single:
		// AWS says no more of a key with several values and no quantifier than that
		// one must not write that; a negated operator is held to all of them here.
		if c.operator.negated {
			for _, value := range have {
				if !c.satisfied(value, context) {
					return false
				}
			}
			return true
		}
	}
	for _, value := range have {
		if c.satisfied(value, context) {
			return true
		}
	}
	return false
}

// satisfied judges one value of the request: any value of the policy will do, or
// for a negated operator none must match.
func (c *condition) satisfied(have string, context contextKeys) bool {
	for _, want := range c.values {
		if c.operator.match(have, want, context) {
			return !c.operator.negated
		}
	}
	return c.operator.negated
}

// literal is the text of a pattern in which wildcards mean nothing.
func literal(want pattern, context contextKeys) (string, bool) {
	parts, ok := want.expand(context)
	if !ok {
		return "", false
	}
	var b strings.Builder
	for _, x := range parts {
		if x.kind != 0 {
			b.WriteByte(x.kind)
		}
		b.WriteString(x.text)
	}
	return b.String(), true
}

func equalText(have string, want pattern, context contextKeys) bool {
	text, ok := literal(want, context)
	return ok && have == text
}

func equalFold(have string, want pattern, context contextKeys) bool {
	text, ok := literal(want, context)
	return ok && strings.EqualFold(have, text)
}

func like(have string, want pattern, context contextKeys) bool { return want.match(have, context) }

func likeARN(have string, want pattern, context contextKeys) bool {
	return want.matchARN(have, context)
}

func equalBool(have string, want pattern, context contextKeys) bool {
	return equalFold(have, want, context)
}

func isBool(s string) bool { return strings.EqualFold(s, "true") || strings.EqualFold(s, "false") }

func equalBinary(have string, want pattern, context contextKeys) bool {
	a, err1 := base64.StdEncoding.DecodeString(have)
	b, err2 := base64.StdEncoding.DecodeString(want.source)
	return err1 == nil && err2 == nil && bytes.Equal(a, b)
}

func isBinary(s string) bool {
	_, err := base64.StdEncoding.DecodeString(s)
	return err == nil
}

func numeric(compare func(a, b float64) bool) func(string, pattern, contextKeys) bool {
	return func(have string, want pattern, context contextKeys) bool {
		text, ok := literal(want, context)
		a, err1 := strconv.ParseFloat(have, 64)
		b, err2 := strconv.ParseFloat(text, 64)
		return ok && err1 == nil && err2 == nil && compare(a, b)
	}
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

func date(compare func(a, b time.Time) bool) func(string, pattern, contextKeys) bool {
	return func(have string, want pattern, context contextKeys) bool {
		text, ok := literal(want, context)
		a, ok1 := parseDate(have)
		b, ok2 := parseDate(text)
		return ok && ok1 && ok2 && compare(a, b)
	}
}

func isDate(s string) bool {
	_, ok := parseDate(s)
	return ok
}

// parseDate reads one of the W3C's forms of ISO 8601, or seconds since the epoch.
func parseDate(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01", "2006"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	if seconds, err := strconv.ParseFloat(s, 64); err == nil && seconds > -1e11 && seconds < 1e11 {
		return time.UnixMilli(int64(seconds * 1000)), true
	}
	return time.Time{}, false
}

func withinBlock(have string, want pattern, context contextKeys) bool {
	text, ok := literal(want, context)
	addr, err := netip.ParseAddr(have)
	block, valid := parseBlock(text)
	return ok && err == nil && valid && block.Contains(addr.Unmap())
}

func isBlock(s string) bool {
	_, ok := parseBlock(s)
	return ok
}

func parseBlock(s string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), true
	}
	block, err := netip.ParsePrefix(s)
	return block, err == nil
}
