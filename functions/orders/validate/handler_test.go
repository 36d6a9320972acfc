package main

import (
	"context"
	"encoding/json"
	"errors"
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
	db := tabletest.New(map[string]string{"Orders": "orderId"})
	return handler{book: order.Book{API: db, Orders: "Orders"}}, db
}

func TestSamples(t *testing.T) {
	for _, c := range []struct {
		sample, id, want string // want: the answer without its timestamp
	}{
		{"validate", "ORD-1001", `{"statusCode":200,"isValid":true,"orderId":"ORD-1001","customerId":"CUST001","amount":1029.98,"totalAmount":1029.98,
			"validatedOrder":{"orderId":"ORD-1001","customerId":"CUST001","items":[{"productId":"LAPTOP001","quantity":1,"price":999.99},{"productId":"MOUSE001","quantity":1,"price":29.99}],"totalAmount":1029.98,"currency":"USD"},
			"duplicate":false,"orderStatus":"validated","failure":"","approvalRequired":false}`},
		{"validate-order-created", "ORD-1004", `{"statusCode":200,"isValid":true,"orderId":"ORD-1004","customerId":"CUST004","amount":159.98,"totalAmount":159.98,
			"validatedOrder":{"orderId":"ORD-1004","customerId":"CUST004","items":[{"productId":"KEYBOARD001","quantity":2,"price":79.99}],"totalAmount":159.98,"currency":"USD",
				"shippingAddress":{"name":"Ada Lovelace","street":"12 St James's Square","city":"London","postalCode":"SW1Y 4JH","country":"GB"}},
			"duplicate":false,"orderStatus":"validated","failure":"","approvalRequired":false}`},
		{"validate-missing-field", "", `{"statusCode":400,"isValid":false,"orderId":"ORD-1006","customerId":"","amount":null,"totalAmount":null,"validatedOrder":null,
			"error":"Missing required field: customerId","duplicate":false,"orderStatus":"","failure":"","approvalRequired":false}`},
		{"validate-wrong-total", "", `{"statusCode":400,"isValid":false,"orderId":"ORD-1001","customerId":"","amount":null,"totalAmount":null,"validatedOrder":null,
			"error":"totalAmount is 1000.00, but the items add up to 1029.98","duplicate":false,"orderStatus":"","failure":"","approvalRequired":false}`},
	} {
		h, db := setUp()
		got, err := h.handle(t.Context(), steptest.Sample[order.Submission](t, c.sample))
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
	s := steptest.Sample[order.Submission](t, "validate-order-created")
	s.Execution = steptest.Sample[order.Submission](t, "validate").Execution
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
	s := steptest.Sample[order.Submission](t, "validate")
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
	s := steptest.Sample[order.Submission](t, "validate")
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
	s := steptest.Sample[order.Submission](t, "validate")
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
	_, err := h.handle(t.Context(), steptest.Sample[order.Submission](t, "validate"))
	assert.Equal(t, failure.TransientTimeout, failure.NameOf(err))
	assert.True(t, errors.Is(err, context.DeadlineExceeded))
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "ORDERS_TABLE", "APPROVAL_THRESHOLD=0")
}

// TestThreshold: an order above it is accepted, and waits for somebody's approval.
func TestThreshold(t *testing.T) {
	for _, c := range []struct {
		what      string
		threshold int64
		currency  string
		approved  string
		want      bool
	}{
		{"off", 0, "USD", "", false},
		{"below", 1030, "USD", "", false},
		{"above", 1029, "USD", "", true},
		{"approved", 1029, "USD", "2026-11-21T10:00:00.000Z", false},
		{"beyond what an amount can be", 1 << 62, "USD", "", true},
	} {
		h, db := setUp()
		h.threshold = c.threshold
		in := steptest.Sample[order.Submission](t, "validate")
		_, err := h.handle(t.Context(), in)
		require.NoError(t, err, c.what)
		var r order.Record
		db.Load("Orders", in.OrderID, &r)
		r.ApprovedAt = c.approved
		db.Set("Orders", r)
		got, err := h.handle(t.Context(), in)
		require.NoError(t, err, c.what)
		assert.True(t, got.IsValid, c.what)
		assert.Equal(t, c.want, got.ApprovalRequired, c.what)
		in.Execution.ID = "another"
		got, err = h.handle(t.Context(), in)
		require.NoError(t, err, c.what)
		assert.False(t, got.ApprovalRequired, "%s: another's order is not this execution's to hold", c.what)
	}
}

func TestThresholdIsANumber(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("ORDERS_TABLE", "x")
	for _, text := range []string{"much", "-1", "1.5"} {
		t.Setenv("APPROVAL_THRESHOLD", text)
		_, err := wire()
		require.ErrorContains(t, err, "APPROVAL_THRESHOLD", text)
	}
}
