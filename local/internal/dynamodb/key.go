package dynamodb

// This file defines keys: what of an item is one, and how it is spelled so that
// the store's order is DynamoDB's.
//
//	item    hash(partition) partition [sort]
//	index   hash(partition) partition [sort] and then the item's key; its value is that key
//
// The four bytes of hash come first, so that a Scan goes through partitions in an
// order of its own, as on AWS, and a segment of a parallel Scan is a range.

import (
	"strings"

	"github.com/stepworks/stepworks/local/internal/dynamodb/expr"
	"github.com/stepworks/stepworks/local/internal/store"
)

// keyAttribute is an attribute that is part of a key.
type keyAttribute struct {
	Name string
	Kind expr.Kind
}

// keySchema is one attribute, the partition key, or two, with the sort key.
type keySchema []keyAttribute

func (k keySchema) find(name string) (keyAttribute, bool) {
	for _, a := range k {
		if a.Name == name {
			return a, true
		}
	}
	return keyAttribute{}, false
}

// spell returns the key of an item that has all its attributes, in the right
// types; ok is false for an item that has not.
func (k keySchema) spell(m *expr.Map) (key string, ok bool) {
	parts := make([]string, len(k))
	for i, a := range k {
		v, ok := m.Get(a.Name)
		if !ok || v == nil || v.Kind() != a.Kind {
			return "", false
		}
		parts[i] = spellPart(v)
	}
	return partitionPrefix(parts[0]) + store.Key(parts[1:]...), true
}

// partitionPrefix begins the keys of all items of a partition.
func partitionPrefix(part string) string { return spellHash(crc(part)) + store.Key(part) }

func spellHash(h uint32) string {
	return string([]byte{byte(h >> 24), byte(h >> 16), byte(h >> 8), byte(h)})
}

// segment returns the range of keys of one of total segments.
func segment(n, total int64) (from, to string) {
	bound := func(i int64) string { return spellHash(uint32(i * (1 << 32) / total)) }
	if n+1 == total {
		return bound(n), ""
	}
	return bound(n), bound(n + 1)
}

// pick returns the key attributes of an item, as a map.
func (k keySchema) pick(m *expr.Map) *expr.Map {
	out := &expr.Map{}
	for _, a := range k {
		if v, ok := m.Get(a.Name); ok {
			out.Put(a.Name, v)
		}
	}
	return out
}

// spellPart spells a key attribute so that bytes order as values do.
func spellPart(v expr.Value) string {
	switch v := v.(type) {
	case expr.String:
		return string(v)
	case expr.Binary:
		return string(v)
	case expr.Number:
		return spellNumber(v)
	}
	return ""
}

// spellNumber spells a number: its sign, the power of ten of its first digit,
// its digits; of a negative one all turned around, and closed with a byte above
// every digit, because of two the one with more digits is the smaller.
func spellNumber(n expr.Number) string {
	if n == "0" {
		return "\x01"
	}
	negative, digits, exponent := n.Parts()
	var b strings.Builder
	if !negative {
		b.WriteByte(2)
		b.WriteByte(byte(exponent + 130))
		b.WriteString(digits)
		return b.String()
	}
	b.WriteByte(0)
	b.WriteByte(^byte(exponent + 130))
	for i := range len(digits) {
		b.WriteByte('0' + '9' - digits[i])
	}
	b.WriteByte(0xff)
	return b.String()
}

// sortRange returns the keys of a partition whose sort key passes a test.
func sortRange(prefix string, test expr.KeyTest) (from, to string) {
	at := func(i int) string { return prefix + store.Key(spellPart(test.Values[i])) }
	from, to = prefix, store.After(prefix)
	switch test.Op {
	case "=":
		from, to = at(0), store.After(at(0))
	case "<":
		to = at(0)
	case "<=":
		to = store.After(at(0))
	case ">":
		from = store.After(at(0))
	case ">=":
		from = at(0)
	case "BETWEEN":
		from, to = at(0), store.After(at(1))
	case "begins_with":
		from = strings.TrimSuffix(at(0), store.Key(""))
		to = store.After(from)
	}
	return from, to
}
