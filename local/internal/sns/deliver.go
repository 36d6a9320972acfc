package sns

// This file defines delivery: what is pending is handed over, tried again, or
// buried. https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// pending is a message on its way to one subscription.
type pending struct {
	Subscription string // ARN
	Message      message
	Attempts     int
	Cause        uint64
}

func (s *Service) enqueue(tx *store.Tx, sub *subscription, m *message) {
	s.mu.Lock()
	s.seq++
	seq := s.seq
	s.mu.Unlock()
	arn := s.subscriptionARN(sub)
	tx.Put(bucketPending, store.Key(sub.Topic, sub.ID)+store.Uint64(seq), marshal(pending{Subscription: arn, Message: *m}))
}

// Resume delivers what an earlier process left pending.
func (s *Service) Resume() {
	topics := map[string]bool{}
	_ = s.Store.View(func(r store.Reader) error {
		for key := range r.Scan(bucketPending, "", "") {
			topics[store.SplitKey(key[:len(key)-8])[0]] = true
		}
		return nil
	})
	for topic := range topics {
		s.deliver(context.Background(), topic)
	}
}

// deliver hands over what is pending of a topic: one goroutine for each
// subscription, so that a slow one hinders no other and order is kept.
func (s *Service) deliver(ctx context.Context, topicName string) {
	var ids []string
	from, to := store.Prefix(topicName)
	_ = s.Store.View(func(r store.Reader) error {
		for id, ok := firstPending(r, from, to); ok; id, ok = firstPending(r, store.After(id), to) {
			ids = append(ids, id)
		}
		return nil
	})
	for _, id := range ids {
		s.start(context.WithoutCancel(ctx), id)
	}
}

// firstPending returns the first subscription with messages, and reads only the first
// of these: a slow subscription may have ten thousand, and each publish comes here.
func firstPending(r store.Reader, from, to string) (id string, ok bool) {
	for key := range r.Scan(bucketPending, from, to) {
		return key[:len(key)-8], true
	}
	return "", false
}

// start drains one subscription unless somebody does already.
func (s *Service) start(ctx context.Context, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.busy[key] {
		return
	}
	s.busy[key] = true
	s.wg.Add(1)
	release := s.Clock.Hold()
	go func() {
		defer s.wg.Done()
		defer release()
		s.drain(ctx, key)
	}()
}

// drain delivers a subscription's messages in order until none is left or one
// must wait.
func (s *Service) drain(ctx context.Context, key string) {
	for {
		storeKey, p, ok := s.next(key)
		if !ok {
			return
		}
		err := s.hand(journal.WithCause(ctx, max(p.Cause, journal.CauseFrom(ctx))), &p)
		if err == nil {
			_ = s.Store.Update(func(tx *store.Tx) error { tx.Delete(bucketPending, storeKey); return nil })
			continue
		}
		if pause, again := s.retry(storeKey, &p, err); again {
			s.Clock.AfterFunc(pause, func() { s.start(ctx, key) })
			return
		}
	}
}

// next returns the first message pending; when there is none the subscription is
// no longer busy, decided under the lock so that no message is left behind.
func (s *Service) next(key string) (storeKey string, p pending, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.Store.View(func(r store.Reader) error {
		for k, text := range r.Scan(bucketPending, key, store.After(key)) {
			if json.Unmarshal(text, &p) == nil {
				storeKey, ok = k, true
			}
			return nil
		}
		return nil
	})
	if !ok || s.closed {
		delete(s.busy, key)
		return "", p, false
	}
	return storeKey, p, true
}

// The delivery policy for queues and functions: three retries at once, two after
// a second, ten with growing pauses up to 20 s, then every 20 s for 23 days.
const maxAttempts = 100_015

func pauseBefore(attempt int) time.Duration {
	switch {
	case attempt <= 3:
		return 0
	case attempt <= 5:
		return time.Second
	case attempt <= 15:
		return time.Duration(attempt-4) * 2 * time.Second
	}
	return 20 * time.Second
}

// permanent are errors that no retry mends; they go to the dead-letter queue at
// once, as client-side errors do.
var permanent = map[string]bool{"QueueDoesNotExist": true, "ResourceNotFoundException": true, "AccessDenied": true, "AccessDeniedException": true,
	"InvalidParameterValueException": true, "MissingRequiredParameterException": true}

// retry notes a failed attempt, or buries the message.
func (s *Service) retry(storeKey string, p *pending, err error) (pause time.Duration, again bool) {
	p.Attempts++
	if permanent[awswire.CodeOf(err)] || p.Attempts >= maxAttempts {
		s.bury(p, err)
		_ = s.Store.Update(func(tx *store.Tx) error { tx.Delete(bucketPending, storeKey); return nil })
		return 0, false
	}
	_ = s.Store.Update(func(tx *store.Tx) error { tx.Put(bucketPending, storeKey, marshal(p)); return nil })
	pause = pauseBefore(p.Attempts)
	s.mu.Lock()
	delete(s.busy, store.Key(store.SplitKey(storeKey[:len(storeKey)-8])...))
	s.mu.Unlock()
	return pause, true
}

