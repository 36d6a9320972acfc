package dynamodb

// This file defines Query.

import (
	"context"
	"strings"

	"github.com/stepworks/stepworks/local/internal/dynamodb/expr"
)

func (s *Service) query(_ context.Context, in *queryInput) (*pageOutput, error) {
	q := query{in: in}
	if err := q.checkAlone(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	t, err := s.tableNamed(*in.TableName)
	if err != nil {
		return nil, err
	}
	p, err := q.plan(t)
	if err != nil {
		return nil, err
	}
	return s.page(p, in.ReturnConsumedCapacity)
}

// query is a Query on its way.
type query struct {
	in          *queryInput
	expressions expressions
	tests       []expr.KeyTest
	filter      []olderCondition
	toGet       *expr.Projection
}

func (q *query) selection() selection {
	return selection{selected: deref(q.in.Select), toGet: q.in.AttributesToGet, projection: q.in.ProjectionExpression}
}

// checkAlone checks what needs no table.
func (q *query) checkAlone() error {
	in := q.in
	q.expressions = expressions{names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues,
		key: in.KeyConditionExpression, filter: in.FilterExpression, projection: in.ProjectionExpression,
		legacy: []parameter{{"AttributesToGet", in.AttributesToGet != nil}, {"QueryFilter", in.QueryFilter != nil},
			{"ConditionalOperator", in.ConditionalOperator != nil}, {"KeyConditions", in.KeyConditions != nil && in.KeyConditionExpression != nil}},
		current: []parameter{{"ProjectionExpression", in.ProjectionExpression != nil}, {"FilterExpression", in.FilterExpression != nil},
			{"KeyConditionExpression", in.KeyConditionExpression != nil}},
		valued: []string{"FilterExpression", "KeyConditionExpression"}}
	if err := q.expressions.present(); err != nil {
		return err
	}
	var err error
	if q.filter, err = olderConditions(in.QueryFilter); err != nil {
		return err
	}
	if err := checkStart(in.ExclusiveStartKey); err != nil {
		return err
	}
	older, err := olderConditions(in.KeyConditions)
	if err != nil {
		return err
	}
	if q.toGet, err = checkAttributesToGet(in.AttributesToGet); err != nil {
		return err
	}
	if in.KeyConditions == nil && in.KeyConditionExpression == nil {
		return invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	if err := q.expressions.bind(); err != nil {
		return err
	}
	if err := q.selection().check(in.IndexName != nil); err != nil {
		return err
	}
	return q.keyTests(older)
}

// keyTests finds the conditions on the key, from either parameter.
func (q *query) keyTests(older []olderCondition) (err error) {
	if k := q.expressions.boundKey; k != nil {
		q.tests, err = k.Tests()
		err = wireError(err)
	}
	for _, c := range older {
		q.tests = append(q.tests, expr.OlderKeyTest(c.attribute, c.operator, c.values...))
	}
	if err == nil && (len(q.tests) == 0 || len(q.tests) > 2) {
		return invalid("Conditions can be of length 1 or 2 only")
	}
	return err
}

// plan finds the range of keys.
func (q *query) plan(t *table) (*pageRequest, error) {
	in := q.in
	p := &pageRequest{table: t, consistent: in.ConsistentRead, backwards: in.ScanIndexForward != nil && !*in.ScanIndexForward}
	var err error
	if p.index, err = t.indexNamed(in.IndexName, in.ConsistentRead); err != nil {
		return nil, err
	}
	if in.Limit != nil {
		p.limit = int(*in.Limit)
	}
	if err := p.checkStartShape(in.ExclusiveStartKey); err != nil {
		return nil, err
	}
	hash, sort, err := p.keyTests(q.tests)
	if err != nil {
		return nil, err
	}
	prefix := partitionPrefix(spellPart(hash.Values[0]))
	p.from, p.to = sortRange(prefix, sort)
	if err := p.applyStart(in.ExclusiveStartKey, hash, sort); err != nil {
		return nil, err
	}
	if err := q.checkFilter(p); err != nil {
		return nil, err
	}
	if err := t.checkPaths(&q.expressions); err != nil {
		return nil, err
	}
	return p, p.choose(q.selection(), &q.expressions, q.toGet)
}

// schema is the key that is followed.
func (p *pageRequest) schema() keySchema {
	if p.index != nil {
		return p.index.key
	}
	return p.table.key
}

// keyTests matches the conditions with the key: the partition key must be equal
// to something, the sort key may be in a range.
func (p *pageRequest) keyTests(tests []expr.KeyTest) (hash, sort expr.KeyTest, err error) {
	key := p.schema()
	if len(tests) > len(key) {
		return hash, sort, invalid("Query key condition not supported")
	}
	hash, ok := testOf(tests, key[0].Name)
	if !ok {
		return hash, sort, invalid("Query condition missed key schema element: %s", key[0].Name)
	}
	if len(tests) == 2 {
		if sort, ok = testOf(tests, key[1].Name); !ok {
			return hash, sort, invalid("Query condition missed key schema element: %s", key[1].Name)
		}
	}
	if hash.Op != "=" {
		if hash.Op == "" || hash.Op == "<>" || hash.Op == "IN" {
			return hash, sort, invalid("Attempted conditional constraint is not an indexable operation")
		}
		return hash, sort, invalid("Query key condition not supported")
	}
	if sort.Attribute != "" && (sort.Op == "" || sort.Op == "<>" || sort.Op == "IN") {
		return hash, sort, invalid("Attempted conditional constraint is not an indexable operation")
	}
	return hash, sort, p.checkTestValues(hash, sort)
}

func testOf(tests []expr.KeyTest, name string) (expr.KeyTest, bool) {
	for _, t := range tests {
		if t.Attribute == name {
			return t, true
		}
	}
	return expr.KeyTest{}, false
}

func (p *pageRequest) checkTestValues(tests ...expr.KeyTest) error {
	for i, t := range tests {
		for _, v := range t.Values {
			if v.Kind() != p.schema()[i].Kind {
				return invalidValues("Condition parameter type does not match schema type")
			}
			if expr.Size(v) == 0 && t.Op != "begins_with" {
				return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty %s value. Key: %s", emptyWord(v.Kind()), t.Attribute)
			}
		}
		if t.Op == "begins_with" && t.Values[0].Kind() == expr.N {
			return invalid("Invalid KeyConditionExpression: Incorrect operand type for operator or function; operator or function: begins_with, operand type: N")
		}
	}
	return nil
}

// applyStart lets the query begin behind its start key, which must lie where the
// query goes.
func (p *pageRequest) applyStart(start *item, hash, sort expr.KeyTest) error {
	if start == nil {
		return nil
	}
	key, err := p.spellStart(start.Map)
	if err != nil {
		return err
	}
	if sort.Attribute != "" && !matches(sort, start.Map) {
		return invalid("The provided starting key does not match the range key predicate")
	}
	if !matches(hash, start.Map) {
		return invalid("The provided starting key is outside query boundaries based on provided conditions")
	}
	p.after(key)
	return nil
}

// matches reports whether a key passes a test.
func matches(t expr.KeyTest, m *expr.Map) bool {
	v, _ := m.Get(t.Attribute)
	low, _ := expr.Compare(v, t.Values[0])
	switch t.Op {
	case "=":
		return low == 0
	case "<":
		return low < 0
	case "<=":
		return low <= 0
	case ">":
		return low > 0
	case ">=":
		return low >= 0
	case "BETWEEN":
		high, _ := expr.Compare(v, t.Values[1])
		return low >= 0 && high <= 0
	}
	return strings.HasPrefix(spellPart(v), spellPart(t.Values[0]))
}

// checkFilter refuses filters on the key that is followed.
func (q *query) checkFilter(p *pageRequest) error {
	for _, c := range q.filter {
		if _, ok := p.schema().find(c.attribute); ok {
			return invalid("QueryFilter can only contain non-primary key attributes: Primary key attribute: %s", c.attribute)
		}
	}
	if q.filter != nil {
		q.expressions.boundFilter = joinOlder(q.in.ConditionalOperator, q.filter)
		return nil
	}
	var err error
	q.expressions.boundFilter.Paths(func(path expr.Path) {
		if _, ok := p.schema().find(path[0].Name); ok && err == nil {
			err = invalid("Filter Expression can only contain non-primary key attributes: Primary key attribute: %s", path[0].Name)
		}
	})
	return err
}
