package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/callback"
	"github.com/stepworks/stepworks/shared/callback/callbacktest"
	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

func setUp(t *testing.T, orders ...string) (handler, *callbacktest.Tasks, *tabletest.DB) {
	t.Helper()
	db, tasks := tabletest.New(map[string]string{"CallbackTokens": "orderId"}), &callbacktest.Tasks{Over: map[string]bool{}}
	h := handler{callback.Desk{API: db, Tasks: tasks, Table: "CallbackTokens", Unknown: failure.CallbackNotFound}}
	for _, id := range orders {
		_, err := h.desk.Open(t.Context(), callback.Question{OrderID: id, Token: "token of " + id, At: time.Unix(0, 0)})
		require.NoError(t, err)
	}
	return h, tasks, db
}

// call is one callback of a story.
type call struct{ sample, outcome, status string }

func TestAnswers(t *testing.T) {
	const paid = `{"orderId":"ORD-6001","status":"success","paymentId":"pay_example","transactionId":"txn_example"}`
	for _, c := range []struct {
		what   string
		calls  []call
		over   bool // the task timed out before
		answer string
		count  string
	}{
		{"success", []call{{"paymentCallback", Answered, "completed"}}, false, paid, "1 answered, 0 refused, 0 beats"},
		{"failure", []call{{"paymentCallback-failed", Answered, "failed"}}, false, "ExternalProcessFailed: card expired", "1 answered, 0 refused, 0 beats"},
		{"a while, then success", []call{{"paymentCallback-processing", Beaten, "pending"}, {"paymentCallback-processing", Beaten, "pending"}, {"paymentCallback", Answered, "completed"}},
			false, paid, "1 answered, 0 refused, 2 beats"},
		{"twice", []call{{"paymentCallback", Answered, "completed"}, {"paymentCallback", Duplicate, "completed"}}, false, paid, "1 answered, 0 refused, 0 beats"},
		{"a contradiction", []call{{"paymentCallback-failed", Answered, "failed"}, {"paymentCallback", Duplicate, "failed"}}, false, "ExternalProcessFailed: card expired", "1 answered, 0 refused, 0 beats"},
		{"late", []call{{"paymentCallback", Late, "completed"}, {"paymentCallback", Duplicate, "completed"}}, true, "", "0 answered, 1 refused, 0 beats"},
		{"a late sign of life", []call{{"paymentCallback-processing", Late, "pending"}}, true, "", "0 answered, 0 refused, 0 beats"},
		{"a sign of life after the end", []call{{"paymentCallback", Answered, "completed"}, {"paymentCallback-processing", Duplicate, "completed"}}, false, paid, "1 answered, 0 refused, 0 beats"},
	} {
		h, tasks, _ := setUp(t, "ORD-6001")
		tasks.Over["token of ORD-6001"] = c.over
		for _, call := range c.calls {
			got, err := h.handle(t.Context(), steptest.Sample[Input](t, call.sample))
			require.NoError(t, err, c.what)
			assert.Equal(t, Result{200, "ORD-6001", call.outcome, call.status}, got, c.what)
		}
		answer, _ := tasks.Answer("token of ORD-6001")
		assert.Equal(t, c.answer, answer, c.what)
		assert.Equal(t, c.count, tasks.Count(), c.what)
	}
}

// TestWordsOfTheGateway: what it leaves out is made up, from the order.
func TestWordsOfTheGateway(t *testing.T) {
	for said, want := range map[string]string{
		`{"status":"success"}`:  `{"orderId":"A","status":"success","paymentId":"` + order.DeriveID("pay", "A") + `","transactionId":"` + order.DeriveID("txn", "A") + `"}`,
		`{"status":"exploded"}`: "ExternalProcessFailed: Unknown error",
	} {
		h, tasks, _ := setUp(t, "A")
		in := Input{Detail: &contract.PaymentResultDetail{OrderID: "A"}, Time: time.Unix(0, 0)}
		require.NoError(t, json.Unmarshal([]byte(said), &in.Detail.Result))
		_, err := h.handle(t.Context(), in)
		require.NoError(t, err)
		answer, _ := tasks.Answer("token of A")
		assert.Equal(t, want, answer)
	}
}

