package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/object/objecttest"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

var update = flag.Bool("update", false, "write testdata/report.json anew")

// indexed is the tables with StatusIndex, which DynamoDB keeps by itself.
type indexed struct {
	*tabletest.DB
	queried func() // before each query
}

func (x indexed) Query(ctx context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	if x.queried != nil {
		x.queried()
	}
	if x.Before != nil {
		if err := x.Before(ctx, "Query"); err != nil {
			return nil, err
		}
	}
	if got := *in.IndexName + ": " + *in.KeyConditionExpression; got != "StatusIndex: #status = :status AND createdAt BETWEEN :from AND :until" {
		return nil, errors.New("an unexpected query: " + got)
	}
	text := func(item tabletest.Item, name string) string {
		s, _ := item[name].(*types.AttributeValueMemberS)
		if s == nil {
			return ""
		}
		return s.Value
	}
	place := func(item tabletest.Item) string { return text(item, "createdAt") + "\x00" + text(item, "orderId") }
	var found []tabletest.Item
	for _, item := range x.Rows(*in.TableName) {
		at := text(item, "createdAt")
		if text(item, "status") == text(in.ExpressionAttributeValues, ":status") && at >= text(in.ExpressionAttributeValues, ":from") &&
			at <= text(in.ExpressionAttributeValues, ":until") && (in.ExclusiveStartKey == nil || place(item) > place(in.ExclusiveStartKey)) {
			found = append(found, item)
		}
	}
	slices.SortFunc(found, func(a, b tabletest.Item) int { return cmp.Compare(place(a), place(b)) })
	out := &dynamodb.QueryOutput{Items: found}
	if n := int(*in.Limit); len(found) >= n { // as DynamoDB: a full page names its end, whether or not more follows
		out.Items = found[:n]
		last := found[n-1]
		out.LastEvaluatedKey = tabletest.Item{"orderId": last["orderId"], "status": last["status"], "createdAt": last["createdAt"]}
	}
	return out, nil
}

const night = "2026-11-22T02:00:00Z"

func at(clock string) string { return "2026-11-21T" + clock + ":00.000Z" }

// placed is an order of the 21st, as far as somebody has to do with it here.
func placed(id string, s order.Status, set func(*order.Record)) order.Record {
	r := order.Record{OrderID: id, CustomerID: "C", Items: []order.RecordLine{{ProductID: "LAPTOP001", Quantity: 2}}, TotalAmount: "10.01", Currency: "USD",
		Fingerprint: "f", Status: s, ExecutionID: "E", ClaimedAt: at("10:00"), CreatedAt: at("10:00"), UpdatedAt: at("10:00")}
	switch s {
	case order.Reserved:
		r.ReservationState = order.StockReserved
	case order.Paid:
		r.ReservationState, r.PaymentID = order.StockReserved, "pay_"+id
	case order.Fulfilled:
		r.ReservationState, r.PaymentID = order.StockCommitted, "pay_"+id
	case order.PaymentFailed, order.FulfillmentFailed:
		r.ReservationState = order.StockReleased
	}
	if set != nil {
		set(&r)
	}
	return r
}

