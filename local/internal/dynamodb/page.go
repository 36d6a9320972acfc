package dynamodb

// This file defines pages: what Query and Scan have in common once they know
// which keys to go through.

import (
	"iter"

	"github.com/stepworks/stepworks/local/internal/dynamodb/expr"
	"github.com/stepworks/stepworks/local/internal/store"
)

// maxPage is how much one page reads, in bytes of items.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html
const maxPage = 1 << 20

// pageRequest is a range of keys and what to do with the items there.
type pageRequest struct {
	table      *table
	index      *index // nil: the table itself
	from, to   string
	backwards  bool
	limit      int // 0: none
	filter     *expr.Condition
	projection *expr.Projection
	countOnly  bool
	whole      bool // of a local index: fetch what it does not hold from the table
	consistent bool
}

// page is what was found.
type page struct {
	items          []*item
	count, scanned int
	last           *expr.Map // where the next page begins; nil: this is the last
	size           int       // of what was read
	fetched        float64   // units for what was fetched from the table
}

// after makes the range begin behind the key start.
func (p *pageRequest) after(start string) {
	if p.backwards {
		p.to = start
	} else {
		p.from = start + "\x00"
	}
}

func (p *pageRequest) bucket() string {
	if p.index != nil {
		return p.index.bucket
	}
	return p.table.bucket()
}

func (p *pageRequest) entries(r store.Reader) iter.Seq2[string, []byte] {
	if p.backwards {
		return r.ScanBack(p.bucket(), p.from, p.to)
	}
	return r.Scan(p.bucket(), p.from, p.to)
}

// run reads a page.
func (p *pageRequest) run(r store.Reader) (*page, error) {
	out := &page{items: []*item{}}
	if p.to != "" && p.from >= p.to {
		return out, nil
	}
	for _, value := range p.entries(r) {
		full, err := p.item(r, value)
		if err != nil {
			return nil, err
		}
		p.take(out, full)
		if out.scanned == p.limit || out.size > maxPage {
			out.last = p.keysOf(full)
			break
		}
	}
	return out, nil
}

// item returns the whole item of an entry.
func (p *pageRequest) item(r store.Reader, value []byte) (*expr.Map, error) {
	if p.index == nil {
		return decodeItem(value)
	}
	m, err := p.table.item(r, string(value))
	if err == nil && m == nil {
		return nil, errDamaged
	}
	return m, err
}

// take counts an item in and keeps it if the filter lets it through.
func (p *pageRequest) take(out *page, full *expr.Map) {
	seen := full
	if p.index != nil {
		seen = p.index.project(full)
	}
	out.scanned++
	out.size += seen.Size()
	if p.whole {
		seen = full
		out.fetched += readUnits(full.Size(), p.consistent)
	}
	if !p.filter.Match(seen) {
		return
	}
	out.count++
	switch {
	case p.countOnly:
	case p.projection != nil:
		out.items = append(out.items, &item{Map: p.projection.Of(seen)})
	default:
		out.items = append(out.items, &item{Map: seen})
	}
}

// keysOf returns what the next page's ExclusiveStartKey must be.
func (p *pageRequest) keysOf(m *expr.Map) *expr.Map {
	keys := p.table.key.pick(m)
	if p.index != nil {
		for name, v := range p.index.key.pick(m).All() {
			keys.Put(name, v)
		}
	}
	return keys
}

