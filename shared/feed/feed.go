// Package feed is how workers consume a table's stream and a queue: record by
// record, with a partial batch response, so that what was done is not done again
// because something beside it failed.
//
//	Stream   in order; it stops at the first record that fails, and Lambda comes
//	         again from there, so the order within a key is kept
//	Queue    each message for itself; those that fail come again, the others are gone
//
// A record that can never be handled is the event source mapping's matter: it
// cuts the batch in halves and sends what is left over to a dead-letter queue. So
// a handler reports every failure, and decides nothing about repetition.
//
// Both may deliver a record more than once. Handlers are idempotent by what a
// record says, or by its event id.
//
// https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
//
// Start at [Stream] and [Queue].
package feed

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/stepworks/stepworks/shared/failure"
)

// Batch is an invocation by an event source mapping. Records stay as they came.
type Batch struct {
	Records []json.RawMessage `json:"Records"`
}

// Response tells Lambda which records to deliver again.
type Response struct {
	BatchItemFailures []Failure `json:"batchItemFailures"`
}

// Failure names one record: by its sequence number, or a message by its id.
type Failure struct {
	ItemIdentifier string `json:"itemIdentifier"`
}

// Value is a DynamoDB value of a stream record, as far as keys need it.
type Value struct {
	S string `json:"S"`
	N string `json:"N"`
}

// Record is one change of a table.
type Record struct {
	EventID        string `json:"eventID"`
	EventName      string `json:"eventName"` // INSERT, MODIFY, REMOVE
	EventSourceARN string `json:"eventSourceARN"`
	Change         struct {
		Keys           map[string]Value           `json:"Keys"`
		NewImage       map[string]json.RawMessage `json:"NewImage"` // in DynamoDB's JSON
		SequenceNumber string                     `json:"SequenceNumber"`
	} `json:"dynamodb"`
	Raw json.RawMessage `json:"-"` // the whole record
}

// Text returns a string or number attribute of the new image, "" where there is none.
func (r Record) Text(attribute string) string {
	var v Value
	if json.Unmarshal(r.Change.NewImage[attribute], &v) != nil {
		return ""
	}
	return v.S + v.N
}

// Message is one message of a queue.
type Message struct {
	ID   string `json:"messageId"`
	Body string `json:"body"`
}

// Stream handles a batch of changes in order, up to the first that fails.
func Stream(ctx context.Context, batch Batch, handle func(context.Context, Record) error) (Response, error) {
	response := Response{BatchItemFailures: []Failure{}}
	for i, raw := range batch.Records {
		var r Record
		err := json.Unmarshal(raw, &r)
		if r.Change.SequenceNumber == "" {
			// Nothing to name it by: the whole batch comes again.
			return response, failure.New(failure.InputMalformed, "record %d is not a change of a table: dynamodb.SequenceNumber is missing", i)
		}
		r.Raw = raw
		if err == nil {
			err = handle(ctx, r)
		}
		if err != nil {
			slog.ErrorContext(ctx, "a change could not be handled", "eventId", r.EventID, "name", string(failure.NameOf(err)), "error", err.Error())
			response.BatchItemFailures = append(response.BatchItemFailures, Failure{r.Change.SequenceNumber})
			break
		}
	}
	return response, nil
}

// Queue handles every message of a batch.
func Queue(ctx context.Context, batch Batch, handle func(context.Context, Message) error) (Response, error) {
	response := Response{BatchItemFailures: []Failure{}}
	for i, raw := range batch.Records {
		var m Message
		err := json.Unmarshal(raw, &m)
		if m.ID == "" {
			return response, failure.New(failure.InputMalformed, "record %d is not a queue's message: messageId is missing", i)
		}
		if err == nil {
			err = handle(ctx, m)
		}
		if err != nil {
			slog.ErrorContext(ctx, "a message could not be handled", "messageId", m.ID, "name", string(failure.NameOf(err)), "error", err.Error())
			response.BatchItemFailures = append(response.BatchItemFailures, Failure{m.ID})
		}
	}
	return response, nil
}
