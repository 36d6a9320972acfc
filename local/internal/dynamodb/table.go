package dynamodb

// This file defines a table: what the store keeps of it and what follows from
// that.

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/stepworks/stepworks/local/internal/dynamodb/expr"
	"github.com/stepworks/stepworks/local/internal/store"
)

// table is one table. All but the counters is changed only by replacing it.
type table struct {
	Name, ID           string
	Created            time.Time
	Attributes         []attributeDefinition
	Keys               []keySchemaElement
	PayPerRequest      bool
	PaidSince          time.Time // when PayPerRequest was chosen
	Read, Write        int64     // provisioned units
	Increased, Reduced time.Time
	Local              []localSecondaryIndex
	Global             []globalSecondaryIndex
	Stream             *streamSpecification
	StreamLabel        string // of the latest stream, enabled or not
	TTL                string // the attribute; "" when disabled
	Tags               []tag
	Encryption         *sseSpecification
	Class              string
	Protected          bool
	OnDemand           *onDemandThroughput
	Warm               *warmThroughput
	Recovery           bool // point-in-time
	RecoverySince      time.Time
	Policy             string

	arn     string
	key     keySchema
	indexes []*index // the global ones first, as AWS looks at them
	stats   *stats
	stream  *stream // where writes are recorded; nil when disabled
}

// stats counts a table's items. They are kept in memory and counted anew by the
// first who asks after a start, so that writes need not store them.
type stats struct {
	known        bool // guarded by Service.mu
	items, bytes atomic.Int64
}

// index is a secondary index.
type index struct {
	name       string
	key        keySchema
	global     bool
	projection *projection
	bucket     string
	table      *table
}

// complete derives what is not stored.
func (t *table) complete(s *Service) {
	t.arn = s.tableARN(t.Name)
	t.stats = &stats{}
	kinds := map[string]expr.Kind{}
	for _, a := range t.Attributes {
		kinds[a.AttributeName] = expr.Kind(a.AttributeType)
	}
	t.key = schemaOf(t.Keys, kinds)
	for _, g := range t.Global {
		t.indexes = append(t.indexes, &index{name: g.IndexName, key: schemaOf(g.KeySchema, kinds), projection: g.Projection, global: true, bucket: t.bucket() + "/" + g.IndexName, table: t})
	}
	for _, l := range t.Local {
		t.indexes = append(t.indexes, &index{name: l.IndexName, key: schemaOf(l.KeySchema, kinds), projection: l.Projection, bucket: t.bucket() + "/" + l.IndexName, table: t})
	}
	if t.Stream != nil && t.Stream.StreamEnabled {
		t.stream = s.openStream(t)
	}
}

func schemaOf(elements []keySchemaElement, kinds map[string]expr.Kind) keySchema {
	var k keySchema
	for _, e := range elements {
		k = append(k, keyAttribute{Name: e.AttributeName, Kind: kinds[e.AttributeName]})
	}
	return k
}

// bucket is where the items lie. A table made anew under an old name has another.
func (t *table) bucket() string { return bucketItems + t.ID }

func (t *table) ttlBucket() string { return bucketExpiry + t.ID }

func (t *table) index(name string) *index {
	for _, x := range t.indexes {
		if x.name == name {
			return x
		}
	}
	return nil
}

func (s *Service) tableARN(name string) string {
	return fmt.Sprintf("arn:aws:dynamodb:%s:%s:table/%s", s.Region, s.Account, name)
}

func (t *table) save(tx *store.Tx) {
	text, err := json.Marshal(t)
	if err != nil {
		panic(err) // a struct of strings and numbers always marshals
	}
	tx.Put(bucketTables, t.Name, text)
}

// load reads all tables at the start.
func (s *Service) load() error {
	return s.Store.View(func(r store.Reader) error {
		for name, text := range r.Scan(bucketTables, "", "") {
			t := &table{}
			if err := json.Unmarshal(text, t); err != nil {
				return fmt.Errorf("dynamodb: the stored table %s is damaged: %w", name, err)
			}
			t.complete(s)
			s.tables[name] = t
		}
		return nil
	})
}

// projects reports whether an index holds the attribute.
func (x *index) projects(name string) bool {
	if x.all() || slices.Contains(x.projection.NonKeyAttributes, name) {
		return true
	}
	_, inKey := x.key.find(name)
	_, inTable := x.table.key.find(name)
	return inKey || inTable
}

func (x *index) all() bool {
	return x.projection.ProjectionType != nil && *x.projection.ProjectionType == "ALL"
}

// project returns what the index holds of an item.
func (x *index) project(m *expr.Map) *expr.Map {
	if x.all() {
		return m
	}
	out := &expr.Map{}
	for name, v := range m.All() {
		if x.projects(name) {
			out.Put(name, v)
		}
	}
	return out
}

// entry returns the key under which the index lists an item; ok is false for an
// item that has not all of the index's key.
func (x *index) entry(itemKey string, m *expr.Map) (key string, ok bool) {
	if m == nil {
		return "", false
	}
	key, ok = x.key.spell(m)
	return key + itemKey, ok
}