// read runs the page and builds the answer.
func (s *Service) page(p *pageRequest, capacity *string) (*pageOutput, error) {
	var found *page
	err := s.Store.View(func(r store.Reader) (err error) {
		found, err = p.run(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &pageOutput{Count: found.count, ScannedCount: found.scanned}
	if !p.countOnly {
		out.Items = found.items
	}
	if found.last != nil {
		out.LastEvaluatedKey = &item{Map: found.last}
	}
	c := cost{table: p.table, own: found.fetched}
	if units := readUnits(found.size, p.consistent); p.index != nil {
		c.addIndex(p.index.name, units)
	} else {
		c.own += units
	}
	out.ConsumedCapacity = s.consumed(capacity, c)
	return out, nil
}

// selection is what of the items a Query or Scan asks for.
type selection struct {
	selected   string // Select
	toGet      []string
	projection *string
}

// check refuses selections that contradict themselves.
func (c selection) check(indexed bool) error {
	parameter := "AttributesToGet"
	if c.projection != nil {
		parameter = "ProjectionExpression"
	}
	picks := c.toGet != nil || c.projection != nil
	switch {
	case c.selected == "SPECIFIC_ATTRIBUTES" && !picks:
		return invalid("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
	case c.selected == "ALL_PROJECTED_ATTRIBUTES" && !indexed:
		return invalidValues("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
	case c.selected == "COUNT" && picks:
		return invalid("Cannot specify the %s when choosing to get only the Count", parameter)
	case (c.selected == "ALL_ATTRIBUTES" || c.selected == "ALL_PROJECTED_ATTRIBUTES") && picks:
		return invalid("Cannot specify the %s when choosing to get %s", parameter, c.selected)
	}
	return nil
}

// choose sets what the page returns.
func (p *pageRequest) choose(c selection, e *expressions, toGet *expr.Projection) error {
	p.filter, p.projection, p.countOnly = e.boundFilter, e.boundProjection, c.selected == "COUNT"
	if toGet != nil {
		p.projection = toGet
	}
	if p.index == nil || p.index.all() {
		return nil
	}
	if c.selected == "ALL_ATTRIBUTES" {
		if p.index.global {
			return invalidValues("Select type ALL_ATTRIBUTES is not supported for global secondary index %s because its projection type is not ALL", p.index.name)
		}
		p.whole = true
	}
	if p.projection == nil {
		return nil
	}
	for _, path := range p.projection.Paths() {
		if p.index.projects(path[0].Name) {
			continue
		}
		if p.index.global {
			return invalidValues("Global secondary index %s does not project %s", p.index.name, "["+path[0].Name+"]")
		}
		p.whole = true
	}
	return nil
}

// indexNamed finds the index of a request.
func (t *table) indexNamed(name *string, consistent bool) (*index, error) {
	if name == nil {
		return nil, nil
	}
	x := t.index(*name)
	if x == nil {
		return nil, invalid("The table does not have the specified index: %s", *name)
	}
	if x.global && consistent {
		return nil, invalid("Consistent reads are not supported on global secondary indexes")
	}
	return x, nil
}

// checkStart checks an ExclusiveStartKey's values, before its table is known.
func checkStart(start *item) error {
	if start == nil || start.fault == nil {
		return nil
	}
	if start.fault.bare {
		return start.check()
	}
	return invalid("The provided starting key is invalid: %s", start.fault.text)
}

// startSchema is what an ExclusiveStartKey consists of.
func (p *pageRequest) startSchema() keySchema {
	all := p.table.key
	if p.index != nil {
		for _, a := range p.index.key {
			if _, ok := all.find(a.Name); !ok {
				all = append(all[:len(all):len(all)], a)
			}
		}
	}
	return all
}

// checkStartShape is AWS's first look at a start key: how many attributes it
// has, and the partition key.
func (p *pageRequest) checkStartShape(start *item) error {
	if start == nil {
		return nil
	}
	hash := p.schema()[0]
	v, ok := start.Map.Get(hash.Name)
	if start.Map.Len() != len(p.startSchema()) || !ok {
		return invalid("The provided starting key is invalid")
	}
	if v.Kind() != hash.Kind {
		return invalid("The provided key element does not match the schema")
	}
	return nil
}

// spellStart is its second: all attributes, those of the index before those of
// the table. It returns where the start key lies.
func (p *pageRequest) spellStart(start *expr.Map) (string, error) {
	for _, a := range p.schema() {
		v, ok := start.Get(a.Name)
		if !ok {
			return "", invalid("The provided starting key is invalid")
		}
		if v.Kind() != a.Kind {
			return "", invalid("The provided key element does not match the schema")
		}
	}
	key, ok := p.table.key.spell(start)
	if !ok {
		return "", invalid("The provided starting key is invalid: The provided key element does not match the schema")
	}
	if p.index != nil {
		key, _ = p.index.entry(key, start)
	}
	return key, nil
}
