package dynamodb

// This file defines what requests cost, in capacity units.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html

import (
	"github.com/stepworks/stepworks/local/internal/dynamodb/expr"
)

const (
	readUnit  = 4 << 10
	writeUnit = 1 << 10
)

func units(size, unit int) float64 {
	return float64(max((size+unit-1)/unit, 1))
}

// readUnits is what reading size bytes costs.
func readUnits(size int, consistent bool) float64 {
	if consistent {
		return units(size, readUnit)
	}
	return units(size, readUnit) / 2
}

// writeUnits is what writing an item costs, whose old or new state may be nil.
func writeUnits(old, new *expr.Map) float64 {
	return units(max(old.Size(), new.Size()), writeUnit)
}

// cost is what one request did to one table and its indexes.
type cost struct {
	table       *table
	write       bool
	own         float64            // of the table itself
	byIndex     map[string]float64 // by the index's name
	transaction bool               // twice the price
}

// addIndexes adds what a write costs in the indexes: nothing where what the index
// holds did not change, one write where it did, two where the entry moved.
func (c *cost) addIndexes(old, new *expr.Map) {
	for _, x := range c.table.indexes {
		if u := x.writeUnits(old, new); u > 0 {
			c.addIndex(x.name, u)
		}
	}
}

func (c *cost) addIndex(name string, u float64) {
	if c.byIndex == nil {
		c.byIndex = map[string]float64{}
	}
	c.byIndex[name] += u
}

func (x *index) writeUnits(old, new *expr.Map) float64 {
	oldKey, wasIn := x.entry("", old)
	newKey, isIn := x.entry("", new)
	switch {
	case wasIn && isIn && oldKey == newKey:
		before, after := x.project(old), x.project(new)
		if expr.Equal(before, after) {
			return 0
		}
		return writeUnits(before, after)
	case wasIn && isIn:
		return writeUnits(x.project(old), nil) + writeUnits(nil, x.project(new))
	case wasIn:
		return writeUnits(x.project(old), nil)
	case isIn:
		return writeUnits(nil, x.project(new))
	}
	return 0
}

func (c *cost) total() float64 {
	sum := c.own
	for _, u := range c.byIndex {
		sum += u
	}
	return sum
}

// consumed answers ReturnConsumedCapacity, and tells the meter.
func (s *Service) consumed(asked *string, c cost) *consumedCapacity {
	if c.transaction {
		c.own *= 2
		for name := range c.byIndex {
			c.byIndex[name] *= 2
		}
	}
	total := c.total()
	if s.Consumed != nil {
		read, write := total, 0.0
		if c.write {
			read, write = 0, total
		}
		s.Consumed(c.table.arn, read, write)
	}
	if asked == nil || *asked == "NONE" {
		return nil
	}
	out := &consumedCapacity{TableName: c.table.Name, CapacityUnits: total}
	unit := func(u float64) *capacity { return &capacity{CapacityUnits: u} }
	if c.transaction {
		unit = func(u float64) *capacity { return transactionCapacity(u, c.write) }
		all := unit(total)
		out.ReadCapacityUnits, out.WriteCapacityUnits = all.ReadCapacityUnits, all.WriteCapacityUnits
	}
	if *asked == "INDEXES" {
		c.byIndexes(out, unit)
	}
	return out
}

func transactionCapacity(u float64, write bool) *capacity {
	if write {
		return &capacity{CapacityUnits: u, WriteCapacityUnits: u}
	}
	return &capacity{CapacityUnits: u, ReadCapacityUnits: u}
}

func (c *cost) byIndexes(out *consumedCapacity, unit func(float64) *capacity) {
	out.Table = unit(c.own)
	for name, u := range c.byIndex {
		indexes := &out.LocalSecondaryIndexes
		if c.table.index(name).global {
			indexes = &out.GlobalSecondaryIndexes
		}
		if *indexes == nil {
			*indexes = map[string]*capacity{}
		}
		(*indexes)[name] = unit(u)
	}
}
