package dynamodb

// This file defines PutItem, UpdateItem and DeleteItem.

import (
	"context"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/dynamodb/expr"
)

// writeCall is what the three have in common.
type writeCall struct {
	verb                                       verb
	table                                      string
	given                                      *item // the item of a put, else the key
	expressions                                expressions
	operator                                   *string
	expected                                   entries[expectedAttributeValue]
	updates                                    entries[attributeValueUpdate]
	returnValues, onFailure, capacity, metrics *string
}

func (s *Service) putItem(_ context.Context, in *putItemInput) (*writeOutput, error) {
	return s.writeItem(&writeCall{verb: verbPut, table: *in.TableName, given: in.Item, operator: in.ConditionalOperator, expected: in.Expected,
		returnValues: in.ReturnValues, onFailure: in.ReturnValuesOnConditionCheckFailure, capacity: in.ReturnConsumedCapacity, metrics: in.ReturnItemCollectionMetrics,
		expressions: expressions{names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues, condition: in.ConditionExpression}})
}

func (s *Service) deleteItem(_ context.Context, in *deleteItemInput) (*writeOutput, error) {
	return s.writeItem(&writeCall{verb: verbDelete, table: *in.TableName, given: in.Key, operator: in.ConditionalOperator, expected: in.Expected,
		returnValues: in.ReturnValues, onFailure: in.ReturnValuesOnConditionCheckFailure, capacity: in.ReturnConsumedCapacity, metrics: in.ReturnItemCollectionMetrics,
		expressions: expressions{names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues, condition: in.ConditionExpression}})
}

func (s *Service) updateItem(_ context.Context, in *updateItemInput) (*writeOutput, error) {
	return s.writeItem(&writeCall{verb: verbUpdate, table: *in.TableName, given: in.Key, operator: in.ConditionalOperator, expected: in.Expected, updates: in.AttributeUpdates,
		returnValues: in.ReturnValues, onFailure: in.ReturnValuesOnConditionCheckFailure, capacity: in.ReturnConsumedCapacity, metrics: in.ReturnItemCollectionMetrics,
		expressions: expressions{names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues, condition: in.ConditionExpression, update: in.UpdateExpression}})
}

// parameters tells which parameters came, for the refusal of mixtures.
func (c *writeCall) parameters() {
	e := &c.expressions
	e.legacy = []parameter{{"AttributeUpdates", c.updates != nil}, {"ConditionalOperator", c.operator != nil}, {"Expected", c.expected != nil}}
	e.current = []parameter{{"UpdateExpression", e.update != nil}, {"ConditionExpression", e.condition != nil}}
	e.valued = []string{"UpdateExpression", "ConditionExpression"}
	if c.verb != verbUpdate {
		e.valued = e.valued[1:]
	}
}

// writeItem is the order in which AWS checks a write, and the write.
func (s *Service) writeItem(c *writeCall) (*writeOutput, error) {
	c.parameters()
	if err := c.expressions.present(); err != nil {
		return nil, err
	}
	if err := c.given.check(); err != nil {
		return nil, err
	}
	if v := deref(c.returnValues); c.verb != verbUpdate && v != "" && v != "NONE" && v != "ALL_OLD" {
		return nil, invalid("ReturnValues can only be ALL_OLD or NONE")
	}
	older, err := olderUpdate(c.updates)
	if err != nil {
		return nil, err
	}
	condition, err := c.expressions.bindWrite(c.operator, c.expected)
	if err != nil {
		return nil, err
	}
	if err := checkSize(c.given.Map); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	m, err := s.prepare(c.verb, c.table, c.given, &c.expressions)
	if err != nil {
		return nil, err
	}
	if c.updates != nil {
		m.update = older
		if err := m.checkUpdate(); err != nil {
			return nil, err
		}
	}
	m.condition, m.returnOld = condition, deref(c.onFailure) == "ALL_OLD"
	done, err := s.perform(m)
	if err != nil {
		return nil, err
	}
	return s.answer(done, c), nil
}

// checkSize refuses items that are too large or nest too deep.
func checkSize(m *expr.Map) error {
	if m.Size() > maxItem {
		return invalid("Item size has exceeded the maximum allowed size")
	}
	if expr.Depth(m) > expr.MaxDepth+1 {
		return invalid(errDepth)
	}
	return nil
}

