package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

func setUp() (handler, *tabletest.DB) {
	db := tabletest.New(map[string]string{"Orders": "orderId"})
	return handler{order.Book{API: db, Orders: "Orders"}}, db
}

// submission reads a sample of events/.
func submission(t *testing.T, name string) order.Submission {
	t.Helper()
	text, err := os.ReadFile("../../../events/" + name + ".json")
	require.NoError(t, err)
	var s order.Submission
	require.NoError(t, json.Unmarshal(text, &s))
	return s
}

func TestSamples(t *testing.T) {
	for _, c := range []struct {
		sample, id, want string // want: the answer without its timestamp
	}{
		{"validate", "ORD-1001", `{"statusCode":200,"isValid":true,"orderId":"ORD-1001","customerId":"CUST001","amount":1029.98,"totalAmount":1029.98,
			"validatedOrder":{"orderId":"ORD-1001","customerId":"CUST001","items":[{"productId":"LAPTOP001","quantity":1,"price":999.99},{"productId":"MOUSE001","quantity":1,"price":29.99}],"totalAmount":1029.98,"currency":"USD"},
			"duplicate":false,"orderStatus":"validated","failure":""}`},
		{"validate-order-created", "ORD-1004", `{"statusCode":200,"isValid":true,"orderId":"ORD-1004","customerId":"CUST004","amount":159.98,"totalAmount":159.98,
			"validatedOrder":{"orderId":"ORD-1004","customerId":"CUST004","items":[{"productId":"KEYBOARD001","quantity":2,"price":79.99}],"totalAmount":159.98,"currency":"USD",
				"shippingAddress":{"name":"Ada Lovelace","street":"12 St James's Square","city":"London","postalCode":"SW1Y 4JH","country":"GB"}},
			"duplicate":false,"orderStatus":"validated","failure":""}`},
		{"validate-missing-field", "", `{"statusCode":400,"isValid":false,"orderId":"ORD-1006","customerId":"","amount":null,"totalAmount":null,"validatedOrder":null,
			"error":"Missing required field: customerId","duplicate":false,"orderStatus":"","failure":""}`},
		{"validate-wrong-total", "", `{"statusCode":400,"isValid":false,"orderId":"ORD-1001","customerId":"","amount":null,"totalAmount":null,"validatedOrder":null,
			"error":"totalAmount is 1000.00, but the items add up to 1029.98","duplicate":false,"orderStatus":"","failure":""}`},
	} {
		h, db := setUp()
		got, err := h.handle(t.Context(), submission(t, c.sample))
		require.NoError(t, err, c.sample)
		assert.NotEmpty(t, got.ValidationTimestamp, c.sample)
		got.ValidationTimestamp = ""
		written, err := json.Marshal(got)
		require.NoError(t, err)
		assert.JSONEq(t, c.want[:len(c.want)-1]+`,"validationTimestamp":""}`, string(written), c.sample)
		if c.id == "" {
			assert.Nil(t, db.Item("Orders", got.OrderID), "%s: nothing is stored of an order that is refused", c.sample)
			continue
		}
		var r order.Record
		require.True(t, db.Load("Orders", c.id, &r), c.sample)
		assert.Equal(t, order.Validated, r.Status, c.sample)
	}
}

// TestTimeIsTheCallers: the event's time makes the order's date, the
// execution's time everything else.
func TestTimeIsTheCallers(t *testing.T) {
	h, db := setUp()
	s := submission(t, "validate-order-created")
	s.Execution = submission(t, "validate").Execution
	got, err := h.handle(t.Context(), s)
	require.NoError(t, err)
	assert.Equal(t, "2026-11-21T10:00:00Z", got.ValidationTimestamp)
	var r order.Record
	db.Load("Orders", "ORD-1004", &r)
	assert.Equal(t, "2026-11-21T10:00:00.000Z", r.CreatedAt)
	assert.Equal(t, "6a7e8feb-b491-4cf7-a9f1-bf3703467718", r.EventID)
}

// TestDeliveredThreeTimes: three executions of the same event at once; one
// works at the order, the others are told that they do not.
func TestDeliveredThreeTimes(t *testing.T) {
	h, _ := setUp()
	s := submission(t, "validate")
	var owners, duplicates int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, id := range []string{"E1", "E2", "E3"} {
		wg.Go(func() {
			mine := s
			mine.Execution.ID = id
			got, err := h.handle(t.Context(), mine)
			mu.Lock()
			defer mu.Unlock()
			assert.NoError(t, err)
			assert.True(t, got.IsValid)
			if got.Duplicate {
				duplicates++
			} else {
				owners++
			}
		})
	}
	wg.Wait()
	assert.Equal(t, []int{1, 2}, []int{owners, duplicates})
}

// TestReplay: what an order came to is what a later delivery is told.
func TestReplay(t *testing.T) {
	h, db := setUp()
	s := submission(t, "validate")
	_, err := h.handle(t.Context(), s)
	require.NoError(t, err)
	var r order.Record
	db.Load("Orders", "ORD-1001", &r)
	r.Status, r.Failure = order.PaymentFailed, "PaymentProcessingFailed"
	db.Set("Orders", r)
	s.Execution.ID = "another"
	got, err := h.handle(t.Context(), s)
	require.NoError(t, err)
	assert.True(t, got.Duplicate)
	assert.Equal(t, order.PaymentFailed, got.OrderStatus)
	assert.Equal(t, "PaymentProcessingFailed", got.Failure)
}

// TestIdUsedTwice: a good order is not clobbered by another of the same id.
func TestIdUsedTwice(t *testing.T) {
	h, db := setUp()
	s := submission(t, "validate")
	_, err := h.handle(t.Context(), s)
	require.NoError(t, err)
	before := db.Item("Orders", "ORD-1001")
	s.Execution.ID, s.Order.CustomerID = "another", "CUST999"
	got, err := h.handle(t.Context(), s)
	require.NoError(t, err)
	assert.False(t, got.IsValid)
	assert.Equal(t, 400, got.StatusCode)
	assert.Equal(t, "order ORD-1001 was placed before, with other content", got.Error)
	assert.Equal(t, before, db.Item("Orders", "ORD-1001"))
}

func TestFault(t *testing.T) {
	h, db := setUp()
	db.Before = func(context.Context, string) error { return context.DeadlineExceeded }
	_, err := h.handle(t.Context(), submission(t, "validate"))
	assert.Equal(t, failure.TransientTimeout, failure.NameOf(err))
	assert.True(t, errors.Is(err, context.DeadlineExceeded))
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
