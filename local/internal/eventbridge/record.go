package eventbridge

// This file defines how the service keeps its state: JSON records in buckets of
// the store, and pages of them for the List operations.

import (
	"encoding/base64"
	"encoding/json"
	"iter"
	"strings"

	"github.com/stepworks/stepworks/local/internal/store"
)

// The buckets, with the parts of their keys.
const (
	busBucket      = "events.bus"      // bus
	ruleBucket     = "events.rule"     // bus, rule
	targetBucket   = "events.target"   // bus, rule, target id
	tagBucket      = "events.tag"      // ARN, tag key
	tickBucket     = "events.tick"     // rule, on the default bus
	deliveryBucket = "events.delivery" // delivery id
	archiveBucket  = "events.archive"  // archive
	archivedBucket = "events.archived" // archive, time of arrival, event id
	replayBucket   = "events.replay"   // replay

	connectionBucket  = "events.connection"  // connection
	destinationBucket = "events.destination" // API destination
)

func put(tx *store.Tx, bucket, key string, record any) {
	text, err := json.Marshal(record)
	if err != nil {
		panic("eventbridge: a record that is no JSON: " + err.Error())
	}
	tx.Put(bucket, key, text)
}

// get reads a record; found is false when there is none.
func get[T any](r store.Reader, bucket, key string) (record T, found bool) {
	text, ok := r.Get(bucket, key)
	if !ok || json.Unmarshal(text, &record) != nil {
		return record, false
	}
	return record, true
}

// all ranges over the records whose keys begin with these parts. It reads them
// all first, because scans of one transaction cannot be nested.
func all[T any](r store.Reader, bucket string, parts ...string) iter.Seq2[string, T] {
	from, to := "", ""
	if len(parts) > 0 {
		from, to = store.Prefix(parts...)
	}
	var keys []string
	var records []T
	for key, text := range r.Scan(bucket, from, to) {
		var record T
		if json.Unmarshal(text, &record) == nil {
			keys, records = append(keys, key), append(records, record)
		}
	}
	return func(yield func(string, T) bool) {
		for i, key := range keys {
			if !yield(key, records[i]) {
				return
			}
		}
	}
}

// count returns how many records begin with these parts.
func count(r store.Reader, bucket string, parts ...string) int {
	n := 0
	for range all[json.RawMessage](r, bucket, parts...) {
		n++
	}
	return n
}

// clearAll deletes the records whose keys begin with these parts.
func clearAll(tx *store.Tx, bucket string, parts ...string) {
	for key := range all[json.RawMessage](tx, bucket, parts...) {
		tx.Delete(bucket, key)
	}
}

// page takes up to limit records that want accepts from where the token says,
// and returns the token of the next page. The token is the last key, encoded.
func page[T any](records iter.Seq2[string, T], limit int, token string, want func(T) bool) (got []T, next string, err error) {
	if limit == 0 {
		limit = 100
	}
	after, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return nil, "", invalid("Parameter NextToken is not valid.")
	}
	got = []T{}
	last := ""
	for key, record := range records {
		if token != "" && strings.Compare(key, string(after)) <= 0 || !want(record) {
			continue
		}
		if len(got) == limit {
			return got, base64.RawURLEncoding.EncodeToString([]byte(last)), nil
		}
		got, last = append(got, record), key
	}
	return got, "", nil
}

// view runs f on a snapshot and passes on its error.
func view[T any](s *store.Store, f func(r store.Reader) (T, error)) (out T, err error) {
	failed := s.View(func(r store.Reader) error {
		out, err = f(r)
		return nil
	})
	if failed != nil {
		err = failed
	}
	return out, err
}