// aDay is a day with everything that can be on one.
func aDay() []order.Record {
	return []order.Record{
		placed("GOOD-1", order.Fulfilled, nil),
		placed("GOOD-2", order.Fulfilled, func(r *order.Record) { r.TotalAmount, r.CreatedAt = "0.09", "2026-11-21T23:59:59.999Z" }),
		placed("YEN", order.Fulfilled, func(r *order.Record) {
			r.TotalAmount, r.Currency, r.CreatedAt = "1250", "JPY", "2026-11-21T00:00:00Z" // by hand, without milliseconds
		}),
		placed("DECLINED", order.PaymentFailed, nil),
		placed("REFUNDED", order.FulfillmentFailed, func(r *order.Record) { r.PaymentID, r.RefundedAt = "pay_r", at("10:05") }),
		{OrderID: "REFUSED", Status: order.Rejected, CreatedAt: at("11:00"), UpdatedAt: at("11:00")},
		placed("EMPTY", order.OutOfStock, nil),
		placed("STUCK", order.Validated, nil),
		placed("APPROVED", order.Validated, func(r *order.Record) { r.ApprovedAt = at("12:00") }),
		placed("WAITING", order.AwaitingApproval, nil),
		placed("FORGOTTEN", order.AwaitingApproval, func(r *order.Record) {
			r.CreatedAt, r.ClaimedAt = "2026-11-10T10:00:00.000Z", "2026-11-10T10:00:00.000Z"
		}),
		placed("HELD-BEFORE", order.Reserved, func(r *order.Record) {
			r.CreatedAt = "2026-11-20T10:00:00.000Z"
			r.Items = []order.RecordLine{{ProductID: "GONE", Quantity: 1}, {ProductID: "LAPTOP001", Quantity: 1}, {ProductID: "GONE", Quantity: 2}}
		}),
		placed("PAID", order.Paid, nil),
		placed("KEPT", order.PaymentFailed, func(r *order.Record) {
			r.PaymentID, r.ReservationState, r.Review = "pay_k", order.StockReserved, "the refund failed"
		}),
		placed("UNPAID", order.Fulfilled, func(r *order.Record) { r.PaymentID = "" }),
		placed("ODD", order.Fulfilled, func(r *order.Record) { r.ReservationState = order.StockReleased }),
		placed("CHARGED", order.Rejected, nil),
		placed("TOMORROW", order.Validated, func(r *order.Record) { r.CreatedAt = "2026-11-22T00:00:00.000Z" }),
		placed("YESTERDAY", order.Fulfilled, func(r *order.Record) { r.CreatedAt = "2026-11-20T23:59:59.999Z" }),
	}
}

type test struct {
	handler
	db *tabletest.DB
	s3 *objecttest.Server
}

func setUp(t *testing.T, orders []order.Record) *test {
	t.Helper()
	db, s3 := tabletest.New(map[string]string{"Orders": "orderId", "Inventory": "productId", "CallbackTokens": "orderId"}), objecttest.New(t)
	for _, r := range orders {
		db.Set("Orders", r)
	}
	db.Set("Orders", map[string]any{"orderId": "BY-HAND", "status": "paid", "createdAt": at("13:00"), "items": "two laptops"})
	db.Set("Inventory", map[string]any{"productId": "LAPTOP001", "quantity": 7})
	db.Set("CallbackTokens", map[string]any{"orderId": "CHARGED", "status": "completed"})
	db.Set("CallbackTokens", map[string]any{"orderId": "DECLINED", "status": "failed"})
	return &test{handler{api: indexed{db, nil}, orders: "Orders", inventory: "Inventory", callbacks: "CallbackTokens", bucket: s3.Bucket, approval: 72 * time.Hour}, db, s3}
}

