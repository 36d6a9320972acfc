package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/approval"
	"github.com/stepworks/stepworks/shared/callback"
	"github.com/stepworks/stepworks/shared/callback/callbacktest"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

// at is the sample, so long after it.
func at(t *testing.T, after time.Duration) Input {
	t.Helper()
	in := steptest.Sample[Input](t, "checkApproval")
	in.Execution.Time = in.Execution.Time.Add(after)
	return in
}

func setUp() (handler, *callbacktest.Tasks, *tabletest.DB) {
	db, tasks := tabletest.New(map[string]string{"Orders": "orderId", "Approvals": "orderId"}), &callbacktest.Tasks{}
	db.Set("Orders", order.Record{OrderID: "ORD-4001", CustomerID: "CUST001", TotalAmount: "2999.97", Currency: "USD", Status: order.AwaitingApproval})
	return handler{approval.Desk{
		Book:      order.Book{API: db, Orders: "Orders"},
		Questions: callback.Desk{API: db, Tasks: tasks, Table: "Approvals", Unknown: failure.ApprovalNotFound},
		Wait:      24 * time.Hour, Deadline: 60 * time.Hour,
	}}, tasks, db
}

// TestWaitingForm: asked, looked at, and looked at until the deadline.
func TestWaitingForm(t *testing.T) {
	h, _, db := setUp()
	for _, c := range []struct {
		after             time.Duration
		status, nextCheck string
		left              int
	}{
		{0, "pending", "2026-11-22T10:00:00.000Z", 216000},
		{24 * time.Hour, "pending", "2026-11-23T10:00:00.000Z", 129600},
		{48 * time.Hour, "pending", "2026-11-23T22:00:00.000Z", 43200}, // not after the deadline
		{60 * time.Hour, "expired", "2026-11-23T22:00:00.000Z", 1},
		{61 * time.Hour, "expired", "2026-11-23T22:00:00.000Z", 1},
	} {
		got, err := h.handle(t.Context(), at(t, c.after))
		require.NoError(t, err)
		assert.Equal(t, []any{c.status, c.nextCheck, c.left, c.left + 60, "2026-11-23T22:00:00.000Z", 200},
			[]any{got.Status, got.NextCheck, got.HeartbeatSeconds, got.TimeoutSeconds, got.Deadline, got.StatusCode}, c.after)
	}
	var row callback.Row
	db.Load("Approvals", "ORD-4001", &row)
	assert.JSONEq(t, `{"customerId":"CUST001","totalAmount":2999.97,"currency":"USD"}`, row.Request)
}

// TestAnswerOnTheWire: a state machine may ask for every field.
func TestAnswerOnTheWire(t *testing.T) {
	h, _, _ := setUp()
	got, err := h.handle(t.Context(), steptest.Sample[Input](t, "checkApproval"))
	require.NoError(t, err)
	written, err := json.Marshal(got)
	require.NoError(t, err)
	assert.JSONEq(t, `{"orderId":"ORD-4001","status":"pending","approved":false,"approver":"","comment":"","reason":"","decidedAt":"","statusCode":200,
		"deadline":"2026-11-23T22:00:00.000Z","nextCheck":"2026-11-22T10:00:00.000Z","heartbeatSeconds":216000,"timeoutSeconds":216060}`, string(written))
}

// TestCallbackForm: the token is stored; a decision that was there first answers it.
func TestCallbackForm(t *testing.T) {
	h, tasks, _ := setUp()
	in := steptest.Sample[Input](t, "checkApproval-callback")
	_, err := h.handle(t.Context(), in)
	require.NoError(t, err)
	_, answered := tasks.Answer(in.TaskToken)
	assert.False(t, answered)
	_, changed, err := h.desk.Decide(t.Context(), "ORD-4001", approval.Verdict{Status: approval.Rejected, Approver: "bob", Comment: "too much", At: in.Execution.Time})
	require.NoError(t, err)
	assert.True(t, changed)
	want := `{"orderId":"ORD-4001","status":"rejected","approved":false,"approver":"bob","comment":"too much","reason":"rejected by bob: too much","decidedAt":"2026-11-21T10:00:00Z"}`
	got, _ := tasks.Answer(in.TaskToken)
	assert.JSONEq(t, want, got)

	in.TaskToken = "another"
	result, err := h.handle(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, "rejected", result.Status)
	got, _ = tasks.Answer("another")
	assert.JSONEq(t, want, got)
}

// TestDeadlineAnswersTheToken: a workflow that asks after the deadline hears so.
func TestDeadlineAnswersTheToken(t *testing.T) {
	h, tasks, _ := setUp()
	_, err := h.handle(t.Context(), steptest.Sample[Input](t, "checkApproval"))
	require.NoError(t, err)
	late := at(t, 60*time.Hour)
	late.TaskToken = "T"
	got, err := h.handle(t.Context(), late)
	require.NoError(t, err)
	assert.Equal(t, "nobody decided until 2026-11-23T22:00:00.000Z", got.Reason)
	answer, _ := tasks.Answer("T")
	assert.Contains(t, answer, `"status":"expired"`)
}

func TestErrors(t *testing.T) {
	timeless := steptest.Sample[Input](t, "checkApproval")
	timeless.Execution.Time = time.Time{}
	for _, c := range []struct {
		what string
		in   Input
		want failure.Name
	}{
		{"nobody's order", Input{}, failure.InputMalformed},
		{"unknown order", Input{Step: order.Step{OrderID: "ORD-9999"}}, failure.OrderNotFound},
		{"no time", timeless, failure.InputMalformed},
	} {
		h, _, db := setUp()
		_, err := h.handle(t.Context(), c.in)
		assert.Equal(t, c.want, failure.NameOf(err), c.what)
		var row callback.Row
		db.Load("Approvals", "ORD-4001", &row)
		assert.Empty(t, row.Status, "%s: nothing is asked", c.what)
	}
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "ORDERS_TABLE", "APPROVALS_TABLE", "APPROVAL_WAIT=24h", "APPROVAL_DEADLINE=72h")
	for _, wrong := range []string{"soon", "-1h", "0s"} {
		t.Setenv("APPROVAL_WAIT", wrong)
		_, err := wire()
		require.ErrorContains(t, err, "such as 24h", wrong)
	}
}
