package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/bus"
	"github.com/stepworks/stepworks/shared/feed"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/payment"
	"github.com/stepworks/stepworks/shared/step/steptest"
)

// events is an EventBridge that records details, and may be out of order.
type events struct {
	details []string
	err     error
}

func (e *events) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	if e.err != nil {
		return nil, e.err
	}
	for _, entry := range in.Entries {
		e.details = append(e.details, *entry.Source+" "+*entry.DetailType+" "+*entry.Detail)
	}
	return &eventbridge.PutEventsOutput{}, nil
}

// batch is the sample with other bodies.
func batch(t *testing.T, bodies ...string) (b feed.Batch) {
	t.Helper()
	text, err := os.ReadFile("../../../events/paymentGateway.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &b))
	if len(bodies) > 0 {
		b.Records = nil
	}
	for _, body := range bodies {
		raw, err := json.Marshal(feed.Message{ID: body, Body: body})
		require.NoError(t, err)
		b.Records = append(b.Records, raw)
	}
	return b
}

func handle(t *testing.T, b feed.Batch, trouble error) ([]string, []feed.Failure) {
	t.Helper()
	e := &events{err: trouble}
	got, err := handler{payment.Simulator{DeclinePercent: 10}, bus.Publisher{API: e, Bus: "ecommerce-orders"}}.handle(t.Context(), b)
	require.NoError(t, err)
	return e.details, got.BatchItemFailures
}

const atIt = `payment.gateway Payment Result {"orderId":"ORD-6001","result":{"status":"processing"}}`

func TestCallsBack(t *testing.T) {
	told, failed := handle(t, batch(t), nil)
	assert.Empty(t, failed)
	assert.Equal(t, []string{atIt, `payment.gateway Payment Result {"orderId":"ORD-6001","result":{"status":"success","paymentId":"` +
		order.DeriveID("pay", "ORD-6001") + `","transactionId":"` + order.DeriveID("txn", "ORD-6001") + `"}}`}, told)
	told, _ = handle(t, batch(t, `{"orderId":"ORD-1016","amount":5,"currency":"USD"}`), nil)
	assert.Equal(t, `payment.gateway Payment Result {"orderId":"ORD-1016","result":{"status":"failed","error":"Payment processing failed"}}`, told[1])
	told, failed = handle(t, batch(t, `{"orderId":"LOST-1","amount":5,"currency":"USD"}`), nil)
	assert.Empty(t, told)
	assert.Empty(t, failed, "a lost request is gone for good")
}

func TestBadRequests(t *testing.T) {
	for _, body := range []string{``, `[]`, `null`, `{}`, `{"orderId":7}`, `{"orderId":"A"}`, `{"orderId":"A","amount":0,"currency":"USD"}`,
		`{"orderId":"A","amount":-5,"currency":"USD"}`, `{"orderId":"A","amount":1e999999,"currency":"USD"}`, `{"amount":5,"currency":"USD"}`} {
		told, failed := handle(t, batch(t, body+" ", `{"orderId":"LOST-1","amount":5,"currency":"USD"}`), nil)
		assert.Empty(t, told, body)
		assert.Equal(t, []feed.Failure{{ItemIdentifier: body + " "}}, failed, "the bad one comes again, and in the end to the dead letters")
	}
}

// TestNoBus: the message comes again.
func TestNoBus(t *testing.T) {
	_, failed := handle(t, batch(t), errors.New("no route to EventBridge"))
	assert.Len(t, failed, 1)
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "EVENT_BUS_NAME", "PAYMENT_DELAY=2s", "PAYMENT_DECLINE_PERCENT=10")
	t.Setenv("PAYMENT_DECLINE_PERCENT", "all")
	_, err := wire()
	require.ErrorContains(t, err, "declined payments")
}
