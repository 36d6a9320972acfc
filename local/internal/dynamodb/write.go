package dynamodb

// This file defines writing: one mutation of one item, from the condition to the
// index entries and the stream record.

import (
	"time"

	"github.com/stepworks/stepworks/local/internal/dynamodb/expr"
	"github.com/stepworks/stepworks/local/internal/store"
)

type verb string

const (
	verbPut    verb = "Put"
	verbUpdate verb = "Update"
	verbDelete verb = "Delete"
	verbCheck  verb = "ConditionCheck"
)

// mutation is one write of one item, or only a condition on it.
type mutation struct {
	verb      verb
	table     *table
	key       string    // spelled
	keyMap    *expr.Map // the key attributes
	item      *expr.Map // of a put
	update    *expr.Update
	condition *expr.Condition
	returnOld bool // with a failed condition
}

// effect is what a mutation found and makes.
type effect struct {
	mutation *mutation
	old, new *expr.Map // nil: no item
}

// session is one store transaction with what must follow it.
type session struct {
	*store.Tx
	service *Service
	now     time.Time
	counts  map[*stats]count
	streams []*stream
	expires time.Time // the earliest expiry written
}

type count struct{ items, bytes int64 }

// write runs f in one transaction. f may run only once, and its effects outside
// the transaction belong into the session.
func (s *Service) write(f func(x *session) error) error {
	var x *session
	err := s.Store.Update(func(tx *store.Tx) error {
		x = &session{Tx: tx, service: s, now: s.Clock.Now(), counts: map[*stats]count{}}
		return f(x)
	})
	if err == nil {
		x.settle()
	}
	return err
}

// settle does what waits until a transaction is durable.
func (x *session) settle() {
	for st, c := range x.counts {
		if st.known {
			st.items.Add(c.items)
			st.bytes.Add(c.bytes)
		}
	}
	if x.service.StreamWritten != nil {
		for _, st := range x.streams {
			x.service.StreamWritten(st.ARN)
		}
	}
	if !x.expires.IsZero() {
		x.service.expiry.at(x.service, x.expires)
	}
}

// item reads an item.
func (t *table) item(r store.Reader, key string) (*expr.Map, error) {
	text, ok := r.Get(t.bucket(), key)
	if !ok {
		return nil, nil
	}
	return decodeItem(text)
}

// stage finds the item, asks the condition and works out what the item becomes.
// It writes nothing.
func (m *mutation) stage(r store.Reader) (effect, error) {
	e := effect{mutation: m}
	var err error
	if e.old, err = m.table.item(r, m.key); err != nil {
		return e, err
	}
	if !m.condition.Match(e.old) {
		if m.returnOld {
			return e, conditionFailed(e.old)
		}
		return e, conditionFailed(nil)
	}
	switch m.verb {
	case verbPut:
		e.new = m.item
	case verbUpdate:
		e.new, err = m.updated(e.old)
	}
	return e, err
}

// updated applies an update; of an item that is not there, to its key.
func (m *mutation) updated(old *expr.Map) (*expr.Map, error) {
	base := old
	if base == nil {
		base = m.keyMap
	}
	if m.update == nil {
		return base, nil
	}
	item, err := m.update.Apply(base)
	if err != nil {
		return nil, wireError(err)
	}
	if item.Size() > maxItem {
		return nil, invalid("Item size to update has exceeded the maximum allowed size")
	}
	if expr.Depth(item) > expr.MaxDepth+1 {
		return nil, invalid(errDepth)
	}
	if m.table.checkIndexKeys(item) != nil {
		return nil, m.indexKeyFault(item)
	}
	return item, nil
}

// indexKeyFault words what an update that depends on the item did to an index's key.
func (m *mutation) indexKeyFault(item *expr.Map) error {
	for _, x := range m.table.indexes {
		for _, a := range x.key {
			v, ok := item.Get(a.Name)
			switch {
			case ok && v.Kind() != a.Kind:
				return invalid("The update expression attempted to update the secondary index key to unsupported type")
			case ok && isEmptyKey(v):
				return x.checkNewKey(a.Name, a.Kind, v)
			}
		}
	}
	return m.table.checkIndexKeys(item)
}

// apply writes an effect: the item, its index entries, its expiry and its record.
func (x *session) apply(e effect, by *userIdentity) {
	m := e.mutation
	t := m.table
	switch {
	case m.verb == verbCheck || e.old == nil && e.new == nil:
		return
	case e.new == nil:
		x.Delete(t.bucket(), m.key)
	default:
		x.Put(t.bucket(), m.key, encodeItem(e.new))
	}
	for _, i := range t.indexes {
		x.applyIndex(i, m.key, e)
	}
	x.applyExpiry(t, m.key, e)
	if t.stream != nil && !e.changesNothing() {
		x.record(t, e, by)
	}
	x.count(t, e)
}

// changesNothing reports whether an item was replaced by its equal, of which
// streams hear nothing.
func (e effect) changesNothing() bool {
	return e.old != nil && e.new != nil && expr.Equal(e.old, e.new)
}

func (x *session) applyIndex(i *index, itemKey string, e effect) {
	oldKey, wasIn := i.entry(itemKey, e.old)
	newKey, isIn := i.entry(itemKey, e.new)
	if wasIn && (!isIn || oldKey != newKey) {
		x.Delete(i.bucket, oldKey)
	}
	if isIn && (!wasIn || oldKey != newKey) {
		x.Put(i.bucket, newKey, []byte(itemKey))
	}
}

func (x *session) count(t *table, e effect) {
	c := x.counts[t.stats]
	if e.old != nil {
		c.items--
		c.bytes -= int64(e.old.Size())
	}
	if e.new != nil {
		c.items++
		c.bytes += int64(e.new.Size())
	}
	x.counts[t.stats] = c
}

// cost is what an effect costs.
func (e effect) cost() cost {
	c := cost{table: e.mutation.table, write: true, own: writeUnits(e.old, e.new)}
	if e.mutation.verb != verbCheck {
		c.addIndexes(e.old, e.new)
	}
	return c
}

// perform runs a single mutation to its end.
func (s *Service) perform(m *mutation) (effect, error) {
	var e effect
	err := s.write(func(x *session) (err error) {
		if e, err = m.stage(x); err != nil {
			return err
		}
		x.apply(e, nil)
		return nil
	})
	return e, err
}
