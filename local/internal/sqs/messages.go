package sqs

// This file defines messages: sending, receiving, deleting, and what time does
// to them.

import (
	"context"
	"crypto/md5" //nolint:gosec // SQS's checksum, not a defence
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
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

// promote moves what is due from later to ready, and drops what is past its
// retention.
func (s *Service) promote(tx *store.Tx, q *queue) error {
	now := s.Clock.Now()
	prefix := store.Key(q.Name)
	var due []string
	for key := range tx.Scan(bucketLater, prefix, prefix+store.Uint64(uint64(now.UnixMilli())+1)) {
		due = append(due, key)
	}
	for _, key := range due {
		tx.Delete(bucketLater, key)
		seq := sequenceOf(key)
		m, ok := q.get(tx, seq)
		if !ok {
			continue
		}
		if m.InFlight {
			q.InFlight--
			q.unlock(tx, m.Group)
		} else {
			q.Delayed--
		}
		m.Until, m.InFlight = 0, false
		q.Ready++
		tx.Put(bucketReady, q.key(seq), nil)
		q.put(tx, seq, m)
	}
	return nil
}

type receiveMessageInput struct {
	byURL
	MaxNumberOfMessages         *int     `json:"MaxNumberOfMessages"`
	WaitTimeSeconds             *int     `json:"WaitTimeSeconds"`
	VisibilityTimeout           *int     `json:"VisibilityTimeout"`
	AttributeNames              []string `json:"AttributeNames"`
	MessageSystemAttributeNames []string `json:"MessageSystemAttributeNames"`
	MessageAttributeNames       []string `json:"MessageAttributeNames"`
	ReceiveRequestAttemptID     string   `json:"ReceiveRequestAttemptId"`
}

type receiveMessageOutput struct {
	Messages []receivedMessage `json:"Messages,omitempty"`
}

type receivedMessage struct {
	MessageID              string                    `json:"MessageId"`
	ReceiptHandle          string                    `json:"ReceiptHandle"`
	MD5OfBody              string                    `json:"MD5OfBody"`
	Body                   string                    `json:"Body"`
	Attributes             map[string]string         `json:"Attributes,omitempty"`
	MD5OfMessageAttributes string                    `json:"MD5OfMessageAttributes,omitzero"`
	MessageAttributes      map[string]attributeValue `json:"MessageAttributes,omitempty"`
}

func (s *Service) receiveMessage(ctx context.Context, in *receiveMessageInput) (*receiveMessageOutput, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	name := in.queueName()
	q, err := s.read(name)
	if err != nil {
		return nil, err
	}
	wait := q.seconds("ReceiveMessageWaitTimeSeconds")
	if in.WaitTimeSeconds != nil {
		wait = time.Duration(*in.WaitTimeSeconds) * time.Second
	}
	w := s.waiter(name)
	for end := time.Now().Add(wait); ; {
		news := w.news()
		out, next, err := s.take(name, in)
		if err != nil || len(out.Messages) > 0 || time.Until(end) <= 0 {
			return out, err
		}
		if !s.waitFor(ctx, news, next, time.Until(end)) {
			return out, nil
		}
	}
}

func (in *receiveMessageInput) check() error {
	switch {
	case in.MaxNumberOfMessages != nil && (*in.MaxNumberOfMessages < 1 || *in.MaxNumberOfMessages > 10):
		return errValue(*in.MaxNumberOfMessages, "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")
	case in.WaitTimeSeconds != nil && (*in.WaitTimeSeconds < 0 || *in.WaitTimeSeconds > 20):
		return errValue(*in.WaitTimeSeconds, "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided.")
	case in.VisibilityTimeout != nil && (*in.VisibilityTimeout < 0 || *in.VisibilityTimeout > 43200):
		return errVisibility(*in.VisibilityTimeout)
	}
	return nil
}

func errVisibility(seconds int) error {
	return errValue(seconds, "VisibilityTimeout", "Must be between 0 and 43200, if provided.")
}

// take receives what is there. next is when something of this queue falls due.
func (s *Service) take(name string, in *receiveMessageInput) (out *receiveMessageOutput, next time.Time, err error) {
	out = &receiveMessageOutput{}
	limit := 1
	if in.MaxNumberOfMessages != nil {
		limit = *in.MaxNumberOfMessages
	}
	err = s.change(name, func(tx *store.Tx, q *queue) error {
		out.Messages = nil
		if err := s.promote(tx, q); err != nil {
			return err
		}
		visibility := q.seconds("VisibilityTimeout")
		if in.VisibilityTimeout != nil {
			visibility = time.Duration(*in.VisibilityTimeout) * time.Second
		}
		for _, seq := range q.candidates(tx, limit) {
			if m, ok := s.receive(tx, q, seq, visibility); ok {
				out.Messages = append(out.Messages, in.show(q, m, seq))
			}
		}
		next = q.nextDue(tx)
		return nil
	})
	if n := len(out.Messages); err == nil && n > 0 {
		s.count(name, counts{received: n})
	} else if err == nil {
		s.count(name, counts{empty: 1})
	}
	return out, next, err
}

// lookAhead bounds how far a FIFO queue looks for a group that is free, as AWS
// does: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-fifo.html
const lookAhead = 120_000

// lookAtOnce is how many messages a FIFO queue looks at before it asks for more:
// mostly the first are free, however many wait behind them.
const lookAtOnce = 64

// candidates are the messages that may be received now, in order.
func (q *queue) candidates(tx *store.Tx, limit int) (found []uint64) {
	from, to := store.Prefix(q.Name)
	if !q.fifo() {
		for _, key := range firstKeys(tx.Scan(bucketReady, from, to), limit) {
			found = append(found, sequenceOf(key))
		}
		return found
	}
	busy := map[string]bool{}
	for looked := 0; looked < lookAhead; looked += lookAtOnce {
		keys := firstKeys(tx.Scan(bucketReady, from, to), lookAtOnce)
		for _, key := range keys {
			if q.free(tx, key, busy) {
				found = append(found, sequenceOf(key))
			}
			if len(found) == limit {
				return found
			}
		}
		if len(keys) < lookAtOnce {
			break
		}
		from = keys[len(keys)-1] + "\x00"
	}
	return found
}

func firstKeys(scan iter.Seq2[string, []byte], n int) (keys []string) {
	for key := range scan {
		if keys = append(keys, key); len(keys) == n {
			break
		}
	}
	return keys
}

// free tells whether no message of the group is in flight; busy remembers.
func (q *queue) free(tx *store.Tx, key string, busy map[string]bool) bool {
	m, ok := q.get(tx, sequenceOf(key))
	if !ok {
		return false
	}
	if _, known := busy[m.Group]; !known {
		busy[m.Group] = q.locked(tx, m.Group)
	}
	return !busy[m.Group]
}

// receive takes one message: into flight, or to the dead-letter queue when it
// was received too often, or out of the world when it is too old.
func (s *Service) receive(tx *store.Tx, q *queue, seq uint64, visibility time.Duration) (*message, bool) {
	m, ok := q.get(tx, seq)
	tx.Delete(bucketReady, q.key(seq))
	q.Ready--
	if !ok {
		return nil, false
	}
	now := s.Clock.Now()
	if now.UnixMilli() >= m.Sent+q.seconds("MessageRetentionPeriod").Milliseconds() {
		tx.Delete(bucketMessage, q.key(seq))
		return nil, false
	}
	if target, after, ok := q.redrive(); ok && m.Received >= after {
		s.bury(tx, q, seq, m, target)
		return nil, false
	}
	m.Received++
	if m.FirstReceived == 0 {
		m.FirstReceived = now.UnixMilli()
	}
	m.Receipt = newID()
	if visibility > 0 {
		m.Until, m.InFlight = now.Add(visibility).UnixMilli(), true
		tx.Put(bucketLater, q.laterKey(m.Until, seq), nil)
		q.InFlight++
		q.lock(tx, m.Group)
	} else {
		tx.Put(bucketReady, q.key(seq), nil)
		q.Ready++
	}
	q.put(tx, seq, m)
	return m, true
}

// bury moves a message to a dead-letter queue. It keeps its id and its age:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
func (s *Service) bury(tx *store.Tx, q *queue, seq uint64, m *message, target string) {
	dead, ok := loadQueue(tx, target)
	if !ok { // the target is gone: AWS keeps the message where it is
		tx.Put(bucketReady, q.key(seq), nil)
		q.Ready++
		return
	}
	tx.Delete(bucketMessage, q.key(seq))
	m.Source = s.arn(q.Name)
	if dead.Name == q.Name {
		dead = q
	}
	if q.fifo() {
		m.Sent = s.Clock.Now().UnixMilli() // FIFO resets the age
	}
	dead.add(tx, m, s.Clock.Now(), 0)
	if dead != q {
		dead.save(tx)
	}
	s.wake(target)
	s.count(target, counts{})
}

func (q *queue) nextDue(r store.Reader) time.Time {
	from, to := store.Prefix(q.Name)
	for key := range r.Scan(bucketLater, from, to) {
		return time.UnixMilli(int64(store.ParseUint64(key[len(from) : len(from)+8])))
	}
	return time.Time{}
}

func (in *receiveMessageInput) show(q *queue, m *message, seq uint64) receivedMessage {
	attributes := selectAttributes(m.Attributes, in.MessageAttributeNames)
	return receivedMessage{MessageID: m.ID, ReceiptHandle: receiptHandle(seq, m.Receipt), MD5OfBody: md5hex([]byte(m.Body)), Body: m.Body,
		Attributes:        m.system(q, seq, append(in.AttributeNames, in.MessageSystemAttributeNames...)),
		MessageAttributes: attributes, MD5OfMessageAttributes: attributesMD5(attributes)}
}

// system returns the system attributes that were asked for.
func (m *message) system(q *queue, seq uint64, names []string) map[string]string {
	all := map[string]string{
		"SenderId":                         senderID(m.Sender),
		"SentTimestamp":                    strconv.FormatInt(m.Sent, 10),
		"ApproximateReceiveCount":          strconv.Itoa(m.Received),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.FirstReceived, 10),
		"AWSTraceHeader":                   m.Trace,
		"DeadLetterQueueSourceArn":         m.Source,
		"MessageGroupId":                   m.Group,
	}
	if q.fifo() {
		all["MessageDeduplicationId"], all["SequenceNumber"] = m.Dedup, sequenceText(seq)
	}
	out := map[string]string{}
	for _, name := range names {
		for key, value := range all {
			if (name == "All" || name == key) && value != "" {
				out[key] = value
			}
		}
	}
	return out
}

