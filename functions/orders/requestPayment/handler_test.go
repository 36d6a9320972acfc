package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/callback"
	"github.com/stepworks/stepworks/shared/callback/callbacktest"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

// outbox is a queue that remembers, and may be out of order.
type outbox struct {
	bodies []string
	err    error
	sent   func() // just before a message is taken
}

func (o *outbox) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	if o.sent != nil {
		o.sent()
	}
	if o.err == nil {
		o.bodies = append(o.bodies, *in.QueueUrl+" "+*in.MessageBody)
	}
	return &sqs.SendMessageOutput{}, o.err
}

type world struct {
	handler
	db     *tabletest.DB
	tasks  *callbacktest.Tasks
	outbox *outbox
}

func setUp(t *testing.T, status order.Status) world {
	t.Helper()
	w := world{db: tabletest.New(map[string]string{"Orders": "orderId", "CallbackTokens": "orderId"}), tasks: &callbacktest.Tasks{}, outbox: &outbox{}}
	w.db.Set("Orders", order.Record{OrderID: "ORD-6001", CustomerID: "CUST001", TotalAmount: "1029.98", Currency: "USD", Status: status, ExecutionID: steptest.Sample[Input](t, "requestPayment").Execution.ID})
	w.handler = handler{order.Book{API: w.db, Orders: "Orders"}, callback.Desk{API: w.db, Tasks: w.tasks, Table: "CallbackTokens", Unknown: failure.CallbackNotFound}, w.outbox, "url"}
	return w
}

func (w world) row() (r callback.Row) {
	w.db.Load("CallbackTokens", "ORD-6001", &r)
	return r
}

func TestRequested(t *testing.T) {
	w := setUp(t, order.Reserved)
	w.outbox.sent = func() { assert.NotEmpty(t, w.row().TaskToken, "the token is stored before the gateway can call back") }
	got, err := w.handle(t.Context(), steptest.Sample[Input](t, "requestPayment"))
	require.NoError(t, err)
	assert.Equal(t, Result{200, "External process initiated", "ORD-6001"}, got)
	assert.Equal(t, []string{`url {"orderId":"ORD-6001","customerId":"CUST001","amount":1029.98,"currency":"USD"}`}, w.outbox.bodies, "and without the token")
	row := w.row()
	assert.Equal(t, []any{"pending", steptest.Sample[Input](t, "requestPayment").TaskToken, steptest.Sample[Input](t, "requestPayment").Execution.ID, "2026-11-21T10:00:00.000Z"}, []any{row.Status, row.TaskToken, row.ExecutionID, row.OpenedAt})
	assert.Equal(t, steptest.Sample[Input](t, "requestPayment").Execution.Time.Add(30*24*time.Hour).Unix(), row.ExpiresAt)
}

// TestAskedAgain: the newest token waits; one that asks after the result hears it.
func TestAskedAgain(t *testing.T) {
	w := setUp(t, order.Reserved)
	for _, token := range []string{"T1", "T2"} {
		in := steptest.Sample[Input](t, "requestPayment")
		in.TaskToken = token
		_, err := w.handle(t.Context(), in)
		require.NoError(t, err)
		assert.Equal(t, token, w.row().TaskToken)
	}
	assert.Len(t, w.outbox.bodies, 2)
	_, _, err := w.desk.Settle(t.Context(), "ORD-6001", callback.Outcome{Status: "completed", Output: "paid", At: time.Unix(0, 0)})
	require.NoError(t, err)
	in := steptest.Sample[Input](t, "requestPayment")
	in.TaskToken = "T3"
	got, err := w.handle(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, "The external process has answered before", got.Message)
	assert.Len(t, w.outbox.bodies, 2, "the gateway is not asked once more")
	answer, _ := w.tasks.Answer("T3")
	assert.Equal(t, `"paid"`, answer)
}

func TestErrors(t *testing.T) {
	with := func(change func(*Input)) Input {
		in := steptest.Sample[Input](t, "requestPayment")
		change(&in)
		return in
	}
	for _, c := range []struct {
		what   string
		status order.Status
		in     Input
		want   failure.Name
	}{
		{"nobody's order", order.Reserved, Input{TaskToken: "T"}, failure.InputMalformed},
		{"nobody waits", order.Reserved, with(func(i *Input) { i.TaskToken = "" }), failure.InputMalformed},
		{"no time", order.Reserved, with(func(i *Input) { i.Execution.Time = time.Time{} }), failure.InputMalformed},
		{"unknown order", order.Reserved, with(func(i *Input) { i.OrderID = "ORD-9999" }), failure.OrderNotFound},
		{"another's order", order.Reserved, with(func(i *Input) { i.Execution.ID = "another" }), failure.OrderSuperseded},
		{"a failed order", order.PaymentFailed, steptest.Sample[Input](t, "requestPayment"), failure.OrderSuperseded},
		{"a paid order", order.Paid, steptest.Sample[Input](t, "requestPayment"), failure.OrderSuperseded},
	} {
		w := setUp(t, c.status)
		_, err := w.handle(t.Context(), c.in)
		if assert.Error(t, err, c.what) {
			assert.Equal(t, c.want, failure.NameOf(err), c.what)
			assert.NotContains(t, err.Error(), steptest.Sample[Input](t, "requestPayment").TaskToken, c.what)
		}
		assert.Empty(t, w.outbox.bodies, c.what)
		assert.Empty(t, w.row().Status, c.what)
	}
	w := setUp(t, order.Reserved)
	w.outbox.err = errors.New("no route to SQS")
	_, err := w.handle(t.Context(), steptest.Sample[Input](t, "requestPayment"))
	require.Error(t, err)
	assert.Equal(t, "pending", w.row().Status, "the next attempt goes on from here")
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "ORDERS_TABLE", "CALLBACK_TOKENS_TABLE", "PAYMENT_QUEUE_URL")
}
