package dynamodb

// This file defines what requests have in common: names of tables, and
// expressions with their names and values, checked in AWS's order.

import (
	"context"
	"fmt"
	"strings"

	"github.com/stepworks/stepworks/local/internal/dynamodb/expr"
)

type operation[In, Out any] func(ctx context.Context, in *In) (*Out, error)

// checked runs the operation on an input that is known to be sound.
func (do operation[In, Out]) checked(ctx context.Context, r *input[In]) (*Out, error) {
	in, err := r.checked()
	if err != nil {
		return nil, err
	}
	return do(ctx, in)
}

// tableNamed returns a table by its name or ARN. The caller holds s.mu.
func (s *Service) tableNamed(name string) (*table, error) {
	if t := s.tables[nameOfTable(name)]; t != nil && (name == t.Name || name == t.arn) {
		return t, nil
	}
	return nil, notFound("")
}

// nameOfTable returns the name in a table's ARN, or the name itself.
func nameOfTable(name string) string {
	if rest, ok := strings.CutPrefix(name, "arn:"); ok {
		return rest[strings.LastIndexByte(rest, '/')+1:]
	}
	return name
}

// parameter is a member of a request, for the refusal of mixtures.
type parameter struct {
	name  string
	given bool
}

func given(parameters []parameter) string {
	var names []string
	for _, p := range parameters {
		if p.given {
			names = append(names, p.name)
		}
	}
	return strings.Join(names, ", ")
}

// expressions is what of a request concerns expressions.
type expressions struct {
	names                                      entries[string]
	values                                     entries[attribute]
	update, condition, key, filter, projection *string
	legacy                                     []parameter // the older parameters
	current                                    []parameter // the expressions, in AWS's order
	valued                                     []string    // the expressions that values may serve
	scope                                      *expr.Scope
	boundUpdate                                *expr.Update
	boundCondition, boundFilter                *expr.Condition
	boundKey                                   *expr.KeyCondition
	boundProjection                            *expr.Projection
}

// present is AWS's first look: which parameters came together.
func (e *expressions) present() error {
	legacy, current := given(e.legacy), given(e.current)
	if legacy != "" && current != "" {
		return invalid("Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {%s} Expression parameters: {%s}", legacy, current)
	}
	if e.names != nil && current == "" {
		return invalid("ExpressionAttributeNames can only be specified when using expressions")
	}
	if e.values == nil {
		return nil
	}
	for _, p := range e.current {
		if p.given && containsWord(e.valued, p.name) {
			return nil
		}
	}
	verb := "is"
	if len(e.valued) > 1 {
		verb = "are"
	}
	return invalid("ExpressionAttributeValues can only be specified when using expressions: %s %s null", strings.Join(e.valued, " and "), verb)
}

// bind reads the expressions.
func (e *expressions) bind() error {
	names, err := e.bindNames()
	if err != nil {
		return err
	}
	values, err := e.bindValues()
	if err != nil {
		return err
	}
	e.scope = expr.NewScope(names, values)
	for _, read := range []func() error{e.readUpdate, e.readConditions, e.readProjection, e.scope.Unused} {
		if err := read(); err != nil {
			return wireError(err)
		}
	}
	return nil
}

func (e *expressions) bindNames() (map[string]string, error) {
	if e.names == nil {
		return nil, nil
	}
	if len(e.names) == 0 {
		return nil, invalid("ExpressionAttributeNames must not be empty")
	}
	names := make(map[string]string, len(e.names))
	for _, n := range e.names {
		if !expr.IsPlaceholder(n.Name, '#') {
			return nil, invalid(`ExpressionAttributeNames contains invalid key: Syntax error; key: "%s"`, n.Name)
		}
		if n.Value == "" {
			return nil, invalid("ExpressionAttributeNames contains invalid value: Attribute name must not be empty; for key %s", n.Name)
		}
		names[n.Name] = n.Value
	}
	return names, nil
}

func (e *expressions) bindValues() (map[string]expr.Value, error) {
	if e.values == nil {
		return nil, nil
	}
	if len(e.values) == 0 {
		return nil, invalid("ExpressionAttributeValues must not be empty")
	}
	for _, v := range e.values {
		if !expr.IsPlaceholder(v.Name, ':') {
			return nil, invalid(`ExpressionAttributeValues contains invalid key: Syntax error; key: "%s"`, v.Name)
		}
	}
	values := make(map[string]expr.Value, len(e.values))
	for _, v := range e.values {
		if v.Value.fault == nil && v.Value.value == nil {
			v.Value.fault = &valueFault{text: errNoType}
		}
		if v.Value.fault != nil {
			return nil, invalid("ExpressionAttributeValues contains invalid value: %s for key %s", v.Value.fault.text, v.Name)
		}
		values[v.Name] = v.Value.value
	}
	return values, nil
}

func (e *expressions) readUpdate() (err error) {
	if e.update != nil {
		e.boundUpdate, err = e.scope.Update(*e.update)
	}
	return err
}

func (e *expressions) readConditions() (err error) {
	if e.condition != nil {
		if e.boundCondition, err = e.scope.Condition("ConditionExpression", *e.condition); err != nil {
			return err
		}
	}
	if e.key != nil {
		if e.boundKey, err = e.scope.KeyCondition(*e.key); err != nil {
			return err
		}
	}
	if e.filter != nil {
		e.boundFilter, err = e.scope.Condition("FilterExpression", *e.filter)
	}
	return err
}

