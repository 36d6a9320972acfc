package main

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/bus"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/step/steptest"
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

// setUp stores order ORD-1001 with this status and stock, for the sample's execution.
func setUp(t *testing.T, status order.Status, stock string) (handler, *tabletest.DB, *events) {
	t.Helper()
	db, e := tabletest.New(map[string]string{"Orders": "orderId"}), &events{}
	db.Set("Orders", order.Record{OrderID: "ORD-1001", CustomerID: "CUST001", TotalAmount: "1029.98", Currency: "USD", Fingerprint: "f",
		Status: status, ReservationState: stock, PaymentID: "pay_1", ExecutionID: steptest.Sample[order.Step](t, "fulfillment").Execution.ID})
	return handler{order.Book{API: db, Orders: "Orders"}, bus.Publisher{API: e, Bus: "ecommerce-orders"}}, db, e
}

func TestFulfilledOnce(t *testing.T) {
	h, db, e := setUp(t, order.Paid, order.StockReserved)
	var first Result
	for i := range 2 {
		got, err := h.handle(t.Context(), steptest.Sample[order.Step](t, "fulfillment"))
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
	_, err := h.handle(t.Context(), steptest.Sample[order.Step](t, "fulfillment"))
	require.ErrorIs(t, err, e.err)
	var r order.Record
	db.Load("Orders", "ORD-1001", &r)
	assert.Equal(t, order.Fulfilled, r.Status, "the repetition announces")
}

func TestErrors(t *testing.T) {
	foreign, unknown := steptest.Sample[order.Step](t, "fulfillment"), steptest.Sample[order.Step](t, "fulfillment")
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
		{"not paid", order.Reserved, order.StockReserved, steptest.Sample[order.Step](t, "fulfillment"), failure.OrderSuperseded},
		{"nothing reserved", order.Paid, "", steptest.Sample[order.Step](t, "fulfillment"), failure.OrderSuperseded},
		{"closed", order.FulfillmentFailed, order.StockReleased, steptest.Sample[order.Step](t, "fulfillment"), failure.OrderSuperseded},
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
	steptest.Wire(t, wire, "ORDERS_TABLE", "EVENT_BUS_NAME")
}
