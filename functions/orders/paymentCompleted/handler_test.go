package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

func setUp() (handler, *tabletest.DB) {
	db := tabletest.New(map[string]string{"Orders": "orderId"})
	db.Set("Orders", order.Record{OrderID: "ORD-1001", TotalAmount: "1029.98", Currency: "USD", Status: order.Paid, PaymentID: order.DeriveID("pay", "ORD-1001")})
	return handler{order.Book{API: db, Orders: "Orders"}}, db
}

func TestConfirmedOnce(t *testing.T) {
	h, db := setUp()
	for _, first := range []bool{true, false} {
		got, err := h.handle(t.Context(), steptest.Sample[Input](t, "paymentCompleted"))
		require.NoError(t, err)
		assert.Equal(t, Result{"ORD-1001", first}, got)
	}
	var r order.Record
	db.Load("Orders", "ORD-1001", &r)
	assert.Equal(t, "2026-11-21T10:00:02.000Z", r.PaymentConfirmedAt, "the event's time")
	assert.Equal(t, order.Paid, r.Status)
}

func TestErrors(t *testing.T) {
	for want, change := range map[failure.Name]func(*Input){
		failure.OrderNotFound:         func(in *Input) { in.Detail.OrderID = "ORD-9999" },
		failure.PaymentNotFound:       func(in *Input) { in.Detail.PaymentID = "pay_other" },
		failure.PaymentAmountMismatch: func(in *Input) { in.Detail.Amount = "1e400" },
		failure.InputMalformed:        func(in *Input) { in.Detail.OrderID = "" },
	} {
		h, db := setUp()
		in := steptest.Sample[Input](t, "paymentCompleted")
		change(&in)
		_, err := h.handle(t.Context(), in)
		if assert.Error(t, err, want) {
			assert.Equal(t, want, failure.NameOf(err))
		}
		var r order.Record
		db.Load("Orders", "ORD-1001", &r)
		assert.Empty(t, r.PaymentConfirmedAt, want)
	}
	h, _ := setUp()
	in := steptest.Sample[Input](t, "paymentCompleted")
	in.Detail.Amount = ""
	_, err := h.handle(t.Context(), in)
	assert.Equal(t, failure.InputMalformed, failure.NameOf(err), "no amount is not any amount")
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "ORDERS_TABLE")
}