// answer builds what a write answers.
func (s *Service) answer(e effect, c *writeCall) *writeOutput {
	out := &writeOutput{ConsumedCapacity: s.consumed(c.capacity, e.cost())}
	if attributes := e.returned(deref(c.returnValues)); attributes.Len() > 0 {
		out.Attributes = &item{Map: attributes}
	}
	if deref(c.metrics) == "SIZE" {
		out.ItemCollectionMetrics = e.mutation.metrics()
	}
	return out
}

// metrics answers ReturnItemCollectionMetrics: of tables with local indexes only.
func (m *mutation) metrics() *itemCollectionMetrics {
	if len(m.table.Local) == 0 {
		return nil
	}
	return &itemCollectionMetrics{ItemCollectionKey: &item{Map: m.table.key[:1].pick(m.keyMap)}, SizeEstimateRangeGB: [2]float64{0, 1}}
}

// bindWrite reads the expressions of a write and returns its condition, from
// whichever parameter states it.
func (e *expressions) bindWrite(operator *string, expected entries[expectedAttributeValue]) (*expr.Condition, error) {
	older, err := olderExpected(operator, expected)
	if err != nil {
		return nil, err
	}
	if err := e.bind(); err != nil {
		return nil, err
	}
	if e.boundCondition != nil {
		return e.boundCondition, nil
	}
	return older, nil
}

// prepare checks a mutation against its table; given is its item or key. The
// caller holds s.mu.
func (s *Service) prepare(v verb, name string, given *item, e *expressions) (*mutation, error) {
	t, err := s.tableNamed(name)
	if err != nil {
		return nil, err
	}
	m := &mutation{verb: v, table: t, update: e.boundUpdate, condition: e.boundCondition}
	if v == verbPut {
		m.item = given.Map
		m.key, err = t.checkItem(given.Map)
	} else {
		m.key, err = t.checkKey(given.Map)
	}
	if err != nil {
		return nil, err
	}
	m.keyMap = t.key.pick(given.Map)
	if err := m.checkUpdate(); err != nil {
		return nil, err
	}
	return m, t.checkPaths(e)
}

// checkUpdate refuses what is wrong with an update whatever the item: it changes
// the key, or gives an index a key that it cannot have.
func (m *mutation) checkUpdate() error {
	if m.update == nil {
		return nil
	}
	for _, p := range m.update.Targets() {
		if _, ok := m.table.key.find(p[0].Name); ok {
			return invalidValues("Cannot update attribute %s. This attribute is part of the key", p[0].Name)
		}
	}
	for _, x := range m.table.indexes {
		var err error
		m.update.Known(func(name string, kind expr.Kind, v expr.Value) {
			if err == nil {
				err = x.checkNewKey(name, kind, v)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkNewKey refuses what an update gives the index for a key.
func (x *index) checkNewKey(name string, kind expr.Kind, v expr.Value) error {
	a, ok := x.key.find(name)
	switch {
	case !ok:
	case kind != a.Kind:
		return invalidValues("Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s", name, a.Kind, kind, x.name)
	case v != nil && isEmptyKey(v):
		return invalid("One or more parameter values are not valid. The update expression attempted to update a secondary index key to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty %s value.", emptyWord(a.Kind))
	}
	return nil
}

// returned picks what ReturnValues of UpdateItem asks for.
func (e effect) returned(asked string) *expr.Map {
	switch asked {
	case "ALL_OLD":
		return e.old
	case "ALL_NEW":
		return e.new
	case "UPDATED_OLD", "UPDATED_NEW":
		if e.mutation.update == nil {
			return nil
		}
		touched := expr.NewProjection(e.mutation.update.Targets()...)
		if asked == "UPDATED_OLD" {
			return touched.Of(e.old)
		}
		return touched.Of(e.new)
	}
	return nil
}

// accessTo is the permission to do an action on a table.
func (s *Service) accessTo(action string, name *string) []awswire.Access {
	return []awswire.Access{{Action: "dynamodb:" + action, Resource: s.tableARN(nameOfTable(deref(name)))}}
}
