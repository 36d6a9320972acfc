package main

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

// setUp stores order ORD-1016 of two laptops and a mouse, for the sample's execution.
func setUp(t *testing.T, status order.Status, stock string) (handler, *tabletest.DB) {
	t.Helper()
	db := tabletest.New(map[string]string{"Orders": "orderId", "Inventory": "productId"})
	db.Set("Inventory", map[string]any{"productId": "LAPTOP001", "quantity": 48})
	db.Set("Orders", order.Record{OrderID: "ORD-1016", Status: status, ReservationState: stock, ReservationID: "rsv_1", ExecutionID: steptest.Sample[Input](t, "releaseInventory").Execution.ID,
		Items: []order.RecordLine{{ProductID: "LAPTOP001", Quantity: 1}, {ProductID: "MOUSE001", Quantity: 1}, {ProductID: "LAPTOP001", Quantity: 1}}})
	return handler{order.Book{API: db, Orders: "Orders", Inventory: "Inventory"}}, db
}

func left(db *tabletest.DB, product string) int {
	var p struct {
		Quantity int `dynamodbav:"quantity"`
	}
	db.Load("Inventory", product, &p)
	return p.Quantity
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		what   string
		status order.Status
		stock  string
		want   string
		left   [2]int // laptops, mice
	}{
		{"stock goes back, even of a product taken off the list", order.Reserved, order.StockReserved,
			`{"statusCode":200,"orderId":"ORD-1016","orderStatus":"payment_failed","released":true,"reservationId":"rsv_1"}`, [2]int{50, 1}},
		{"after a payment", order.Paid, order.StockReserved,
			`{"statusCode":200,"orderId":"ORD-1016","orderStatus":"payment_failed","released":true,"reservationId":"rsv_1"}`, [2]int{50, 1}},
		{"nothing was reserved", order.Validated, "",
			`{"statusCode":200,"orderId":"ORD-1016","orderStatus":"payment_failed","released":false,"reservationId":"rsv_1"}`, [2]int{48, 0}},
		{"fulfilled after all", order.Fulfilled, order.StockCommitted,
			`{"statusCode":200,"orderId":"ORD-1016","orderStatus":"fulfilled","released":false,"reservationId":"rsv_1"}`, [2]int{48, 0}},
	} {
		h, db := setUp(t, c.status, c.stock)
		var wg sync.WaitGroup
		for range 3 { // three at once, as after a timeout of the first two
			wg.Go(func() {
				got, err := h.handle(t.Context(), steptest.Sample[Input](t, "releaseInventory"))
				if assert.NoError(t, err, c.what) {
					written, err := json.Marshal(got)
					assert.NoError(t, err)
					assert.JSONEq(t, c.want, string(written), c.what)
				}
			})
		}
		wg.Wait()
		assert.Equal(t, c.left, [2]int{left(db, "LAPTOP001"), left(db, "MOUSE001")}, c.what)
	}
}

func TestWhyIsWrittenDown(t *testing.T) {
	h, db := setUp(t, order.Reserved, order.StockReserved)
	_, err := h.handle(t.Context(), steptest.Sample[Input](t, "releaseInventory"))
	require.NoError(t, err)
	var r order.Record
	db.Load("Orders", "ORD-1016", &r)
	assert.Equal(t, []string{"PaymentFailed", "Payment processing failed", order.StockReleased}, []string{r.Failure, r.FailureReason, r.ReservationState})
}

func TestErrors(t *testing.T) {
	change := func(f func(*Input)) Input {
		in := steptest.Sample[Input](t, "releaseInventory")
		f(&in)
		return in
	}
	for _, c := range []struct {
		what string
		in   Input
		want failure.Name
	}{
		{"nobody's order", change(func(i *Input) { i.OrderID = "" }), failure.InputMalformed},
		{"unknown order", change(func(i *Input) { i.OrderID = "ORD-9999" }), failure.OrderNotFound},
		{"another's order", change(func(i *Input) { i.Execution.ID = "another" }), failure.OrderSuperseded},
		{"not a failure", change(func(i *Input) { i.Status = order.Fulfilled }), failure.InputMalformed},
		{"no status", change(func(i *Input) { i.Status = "" }), failure.InputMalformed},
	} {
		h, db := setUp(t, order.Reserved, order.StockReserved)
		_, err := h.handle(t.Context(), c.in)
		if assert.Error(t, err, c.what) {
			assert.Equal(t, c.want, failure.NameOf(err), c.what)
		}
		assert.Equal(t, 48, left(db, "LAPTOP001"), c.what)
	}
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "ORDERS_TABLE", "INVENTORY_TABLE")
}
