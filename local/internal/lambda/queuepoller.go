package lambda

// This file defines reading queues: batches, windows, filters, and deleting what
// was processed. A message that was not is left to its visibility timeout, as on
// AWS: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/eventpattern"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// defaultBatches is how many batches of a queue run at once where the mapping
// does not say: AWS begins with five pollers.
const defaultBatches = 5

// maxBatchBytes is the payload of an invocation.
const maxBatchBytes = maxSyncPayload

// message is one of a queue.
type message struct {
	id, receipt string
	record      *jsonvalue.Object // as the function gets it
	size        int
}

// pollQueue reads the queue until the poller is stopped.
func (x *poller) pollQueue() {
	slots := make(chan struct{}, x.slots())
	var batches sync.WaitGroup
	defer batches.Wait()
	for {
		select {
		case slots <- struct{}{}:
		case <-x.ctx.Done():
			return
		}
		f, batch, release := x.nextBatch()
		if release == nil {
			return
		}
		batches.Go(func() {
			defer func() { release(); <-slots }()
			x.process(f, batch)
		})
	}
}

func (x *poller) slots() int {
	if x.ScalingConfig != nil && x.ScalingConfig.MaximumConcurrency != nil {
		return *x.ScalingConfig.MaximumConcurrency
	}
	return defaultBatches
}

// nextBatch waits for a batch and returns it with the clock held; release is nil
// when the poller is stopped.
func (x *poller) nextBatch() (f *function, batch []message, release func()) {
	release = x.s.Clock.Hold()
	for {
		if x.ctx.Err() != nil {
			release()
			return nil, nil, nil
		}
		f, err := x.function()
		if err == nil {
			batch, err = x.collect(f, &release)
		}
		if release == nil {
			return nil, nil, nil
		}
		if err == nil && len(batch) > 0 {
			return f, batch, release
		}
		release()
		if err != nil {
			x.trouble(err)
			release = x.s.Clock.Hold()
			continue
		}
		var ok bool
		if release, ok = x.bell.wait(x.ctx); !ok {
			return nil, nil, nil
		}
	}
}

// collect receives until a batch is full, its window is over, or, without a
// window, until the queue has no more. While it waits for the window it lets the
// clock go; release is the hold it has, nil when the poller is stopped.
func (x *poller) collect(f *function, release *func()) ([]message, error) {
	batch, err := x.receive(f, nil)
	window := time.Duration(or(x.MaximumBatchingWindowInSeconds, 0)) * time.Second
	if err != nil || window == 0 || len(batch) == 0 || len(batch) >= *x.BatchSize {
		return batch, err
	}
	end := x.s.Clock.Now().Add(window)
	timer := x.s.Clock.AfterFunc(window, x.bell.ring)
	defer timer.Stop()
	for len(batch) < *x.BatchSize && x.s.Clock.Now().Before(end) {
		(*release)()
		var ok bool
		if *release, ok = x.bell.wait(x.ctx); !ok {
			*release = nil
			return nil, nil
		}
		more, err := x.receive(f, batch)
		if err != nil {
			return batch, nil //nolint:nilerr // what was received is processed; the next receive says it again
		}
		batch = more
	}
	return batch, nil
}

// receive adds what the queue has to a batch.
func (x *poller) receive(f *function, batch []message) ([]message, error) {
	for len(batch) < *x.BatchSize {
		params := jsonvalue.NewObject(member("QueueUrl", queueURL(x.Source)), member("MaxNumberOfMessages", jsonvalue.Int(int64(min(10, *x.BatchSize-len(batch))))),
			member("WaitTimeSeconds", jsonvalue.Int(0)), member("AttributeNames", []any{"All"}), member("MessageAttributeNames", []any{"All"}))
		out, err := x.s.Caller.Call(x.ctx, x.identity(f), "sqs", "ReceiveMessage", params)
		if err != nil {
			return batch, err
		}
		o, _ := out.(*jsonvalue.Object)
		list, _ := o.Get("Messages")
		messages, _ := list.([]any)
		if len(messages) == 0 {
			return batch, nil
		}
		for _, m := range messages {
			if m, ok := m.(*jsonvalue.Object); ok {
				batch = append(batch, x.message(m))
			}
		}
	}
	return batch, nil
}

