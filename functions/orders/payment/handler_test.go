package main

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/bus"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/payment"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

// gateway is a provider with a ledger: idempotent by order, as promised.
type gateway struct {
	mu      sync.Mutex
	ledger  map[string]int // charged minus refunded
	asked   int
	decline bool
	err     error
	during  func() // what happens in the world while it thinks
}

func (g *gateway) Charge(_ context.Context, c payment.Charge) (payment.Receipt, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked++
	if g.during != nil {
		g.during()
	}
	switch {
	case g.err != nil:
		return payment.Receipt{}, g.err
	case g.decline:
		return payment.Receipt{Reason: "Payment processing failed"}, nil
	}
	g.ledger[c.OrderID] = int(c.Amount.Minor)
	return payment.Receipt{Approved: true, PaymentID: "pay_1", TransactionID: "txn_1"}, nil
}

func (g *gateway) Refund(_ context.Context, id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.ledger, id)
	return g.err
}

// events is an EventBridge that records details, and may be out of order.
type events struct {
	mu      sync.Mutex
	details []string
	err     error
}

func (e *events) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return nil, e.err
	}
	for _, entry := range in.Entries {
		e.details = append(e.details, *entry.Source+" "+*entry.DetailType+" "+*entry.Detail)
	}
	return &eventbridge.PutEventsOutput{}, nil
}

type world struct {
	handler
	db      *tabletest.DB
	gateway *gateway
	events  *events
}

// setUp stores order ORD-1001 as far as status, for the samples' execution.
func setUp(t *testing.T, status order.Status) world {
	t.Helper()
	db := tabletest.New(map[string]string{"Orders": "orderId", "Inventory": "productId"})
	w := world{db: db, gateway: &gateway{ledger: map[string]int{}}, events: &events{}}
	book := order.Book{API: db, Orders: "Orders", Inventory: "Inventory"}
	w.handler = handler{book, w.gateway, bus.Publisher{API: w.events, Bus: "ecommerce-orders"}}
	db.Set("Orders", order.Record{OrderID: "ORD-1001", CustomerID: "CUST001", TotalAmount: "1029.98", Currency: "USD", Fingerprint: "f",
		Status: status, ExecutionID: steptest.Sample[Input](t, "payment").Execution.ID})
	return w
}

func (w world) record() (r order.Record) {
	w.db.Load("Orders", "ORD-1001", &r)
	return r
}

const completed = `ecommerce.payments Payment Completed {"orderId":"ORD-1001","status":"success","amount":1029.98,"currency":"USD","paymentId":"pay_1","transactionId":"txn_1","timestamp":1795255200}`

func TestPaid(t *testing.T) {
	for _, name := range []string{"payment", "payment-order-data"} {
		w := setUp(t, order.Reserved)
		got, err := w.handle(t.Context(), steptest.Sample[Input](t, name))
		require.NoError(t, err, name)
		written, err := json.Marshal(got)
		require.NoError(t, err)
		assert.JSONEq(t, `{"statusCode":200,"status":"processed","paymentStatus":"success","paymentId":"pay_1","transactionId":"txn_1","orderId":"ORD-1001",
			"amount":1029.98,"processedAt":"2026-11-21T10:00:00.000Z"}`, string(written), name)
		assert.Equal(t, []string{completed}, w.events.details, name)
		assert.Equal(t, order.Paid, w.record().Status, name)
		assert.Equal(t, 102998, w.gateway.ledger["ORD-1001"], name)
	}
}

func TestDeclined(t *testing.T) {
	w := setUp(t, order.Reserved)
	w.gateway.decline = true
	got, err := w.handle(t.Context(), steptest.Sample[Input](t, "payment"))
	require.NoError(t, err, "a decline is an answer")
	written, err := json.Marshal(got)
	require.NoError(t, err)
	assert.JSONEq(t, `{"statusCode":400,"status":"failed","paymentStatus":"failed","orderId":"ORD-1001","amount":1029.98,
		"processedAt":"2026-11-21T10:00:00Z","error":"Payment processing failed"}`, string(written))
	assert.Empty(t, w.events.details)
	assert.Equal(t, order.Reserved, w.record().Status)
}

