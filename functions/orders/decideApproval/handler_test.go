package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/approval"
	"github.com/stepworks/stepworks/shared/callback"
	"github.com/stepworks/stepworks/shared/callback/callbacktest"
	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

func setUp(t *testing.T, orders ...string) (handler, *callbacktest.Tasks, *tabletest.DB) {
	t.Helper()
	db, tasks := tabletest.New(map[string]string{"Approvals": "orderId"}), &callbacktest.Tasks{}
	h := handler{approval.Desk{Questions: callback.Desk{API: db, Tasks: tasks, Table: "Approvals", Unknown: failure.ApprovalNotFound}}}
	for _, id := range orders {
		_, err := h.desk.Questions.Open(t.Context(), callback.Question{OrderID: id, Token: "token of " + id, At: time.Unix(0, 0)})
		require.NoError(t, err)
	}
	return h, tasks, db
}

func TestAnswers(t *testing.T) {
	h, tasks, _ := setUp(t, "ORD-4001")
	for _, c := range []struct {
		what   string
		sample string
		want   []any
	}{
		{"approved", "decideApproval", []any{200, true, "approved", "alice"}},
		{"approved again", "decideApproval", []any{200, false, "approved", "alice"}},
		{"too late to reject", "decideApproval-rejected", []any{409, false, "approved", "alice"}},
	} {
		got, err := h.handle(t.Context(), steptest.Sample[Input](t, c.sample))
		require.NoError(t, err, c.what)
		assert.Equal(t, c.want, []any{got.StatusCode, got.Changed, got.Status, got.Approver}, c.what)
	}
	answer, _ := tasks.Answer("token of ORD-4001")
	assert.Contains(t, answer, `"approved":true`)
	assert.Contains(t, answer, `"reason":"approved by alice: a known customer"`)
}

// TestAsAnEvent: the event's detail is the decision, its time the decision's.
func TestAsAnEvent(t *testing.T) {
	h, _, _ := setUp(t, "ORD-4001")
	said := steptest.Sample[Input](t, "decideApproval").ApprovalDecidedDetail
	got, err := h.handle(t.Context(), Input{Detail: &said, Time: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)})
	require.NoError(t, err)
	assert.Equal(t, []any{true, "2026-11-22T08:00:00Z"}, []any{got.Changed, got.DecidedAt})
}

// TestTwoHundredAtOnce: 200 orders, about each of which three people decide at
// once, and not the same. One decision counts, and all workflows hear it once.
func TestTwoHundredAtOnce(t *testing.T) {
	const orders = 200
	ids := make([]string, orders)
	for i := range ids {
		ids[i] = fmt.Sprint("ORD-", i)
	}
	h, tasks, _ := setUp(t, ids...)
	var wg sync.WaitGroup
	var changed atomic.Int32
	for _, id := range ids {
		for _, decision := range []string{"approved", "rejected", "approved"} {
			wg.Go(func() {
				got, err := h.handle(t.Context(), Input{ApprovalDecidedDetail: contract.ApprovalDecidedDetail{OrderID: id, Decision: decision, Approver: "somebody"}})
				assert.NoError(t, err)
				if got.Changed {
					changed.Add(1)
					assert.Equal(t, decision, got.Status)
				}
			})
		}
	}
	wg.Wait()
	assert.Equal(t, int32(orders), changed.Load())
	assert.True(t, strings.HasPrefix(tasks.Count(), "200 answered"), tasks.Count())
}

func TestBadInput(t *testing.T) {
	for what, in := range map[string]string{
		"nothing":                `{}`,
		"null":                   `{"orderId":null,"decision":null,"approver":null}`,
		"an empty detail":        `{"detail":{}}`,
		"no order":               `{"decision":"approved","approver":"alice"}`,
		"no approver":            `{"orderId":"ORD-4001","decision":"approved"}`,
		"neither yes nor no":     `{"orderId":"ORD-4001","decision":"maybe","approver":"alice"}`,
		"pending is no decision": `{"orderId":"ORD-4001","decision":"pending","approver":"alice"}`,
		"expired is not a word":  `{"orderId":"ORD-4001","decision":"expired","approver":"alice"}`,
		"a line in a name":       `{"orderId":"ORD-4001","decision":"approved","approver":"alice\nbob"}`,
		"blanks":                 `{"orderId":" ORD-4001","decision":"approved","approver":"alice"}`,
		"a long name":            `{"orderId":"ORD-4001","decision":"approved","approver":"` + strings.Repeat("a", 129) + `"}`,
		"a novel":                `{"orderId":"ORD-4001","decision":"rejected","approver":"alice","comment":"` + strings.Repeat("a", 1001) + `"}`,
	} {
		h, tasks, db := setUp(t, "ORD-4001")
		var decoded Input
		require.NoError(t, json.Unmarshal([]byte(in), &decoded), what)
		_, err := h.handle(t.Context(), decoded)
		if assert.Error(t, err, what) {
			assert.Equal(t, failure.InputMalformed, failure.NameOf(err), what)
		}
		var row callback.Row
		db.Load("Approvals", "ORD-4001", &row)
		assert.Equal(t, "pending", row.Status, what)
		assert.Equal(t, "0 answered, 0 refused, 0 beats", tasks.Count(), what)
	}
	h, _, _ := setUp(t)
	_, err := h.handle(t.Context(), steptest.Sample[Input](t, "decideApproval"))
	assert.Equal(t, failure.ApprovalNotFound, failure.NameOf(err))
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "APPROVALS_TABLE")
}