// message is a received message as Lambda shows it:
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
func (x *poller) message(m *jsonvalue.Object) message {
	var b jsonvalue.Builder
	b.Set("messageId", textOf(m, "MessageId")).Set("receiptHandle", textOf(m, "ReceiptHandle")).Set("body", textOf(m, "Body"))
	attributes, ok := m.Get("Attributes")
	if !ok {
		attributes = jsonvalue.NewObject()
	}
	b.Set("attributes", attributes).Set("messageAttributes", messageAttributes(m))
	if md5 := textOf(m, "MD5OfMessageAttributes"); md5 != "" {
		b.Set("md5OfMessageAttributes", md5)
	}
	b.Set("md5OfBody", textOf(m, "MD5OfBody")).Set("eventSource", "aws:sqs").Set("eventSourceARN", x.Source).Set("awsRegion", x.s.Region)
	record := b.Object()
	return message{id: textOf(m, "MessageId"), receipt: textOf(m, "ReceiptHandle"), record: record, size: len(jsonvalue.Append(nil, record))}
}

func messageAttributes(m *jsonvalue.Object) *jsonvalue.Object {
	var b jsonvalue.Builder
	given, _ := m.Get("MessageAttributes")
	attributes, _ := given.(*jsonvalue.Object)
	for name, v := range attributes.All() {
		a, _ := v.(*jsonvalue.Object)
		var one jsonvalue.Builder
		if text, ok := a.Get("StringValue"); ok {
			one.Set("stringValue", text)
		}
		if text, ok := a.Get("BinaryValue"); ok {
			one.Set("binaryValue", text)
		}
		one.Set("stringListValues", []any{}).Set("binaryListValues", []any{}).Set("dataType", textOf(a, "DataType"))
		b.Set(name, one.Object())
	}
	return b.Object()
}

// process runs the function with a batch, in as many invocations as its size
// needs, and deletes what is done.
func (x *poller) process(f *function, batch []message) {
	var wanted, done []message
	for _, m := range batch {
		if x.filter.wants(m.record) {
			wanted = append(wanted, m)
		} else {
			done = append(done, m) // AWS deletes what a filter drops
		}
	}
	for len(wanted) > 0 {
		n, size := 0, 0
		for n < len(wanted) && (n == 0 || size+wanted[n].size < maxBatchBytes) {
			size += wanted[n].size
			n++
		}
		done = append(done, x.handle(f, wanted[:n])...)
		wanted = wanted[n:]
	}
	x.delete(f, done)
}

// handle runs the function once and returns the messages that are done.
func (x *poller) handle(f *function, batch []message) []message {
	records := make([]jsonvalue.Value, len(batch))
	for i, m := range batch {
		records[i] = m.record
	}
	b := x.deliver(f, records, nil)
	if b.err != nil || b.failed {
		return nil
	}
	for _, id := range b.items {
		if !slices.ContainsFunc(batch, func(m message) bool { return m.id == id }) {
			return nil // an unknown identifier fails the whole batch
		}
	}
	return slices.DeleteFunc(batch, func(m message) bool { return slices.Contains(b.items, m.id) })
}

func (x *poller) delete(f *function, done []message) {
	for chunk := range slices.Chunk(done, 10) {
		var entries []any
		for i, m := range chunk {
			entries = append(entries, jsonvalue.NewObject(member("Id", fmt.Sprint(i)), member("ReceiptHandle", m.receipt)))
		}
		params := jsonvalue.NewObject(member("QueueUrl", queueURL(x.Source)), member("Entries", entries))
		if _, err := x.s.Caller.Call(context.WithoutCancel(x.ctx), x.identity(f), "sqs", "DeleteMessageBatch", params); err != nil {
			x.s.Log.Warn("processed messages could not be deleted: they will come again", "queue", x.Source, "function", x.Function, "error", err)
		}
	}
}

// filter decides which records a function gets; an empty one lets all through.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
type filter []*eventpattern.Pattern

func (f filter) wants(record *jsonvalue.Object) bool {
	if len(f) == 0 {
		return true
	}
	// A body that is a JSON object is matched as one.
	if body, ok := record.Get("body"); ok {
		if text, ok := body.(string); ok && strings.HasPrefix(strings.TrimSpace(text), "{") {
			if v, err := jsonvalue.Parse([]byte(text)); err == nil {
				record = record.With("body", v)
			}
		}
	}
	text := jsonvalue.Append(nil, record)
	for _, p := range f {
		if ok, err := p.Match(text); err == nil && ok {
			return true
		}
	}
	return false
}