func (s *Service) bury(p *pending, why error) {
	var sub *subscription
	_ = s.Store.View(func(r store.Reader) error {
		sub, _ = loadSubscription(r, p.Subscription)
		return nil
	})
	ctx := journal.WithCause(context.Background(), p.Cause)
	s.Journal.Record(ctx, journal.Entry{Kind: journal.DeliveryFailed, Subject: p.Subscription, Error: why.Error()})
	if sub == nil || sub.deadLetterQueue() == "" {
		return
	}
	queue := sub.deadLetterQueue()
	in := jsonvalue.NewObject(jsonvalue.Member{Name: "QueueUrl", Value: s.queueURL(queue)}, jsonvalue.Member{Name: "MessageBody", Value: p.Message.envelope(s, sub)})
	if _, err := s.Caller.Call(ctx, s.principal(sub), "sqs", "SendMessage", in); err == nil {
		s.Journal.Record(ctx, journal.Entry{Kind: journal.DeadLettered, Subject: queue})
	}
}

func (s *Service) principal(sub *subscription) awswire.Identity {
	return awswire.ServicePrincipal(s.Account, "sns.amazonaws.com", s.topicARN(sub.Topic))
}

func (s *Service) queueURL(arn string) string { return "http://queue/" + s.Account + "/" + nameOf(arn) }

// hand delivers one message to one subscription.
func (s *Service) hand(ctx context.Context, p *pending) error {
	var sub *subscription
	_ = s.Store.View(func(r store.Reader) error {
		sub, _ = loadSubscription(r, p.Subscription)
		return nil
	})
	if sub == nil {
		return nil // unsubscribed meanwhile
	}
	service, operation, in := "sqs", "SendMessage", p.Message.toQueue(s, sub)
	if sub.Protocol == "lambda" {
		service, operation, in = "lambda", "Invoke", p.Message.toFunction(s, sub)
	}
	_, err := s.Caller.Call(ctx, s.principal(sub), service, operation, in)
	if err == nil {
		s.Journal.Record(ctx, journal.Entry{Kind: journal.Delivered, Subject: sub.Endpoint, Name: nameOf(sub.Endpoint)})
	}
	return err
}

func member(name string, v jsonvalue.Value) jsonvalue.Member {
	return jsonvalue.Member{Name: name, Value: v}
}

func (m *message) bodyFor(protocol string) string {
	if body, ok := m.Bodies[protocol]; ok {
		return body
	}
	return m.Body
}

func (m *message) toQueue(s *Service, sub *subscription) *jsonvalue.Object {
	var b jsonvalue.Builder
	b.Set("QueueUrl", s.queueURL(sub.Endpoint))
	if sub.Attributes["RawMessageDelivery"] == "true" {
		b.Set("MessageBody", m.bodyFor("sqs"))
		if len(m.Attributes) > 0 {
			b.Set("MessageAttributes", jsonvalue.MustParse(string(marshal(m.Attributes))))
		}
	} else {
		b.Set("MessageBody", m.envelope(s, sub))
	}
	if m.Group != "" && nameOf(sub.Endpoint) != "" && isFIFO(sub.Endpoint) {
		b.Set("MessageGroupId", m.Group)
		b.Set("MessageDeduplicationId", m.Dedup)
	}
	return b.Object()
}

func isFIFO(arn string) bool { return len(arn) > 5 && arn[len(arn)-5:] == ".fifo" }

// notification are the members that queues' envelopes and functions' records
// share.
func (m *message) notification(s *Service, sub *subscription) *jsonvalue.Builder {
	var b jsonvalue.Builder
	b.Set("Type", "Notification").Set("MessageId", m.ID)
	if m.Sequence != "" {
		b.Set("SequenceNumber", m.Sequence)
	}
	b.Set("TopicArn", s.topicARN(sub.Topic))
	if m.Subject != "" {
		b.Set("Subject", m.Subject)
	}
	b.Set("Message", m.bodyFor(sub.Protocol)).Set("Timestamp", m.Time.UTC().Format("2006-01-02T15:04:05.000Z"))
	return &b
}

func (m *message) unsubscribeURL(s *Service, sub *subscription) string {
	return "https://sns." + s.Region + ".amazonaws.com/?Action=Unsubscribe&SubscriptionArn=" + s.subscriptionARN(sub)
}

// envelope is the JSON that a queue gets without raw delivery.
func (m *message) envelope(s *Service, sub *subscription) string {
	b := m.notification(s, sub)
	b.Set("UnsubscribeURL", m.unsubscribeURL(s, sub))
	if len(m.Attributes) > 0 {
		b.Set("MessageAttributes", m.shownAttributes())
	}
	return jsonvalue.String(b.Object())
}

func (m *message) shownAttributes() *jsonvalue.Object {
	var b jsonvalue.Builder
	for name, a := range m.Attributes {
		value := a.StringValue
		if a.DataType == "Binary" {
			value = base64.StdEncoding.EncodeToString(a.BinaryValue)
		}
		b.Set(name, jsonvalue.NewObject(member("Type", a.DataType), member("Value", value)))
	}
	return b.Object()
}

// toFunction is the asynchronous invocation with an SNS event.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
func (m *message) toFunction(s *Service, sub *subscription) *jsonvalue.Object {
	b := m.notification(s, sub)
	b.Set("UnsubscribeUrl", m.unsubscribeURL(s, sub)).Set("MessageAttributes", m.shownAttributes())
	record := jsonvalue.NewObject(member("EventSource", "aws:sns"), member("EventVersion", "1.0"),
		member("EventSubscriptionArn", s.subscriptionARN(sub)), member("Sns", b.Object()))
	event := jsonvalue.NewObject(member("Records", []any{record}))
	return jsonvalue.NewObject(member("FunctionName", sub.Endpoint), member("InvocationType", "Event"),
		member("Payload", base64.StdEncoding.EncodeToString(jsonvalue.Append(nil, event))))
}