// TestTakenOnce: repetitions, one after the other and at once, charge once and
// announce at least once.
func TestTakenOnce(t *testing.T) {
	w := setUp(t, order.Reserved)
	first, err := w.handle(t.Context(), steptest.Sample[Input](t, "payment"))
	require.NoError(t, err)
	again, err := w.handle(t.Context(), steptest.Sample[Input](t, "payment"))
	require.NoError(t, err)
	assert.Equal(t, first, again)
	assert.Equal(t, 1, w.gateway.asked)
	assert.Equal(t, []string{completed, completed}, w.events.details)

	w = setUp(t, order.Reserved)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			got, err := w.handle(t.Context(), steptest.Sample[Input](t, "payment"))
			assert.NoError(t, err)
			assert.Equal(t, first, got)
		})
	}
	wg.Wait()
	assert.Equal(t, map[string]int{"ORD-1001": 102998}, w.gateway.ledger)
}

// TestNotAnnounced: the payment is written down before it is announced, so the
// repetition announces and does not charge.
func TestNotAnnounced(t *testing.T) {
	w := setUp(t, order.Reserved)
	w.events.err = errors.New("no route to EventBridge")
	_, err := w.handle(t.Context(), steptest.Sample[Input](t, "payment"))
	require.Error(t, err)
	assert.Equal(t, order.Paid, w.record().Status)
	w.events.err = nil
	_, err = w.handle(t.Context(), steptest.Sample[Input](t, "payment"))
	require.NoError(t, err)
	assert.Equal(t, 1, w.gateway.asked)
	assert.Equal(t, []string{completed}, w.events.details)
}

// TestClosedMeanwhile: the order failed while the gateway was thinking; the
// money goes back.
func TestClosedMeanwhile(t *testing.T) {
	w := setUp(t, order.Reserved)
	w.gateway.during = func() {
		r := w.record()
		r.Status = order.PaymentFailed
		w.db.Set("Orders", r)
	}
	_, err := w.handle(t.Context(), steptest.Sample[Input](t, "payment"))
	assert.Equal(t, failure.OrderSuperseded, failure.NameOf(err))
	assert.Empty(t, w.gateway.ledger)
	assert.Empty(t, w.events.details)
}

// TestTakenOverMeanwhile: another execution has the order now and counts on the
// same charge; the money stays.
func TestTakenOverMeanwhile(t *testing.T) {
	w := setUp(t, order.Reserved)
	w.gateway.during = func() {
		r := w.record()
		r.ExecutionID = "another"
		w.db.Set("Orders", r)
	}
	_, err := w.handle(t.Context(), steptest.Sample[Input](t, "payment"))
	assert.Equal(t, failure.OrderSuperseded, failure.NameOf(err))
	assert.Equal(t, map[string]int{"ORD-1001": 102998}, w.gateway.ledger)
}