func (e *expressions) readProjection() (err error) {
	if e.projection != nil {
		e.boundProjection, err = e.scope.Projection(*e.projection)
	}
	return err
}

// fault returns what is wrong with the item's values.
func (i *item) check() error {
	if i != nil && i.fault != nil {
		return invalid("%s", i.fault.text)
	}
	return nil
}

// checkAttributesToGet refuses names that come twice, and returns the projection.
func checkAttributesToGet(names []string) (*expr.Projection, error) {
	if names == nil {
		return nil, nil
	}
	seen := map[string]bool{}
	var paths []expr.Path
	for _, name := range names {
		if seen[name] {
			return nil, invalidValues("Duplicate value in attribute name: %s", name)
		}
		seen[name] = true
		paths = append(paths, expr.Path{{Name: name}})
	}
	return expr.NewProjection(paths...), nil
}

// pathFault refuses a path into a key attribute, which has no inside.
func (t *table) pathFault(p expr.Path) error {
	if len(p) < 2 {
		return nil
	}
	if _, ok := t.key.find(p[0].Name); ok {
		return invalid("Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: %s", p[0].Name)
	}
	for _, x := range t.indexes {
		if _, ok := x.key.find(p[0].Name); ok {
			return invalid("Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: IndexKey: %s", p[0].Name)
		}
	}
	return nil
}

// checkPaths refuses paths into key attributes anywhere in the expressions.
func (t *table) checkPaths(e *expressions) (err error) {
	note := func(p expr.Path) {
		if err == nil {
			err = t.pathFault(p)
		}
	}
	if e.boundProjection != nil {
		for _, p := range e.boundProjection.Paths() {
			note(p)
		}
	}
	e.boundCondition.Paths(note)
	e.boundFilter.Paths(note)
	if e.boundUpdate != nil {
		e.boundUpdate.Paths(note)
	}
	return err
}

// The limits of keys.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html#limits-partition-sort-keys
const (
	maxPartitionKey = 2048
	maxSortKey      = 1024
)

// checkKey spells a key that was given alone: exactly the table's key attributes.
func (t *table) checkKey(key *expr.Map) (string, error) {
	spelled, ok := t.key.spell(key)
	if !ok || key.Len() != len(t.key) {
		return "", invalid("The provided key element does not match the schema")
	}
	return spelled, t.checkKeyValues(key)
}

// checkKeyValues refuses keys that are empty or too long.
func (t *table) checkKeyValues(m *expr.Map) error {
	for i, a := range t.key {
		v, _ := m.Get(a.Name)
		size := expr.Size(v)
		switch {
		case size == 0 && a.Kind != expr.N:
			return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty %s value. Key: %s", emptyWord(a.Kind), a.Name)
		case i == 0 && size > maxPartitionKey:
			return invalidValues("Size of hashkey has exceeded the maximum size limit of2048 bytes")
		case i == 1 && size > maxSortKey:
			return invalidValues("Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
		}
	}
	return nil
}

// isEmptyKey reports whether a value is an empty string or binary, which no key
// can be.
func isEmptyKey(v expr.Value) bool {
	return v == expr.String("") || v == expr.Binary("")
}

func emptyWord(k expr.Kind) string {
	if k == expr.B {
		return "binary"
	}
	return "string"
}

// checkItem spells the key of a whole item and looks at its index keys.
func (t *table) checkItem(m *expr.Map) (string, error) {
	for _, a := range t.key {
		v, ok := m.Get(a.Name)
		if !ok {
			return "", invalidValues("Missing the key %s in the item", a.Name)
		}
		if v.Kind() != a.Kind {
			return "", invalidValues("Type mismatch for key %s expected: %s actual: %s", a.Name, a.Kind, v.Kind())
		}
	}
	if err := t.checkIndexKeys(m); err != nil {
		return "", err
	}
	key, _ := t.key.spell(m)
	return key, t.checkKeyValues(m)
}

// checkIndexKeys refuses attributes that an index could not have as its key.
func (t *table) checkIndexKeys(m *expr.Map) error {
	for _, x := range t.indexes {
		for i, a := range x.key {
			v, ok := m.Get(a.Name)
			if !ok {
				continue
			}
			if v.Kind() != a.Kind {
				return invalidValues("Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s", a.Name, a.Kind, v.Kind(), x.name)
			}
			if err := x.checkKeySize(i, a, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *index) checkKeySize(place int, a keyAttribute, v expr.Value) error {
	size := expr.Size(v)
	if size == 0 && a.Kind != expr.N {
		return invalid("One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %s, IndexKey: %s", emptyWord(a.Kind), x.name, a.Name)
	}
	if place == 0 && size > maxPartitionKey {
		return invalid("%s", fmt.Sprintf("One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of %d bytes", maxPartitionKey))
	}
	if place == 1 && size > maxSortKey {
		return invalidValues("Aggregated size of all range keys has exceeded the size limit of %d bytes", maxSortKey)
	}
	return nil
}

// maxItem is the size of the largest item.
const maxItem = 400 << 10

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
