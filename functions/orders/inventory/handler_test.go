package main

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

func setUp() (handler, *tabletest.DB) {
	db := tabletest.New(map[string]string{"Orders": "orderId", "Inventory": "productId"})
	db.Set("Inventory", map[string]any{"productId": "LAPTOP001", "quantity": 5})
	db.Set("Inventory", map[string]any{"productId": "MOUSE001", "quantity": 100})
	return handler{order.Book{API: db, Orders: "Orders", Inventory: "Inventory"}}, db
}

// place stores an accepted order of these lines for the sample's execution.
func place(t *testing.T, h handler, id string, e order.Execution, lines ...order.Line) {
	t.Helper()
	s := order.Submission{Execution: e, OrderID: id, Order: order.Order{ID: id, CustomerID: "CUST001", Lines: lines}}
	s.Order.Total.Minor, s.Order.Total.Currency = 100, "USD"
	_, err := h.book.Place(t.Context(), s)
	require.NoError(t, err)
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
		what  string
		lines []order.Line
		want  string
		left  int
	}{
		{"enough", []order.Line{{ProductID: "LAPTOP001", Quantity: 1}, {ProductID: "MOUSE001", Quantity: 1}},
			`{"statusCode":200,"inventoryAvailable":true,"orderId":"ORD-1001","reservationId":"` + order.DeriveID("rsv", "ORD-1001") + `",
				"availabilityResults":[{"productId":"LAPTOP001","available":true,"availableQuantity":5},{"productId":"MOUSE001","available":true,"availableQuantity":100}]}`, 4},
		{"too little", []order.Line{{ProductID: "LAPTOP001", Quantity: 100}},
			`{"statusCode":200,"inventoryAvailable":false,"orderId":"ORD-1001","error":"LAPTOP001: Insufficient stock. Available: 5",
				"availabilityResults":[{"productId":"LAPTOP001","available":false,"reason":"Insufficient stock. Available: 5"}]}`, 5},
		{"unknown", []order.Line{{ProductID: "MOUSE001", Quantity: 1}, {ProductID: "TABLET001", Quantity: 1}},
			`{"statusCode":200,"inventoryAvailable":false,"orderId":"ORD-1001","error":"TABLET001: Product not found",
				"availabilityResults":[{"productId":"MOUSE001","available":true,"availableQuantity":100},{"productId":"TABLET001","available":false,"reason":"Product not found"}]}`, 5},
	} {
		h, db := setUp()
		in := steptest.Sample[order.Step](t, "inventory")
		place(t, h, "ORD-1001", in.Execution, c.lines...)
		got, err := h.handle(t.Context(), in)
		require.NoError(t, err, c.what)
		written, err := json.Marshal(got)
		require.NoError(t, err)
		assert.JSONEq(t, c.want, string(written), c.what)
		assert.Equal(t, c.left, left(db, "LAPTOP001"), c.what)
	}
}

func TestAskedAgain(t *testing.T) {
	h, db := setUp()
	in := steptest.Sample[order.Step](t, "inventory")
	place(t, h, "ORD-1001", in.Execution, order.Line{ProductID: "LAPTOP001", Quantity: 5})
	first, err := h.handle(t.Context(), in)
	require.NoError(t, err)
	again, err := h.handle(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, first.ReservationID, again.ReservationID)
	assert.True(t, again.InventoryAvailable, "it has its share, though nothing is left")
	assert.Zero(t, left(db, "LAPTOP001"))
}

// TestLastFive: twenty orders at once for the last five laptops.
func TestLastFive(t *testing.T) {
	h, db := setUp()
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := map[bool]int{}
	for i := range 20 {
		id := fmt.Sprint("RUSH-", i)
		place(t, h, id, order.Execution{ID: id}, order.Line{ProductID: "LAPTOP001", Quantity: 1})
		wg.Go(func() {
			result, err := h.handle(t.Context(), order.Step{OrderID: id, Execution: order.Execution{ID: id}})
			mu.Lock()
			defer mu.Unlock()
			assert.NoError(t, err)
			got[result.InventoryAvailable]++
		})
	}
	wg.Wait()
	assert.Equal(t, map[bool]int{true: 5, false: 15}, got)
	assert.Zero(t, left(db, "LAPTOP001"))
}

func TestErrors(t *testing.T) {
	h, _ := setUp()
	place(t, h, "ORD-1001", order.Execution{ID: "another"}, order.Line{ProductID: "LAPTOP001", Quantity: 1})
	for want, in := range map[failure.Name]order.Step{
		failure.InputMalformed:  {},
		failure.OrderNotFound:   {OrderID: "ORD-9999"},
		failure.OrderSuperseded: steptest.Sample[order.Step](t, "inventory"),
	} {
		_, err := h.handle(t.Context(), in)
		assert.Equal(t, want, failure.NameOf(err))
	}
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "ORDERS_TABLE", "INVENTORY_TABLE")
}
