// Package expr is DynamoDB's value model and its expression language, as data
// and functions: it does no I/O and keeps no state.
//
//	values       String, Number, Binary, Bool, Null, Set, List, *Map      value.go, number.go
//	conditions   ConditionExpression, FilterExpression                    Scope.Condition
//	keys         KeyConditionExpression                                   Scope.KeyCondition
//	updates      UpdateExpression                                         Scope.Update
//	projections  ProjectionExpression                                     Scope.Projection
//
// An expression is read in two steps, as AWS reads it. Parsing knows syntax
// only; it can be printed and read again. Binding puts in what #names and
// :values stand for and checks everything that can be known without an item.
// The errors of both are AWS's, in AWS's words, and of several faults the one
// that AWS reports: AWS looks for one kind of fault after the other (see
// faults.go), not from left to right.
//
// A [Scope] belongs to one request: its names and values serve all of the
// request's expressions, and [Scope.Unused] refuses what none of them used.
//
// Values are immutable: an update copies the spine that it changes and shares
// the rest. Numbers are exact to 38 digits; nothing is ever rounded.
//
// The language: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html
//
// Start at [NewScope].
package expr

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Error is why an expression or a value is refused: the text of a
// ValidationException.
type Error struct{ Text string }

func (e *Error) Error() string { return e.Text }

func errorf(format string, args ...any) *Error { return &Error{Text: fmt.Sprintf(format, args...)} }

// Scope is the names and values that a request's expressions share.
type Scope struct {
	names      map[string]string
	values     map[string]Value
	usedNames  map[string]bool
	usedValues map[string]bool
}

// NewScope returns a scope in which "#n" stands for names["#n"] and ":v" for
// values[":v"].
func NewScope(names map[string]string, values map[string]Value) *Scope {
	return &Scope{names: names, values: values, usedNames: map[string]bool{}, usedValues: map[string]bool{}}
}

// Condition reads a condition; kind is the request's member that holds it
// ("ConditionExpression"), which errors name.
func (s *Scope) Condition(kind, text string) (*Condition, error) {
	tree, err := parseCondition(text)
	if err != nil {
		return nil, prefixed(kind, err)
	}
	b := binder{scope: s}
	b.condition(tree)
	if err := b.faults.first(); err != nil {
		return nil, prefixed(kind, err)
	}
	return &Condition{root: s.bind(tree)}, nil
}

// Update reads an update.
func (s *Scope) Update(text string) (*Update, error) {
	const kind = "UpdateExpression"
	tree, err := parseUpdate(text)
	if err != nil {
		return nil, prefixed(kind, err)
	}
	b := binder{scope: s}
	b.update(tree)
	if err := b.faults.first(); err != nil {
		return nil, prefixed(kind, err)
	}
	return s.bindUpdate(tree), nil
}

// Projection reads a list of paths.
func (s *Scope) Projection(text string) (*Projection, error) {
	const kind = "ProjectionExpression"
	trees, err := parseProjection(text)
	if err != nil {
		return nil, prefixed(kind, err)
	}
	b := binder{scope: s}
	paths := b.projection(trees)
	if err := b.faults.first(); err != nil {
		return nil, prefixed(kind, err)
	}
	return &Projection{paths: paths}, nil
}

func prefixed(kind string, err error) error { return errorf("Invalid %s: %s", kind, err.Error()) }

// Unused refuses names and values that no expression of the scope used.
func (s *Scope) Unused() error {
	for _, c := range []struct {
		what    string
		defined []string
		used    map[string]bool
	}{
		{"ExpressionAttributeNames", slices.Sorted(maps.Keys(s.names)), s.usedNames},
		{"ExpressionAttributeValues", slices.Sorted(maps.Keys(s.values)), s.usedValues},
	} {
		unused := slices.DeleteFunc(c.defined, func(key string) bool { return c.used[key] })
		if len(unused) > 0 {
			return errorf("Value provided in %s unused in expressions: keys: {%s}", c.what, strings.Join(unused, ", "))
		}
	}
	return nil
}
