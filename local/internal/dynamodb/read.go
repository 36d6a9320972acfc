package dynamodb

// This file defines GetItem and BatchGetItem.

import (
	"context"

	"github.com/stepworks/stepworks/local/internal/dynamodb/expr"
	"github.com/stepworks/stepworks/local/internal/store"
)

// getCall is what the reads of single items have in common.
type getCall struct {
	toGet       []string
	expressions expressions
	projection  *expr.Projection
}

func newGetCall(toGet []string, projection *string, names entries[string]) *getCall {
	return &getCall{toGet: toGet, expressions: expressions{names: names, projection: projection,
		legacy:  []parameter{{"AttributesToGet", toGet != nil}},
		current: []parameter{{"ProjectionExpression", projection != nil}}}}
}

// bind reads the projection, from either parameter, between the checks of keys.
func (c *getCall) bind(keys ...*item) error {
	if err := c.expressions.present(); err != nil {
		return err
	}
	for _, k := range keys {
		if err := k.check(); err != nil {
			return err
		}
	}
	toGet, err := checkAttributesToGet(c.toGet)
	if err != nil {
		return err
	}
	if err := c.expressions.bind(); err != nil {
		return err
	}
	c.projection = c.expressions.boundProjection
	if toGet != nil {
		c.projection = toGet
	}
	return nil
}

// of returns what of an item was asked for.
func (c *getCall) of(m *expr.Map) *item {
	if c.projection != nil {
		m = c.projection.Of(m)
	}
	return &item{Map: m}
}

func (s *Service) getItem(_ context.Context, in *getItemInput) (*getItemOutput, error) {
	call := newGetCall(in.AttributesToGet, in.ProjectionExpression, in.ExpressionAttributeNames)
	if err := call.bind(in.Key); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	t, err := s.tableNamed(*in.TableName)
	if err != nil {
		return nil, err
	}
	key, err := t.checkKey(in.Key.Map)
	if err != nil {
		return nil, err
	}
	if err := t.checkPaths(&call.expressions); err != nil {
		return nil, err
	}
	var found *expr.Map
	if err := s.Store.View(func(r store.Reader) error {
		found, err = t.item(r, key)
		return err
	}); err != nil {
		return nil, err
	}
	out := &getItemOutput{ConsumedCapacity: s.consumed(in.ReturnConsumedCapacity, cost{table: t, own: readUnits(found.Size(), in.ConsistentRead)})}
	if found != nil {
		out.Item = call.of(found)
	}
	return out, nil
}

// The limits of batches.
const (
	maxBatchGet   = 100
	maxBatchWrite = 25
	maxResponse   = 16 << 20
)

// batchGet is the part of a BatchGetItem that concerns one table.
type batchGet struct {
	name  string // as the request names it
	asked *keysAndAttributes
	call  *getCall
	table *table
	keys  []string
	cost  cost
	found []*item
	left  []*item
}

func (s *Service) batchGetItem(_ context.Context, in *batchGetItemInput) (*batchGetItemOutput, error) {
	parts, err := in.parts()
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, part := range parts {
		if err := part.resolve(s); err != nil {
			return nil, err
		}
	}
	size := 0
	if err := s.Store.View(func(r store.Reader) error {
		for _, part := range parts {
			if err := part.read(r, &size); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	out := &batchGetItemOutput{}
	for _, part := range parts {
		part.answer(s, in.ReturnConsumedCapacity, out)
	}
	return out, nil
}

// parts checks what needs no table.
func (in *batchGetItemInput) parts() ([]*batchGet, error) {
	total := 0
	var parts []*batchGet
	for i := range in.RequestItems {
		asked := &in.RequestItems[i]
		total += len(asked.Value.Keys)
		part := &batchGet{name: asked.Name, asked: &asked.Value, found: []*item{},
			call: newGetCall(asked.Value.AttributesToGet, asked.Value.ProjectionExpression, asked.Value.ExpressionAttributeNames)}
		parts = append(parts, part)
		var keys []*item
		for j := range asked.Value.Keys {
			keys = append(keys, &asked.Value.Keys[j])
		}
		if err := part.call.bind(keys...); err != nil {
			return nil, err
		}
		if repeats(keys) {
			return nil, invalid("Provided list of item keys contains duplicates")
		}
	}
	if total > maxBatchGet {
		return nil, invalid("Too many items requested for the BatchGetItem call")
	}
	return parts, nil
}

// repeats reports whether two maps are the same.
func repeats(keys []*item) bool {
	for i, k := range keys {
		for _, other := range keys[:i] {
			if expr.Equal(k.Map, other.Map) {
				return true
			}
		}
	}
	return false
}

func (b *batchGet) resolve(s *Service) (err error) {
	if b.table, err = s.tableNamed(b.name); err != nil {
		return err
	}
	for i := range b.asked.Keys {
		key, err := b.table.checkKey(b.asked.Keys[i].Map)
		if err != nil {
			return err
		}
		b.keys = append(b.keys, key)
	}
	b.cost.table = b.table
	return b.table.checkPaths(&b.call.expressions)
}

// read reads the items until the answer is full.
func (b *batchGet) read(r store.Reader, size *int) error {
	for i, key := range b.keys {
		if *size > maxResponse {
			b.left = append(b.left, &b.asked.Keys[i])
			continue
		}
		m, err := b.table.item(r, key)
		if err != nil {
			return err
		}
		*size += m.Size()
		b.cost.own += readUnits(m.Size(), b.asked.ConsistentRead)
		if m != nil {
			b.found = append(b.found, b.call.of(m))
		}
	}
	return nil
}

func (b *batchGet) answer(s *Service, capacity *string, out *batchGetItemOutput) {
	out.Responses = append(out.Responses, entry[[]*item]{b.name, b.found})
	if b.left != nil {
		out.UnprocessedKeys = append(out.UnprocessedKeys, entry[*unprocessedKeys]{b.name, &unprocessedKeys{Keys: b.left, AttributesToGet: b.asked.AttributesToGet,
			ConsistentRead: b.asked.ConsistentRead, ProjectionExpression: b.asked.ProjectionExpression, ExpressionAttributeNames: answers[string](b.asked.ExpressionAttributeNames)}})
	}
	if c := s.consumed(capacity, b.cost); c != nil {
		out.ConsumedCapacity = append(out.ConsumedCapacity, c)
	}
}