// TestTwoHundredAtOnce: 200 orders, each called back four times at once: twice
// with success, once with a failure, once with a sign of life. Each workflow is
// answered once.
func TestTwoHundredAtOnce(t *testing.T) {
	const orders = 200
	ids := make([]string, orders)
	for i := range ids {
		ids[i] = fmt.Sprint("ORD-", i)
	}
	h, tasks, db := setUp(t, ids...)
	var wg sync.WaitGroup
	var mu sync.Mutex
	outcomes := map[string]int{}
	for _, id := range ids {
		for _, status := range []string{"success", "failed", "success", "processing"} {
			wg.Go(func() {
				got, err := h.handle(t.Context(), Input{PaymentResultDetail: contract.PaymentResultDetail{OrderID: id, Result: contract.GatewayResult{Status: status}}})
				assert.NoError(t, err)
				mu.Lock()
				defer mu.Unlock()
				if status != "processing" {
					outcomes[got.Outcome]++
				}
			})
		}
	}
	wg.Wait()
	assert.Equal(t, orders, outcomes[Answered]+outcomes[Late], "one result of each order settles it: %v", outcomes)
	assert.True(t, strings.HasPrefix(tasks.Count(), "200 answered"), tasks.Count())
	for _, id := range ids {
		var row callback.Row
		db.Load("CallbackTokens", id, &row)
		answer, _ := tasks.Answer("token of " + id)
		assert.Equal(t, row.Status == "failed", strings.HasPrefix(answer, "ExternalProcessFailed"), id)
		assert.Empty(t, row.TaskToken, id)
		assert.False(t, row.Late, id)
	}
}

func TestBadInput(t *testing.T) {
	for what, in := range map[string]string{
		"nothing":           `{}`,
		"null":              `{"orderId":null,"result":null}`,
		"an empty detail":   `{"detail":{}}`,
		"no order":          `{"result":{"status":"success"}}`,
		"no result":         `{"orderId":"ORD-6001"}`,
		"no status":         `{"orderId":"ORD-6001","result":{"error":"?"}}`,
		"lines in a status": `{"orderId":"ORD-6001","result":{"status":"suc\ncess"}}`,
		"a long id":         `{"orderId":"` + strings.Repeat("a", 129) + `","result":{"status":"success"}}`,
		"a long payment":    `{"orderId":"ORD-6001","result":{"status":"success","paymentId":"` + strings.Repeat("a", 129) + `"}}`,
		"a hidden payment":  `{"orderId":"ORD-6001","result":{"status":"success","transactionId":"a\u0000b"}}`,
	} {
		h, tasks, db := setUp(t, "ORD-6001")
		var decoded Input
		require.NoError(t, json.Unmarshal([]byte(in), &decoded), what)
		_, err := h.handle(t.Context(), decoded)
		if assert.Error(t, err, what) {
			assert.Equal(t, failure.InputMalformed, failure.NameOf(err), what)
		}
		var row callback.Row
		db.Load("CallbackTokens", "ORD-6001", &row)
		assert.Equal(t, "pending", row.Status, what)
		assert.Equal(t, "0 answered, 0 refused, 0 beats", tasks.Count(), what)
	}
	for _, name := range []string{"paymentCallback", "paymentCallback-failed", "paymentCallback-processing"} {
		h, _, _ := setUp(t)
		_, err := h.handle(t.Context(), steptest.Sample[Input](t, name))
		assert.Equal(t, failure.CallbackNotFound, failure.NameOf(err), "%s: nobody asked", name)
	}
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "CALLBACK_TOKENS_TABLE")
}
