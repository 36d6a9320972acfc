package main

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

func sample(t *testing.T) (in Input) {
	t.Helper()
	text, err := os.ReadFile("../../../events/paymentCompleted.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &in))
	return in
}

func setUp() (handler, *tabletest.DB) {
	db := tabletest.New(map[string]string{"Orders": "orderId"})
	db.Set("Orders", order.Record{OrderID: "ORD-1001", TotalAmount: "1029.98", Currency: "USD", Status: order.Paid, PaymentID: order.DeriveID("pay", "ORD-1001")})
	return handler{order.Book{API: db, Orders: "Orders"}}, db
}

func TestConfirmedOnce(t *testing.T) {
	h, db := setUp()
	for _, first := range []bool{true, false} {
		got, err := h.handle(t.Context(), sample(t))
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
		in := sample(t)
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
	in := sample(t)
	in.Detail.Amount = ""
	_, err := h.handle(t.Context(), in)
	assert.Equal(t, failure.InputMalformed, failure.NameOf(err), "no amount is not any amount")
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	for name, value := range map[string]string{"ORDERS_TABLE": "x"} {
		t.Setenv(name, value)
	}
	_, err := wire()
	require.NoError(t, err)
	t.Setenv("ORDERS_TABLE", "")
	_, err = wire()
	require.ErrorContains(t, err, "ORDERS_TABLE")
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	_, err = wire()
	require.ErrorContains(t, err, "AWS_REGION")
}
