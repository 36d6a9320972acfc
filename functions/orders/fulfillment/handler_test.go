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
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

type events struct {
	details []string
	err     error
}

func (e *events) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	for _, entry := range in.Entries {
		e.details = append(e.details, *entry.Source+" "+*entry.DetailType+" "+*entry.Detail)
	}
	return &eventbridge.PutEventsOutput{}, e.err
}

func sample(t *testing.T) (in order.Step) {
	t.Helper()
	text, err := os.ReadFile("../../../events/fulfillment.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &in))
	return in
}

// setUp stores order ORD-1001 with this status and stock, for the sample's execution.
func setUp(t *testing.T, status order.Status, stock string) (handler, *tabletest.DB, *events) {
	t.Helper()
	db, e := tabletest.New(map[string]string{"Orders": "orderId"}), &events{}
	db.Set("Orders", order.Record{OrderID: "ORD-1001", CustomerID: "CUST001", TotalAmount: "1029.98", Currency: "USD", Fingerprint: "f",
		Status: status, ReservationState: stock, PaymentID: "pay_1", ExecutionID: sample(t).Execution.ID})
	return handler{order.Book{API: db, Orders: "Orders"}, bus.Publisher{API: e, Bus: "ecommerce-orders"}}, db, e
}

func TestFulfilledOnce(t *testing.T) {
	h, db, e := setUp(t, order.Paid, order.StockReserved)
	var first Result
	for i := range 2 {
		got, err := h.handle(t.Context(), sample(t))
		require.NoError(t, err)
		if i == 0 {
			first = got
		}
		assert.Equal(t, first, got)
	}
	written, err := json.Marshal(first)
	require.NoError(t, err)
	id := order.DeriveID("ful", "ORD-1001")
	assert.JSONEq(t, `{"statusCode":200,"status":"fulfilled","fulfillmentStatus":"completed","orderId":"ORD-1001","paymentId":"pay_1",
		"fulfillmentId":"`+id+`","estimatedDelivery":"2026-11-28T10:00:00.000Z"}`, string(written))
	var r order.Record
	db.Load("Orders", "ORD-1001", &r)
	assert.Equal(t, order.Fulfilled, r.Status)
	assert.Equal(t, order.StockCommitted, r.ReservationState)
	want := `ecommerce.fulfillment Order Fulfilled {"orderId":"ORD-1001","status":"fulfilled","fulfillmentId":"` + id + `","timestamp":"2026-11-21T10:00:00.000Z"}`
	assert.Equal(t, []string{want, want}, e.details, "announced at least once")
}

func TestNotAnnounced(t *testing.T) {
	h, db, e := setUp(t, order.Paid, order.StockReserved)
	e.err = errors.New("no route to EventBridge")
	_, err := h.handle(t.Context(), sample(t))
	require.ErrorIs(t, err, e.err)
	var r order.Record
	db.Load("Orders", "ORD-1001", &r)
	assert.Equal(t, order.Fulfilled, r.Status, "the repetition announces")
}

func TestErrors(t *testing.T) {
	foreign, unknown := sample(t), sample(t)
	foreign.Execution.ID, unknown.OrderID = "another", "ORD-9999"
	for _, c := range []struct {
		what   string
		status order.Status
		stock  string
		in     order.Step
		want   failure.Name
	}{
		{"nobody's order", order.Paid, order.StockReserved, order.Step{}, failure.InputMalformed},
		{"unknown order", order.Paid, order.StockReserved, unknown, failure.OrderNotFound},
		{"another's order", order.Paid, order.StockReserved, foreign, failure.OrderSuperseded},
		{"not paid", order.Reserved, order.StockReserved, sample(t), failure.OrderSuperseded},
		{"nothing reserved", order.Paid, "", sample(t), failure.OrderSuperseded},
		{"closed", order.FulfillmentFailed, order.StockReleased, sample(t), failure.OrderSuperseded},
	} {
		h, db, e := setUp(t, c.status, c.stock)
		before := db.Item("Orders", "ORD-1001")
		_, err := h.handle(t.Context(), c.in)
		if assert.Error(t, err, c.what) {
			assert.Equal(t, c.want, failure.NameOf(err), c.what)
		}
		assert.Equal(t, before, db.Item("Orders", "ORD-1001"), c.what)
		assert.Empty(t, e.details, c.what)
	}
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	for name, value := range map[string]string{"ORDERS_TABLE": "x", "EVENT_BUS_NAME": "x"} {
		t.Setenv(name, value)
	}
	_, err := wire()
	require.NoError(t, err)
	t.Setenv("EVENT_BUS_NAME", "")
	_, err = wire()
	require.ErrorContains(t, err, "EVENT_BUS_NAME")
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	_, err = wire()
	require.ErrorContains(t, err, "AWS_REGION")
}
