package tabletest

// This file defines the expressions: a recursive descent over tokens, evaluated
// as it goes. Both sides of AND and OR are always read, so that every placeholder
// is seen.

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

type placeholders struct {
	names  map[string]string
	values map[string]types.AttributeValue
	used   map[string]bool
}

func (p placeholders) unused() error {
	for name := range p.names {
		if !p.used[name] {
			return invalid("Value provided in ExpressionAttributeNames unused in expressions: keys: {%s}", name)
		}
	}
	for name := range p.values {
		if !p.used[name] {
			return invalid("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}", name)
		}
	}
	return nil
}

// reserved are the reserved words among attribute names that we use.
var reserved = map[string]bool{"STATUS": true, "ITEMS": true, "NAME": true, "TIMESTAMP": true, "TTL": true, "SOURCE": true, "TYPE": true, "ATTRIBUTES": true}

var token = regexp.MustCompile(`\s*([#:]?[A-Za-z][A-Za-z0-9_]*|<>|<=|>=|[=<>(),+-])`)

// expression is one expression being read against an item.
type expression struct {
	text   string
	tokens []string
	item   Item
	placeholders
}

// read runs f over text and turns its complaints into an error.
func read(text string, item Item, p placeholders, f func(*expression)) (err error) {
	if p.used == nil {
		p.used = map[string]bool{}
	}
	e := &expression{text: text, item: item, placeholders: p}
	rest := strings.TrimSpace(text)
	for rest != "" {
		at := token.FindStringSubmatchIndex(rest)
		if at == nil || at[0] != 0 {
			return invalid("%q: cannot read %q", text, rest)
		}
		e.tokens = append(e.tokens, rest[at[2]:at[3]])
		rest = strings.TrimSpace(rest[at[1]:])
	}
	defer func() {
		if complaint, ok := recover().(fault); ok {
			err = complaint
		}
	}()
	f(e)
	if len(e.tokens) > 0 {
		e.fail("%q is left over", strings.Join(e.tokens, " "))
	}
	return nil
}

func (e *expression) fail(format string, args ...any) {
	panic(fault{fmt.Sprintf("%q: ", e.text) + fmt.Sprintf(format, args...)})
}

func (e *expression) next() string {
	if len(e.tokens) == 0 {
		e.fail("it ends too early")
	}
	t := e.tokens[0]
	e.tokens = e.tokens[1:]
	return t
}

func (e *expression) take(word string) bool {
	if len(e.tokens) > 0 && strings.EqualFold(e.tokens[0], word) {
		e.tokens = e.tokens[1:]
		return true
	}
	return false
}

func (e *expression) need(word string) {
	if !e.take(word) {
		e.fail("%q is missing before %q", word, strings.Join(e.tokens, " "))
	}
}

func condition(text string, item Item, p placeholders) (holds bool, err error) {
	if text == "" {
		return true, nil
	}
	err = read(text, item, p, func(e *expression) { holds = e.or() })
	return holds, err
}

func (e *expression) or() bool {
	holds := e.and()
	for e.take("OR") {
		right := e.and()
		holds = holds || right
	}
	return holds
}

func (e *expression) and() bool {
	holds := e.not()
	for e.take("AND") {
		right := e.not()
		holds = holds && right
	}
	return holds
}

func (e *expression) not() bool {
	if e.take("NOT") {
		return !e.not()
	}
	if e.take("(") {
		holds := e.or()
		e.need(")")
		return holds
	}
	return e.test()
}

func (e *expression) test() bool {
	for name, want := range map[string]bool{"attribute_exists": true, "attribute_not_exists": false} {
		if e.take(name) {
			e.need("(")
			_, present := e.item[e.attribute(e.next())]
			e.need(")")
			return present == want
		}
	}
	left := e.operand()
	if e.take("IN") {
		return e.in(left)
	}
	operator := e.next()
	return e.compare(left, operator, e.operand())
}

func (e *expression) in(left types.AttributeValue) bool {
	e.need("(")
	found := false
	for {
		if e.compare(left, "=", e.operand()) {
			found = true
		}
		if !e.take(",") {
			e.need(")")
			return found
		}
	}
}

// compare is false for an absent attribute, except that it differs from anything.
func (e *expression) compare(a types.AttributeValue, operator string, b types.AttributeValue) bool {
	equal := a != nil && reflect.DeepEqual(a, b)
	switch operator {
	case "=":
		return equal
	case "<>":
		return !equal
	}
	x, isX := whole(a)
	y, isY := whole(b)
	if !isX || !isY {
		return false
	}
	switch operator {
	case "<":
		return x < y
	case "<=":
		return x <= y
	case ">":
		return x > y
	case ">=":
		return x >= y
	}
	e.fail("no operator %q here", operator)
	return false
}

func (e *expression) attribute(t string) string {
	if strings.HasPrefix(t, "#") {
		e.used[t] = true
		if e.names[t] == "" {
			e.fail("no name for %s", t)
		}
		return e.names[t]
	}
	if reserved[strings.ToUpper(t)] {
		e.fail("Attribute name is a reserved keyword; reserved keyword: %s", t)
	}
	return t
}

// operand reads a placeholder, an attribute (nil if absent) or if_not_exists.
func (e *expression) operand() types.AttributeValue {
	switch t := e.next(); {
	case strings.HasPrefix(t, ":"):
		e.used[t] = true
		if e.values[t] == nil {
			e.fail("no value for %s", t)
		}
		return e.values[t]
	case t == "if_not_exists":
		e.need("(")
		present := e.item[e.attribute(e.next())]
		e.need(",")
		otherwise := e.operand()
		e.need(")")
		if present != nil {
			return present
		}
		return otherwise
	default:
		return e.item[e.attribute(t)]
	}
}

// update evaluates an update expression against item, as it was before.
func update(text string, item, key Item, p placeholders) (Item, error) {
	next := maps.Clone(item)
	if next == nil {
		next = maps.Clone(key)
	}
	set := map[string]bool{}
	err := read(text, item, p, func(e *expression) {
		for len(e.tokens) > 0 {
			clause := strings.ToUpper(e.next())
			for {
				name := e.attribute(e.next())
				if set[name] {
					e.fail("Two document paths overlap with each other: %s", name)
				}
				set[name] = true
				if clause == "REMOVE" {
					delete(next, name)
				} else {
					next[name] = e.assigned(clause, name)
				}
				if !e.take(",") {
					break
				}
			}
		}
	})
	return next, err
}

func (e *expression) assigned(clause, name string) types.AttributeValue {
	switch clause {
	case "SET":
		e.need("=")
		value := e.operand()
		for _, sign := range []string{"+", "-"} {
			if e.take(sign) {
				value = e.sum(value, sign, e.operand())
			}
		}
		if value == nil {
			e.fail("The provided expression refers to an attribute that does not exist in the item")
		}
		return value
	case "ADD":
		start := e.item[name]
		if start == nil {
			start = &types.AttributeValueMemberN{Value: "0"}
		}
		return e.sum(start, "+", e.operand())
	}
	e.fail("no clause %q here", clause)
	return nil
}

func (e *expression) sum(a types.AttributeValue, sign string, b types.AttributeValue) types.AttributeValue {
	x, isX := whole(a)
	y, isY := whole(b)
	if !isX || !isY {
		e.fail("An operand in the update expression has an incorrect data type")
	}
	if sign == "-" {
		y = -y
	}
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(x+y, 10)}
}

func whole(v types.AttributeValue) (int64, bool) {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return 0, false
	}
	i, err := strconv.ParseInt(n.Value, 10, 64)
	return i, err == nil
}