func TestErrors(t *testing.T) {
	in := func(change func(*Input)) Input {
		i := steptest.Sample[Input](t, "payment")
		change(&i)
		return i
	}
	for _, c := range []struct {
		what    string
		status  order.Status
		in      Input
		gateway error
		want    failure.Name
	}{
		{"nobody's order", order.Reserved, Input{}, nil, failure.InputMalformed},
		{"unknown order", order.Reserved, in(func(i *Input) { i.OrderID = "ORD-9999" }), nil, failure.OrderNotFound},
		{"unknown action", order.Reserved, in(func(i *Input) { i.Action = "double" }), nil, failure.InputMalformed},
		{"another amount", order.Reserved, in(func(i *Input) { i.Amount = "1029.99" }), nil, failure.PaymentAmountMismatch},
		{"a hostile amount", order.Reserved, in(func(i *Input) { i.Amount = "1e999999999" }), nil, failure.PaymentAmountMismatch},
		{"another's order", order.Reserved, in(func(i *Input) { i.Execution.ID = "another" }), nil, failure.OrderSuperseded},
		{"a failed order", order.OutOfStock, steptest.Sample[Input](t, "payment"), nil, failure.OrderSuperseded},
		{"gateway down", order.Reserved, steptest.Sample[Input](t, "payment"), errors.New("502"), failure.TransientUnavailable},
		{"time ran out", order.Reserved, steptest.Sample[Input](t, "payment"), context.DeadlineExceeded, failure.TransientTimeout},
		{"refund of a paid order", order.Paid, steptest.Sample[Input](t, "payment-refund"), nil, failure.OrderSuperseded},
		{"refund, gateway down", order.FulfillmentFailed, steptest.Sample[Input](t, "payment-refund"), errors.New("502"), failure.TransientUnavailable},
	} {
		w := setUp(t, c.status)
		w.gateway.err = c.gateway
		_, err := w.handle(t.Context(), c.in)
		if assert.Error(t, err, c.what) {
			assert.Equal(t, c.want, failure.NameOf(err), c.what)
		}
		assert.Empty(t, w.gateway.ledger, c.what)
		assert.Empty(t, w.events.details, c.what)
		assert.Equal(t, c.status, w.record().Status, c.what)
	}
}

func TestRefund(t *testing.T) {
	for _, status := range []order.Status{order.PaymentFailed, order.FulfillmentFailed, order.Rejected} {
		w := setUp(t, status)
		w.gateway.ledger["ORD-1001"] = 102998
		var first Result
		for range 2 {
			got, err := w.handle(t.Context(), steptest.Sample[Input](t, "payment-refund"))
			require.NoError(t, err)
			assert.Equal(t, "refunded", got.Status)
			if first == (Result{}) {
				first = got
			}
			assert.Equal(t, first, got)
		}
		assert.Empty(t, w.gateway.ledger)
		assert.Equal(t, "2026-11-21T10:00:00.000Z", w.record().RefundedAt)
		assert.Equal(t, status, w.record().Status)
	}
}

// TestRecord: an external gateway has charged, and called back, perhaps twice.
func TestRecord(t *testing.T) {
	in := steptest.Sample[Input](t, "payment-record")
	w := setUp(t, order.Reserved)
	for range 2 {
		got, err := w.handle(t.Context(), in)
		require.NoError(t, err)
		assert.Equal(t, []any{"processed", "pay_1", "txn_1"}, []any{got.Status, got.PaymentID, got.TransactionID})
	}
	assert.Equal(t, order.Paid, w.record().Status)
	assert.Equal(t, []string{completed, completed}, w.events.details)
	assert.Zero(t, w.gateway.asked, "the gateway has charged already")

	in.PaymentID = "pay_2"
	_, err := w.handle(t.Context(), in)
	assert.Equal(t, failure.OrderSuperseded, failure.NameOf(err), "an order has one payment")
	in.TransactionID = ""
	_, err = w.handle(t.Context(), in)
	assert.Equal(t, failure.InputMalformed, failure.NameOf(err))
}

// TestRecordTooLate: the order was closed before the gateway called back; the money
// goes back.
func TestRecordTooLate(t *testing.T) {
	w := setUp(t, order.PaymentFailed)
	w.gateway.ledger["ORD-1001"] = 102998
	_, err := w.handle(t.Context(), steptest.Sample[Input](t, "payment-record"))
	assert.Equal(t, failure.OrderSuperseded, failure.NameOf(err))
	assert.Empty(t, w.gateway.ledger)
	assert.Empty(t, w.events.details)
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "ORDERS_TABLE", "EVENT_BUS_NAME", "PAYMENT_DELAY=2s", "PAYMENT_DECLINE_PERCENT=10")
}
