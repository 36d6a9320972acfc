package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

type row struct {
	ProductID string `dynamodbav:"productId"`
	Quantity  int64  `dynamodbav:"quantity"`
}

func setUp() (handler, *tabletest.DB) {
	db := tabletest.New(map[string]string{"Inventory": "productId", "Idempotency": "id"})
	db.Set("Inventory", row{"LAPTOP001", 50})
	return handler{db, "Inventory", "Idempotency"}, db
}

func left(db *tabletest.DB) int64 {
	var r row
	db.Load("Inventory", "LAPTOP001", &r)
	return r.Quantity
}

func TestBookedOnce(t *testing.T) {
	h, db := setUp()
	for _, status := range []string{processed, repeated} {
		got, err := h.handle(t.Context(), steptest.Sample[Input](t, "processItem"))
		require.NoError(t, err)
		assert.Equal(t, Result{ItemID: "delivery-1", ProductID: "LAPTOP001", Status: status}, got)
		assert.EqualValues(t, 60, left(db))
	}
	var b booking
	assert.True(t, db.Load("Idempotency", "batch#goods-in-1#delivery-1", &b))
	assert.EqualValues(t, steptest.Sample[Input](t, "processItem").Execution.Time.Add(kept).Unix(), b.ExpiresAt)
}

// TestItems: a bad item is an answer that says what would be right, and moves nothing.
func TestItems(t *testing.T) {
	for item, want := range map[string]string{
		`null`:        "itemId must have 1 to 64 bytes",
		`{}`:          "itemId must have 1 to 64 bytes",
		`"../../etc"`: "the item must be an object",
		`[1]`:         "the item must be an object",
		`{"itemId":7,"productId":"LAPTOP001","quantity":1}`:                                 "the item must be an object",
		`{"itemId":"a","productId":"LAPTOP001","quantity":"1"}`:                             "the item must be an object",
		`{"itemId":"a","productId":"LAPTOP001","quantity":1.5}`:                             "the item must be an object",
		`{"itemId":"a","productId":"LAPTOP001","quantity":1e99}`:                            "the item must be an object",
		`{"itemId":"a","productId":"LAPTOP001"}`:                                            "quantity must be from",
		`{"itemId":"a","productId":"LAPTOP001","quantity":1000001}`:                         "quantity must be from",
		`{"itemId":"a","productId":"LAPTOP001","quantity":-9223372036854775808}`:            "quantity must be from",
		`{"itemId":"a","productId":"","quantity":1}`:                                        "productId must have",
		`{"itemId":"a","productId":"=cmd()","quantity":1}`:                                  "no such product",
		`{"itemId":"a","productId":"NOBODY","quantity":-1}`:                                 "no such product",
		`{"itemId":"a","productId":"LAPTOP001","quantity":-51}`:                             "only 50 pieces are left",
		`{"itemId":"` + strings.Repeat("x", 65) + `","productId":"LAPTOP001","quantity":1}`: "itemId must have",
		`{"itemId":"a","productId":"` + strings.Repeat("x", 1<<20) + `","quantity":1}`:      "productId must have",
	} {
		h, db := setUp()
		in := steptest.Sample[Input](t, "processItem")
		in.Item = json.RawMessage(item)
		got, err := h.handle(t.Context(), in)
		require.NoError(t, err)
		assert.Equal(t, failed, got.Status, item)
		assert.Contains(t, got.Error, want, item)
		assert.Less(t, len(got.ItemID)+len(got.Error), 200, "a result stays short")
		assert.EqualValues(t, 50, left(db), item)
		assert.Empty(t, db.Rows("Idempotency"), item)
	}
}

// TestOneIdOneMeaning: a second item of the same id is not taken for the first.
func TestOneIdOneMeaning(t *testing.T) {
	h, db := setUp()
	in := steptest.Sample[Input](t, "processItem")
	_, err := h.handle(t.Context(), in)
	require.NoError(t, err)
	in.Item = json.RawMessage(`{"itemId":"delivery-1","productId":"LAPTOP001","quantity":-60}`)
	got, err := h.handle(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, Result{ItemID: "delivery-1", ProductID: "LAPTOP001", Status: failed, Error: `the batch has booked this itemId as "LAPTOP001 +10"`}, got)
	assert.EqualValues(t, 60, left(db))
	in.BatchID = "another"
	in.Item = json.RawMessage(`{"itemId":"delivery-1","productId":"LAPTOP001","quantity":-60}`)
	got, err = h.handle(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, processed, got.Status)
	assert.EqualValues(t, 0, left(db))
}

// TestManyAtOnce: of twenty deliveries of one item one moves the stock.
func TestManyAtOnce(t *testing.T) {
	h, db := setUp()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, err := h.handle(t.Context(), steptest.Sample[Input](t, "processItem"))
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.EqualValues(t, 60, left(db))
}

func TestErrors(t *testing.T) {
	h, db := setUp()
	in := steptest.Sample[Input](t, "processItem")
	in.BatchID = ""
	_, err := h.handle(t.Context(), in)
	assert.Equal(t, failure.InputMalformed, failure.NameOf(err))
	db.Before = func(context.Context, string) error { return errors.New("no route") }
	_, err = h.handle(t.Context(), steptest.Sample[Input](t, "processItem"))
	assert.ErrorContains(t, err, "no route")
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "INVENTORY_TABLE", "IDEMPOTENCY_TABLE")
}
