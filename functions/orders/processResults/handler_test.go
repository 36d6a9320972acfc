package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

func setUp(t *testing.T, status order.Status) (handler, *tabletest.DB) {
	t.Helper()
	db := tabletest.New(map[string]string{"Orders": "orderId"})
	db.Set("Orders", order.Record{OrderID: "ORD-3001", CustomerID: "CUST001", Status: status, Currency: "USD", ExecutionID: steptest.Sample[Input](t, "processResults").Execution.ID})
	return handler{order.Book{API: db, Orders: "Orders"}}, db
}

// answers are the branches' answers of the sample, with one of them changed.
func answers(t *testing.T, branch int, with string) Input {
	t.Helper()
	in := steptest.Sample[Input](t, "processResults")
	in.Results[branch] = json.RawMessage(with)
	return in
}

func TestAccepted(t *testing.T) {
	h, db := setUp(t, order.Reserved)
	for range 2 {
		got, err := h.handle(t.Context(), steptest.Sample[Input](t, "processResults"))
		require.NoError(t, err)
		written, err := json.Marshal(got)
		require.NoError(t, err)
		assert.JSONEq(t, `{"statusCode":200,"orderId":"ORD-3001","accepted":true,"reservationId":"rsv_example","shippingCost":7.00,"shippingDays":3,"status":"reserved","failure":"","reason":""}`, string(written))
	}
	var r order.Record
	db.Load("Orders", "ORD-3001", &r)
	assert.Equal(t, []any{"domestic", "7.00", 3}, []any{r.ShippingZone, string(r.ShippingCost), r.ShippingDays})
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		in      Input
		status  order.Status
		failure string
		reason  string
	}{
		{steptest.Sample[Input](t, "processResults-refused"), order.Rejected, "CustomerRefused", "the last 3 payments of the customer failed"},
		{answers(t, 2, `{"deliverable":false,"shippingCost":null,"reason":"nobody ships to XK"}`), order.Rejected, "ShippingUnavailable", "nobody ships to XK"},
		{answers(t, 0, `{"orderId":"ORD-3001","inventoryAvailable":false,"error":"LAPTOP001: Insufficient stock. Available: 0"}`), order.OutOfStock, "InsufficientInventory", "LAPTOP001: Insufficient stock. Available: 0"},
	} {
		h, db := setUp(t, order.Reserved)
		got, err := h.handle(t.Context(), c.in)
		require.NoError(t, err, c.failure)
		assert.Equal(t, []any{400, false, c.status, c.failure, c.reason}, []any{got.StatusCode, got.Accepted, got.Status, got.Failure, got.Reason})
		var r order.Record
		db.Load("Orders", "ORD-3001", &r)
		assert.Equal(t, order.Reserved, r.Status, "the compensation closes the order")
	}
}

func TestErrors(t *testing.T) {
	less := steptest.Sample[Input](t, "processResults")
	less.Results = less.Results[:2]
	more := steptest.Sample[Input](t, "processResults")
	more.Results = append(more.Results, json.RawMessage(`{}`))
	stranger := steptest.Sample[Input](t, "processResults")
	stranger.Execution.ID = "another"
	for _, c := range []struct {
		what   string
		status order.Status
		in     Input
		want   failure.Name
	}{
		{"nobody's order", order.Reserved, Input{}, failure.InputMalformed},
		{"a branch is missing", order.Reserved, less, failure.InputMalformed},
		{"a branch too many", order.Reserved, more, failure.InputMalformed},
		{"a branch says nothing", order.Reserved, answers(t, 1, `{}`), failure.InputMalformed},
		{"null", order.Reserved, answers(t, 1, `null`), failure.InputMalformed},
		{"a list", order.Reserved, answers(t, 1, `[true]`), failure.InputMalformed},
		{"yes is no boolean", order.Reserved, answers(t, 1, `{"customerValid":"yes"}`), failure.InputMalformed},
		{"about another order", order.Reserved, answers(t, 0, `{"orderId":"ORD-1","inventoryAvailable":true}`), failure.InputMalformed},
		{"a hostile cost", order.Reserved, answers(t, 2, `{"deliverable":true,"shippingCost":1e999999999,"currency":"USD"}`), failure.InputMalformed},
		{"another's order", order.Reserved, stranger, failure.OrderSuperseded},
		{"not reserved", order.Validated, steptest.Sample[Input](t, "processResults"), failure.OrderSuperseded},
		{"closed meanwhile", order.Rejected, steptest.Sample[Input](t, "processResults"), failure.OrderSuperseded},
	} {
		h, db := setUp(t, c.status)
		_, err := h.handle(t.Context(), c.in)
		if assert.Error(t, err, c.what) {
			assert.Equal(t, c.want, failure.NameOf(err), c.what)
		}
		var r order.Record
		db.Load("Orders", "ORD-3001", &r)
		assert.Empty(t, r.ShippingZone, c.what)
	}
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "ORDERS_TABLE")
}
