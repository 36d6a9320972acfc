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

func setUp(address, currency string, pieces ...int64) handler {
	db := tabletest.New(map[string]string{"Orders": "orderId"})
	r := order.Record{OrderID: "ORD-3001", CustomerID: "CUST001", ShippingAddress: address, Currency: currency}
	for _, n := range pieces {
		r.Items = append(r.Items, order.RecordLine{ProductID: "P", Quantity: n})
	}
	db.Set("Orders", r)
	return handler{order.Book{API: db, Orders: "Orders"}}
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		what, address, currency string
		pieces                  []int64
		want                    string
	}{
		{"no address", "", "USD", []int64{1}, `{"deliverable":true,"shippingCost":5.00,"zone":"domestic","days":3}`},
		{"an address as text", `"1 Main Street"`, "USD", []int64{1, 2}, `{"deliverable":true,"shippingCost":7.00,"zone":"domestic","days":3}`},
		{"no country", `{"city":"Springfield"}`, "USD", []int64{1}, `{"deliverable":true,"shippingCost":5.00,"zone":"domestic","days":3}`},
		{"next door", `{"country":"CA"}`, "CAD", []int64{3}, `{"deliverable":true,"shippingCost":16.00,"currency":"CAD","zone":"neighbor","days":6}`},
		{"overseas, in a currency without decimals", `{"country":"JP"}`, "JPY", []int64{2}, `{"deliverable":true,"shippingCost":29,"currency":"JPY","zone":"overseas","days":12}`},
		{"a list of countries", `{"country":"XK"}`, "USD", []int64{1}, `{"deliverable":false,"shippingCost":null,"zone":"","days":0,"reason":"nobody ships to XK"}`},
		{"not a country", `{"country":"usa"}`, "USD", []int64{1},
			`{"deliverable":false,"shippingCost":null,"zone":"","days":0,"reason":"order ORD-3001: shippingAddress.country must be two capital letters such as US, not usa"}`},
		{"a hostile country", `{"country":"../"}`, "USD", []int64{1},
			`{"deliverable":false,"shippingCost":null,"zone":"","days":0,"reason":"order ORD-3001: shippingAddress.country must be two capital letters such as US, not ../"}`},
	} {
		got, err := setUp(c.address, c.currency, c.pieces...).handle(t.Context(), steptest.Sample[order.Step](t, "calculateShipping"))
		require.NoError(t, err, c.what)
		written, err := json.Marshal(got)
		require.NoError(t, err)
		want := map[string]any{"statusCode": 200, "orderId": "ORD-3001", "currency": "USD"}
		require.NoError(t, json.Unmarshal([]byte(c.want), &want))
		all, err := json.Marshal(want)
		require.NoError(t, err)
		assert.JSONEq(t, string(all), string(written), c.what)
	}
}

// TestMistypedCountry: an address is kept as it came, so anything may stand in it.
func TestMistypedCountry(t *testing.T) {
	for _, address := range []string{`{"country":7}`, `{"country":["US"]}`, `{"country":{}}`} {
		got, err := setUp(address, "USD", 1).handle(t.Context(), steptest.Sample[order.Step](t, "calculateShipping"))
		require.NoError(t, err, address)
		assert.False(t, got.Deliverable, address)
		assert.NotEmpty(t, got.Reason, address)
	}
}

func TestErrors(t *testing.T) {
	for want, in := range map[failure.Name]order.Step{failure.InputMalformed: {}, failure.OrderNotFound: {OrderID: "ORD-9999"}} {
		_, err := setUp("", "USD", 1).handle(t.Context(), in)
		assert.Equal(t, want, failure.NameOf(err))
	}
	_, err := setUp("", "USD", 1<<62).handle(t.Context(), steptest.Sample[order.Step](t, "calculateShipping"))
	assert.ErrorContains(t, err, "more than can be written")
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "ORDERS_TABLE")
}
