package dynamodb

// This file defines BatchWriteItem.

import (
	"context"
)

func (s *Service) batchWriteItem(_ context.Context, in *batchWriteItemInput) (*batchWriteItemOutput, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []*mutation
	for _, requests := range in.RequestItems {
		some, err := s.batchMutations(requests.Name, requests.Value)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	var effects []effect
	err := s.write(func(x *session) error {
		for _, m := range all {
			e, err := m.stage(x)
			if err != nil {
				return err
			}
			x.apply(e, nil)
			effects = append(effects, e)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &batchWriteItemOutput{ConsumedCapacity: s.consumedByTable(in.ReturnConsumedCapacity, effects, false)}
	if deref(in.ReturnItemCollectionMetrics) == "SIZE" {
		out.ItemCollectionMetrics = metricsByTable(effects)
	}
	return out, nil
}

// check checks what needs no table.
func (in *batchWriteItemInput) check() error {
	total := 0
	for _, requests := range in.RequestItems {
		total += len(requests.Value)
	}
	if total > maxBatchWrite {
		return invalid("Too many items requested for the BatchWriteItem call")
	}
	for _, requests := range in.RequestItems {
		for _, r := range requests.Value {
			if err := r.check(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r writeRequest) check() error {
	switch {
	case (r.PutRequest == nil) == (r.DeleteRequest == nil):
		return invalid(errManyTypes)
	case r.DeleteRequest != nil:
		return r.DeleteRequest.Key.check()
	}
	if err := r.PutRequest.Item.check(); err != nil {
		return err
	}
	return checkSize(r.PutRequest.Item.Map)
}

func (s *Service) batchMutations(name string, requests []writeRequest) ([]*mutation, error) {
	var all []*mutation
	seen := map[string]bool{}
	for _, r := range requests {
		v, given := verbDelete, (*item)(nil)
		if r.PutRequest != nil {
			v, given = verbPut, r.PutRequest.Item
		} else {
			given = r.DeleteRequest.Key
		}
		m, err := s.prepare(v, name, given, &expressions{})
		if err != nil {
			return nil, s.batchFault(name, given, err)
		}
		if seen[m.key] {
			return nil, invalid("Provided list of item keys contains duplicates")
		}
		seen[m.key] = true
		all = append(all, m)
	}
	return all, nil
}

// batchFault words a put whose key is missing or of the wrong type as AWS does
// in batches: like a key that was given alone.
func (s *Service) batchFault(name string, given *item, err error) error {
	if t, unknown := s.tableNamed(name); unknown == nil {
		if _, ok := t.key.spell(given.Map); !ok {
			return invalid("The provided key element does not match the schema")
		}
	}
	return err
}

// consumedByTable sums the costs of writes table by table, in the request's order.
func (s *Service) consumedByTable(asked *string, effects []effect, transaction bool) []*consumedCapacity {
	var order []*cost
	byTable := map[*table]*cost{}
	for _, e := range effects {
		c := e.cost()
		sum := byTable[c.table]
		if sum == nil {
			sum = &cost{table: c.table, write: true, transaction: transaction}
			byTable[c.table] = sum
			order = append(order, sum)
		}
		sum.own += c.own
		for name, u := range c.byIndex {
			sum.addIndex(name, u)
		}
	}
	var out []*consumedCapacity
	for _, c := range order {
		if one := s.consumed(asked, *c); one != nil {
			out = append(out, one)
		}
	}
	return out
}

func metricsByTable(effects []effect) answers[[]*itemCollectionMetrics] {
	var out answers[[]*itemCollectionMetrics]
	for _, e := range effects {
		m := e.mutation.metrics()
		if m == nil {
			continue
		}
		name := e.mutation.table.Name
		if n := len(out); n > 0 && out[n-1].Name == name {
			out[n-1].Value = append(out[n-1].Value, m)
		} else {
			out = append(out, entry[[]*itemCollectionMetrics]{name, []*itemCollectionMetrics{m}})
		}
	}
	return out
}
