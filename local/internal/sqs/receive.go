package sqs

// This file defines receiving: what may be received, in which order, and what time
// and too many receives do to a message.

import (
	"context"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/store"
)

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
