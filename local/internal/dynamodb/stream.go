package dynamodb

// This file defines streams: what a write records and how long that is kept.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/dynamodb/expr"
	"github.com/stepworks/stepworks/local/internal/store"
)

// retention is how long a record can be read.
const retention = 24 * time.Hour

// stream is one stream of a table. A table whose stream is disabled and enabled
// again has a new one; the old one can be read until its records have aged.
type stream struct {
	ARN, Label, Table, View string
	Keys                    []keySchemaElement
	Created, Closed         time.Time // Closed: when it was disabled; zero: it is enabled
	Ended                   uint64    // the last sequence number, once closed

	// last is the number of the latest record. It is read and advanced only in
	// the store's line of updates.
	last uint64
}

// streamSet holds the streams that tables write to, one object for each however
// often its table is replaced.
type streamSet struct {
	mu   sync.Mutex
	open map[string]*stream
}

func (s *Service) streamARN(table, label string) string {
	return s.tableARN(table) + "/stream/" + label
}

// openStream returns the enabled stream of a table.
func (s *Service) openStream(t *table) *stream {
	s.streams.mu.Lock()
	defer s.streams.mu.Unlock()
	arn := s.streamARN(t.Name, t.StreamLabel)
	if st := s.streams.open[arn]; st != nil {
		return st
	}
	st := &stream{ARN: arn, Label: t.StreamLabel, Table: t.Name, View: deref(t.Stream.StreamViewType), Keys: t.Keys}
	_ = s.Store.View(func(r store.Reader) error {
		st.last = lastSequence(r, arn)
		return nil
	})
	if s.streams.open == nil {
		s.streams.open = map[string]*stream{}
	}
	s.streams.open[arn] = st
	return st
}

// lastSequence returns the number of a stream's latest record, which is never
// removed while the stream is open.
func lastSequence(r store.Reader, arn string) uint64 {
	for key := range r.ScanBack(bucketRecords+arn, "", "") {
		return store.ParseUint64(key)
	}
	return 0
}

func (st *stream) save(tx *store.Tx) {
	text, err := json.Marshal(st)
	if err != nil {
		panic(err) // a struct of strings and times always marshals
	}
	tx.Put(bucketStreams, st.ARN, text)
}

func loadStream(r store.Reader, arn string) (*stream, bool) {
	text, ok := r.Get(bucketStreams, arn)
	if !ok {
		return nil, false
	}
	var st stream
	return &st, json.Unmarshal(text, &st) == nil
}

// close ends a stream, as disabling it or deleting its table does.
func (st *stream) close(tx *store.Tx, now time.Time) {
	known, ok := loadStream(tx, st.ARN)
	if !ok {
		return
	}
	known.Closed, known.Ended = now, st.last
	known.save(tx)
}

// shard names the one shard of a stream.
func (st *stream) shard() string {
	return fmt.Sprintf("shardId-%020d-%08x", st.Created.UnixMilli(), crc(st.ARN))
}

func crc(s string) uint32 { return crc32.ChecksumIEEE([]byte(s)) }

// sequenceBase makes sequence numbers as long as AWS's, 21 digits at least.
const sequenceBase = "1%020d"

func spellSequence(n uint64) string { return fmt.Sprintf(sequenceBase, n) }

// userIdentity tells who deleted an item, when it was DynamoDB itself.
type userIdentity struct {
	Type        string
	PrincipalId string
}

// record is a stream record as stored: a head, then the images.
type record struct {
	Event       string // INSERT, MODIFY or REMOVE
	Millis      int64
	Keys        *expr.Map
	Old, New    *expr.Map // as the view type shows them
	ByTTL       bool
	sequence    uint64
	approximate time.Time
}

func (x *session) record(t *table, e effect, by *userIdentity) {
	st := t.stream
	st.last++
	r := record{Event: "MODIFY", Millis: x.now.UnixMilli(), Keys: e.mutation.keyMap, ByTTL: by != nil}
	switch {
	case e.old == nil:
		r.Event = "INSERT"
	case e.new == nil:
		r.Event = "REMOVE"
	}
	if st.View == "OLD_IMAGE" || st.View == "NEW_AND_OLD_IMAGES" {
		r.Old = e.old
	}
	if st.View == "NEW_IMAGE" || st.View == "NEW_AND_OLD_IMAGES" {
		r.New = e.new
	}
	x.Put(bucketRecords+st.ARN, store.Uint64(st.last), r.encode())
	if st.last%trimEvery == 0 {
		x.trim(st)
	}
	for _, known := range x.streams {
		if known == st {
			return
		}
	}
	x.streams = append(x.streams, st)
}

// trimEvery is how many records come between two looks for old ones.
const trimEvery = 64

// trim removes some of the records that have aged, more than come between looks,
// and never the latest: it tells where the numbers go on.
func (x *session) trim(st *stream) {
	var aged []string
	for key, text := range x.Scan(bucketRecords+st.ARN, "", store.Uint64(st.last)) {
		if !x.now.After(recordTime(text).Add(retention)) || len(aged) == 4*trimEvery {
			break
		}
		aged = append(aged, key)
	}
	for _, key := range aged {
		x.Delete(bucketRecords+st.ARN, key)
	}
}

// events are the names of events, by their byte in the store.
var events = map[byte]string{'I': "INSERT", 'M': "MODIFY", 'R': "REMOVE"}

const (
	hasOld = 1 << iota
	hasNew
	byTTL
)

// encode spells a record for the store: event, flags, time, keys, images.
func (r *record) encode() []byte {
	flags := byte(0)
	if r.Old != nil {
		flags |= hasOld
	}
	if r.New != nil {
		flags |= hasNew
	}
	if r.ByTTL {
		flags |= byTTL
	}
	b := append([]byte{r.Event[0], flags}, store.Uint64(uint64(r.Millis))...)
	b = appendMap(b, r.Keys)
	if r.Old != nil {
		b = appendMap(b, r.Old)
	}
	if r.New != nil {
		b = appendMap(b, r.New)
	}
	return b
}

const recordHead = 2 + 8

func recordTime(text []byte) time.Time {
	if len(text) < recordHead {
		return time.Time{}
	}
	return time.UnixMilli(int64(store.ParseUint64(string(text[2:recordHead])))).UTC()
}

func decodeRecord(sequence uint64, text []byte) (*record, error) {
	if len(text) < recordHead {
		return nil, errDamaged
	}
	in := reader{rest: string(text[recordHead:])}
	r := &record{Event: events[text[0]], sequence: sequence, approximate: recordTime(text), ByTTL: text[1]&byTTL != 0}
	r.Keys = in.mapping()
	if text[1]&hasOld != 0 {
		r.Old = in.mapping()
	}
	if text[1]&hasNew != 0 {
		r.New = in.mapping()
	}
	if in.damaged || r.Event == "" {
		return nil, errDamaged
	}
	return r, nil
}

// size is what AWS calls SizeBytes: the keys and the images.
func (r *record) size() int { return r.Keys.Size() + r.Old.Size() + r.New.Size() }
