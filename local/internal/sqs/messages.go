package sqs

// This file defines messages: what the store keeps of them, and sending.

import (
	"context"
	"crypto/md5" //nolint:gosec // SQS's checksum, not a defence
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

// message is what the store keeps of a message.
type message struct {
	ID         string
	Body       string
	Attributes map[string]attributeValue `json:",omitempty"`
	Trace      string                    `json:",omitempty"` // AWSTraceHeader
	Sender     string
	Sent       int64  // milliseconds
	Group      string `json:",omitempty"`
	Dedup      string `json:",omitempty"`
	Source     string `json:",omitempty"` // the queue that a dead letter came from

	Received      int    // how often
	FirstReceived int64  // milliseconds
	Until         int64  // milliseconds: delayed or in flight until then; 0: ready
	InFlight      bool   // Until is a visibility timeout, not a delay
	Receipt       string // of the latest receive
}

// attributeValue is a message attribute.
type attributeValue struct {
	DataType    string `json:"DataType"`
	StringValue string `json:"StringValue,omitempty"`
	BinaryValue []byte `json:"BinaryValue,omitempty"`
}

type sendMessageInput struct {
	byURL
	sendEntry
}

// sendEntry is what SendMessage and an entry of its batch share.
type sendEntry struct {
	MessageBody             string                    `json:"MessageBody"`
	DelaySeconds            *int                      `json:"DelaySeconds"`
	MessageAttributes       map[string]attributeValue `json:"MessageAttributes"`
	MessageSystemAttributes map[string]attributeValue `json:"MessageSystemAttributes"`
	MessageDeduplicationID  *string                   `json:"MessageDeduplicationId"`
	MessageGroupID          *string                   `json:"MessageGroupId"`
}

type sendMessageOutput struct {
	MessageID              string `json:"MessageId"`
	MD5OfMessageBody       string `json:"MD5OfMessageBody"`
	MD5OfMessageAttributes string `json:"MD5OfMessageAttributes,omitzero"`
	MD5OfSystemAttributes  string `json:"MD5OfMessageSystemAttributes,omitzero"`
	SequenceNumber         string `json:"SequenceNumber,omitzero"`
}

func (s *Service) sendMessage(ctx context.Context, in *sendMessageInput) (out *sendMessageOutput, err error) {
	err = s.change(in.queueName(), func(tx *store.Tx, q *queue) error {
		out, err = s.send(ctx, tx, q, &in.sendEntry)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.wake(in.queueName())
	s.count(in.queueName(), counts{sent: 1, bytes: entrySize(&in.sendEntry)})
	return out, nil
}

// send checks and stores one message.
func (s *Service) send(ctx context.Context, tx *store.Tx, q *queue, in *sendEntry) (*sendMessageOutput, error) {
	if err := q.checkEntry(in); err != nil {
		return nil, err
	}
	out := &sendMessageOutput{MD5OfMessageBody: md5hex([]byte(in.MessageBody)), MD5OfMessageAttributes: attributesMD5(in.MessageAttributes), MD5OfSystemAttributes: attributesMD5(in.MessageSystemAttributes)}
	now := s.Clock.Now()
	m := &message{ID: newID(), Body: in.MessageBody, Attributes: in.MessageAttributes, Trace: in.MessageSystemAttributes["AWSTraceHeader"].StringValue,
		Sender: awswire.CallerFrom(ctx).ARN, Sent: now.UnixMilli(), Group: text(in.MessageGroupID), Dedup: text(in.MessageDeduplicationID)}
	if q.fifo() {
		if m.Dedup == "" {
			m.Dedup = sha256hex(in.MessageBody)
		}
		if first, ok := q.duplicate(tx, m, now); ok {
			out.MessageID, out.SequenceNumber = first.ID, first.Sequence
			return out, nil
		}
	}
	delay := q.seconds("DelaySeconds")
	if in.DelaySeconds != nil {
		delay = time.Duration(*in.DelaySeconds) * time.Second
	}
	seq := q.add(tx, m, now, delay)
	out.MessageID = m.ID
	if q.fifo() {
		out.SequenceNumber = sequenceText(seq)
		q.remember(tx, m, seq, now)
	}
	return out, nil
}

// add stores a message that is new to q.
func (q *queue) add(tx *store.Tx, m *message, now time.Time, delay time.Duration) (seq uint64) {
	q.Sequence++
	seq = q.Sequence
	m.Until, m.InFlight = 0, false
	if delay > 0 {
		m.Until = now.Add(delay).UnixMilli()
		tx.Put(bucketLater, q.laterKey(m.Until, seq), nil)
		q.Delayed++
	} else {
		tx.Put(bucketReady, q.key(seq), nil)
		q.Ready++
	}
	q.put(tx, seq, m)
	return seq
}

func (q *queue) key(seq uint64) string { return store.Key(q.Name) + store.Uint64(seq) }

func (q *queue) laterKey(until int64, seq uint64) string {
	return store.Key(q.Name) + store.Uint64(uint64(until)) + store.Uint64(seq)
}

func sequenceOf(key string) uint64 { return store.ParseUint64(key[len(key)-8:]) }

func (q *queue) put(tx *store.Tx, seq uint64, m *message) {
	body, err := json.Marshal(m)
	if err != nil {
		panic(err) // a struct of strings and numbers always marshals
	}
	tx.Put(bucketMessage, q.key(seq), body)
}

func (q *queue) get(r store.Reader, seq uint64) (*message, bool) {
	body, ok := r.Get(bucketMessage, q.key(seq))
	if !ok {
		return nil, false
	}
	var m message
	return &m, json.Unmarshal(body, &m) == nil
}

func md5hex(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// checkEntry judges a message before it is stored.
func (q *queue) checkEntry(in *sendEntry) error {
	if in.MessageBody == "" {
		return errMissing("MessageBody")
	}
	if i := strings.IndexFunc(in.MessageBody, invalidRune); i >= 0 || !utf8.ValidString(in.MessageBody) {
		return fault("InvalidMessageContents", "InvalidMessageContents", "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF")
	}
	if limit := q.number("MaximumMessageSize"); entrySize(in) > limit {
		return errParameter("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", limit)
	}
	if err := checkMessageAttributes(in.MessageAttributes); err != nil {
		return err
	}
	for name := range in.MessageSystemAttributes {
		if name != "AWSTraceHeader" {
			return errParameter("Message system attribute name '%s' is invalid.", name)
		}
	}
	return q.checkOrder(in)
}

func invalidRune(r rune) bool {
	return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
}

func entrySize(in *sendEntry) int {
	n := len(in.MessageBody)
	for name, v := range in.MessageAttributes {
		n += len(name) + len(v.DataType) + len(v.StringValue) + len(v.BinaryValue)
	}
	return n
}