func senderID(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

func receiptHandle(seq uint64, receipt string) string { return fmt.Sprintf("%d.%s", seq, receipt) }

// find returns the message that a receipt handle names, if it still is the
// latest receive of a message that is there.
func (q *queue) find(r store.Reader, handle string) (seq uint64, m *message, current bool, err error) {
	number, receipt, ok := strings.Cut(handle, ".")
	seq, perr := strconv.ParseUint(number, 10, 64)
	if !ok || perr != nil || len(receipt) != 36 {
		return 0, nil, false, fault("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", "The input receipt handle %q is not a valid receipt handle.", handle)
	}
	m, ok = q.get(r, seq)
	if !ok {
		return seq, nil, false, nil
	}
	return seq, m, m.Receipt == receipt, nil
}

type deleteMessageInput struct {
	byURL
	ReceiptHandle string `json:"ReceiptHandle"`
}

func (s *Service) deleteMessage(_ context.Context, in *deleteMessageInput) (*empty, error) {
	err := s.change(in.queueName(), func(tx *store.Tx, q *queue) error { return s.remove(tx, q, in.ReceiptHandle) })
	if err == nil {
		s.count(in.queueName(), counts{deleted: 1})
	}
	return &empty{}, err
}

// remove deletes a message. Deleting again succeeds; a standard queue also takes
// the handle of an earlier receive, a FIFO queue only that of a message in flight.
func (s *Service) remove(tx *store.Tx, q *queue, handle string) error {
	if err := s.promote(tx, q); err != nil {
		return err
	}
	seq, m, current, err := q.find(tx, handle)
	if err != nil || m == nil {
		return err
	}
	if q.fifo() && (!current || !m.InFlight) {
		return errValue(handle, "ReceiptHandle", "The receipt handle has expired.")
	}
	q.takeOut(tx, seq, m)
	tx.Delete(bucketMessage, q.key(seq))
	return nil
}

// takeOut removes a message from ready or later.
func (q *queue) takeOut(tx *store.Tx, seq uint64, m *message) {
	switch {
	case m.Until == 0:
		tx.Delete(bucketReady, q.key(seq))
		q.Ready--
	case m.InFlight:
		tx.Delete(bucketLater, q.laterKey(m.Until, seq))
		q.InFlight--
		q.unlock(tx, m.Group)
	default:
		tx.Delete(bucketLater, q.laterKey(m.Until, seq))
		q.Delayed--
	}
}

type changeMessageVisibilityInput struct {
	byURL
	ReceiptHandle     string `json:"ReceiptHandle"`
	VisibilityTimeout int    `json:"VisibilityTimeout"`
}

func (s *Service) changeMessageVisibility(_ context.Context, in *changeMessageVisibilityInput) (*empty, error) {
	err := s.change(in.queueName(), func(tx *store.Tx, q *queue) error {
		return s.setVisibility(tx, q, in.ReceiptHandle, in.VisibilityTimeout)
	})
	if err == nil {
		s.wake(in.queueName())
	}
	return &empty{}, err
}

func (s *Service) setVisibility(tx *store.Tx, q *queue, handle string, seconds int) error {
	if seconds < 0 || seconds > 43200 {
		return errVisibility(seconds)
	}
	if err := s.promote(tx, q); err != nil {
		return err
	}
	seq, m, current, err := q.find(tx, handle)
	if err != nil {
		return err
	}
	if m == nil || !current || !m.InFlight {
		return errParameter("Value %s for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.", handle)
	}
	q.takeOut(tx, seq, m)
	if seconds == 0 {
		m.Until, m.InFlight = 0, false
		tx.Put(bucketReady, q.key(seq), nil)
		q.Ready++
	} else {
		m.Until = s.Clock.Now().Add(time.Duration(seconds) * time.Second).UnixMilli()
		tx.Put(bucketLater, q.laterKey(m.Until, seq), nil)
		q.InFlight++
		q.lock(tx, m.Group)
	}
	q.put(tx, seq, m)
	return nil
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
