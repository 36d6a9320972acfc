// Package bus publishes domain events to EventBridge.
//
// PutEvents takes up to ten entries and a megabyte, and answers 200 even when it
// refused some of them. [Publisher.Put] hides both: it takes any number of
// events, cuts them into calls, and sends again what EventBridge could not take
// just then. When it returns nil, every event is on the bus. When it does not,
// some may be: publishing is at least once, and so consumers must be idempotent.
//
// It keeps nothing: an event that could not be published is the caller's error
// to return, and the state machine's to retry.
package bus

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/pause"
)

// What PutEvents takes in one call.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
const (
	maxEntries = 10
	maxBytes   = 1_000_000
)

// attempts is how often an entry is sent before giving up.
const attempts = 4

// API is the part of the EventBridge client that a Publisher uses.
type API interface {
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// Event is one event to publish. Detail is written as JSON and must be an object.
type Event struct {
	Source     string
	DetailType string
	Detail     any
}

// Publisher publishes to one bus.
type Publisher struct {
	API API
	Bus string
}

// Put publishes events in order, as far as EventBridge keeps one.
func (p Publisher) Put(ctx context.Context, events ...Event) error {
	entries, err := p.entries(ctx, events)
	if err != nil {
		return err
	}
	for len(entries) > 0 {
		n := batch(entries)
		if err := p.send(ctx, entries[:n]); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

func (p Publisher) entries(ctx context.Context, events []Event) ([]types.PutEventsRequestEntry, error) {
	entries := make([]types.PutEventsRequestEntry, len(events))
	for i, e := range events {
		detail, err := json.Marshal(e.Detail)
		if err != nil {
			return nil, failure.Wrap(failure.InternalUnexpected, err, "event %q cannot be written as JSON", e.DetailType)
		}
		entries[i] = types.PutEventsRequestEntry{
			EventBusName: &p.Bus, Source: &e.Source, DetailType: &e.DetailType,
			Detail: aws.String(string(detail)), TraceHeader: trace(ctx),
		}
		if n := size(entries[i]); n > maxBytes {
			return nil, failure.New(failure.EventTooLarge, "event %q has %d bytes, EventBridge takes %d", e.DetailType, n, maxBytes)
		}
	}
	return entries, nil
}

// trace passes this invocation's X-Ray trace on, so that one trace shows the
// whole order. aws-lambda-go keeps the header in the context under this string.
func trace(ctx context.Context) *string {
	if header, ok := ctx.Value("x-amzn-trace-id").(string); ok && header != "" && len(header) <= 500 {
		return &header
	}
	return nil
}

// size counts as EventBridge does.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
func size(e types.PutEventsRequestEntry) int {
	return len(*e.Source) + len(*e.DetailType) + len(*e.Detail)
}

// batch returns how many of the first entries go into one call.
func batch(entries []types.PutEventsRequestEntry) int {
	n, bytes := 0, 0
	for n < min(len(entries), maxEntries) {
		if bytes += size(entries[n]); bytes > maxBytes {
			break
		}
		n++
	}
	return n
}

// send publishes one call's worth, sending again what was not taken.
func (p Publisher) send(ctx context.Context, entries []types.PutEventsRequestEntry) error {
	for attempt := 0; ; attempt++ {
		out, err := p.API.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
		if err != nil {
			return err
		}
		again, err := refused(entries, out)
		if err != nil || len(again) == 0 {
			return err
		}
		if attempt == attempts-1 {
			return failure.New(failure.TransientUnavailable, "EventBridge did not take %d events in %d attempts", len(again), attempts)
		}
		if err := pause.For(ctx, 50*time.Millisecond<<attempt); err != nil {
			return err
		}
		entries = again
	}
}

// passing are the entry errors that another attempt may cure.
var passing = map[string]bool{"ThrottlingException": true, "InternalFailure": true, "InternalException": true}

// refused picks the entries to send again; an entry refused for good is an error.
func refused(entries []types.PutEventsRequestEntry, out *eventbridge.PutEventsOutput) ([]types.PutEventsRequestEntry, error) {
	if out.FailedEntryCount == 0 {
		return nil, nil
	}
	var again []types.PutEventsRequestEntry
	for i, result := range out.Entries {
		switch code := aws.ToString(result.ErrorCode); {
		case code == "":
		case passing[code] && i < len(entries):
			again = append(again, entries[i])
		default:
			return nil, failure.New(failure.EventRejected, "EventBridge refused entry %d: %s: %s", i, code, aws.ToString(result.ErrorMessage))
		}
	}
	return again, nil
}