func sample(t *testing.T, name string) (in Input) {
	t.Helper()
	text, err := os.ReadFile("../../../events/" + name + ".json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &in))
	return in
}

// run goes from page to page as the state machine does.
func (x *test) run(t require.TestingT, in Input) Summary {
	for range 1000 {
		got, err := x.handle(context.Background(), in)
		require.NoError(t, err)
		if got.Done {
			return *got.Summary
		}
		in.Page = got.Page
	}
	require.FailNow(t, "it does not end")
	return Summary{}
}

func (x *test) report(t require.TestingT) string {
	text, ok := x.s3.Text("reports/2026-11-21.json")
	require.True(t, ok)
	return text
}

// TestReport: what a day comes to, in pages of any size.
func TestReport(t *testing.T) {
	x := setUp(t, aDay())
	summary := x.run(t, sample(t, "reconcile"))
	if *update {
		require.NoError(t, os.WriteFile("testdata/report.json", []byte(x.report(t)), 0o600))
	}
	want, err := os.ReadFile("testdata/report.json")
	require.NoError(t, err)
	assert.Equal(t, string(want), x.report(t))
	assert.Equal(t, Summary{ProcessedDate: "2026-11-21", RecordsProcessed: 16, Status: "completed", Differences: 14, ReportBucket: objecttest.Bucket, ReportKey: "reports/2026-11-21.json", Errors: []Count{
		{UnknownCharge, 1}, {Unpaid, 1}, {ForReview, 1}, {Stuck, 5}, {Unreadable, 1}, {Unfulfilled, 2}, {StockOdd, 1}, {StockMissing, 1}, {StockHeld, 1}}}, summary)
	for _, size := range []int{1, 2, 3, 7} {
		x := setUp(t, aDay())
		in := sample(t, "reconcile")
		in.Request.PageSize = size
		assert.Equal(t, summary, x.run(t, in))
		assert.Equal(t, string(want), x.report(t), "pages of %d", size)
	}
}

// TestAgain: by the day's name, later, by hand: the same, but for who asked and when.
func TestAgain(t *testing.T) {
	x := setUp(t, aDay())
	first := x.run(t, sample(t, "reconcile"))
	before := x.report(t)
	again := sample(t, "reconcile-again")
	again.Request.PageSize = 4
	assert.Equal(t, first, x.run(t, again))
	for _, r := range [][2]string{{again.Execution.ID, sample(t, "reconcile").Execution.ID}, {"2026-11-23T09:30:00.000Z", "2026-11-22T02:00:01.000Z"}, {"somebody", "scheduled-event"}} {
		require.Contains(t, x.report(t), r[0])
		x.s3.Set("reports/2026-11-21.json", strings.Replace(x.report(t), r[0], r[1], 1))
	}
	assert.Equal(t, before, x.report(t))
}

// TestMended: what somebody has seen to is no difference any more.
func TestMended(t *testing.T) {
	x := setUp(t, []order.Record{placed("STUCK", order.Paid, nil)})
	x.db.Set("Orders", placed("BY-HAND", order.Fulfilled, nil))
	assert.Equal(t, 2, x.run(t, sample(t, "reconcile")).Differences) // stuck, and paid for nothing
	x.db.Set("Orders", placed("STUCK", order.Fulfilled, nil))
	assert.Equal(t, Summary{ProcessedDate: "2026-11-21", RecordsProcessed: 2, Errors: []Count{}, Status: "completed", ReportBucket: objecttest.Bucket, ReportKey: "reports/2026-11-21.json"},
		x.run(t, sample(t, "reconcile")))
}

// TestNothing: a day without orders has a report too, with lists that are empty and
// not absent.
func TestNothing(t *testing.T) {
	x := setUp(t, nil)
	in := sample(t, "reconcile")
	in.Request.BatchDate = "2026-01-02T02:00:00Z"
	assert.Equal(t, 0, x.run(t, in).RecordsProcessed)
	text, ok := x.s3.Text("reports/2026-01-01.json")
	require.True(t, ok)
	assert.NotContains(t, text, "null")
}

// TestRepeatedPage: a page whose answer got lost is made again, and counts nothing twice.
func TestRepeatedPage(t *testing.T) {
	x := setUp(t, aDay())
	in := sample(t, "reconcile")
	in.Request.PageSize = 3
	for done := false; !done; {
		var got Result
		for range 3 {
			var err error
			got, err = x.handle(t.Context(), in)
			require.NoError(t, err)
		}
		in.Page, done = got.Page, got.Done
	}
	want, err := os.ReadFile("testdata/report.json")
	require.NoError(t, err)
	assert.Equal(t, string(want), x.report(t))
}

// TestTwoAtOnce: two executions of a day do not meet, page for page.
func TestTwoAtOnce(t *testing.T) {
	x := setUp(t, aDay())
	first, second := sample(t, "reconcile"), sample(t, "reconcile")
	first.Request.PageSize, second.Request.PageSize = 3, 3
	second.Execution.ID = "another"
	var summary Summary
	for done := false; !done; {
		for _, in := range []*Input{&first, &second} {
			got, err := x.handle(t.Context(), *in)
			require.NoError(t, err)
			if in.Page, done = got.Page, got.Done; done {
				summary = *got.Summary
			}
		}
	}
	assert.Equal(t, 16, summary.RecordsProcessed)
}

func TestRefused(t *testing.T) {
	x := setUp(t, nil)
	for _, c := range []struct {
		request string
		want    string
	}{
		{`{}`, "batchDate must be a time such as"},
		{`{"batchDate":null}`, "batchDate must be a time such as"},
		{`{"batchDate":""}`, "batchDate must be a time such as"},
		{`{"batchDate":"yesterday"}`, "batchDate must be a time such as"},
		{`{"batchDate":"2026-11-31"}`, "batchDate must be a time such as"},
		{`{"batchDate":"2026-11-21 "}`, "batchDate must be a time such as"},
		{`{"batchDate":"2026-11-21T02:00:00"}`, "batchDate must be a time such as"},
		{`{"batchDate":"../../2026-11-21"}`, "batchDate must be a time such as"},
		{`{"batchDate":"2026-11-21/../../x"}`, "batchDate must be a time such as"},
		{`{"batchDate":"1732240800"}`, "batchDate must be a time such as"},
		{`{"batchDate":"` + strings.Repeat("9", 100_000) + `"}`, "batchDate must be a time such as"},
		{`{"batchDate":"0001-01-01T00:00:00Z"}`, "there were no orders before 2000-01-01"},
		{`{"batchDate":"0000-01-01T00:00:00Z"}`, "there were no orders before 2000-01-01"},
		{`{"batchDate":"1999-12-31"}`, "there were no orders before 2000-01-01"},
		{`{"batchDate":"2026-11-23"}`, "had not begun by 2026-11-22T02:00:01Z"},
		{`{"batchDate":"2062-11-22T02:00:00Z"}`, "means 2062-11-21, which had not begun"},
		{`{"batchDate":"9999-12-31T23:59:59-23:59"}`, "had not begun"},
		{`{"batchDate":"2026-11-21","batchType":"weekly"}`, "batchType must be daily-reconciliation"},
		{`{"batchDate":"2026-11-21","pageSize":-1}`, "pageSize must be from 1 to 5000"},
		{`{"batchDate":"2026-11-21","pageSize":5001}`, "pageSize must be from 1 to 5000"},
		{`{"batchDate":"2026-11-21","triggeredBy":"` + strings.Repeat("x", 129) + `"}`, "triggeredBy has 129 bytes"},
	} {
		in := sample(t, "reconcile")
		in.Request = Request{}
		require.NoError(t, json.Unmarshal([]byte(c.request), &in.Request))
		_, err := x.handle(t.Context(), in)
		require.ErrorContains(t, err, c.want, c.request)
		assert.Equal(t, failure.InputMalformed, failure.NameOf(err), c.request)
		assert.Less(t, len(err.Error()), 250)
	}
	assert.Empty(t, x.s3.Keys(), "nothing is half-done")
}

func TestDays(t *testing.T) {
	then := time.Date(2026, 11, 22, 2, 0, 1, 0, time.UTC)
	for text, want := range map[string]string{
		night:                           "2026-11-21",
		"2026-11-22T00:00:00Z":          "2026-11-21",
		"2026-11-22T23:59:59.999Z":      "2026-11-21",
		"2026-11-22T01:30:00+03:00":     "2026-11-20", // it was the 21st in UTC
		"2026-11-21T23:30:00-03:00":     "2026-11-21", // it was the 22nd
		"2026-03-01T02:00:00Z":          "2026-02-28",
		"2024-03-01T02:00:00Z":          "2024-02-29",
		"2026-01-01T02:00:00Z":          "2025-12-31",
		"2026-11-21":                    "2026-11-21",
		"2026-11-22":                    "2026-11-22", // it is not over
		"2000-01-01":                    "2000-01-01",
		"2026-11-22T02:00:00.123456Z":   "2026-11-21",
		"2026-11-22T02:00:00.000+00:00": "2026-11-21",
	} {
		d, err := Request{BatchDate: text}.dayOf(then)
		require.NoError(t, err, text)
		assert.Equal(t, want, d.String(), text)
		assert.Equal(t, want != "2026-11-22", d.over(then), text)
	}
}

func TestFaults(t *testing.T) {
	x := setUp(t, aDay())
	in := sample(t, "reconcile")
	in.Page = 7
	_, err := x.handle(t.Context(), in)
	assert.Equal(t, failure.ObjectNotFound, failure.NameOf(err), "a page that follows none")
	in.Page = -1
	_, err = x.handle(t.Context(), in)
	assert.Equal(t, failure.InputMalformed, failure.NameOf(err))
	in.Page = 0
	for _, operation := range []string{"Query", "BatchGetItem"} {
		x.db.Before = func(_ context.Context, o string) error {
			if o == operation {
				return errors.New("no route")
			}
			return nil
		}
		_, err = x.handle(t.Context(), in)
		require.ErrorContains(t, err, "no route", operation)
	}
	x.db.Before = nil
	x.s3.Fail(func(string, string) int { return http.StatusServiceUnavailable })
	for _, in.Request.PageSize = range []int{1, pageSize} {
		_, err = x.handle(t.Context(), in)
		assert.Equal(t, failure.TransientThrottled, failure.NameOf(err), fmt.Sprint(err))
	}
	assert.Empty(t, x.s3.Keys())
}

// TestSpoiltStock: what stands in Inventory instead of a number of pieces.
func TestSpoiltStock(t *testing.T) {
	for want, quantity := range map[string]types.AttributeValue{
		"Inventory has \"-3\" pieces of it":        &types.AttributeValueMemberN{Value: "-3"},
		"Inventory has \"1.5\" pieces of it":       &types.AttributeValueMemberN{Value: "1.5"},
		"Inventory has \"no number\" pieces of it": &types.AttributeValueMemberS{Value: "many"},
		"": nil,
	} {
		x := setUp(t, nil)
		x.db.Set("Orders", placed("BY-HAND", order.Fulfilled, nil))
		item := tabletest.Item{"productId": &types.AttributeValueMemberS{Value: "LAPTOP001"}}
		if quantity != nil {
			item["quantity"] = quantity
		}
		_, err := x.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("Inventory"), Item: item})
		require.NoError(t, err)
		summary := x.run(t, sample(t, "reconcile"))
		var r Report
		require.NoError(t, json.Unmarshal([]byte(x.report(t)), &r))
		if want == "" { // none left, as package order reads it
			assert.Zero(t, summary.Differences)
			continue
		}
		require.Len(t, r.Listed, 1, want)
		assert.Equal(t, Finding{Kind: StockNonsense, ProductID: "LAPTOP001", Detail: want}, r.Listed[0])
	}
}

// TestByHand: without an execution, as `sam local invoke` asks.
func TestByHand(t *testing.T) {
	x := setUp(t, aDay())
	x.run(t, Input{Request: Request{BatchDate: "2026-01-02", PageSize: 3}})
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	for _, name := range []string{"ORDERS_TABLE", "INVENTORY_TABLE", "CALLBACK_TOKENS_TABLE", "RECONCILIATIONS_BUCKET"} {
		t.Setenv(name, "x")
	}
	t.Setenv("APPROVAL_DEADLINE", "72h")
	_, err := wire()
	require.NoError(t, err)
	t.Setenv("APPROVAL_DEADLINE", "soon")
	_, err = wire()
	require.ErrorContains(t, err, "soon")
	t.Setenv("APPROVAL_DEADLINE", "")
	_, err = wire()
	require.ErrorContains(t, err, "APPROVAL_DEADLINE")
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	_, err = wire()
	require.ErrorContains(t, err, "AWS_REGION")
}
