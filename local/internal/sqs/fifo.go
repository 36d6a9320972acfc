package sqs

// This file defines what FIFO queues add: groups that are delivered one batch at
// a time, and deduplication for five minutes.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html

import (
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"github.com/stepworks/stepworks/local/internal/store"
)

const dedupInterval = 5 * time.Minute

var fifoID = regexp.MustCompile("^[A-Za-z0-9!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~]{1,128}$")

// checkOrder judges what a message says of its group and deduplication.
func (q *queue) checkOrder(in *sendEntry) error {
	for parameter, id := range map[string]*string{"MessageGroupId": in.MessageGroupID, "MessageDeduplicationId": in.MessageDeduplicationID} {
		if id != nil && !fifoID.MatchString(*id) {
			return errValue(*id, parameter, parameter+" can only include alphanumeric and punctuation characters. 1 to 128 in length.")
		}
	}
	if !q.fifo() {
		if in.DelaySeconds != nil && (*in.DelaySeconds < 0 || *in.DelaySeconds > 900) {
			return errValue(*in.DelaySeconds, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
		}
		if in.MessageDeduplicationID != nil {
			return errValue(*in.MessageDeduplicationID, "MessageDeduplicationId", "The request includes a parameter that is not valid for this queue type.")
		}
		return nil
	}
	switch {
	case in.MessageGroupID == nil:
		return errMissing("MessageGroupId")
	case in.DelaySeconds != nil && *in.DelaySeconds != 0:
		return errValue(*in.DelaySeconds, "DelaySeconds", "The request include parameter that is not valid for this queue type.")
	case in.MessageDeduplicationID == nil && q.value("ContentBasedDeduplication") != "true":
		return errParameter("The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	}
	return nil
}

// firstSend is what a deduplication id stands for.
type firstSend struct {
	ID       string
	Sequence string
	Until    int64 // milliseconds
}

func (q *queue) dedupKey(m *message) string {
	scope := ""
	if q.value("DeduplicationScope") == "messageGroup" {
		scope = m.Group
	}
	return store.Key(q.Name, scope, m.Dedup)
}

// duplicate returns the message that m repeats.
func (q *queue) duplicate(r store.Reader, m *message, now time.Time) (firstSend, bool) {
	var first firstSend
	text, ok := r.Get(bucketDedup, q.dedupKey(m))
	if !ok || json.Unmarshal(text, &first) != nil {
		return first, false
	}
	return first, now.UnixMilli() < first.Until
}

func (q *queue) remember(tx *store.Tx, m *message, seq uint64, now time.Time) {
	until := now.Add(dedupInterval).UnixMilli()
	text, err := json.Marshal(firstSend{m.ID, sequenceText(seq), until})
	if err != nil {
		panic(err) // a struct of strings always marshals
	}
	q.forget(tx, now)
	tx.Put(bucketDedup, q.dedupKey(m), text)
	tx.Put(bucketDedupEnd, q.laterKey(until, seq), []byte(q.dedupKey(m)))
}

// forgetAtOnce is more than one, so that what is past goes faster than it comes.
const forgetAtOnce = 10

// forget removes deduplication ids whose time is over: each send takes some along,
// so what a queue remembers does not grow with what went through it.
func (q *queue) forget(tx *store.Tx, now time.Time) {
	from, _ := store.Prefix(q.Name)
	var ends, ids []string
	for end, id := range tx.Scan(bucketDedupEnd, from, q.laterKey(now.UnixMilli(), 0)) {
		if ends, ids = append(ends, end), append(ids, string(id)); len(ends) == forgetAtOnce {
			break
		}
	}
	for i, end := range ends {
		tx.Delete(bucketDedupEnd, end)
		var first firstSend
		if text, ok := tx.Get(bucketDedup, ids[i]); ok && json.Unmarshal(text, &first) == nil && first.Until <= now.UnixMilli() {
			tx.Delete(bucketDedup, ids[i]) // unless it was sent again since
		}
	}
}

// sequenceText spells a sequence number as AWS does: 20 digits that grow.
func sequenceText(seq uint64) string { return fmt.Sprintf("188%017d", seq*256) }

// A group with messages in flight is locked: no further message of it is
// delivered until they are deleted or visible again.

func (q *queue) lock(tx *store.Tx, group string)   { q.count(tx, group, 1) }
func (q *queue) unlock(tx *store.Tx, group string) { q.count(tx, group, -1) }

func (q *queue) count(tx *store.Tx, group string, by int) {
	if !q.fifo() {
		return
	}
	key := store.Key(q.Name, group)
	n := q.inFlight(tx, group) + by
	if n <= 0 {
		tx.Delete(bucketLock, key)
		return
	}
	tx.Put(bucketLock, key, []byte(store.Uint64(uint64(n))))
}

func (q *queue) inFlight(r store.Reader, group string) int {
	value, ok := r.Get(bucketLock, store.Key(q.Name, group))
	if !ok {
		return 0
	}
	return int(store.ParseUint64(string(value)))
}

func (q *queue) locked(r store.Reader, group string) bool { return q.inFlight(r, group) > 0 }
