package dynamodb

// This file defines Scan.

import (
	"context"

	"github.com/stepworks/stepworks/local/internal/dynamodb/expr"
)

func (s *Service) scan(_ context.Context, in *scanInput) (*pageOutput, error) {
	e := &expressions{names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues, filter: in.FilterExpression, projection: in.ProjectionExpression,
		legacy:  []parameter{{"AttributesToGet", in.AttributesToGet != nil}, {"ScanFilter", in.ScanFilter != nil}, {"ConditionalOperator", in.ConditionalOperator != nil}},
		current: []parameter{{"ProjectionExpression", in.ProjectionExpression != nil}, {"FilterExpression", in.FilterExpression != nil}},
		valued:  []string{"FilterExpression"}}
	toGet, err := in.checkAlone(e)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	t, err := s.tableNamed(*in.TableName)
	if err != nil {
		return nil, err
	}
	p, err := in.plan(t)
	if err != nil {
		return nil, err
	}
	if err := t.checkPaths(e); err != nil {
		return nil, err
	}
	if err := p.choose(in.selection(), e, toGet); err != nil {
		return nil, err
	}
	return s.page(p, in.ReturnConsumedCapacity)
}

func (in *scanInput) selection() selection {
	return selection{selected: deref(in.Select), toGet: in.AttributesToGet, projection: in.ProjectionExpression}
}

// checkAlone checks what needs no table.
func (in *scanInput) checkAlone(e *expressions) (*expr.Projection, error) {
	if err := e.present(); err != nil {
		return nil, err
	}
	older, err := olderConditions(in.ScanFilter)
	if err != nil {
		return nil, err
	}
	if err := checkStart(in.ExclusiveStartKey); err != nil {
		return nil, err
	}
	toGet, err := checkAttributesToGet(in.AttributesToGet)
	if err != nil {
		return nil, err
	}
	if err := in.checkSegments(); err != nil {
		return nil, err
	}
	if err := e.bind(); err != nil {
		return nil, err
	}
	if in.ScanFilter != nil {
		e.boundFilter = joinOlder(in.ConditionalOperator, older)
	}
	return toGet, in.selection().check(in.IndexName != nil)
}

func (in *scanInput) checkSegments() error {
	switch {
	case in.Segment != nil && in.TotalSegments == nil:
		return invalid("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
	case in.Segment == nil && in.TotalSegments != nil:
		return invalid("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")
	case in.Segment != nil && *in.Segment >= *in.TotalSegments:
		return invalid("The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: %d is not less than TotalSegments: %d", *in.Segment, *in.TotalSegments)
	}
	return nil
}

// plan finds the range of keys.
func (in *scanInput) plan(t *table) (*pageRequest, error) {
	p := &pageRequest{table: t, consistent: in.ConsistentRead}
	var err error
	if p.index, err = t.indexNamed(in.IndexName, in.ConsistentRead); err != nil {
		return nil, err
	}
	if in.Limit != nil {
		p.limit = int(*in.Limit)
	}
	if in.Segment != nil {
		p.from, p.to = segment(int64(*in.Segment), int64(*in.TotalSegments))
	}
	if in.ExclusiveStartKey == nil {
		return p, nil
	}
	key, err := p.scanStart(in.ExclusiveStartKey)
	if err != nil {
		return nil, err
	}
	if in.Segment != nil && (key < p.from || p.to != "" && key >= p.to) {
		return nil, invalid("The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. TotalSegments: %d Segment: %d", *in.TotalSegments, *in.Segment)
	}
	p.after(key)
	return p, nil
}

// scanStart spells a start key; for a table AWS has one word for all that may be
// wrong with it.
func (p *pageRequest) scanStart(start *item) (string, error) {
	if p.index == nil {
		key, ok := p.table.key.spell(start.Map)
		if !ok || start.Map.Len() != len(p.table.key) {
			return "", invalid("The provided starting key is invalid: The provided key element does not match the schema")
		}
		return key, nil
	}
	if err := p.checkStartShape(start); err != nil {
		return "", err
	}
	return p.spellStart(start.Map)
}
