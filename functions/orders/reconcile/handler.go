package main

// This file defines the pages of a reconciliation: what was read so far lies in S3,
// a document for every page, and a page is made of the one before and of the
// tables. So a page that is repeated, because its answer got lost, counts nothing
// twice, and the workflow's state stays a few hundred bytes.

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/metric"
	"github.com/stepworks/stepworks/shared/object"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/table"
)

// Input is the day, which page of it, and who asks. The execution's time is when it
// started: all pages judge as of then.
type Input struct {
	Request   Request         `json:"request"`
	Page      int             `json:"page"`
	Execution order.Execution `json:"execution"`
}

// Result says whether there is another page, and what came of all if not.
type Result struct {
	Page    int      `json:"page"` // the next one
	Done    bool     `json:"done"`
	Read    int      `json:"read"` // orders so far
	Summary *Summary `json:"summary,omitempty"`
}

const (
	// pageSize is how many orders and products an invocation reads: a few seconds' work.
	pageSize = 5000
	// querySize is how many a query asks for; DynamoDB stops at 1 MB.
	querySize = 500
	// batchSize is how many keys BatchGetItem takes.
	batchSize = 100
	// maxProgress is more than a page's document can have, which is small but
	// for the products and the undecided orders.
	maxProgress = 64 << 20
)

type tables interface {
	table.API
	order.Querier
}

type handler struct {
	api                          tables
	orders, inventory, callbacks string // names of tables
	bucket                       *object.Bucket
	approval                     time.Duration
	page                         int
}

// progress is how far a reconciliation has come.
type progress struct {
	account
	Pass    int               `json:"pass"`    // in passes; beyond them: the stock
	After   order.Cursor      `json:"after"`   // within the pass
	Product string            `json:"product"` // the last one that was looked up
	Left    map[string]string `json:"left"`    // what there is of each product
}

// pass is a status to read: of all days up to the one that is meant where orders
// are undecided, of that day alone where they are not.
type pass struct {
	status   order.Status
	approved bool // of the validated ones, those that come back from approval
}

// passes are in the order in which orders go through them: see [account.meet].
var passes = []pass{
	{order.Validated, false}, {order.AwaitingApproval, false}, {order.Validated, true}, {order.Reserved, false}, {order.Paid, false},
	{order.Fulfilled, false}, {order.Rejected, false}, {order.OutOfStock, false}, {order.PaymentFailed, false}, {order.FulfillmentFailed, false},
}

func (h handler) handle(ctx context.Context, in Input) (Result, error) {
	if in.Execution.Time.IsZero() {
		in.Execution.Time = time.Now() // invoked by hand
	}
	d, err := in.Request.dayOf(in.Execution.Time)
	if err != nil {
		return Result{}, err
	}
	p, err := h.resume(ctx, in, d)
	if err != nil {
		return Result{}, err
	}
	done, err := h.read(ctx, in, d, p)
	switch {
	case err != nil:
		return Result{}, err
	case done:
		return h.finish(ctx, in, d, p)
	}
	next := in.Page + 1
	return Result{Page: next, Read: p.Orders}, h.bucket.PutJSON(ctx, workKey(in, d, next), p)
}

// resume reads what the pages before came to.
func (h handler) resume(ctx context.Context, in Input, d day) (*progress, error) {
	p := &progress{account: newAccount(), Left: map[string]string{}}
	switch {
	case in.Page < 0:
		return nil, failure.New(failure.InputMalformed, "page must be 0 or what the last page's result said, not %d", in.Page)
	case in.Page == 0:
		return p, nil
	}
	return p, h.bucket.GetJSON(ctx, workKey(in, d, in.Page), maxProgress, p)
}

// workKey is an execution's own, so that two of a day do not meet.
func workKey(in Input, d day, page int) string {
	return fmt.Sprintf("work/%s/%s/%d.json", d, order.DeriveID("run", in.Execution.ID), page)
}

func reportKey(d day) string { return fmt.Sprintf("reports/%s.json", d) }

// read reads a page's worth, and tells whether that was the end.
func (h handler) read(ctx context.Context, in Input, d day, p *progress) (done bool, err error) {
	j := judge{in.Execution.Time, h.approval}
	for left := h.page; left > 0; {
		n := 0
		if p.Pass < len(passes) {
			n, err = h.readOrders(ctx, j, d, p, min(left, querySize))
		} else if n, err = h.readStock(ctx, p, min(left, batchSize)); n == 0 {
			return true, err
		}
		if err != nil {
			return false, err
		}
		left -= max(n, 1)
	}
	return false, nil
}

// readOrders reads the next orders of a pass, and returns how many.
func (h handler) readOrders(ctx context.Context, j judge, d day, p *progress, n int) (int, error) {
	of := passes[p.Pass]
	from := "0" // before every day
	if of.status.Decided() {
		from = d.from()
	}
	page, next, err := order.Placed{API: h.api, Orders: h.orders}.Page(ctx, of.status, from, d.until(), p.After, int32(n)) //nolint:gosec // at most querySize
	if err != nil {
		return 0, err
	}
	var doubtful []order.Listed
	for _, l := range page {
		if of.status == order.Validated && of.approved != (l.ApprovedAt != "") || !p.meet(l.Record) {
			continue
		}
		if err := p.enter(l, l.CreatedAt >= d.from()); err != nil {
			p.find(about(l.Record, Unreadable, "it was counted without its amount or its stock: %.200s", err))
		}
		p.find(j.order(l)...)
		if j.mayBeCharged(l) {
			doubtful = append(doubtful, l)
		}
	}
	if p.After = next; next == (order.Cursor{}) {
		p.Pass++
	}
	return len(page), h.askGateway(ctx, p, doubtful)
}

// question is a row of CallbackTokens, as far as it is ours to know.
type question struct {
	OrderID string `dynamodbav:"orderId"`
	Status  string `dynamodbav:"status"`
}

// charged is how paymentCallback settles a request that the gateway has met.
const charged = "completed"

// askGateway looks for what the gateway said about orders that know of no payment.
func (h handler) askGateway(ctx context.Context, p *progress, orders []order.Listed) error {
	for len(orders) > 0 {
		some := orders[:min(len(orders), batchSize)]
		keys := make([]table.Item, len(some))
		for i, l := range some {
			keys[i] = table.Key("orderId", l.OrderID)
		}
		rows, err := table.GetAll[question](ctx, h.api, h.callbacks, keys)
		if err != nil {
			return err
		}
		said := map[string]string{}
		for _, row := range rows {
			said[row.OrderID] = row.Status
		}
		for _, l := range some {
			if said[l.OrderID] == charged {
				p.find(about(l.Record, UnknownCharge, "the gateway says that it was paid, and the order knows of no payment and no refund"))
			}
		}
		orders = orders[len(some):]
	}
	return nil
}

// shelf is a row of Inventory, as far as stock goes.
type shelf struct {
	ProductID string   `dynamodbav:"productId"`
	Quantity  quantity `dynamodbav:"quantity"`
}

// quantity is a number as it is written, or what stands in its place: a row that
// somebody has spoilt by hand is a difference, and no reason to stop.
type quantity string

// UnmarshalDynamoDBAttributeValue implements attributevalue.Unmarshaler.
func (q *quantity) UnmarshalDynamoDBAttributeValue(v types.AttributeValue) error {
	n, ok := v.(*types.AttributeValueMemberN)
	if *q = "no number"; ok {
		*q = quantity(n.Value)
	}
	return nil
}

// readStock looks the next products up that orders hold, and returns how many.
func (h handler) readStock(ctx context.Context, p *progress, n int) (int, error) {
	ids := p.products(p.Product)
	ids = ids[:min(len(ids), n)]
	if len(ids) == 0 {
		return 0, nil
	}
	keys := make([]table.Item, len(ids))
	for i, id := range ids {
		keys[i] = table.Key("productId", id)
	}
	shelves, err := table.GetAll[shelf](ctx, h.api, h.inventory, keys)
	if err != nil {
		return 0, err
	}
	for _, s := range shelves {
		p.Left[s.ProductID] = cmp.Or(string(s.Quantity), "0") // as package order reads it
	}
	for _, id := range ids {
		left, known := p.Left[id]
		p.find(onShelf(id, left, known, p.Stock[id])...)
	}
	p.Product = ids[len(ids)-1]
	return len(ids), nil
}

// onShelf finds what is wrong with the stock of a product.
func onShelf(id, left string, known bool, held pieces) []Finding {
	n, err := strconv.ParseInt(left, 10, 64)
	switch {
	case !known && held.Reserved > 0:
		return []Finding{{Kind: StockMissing, ProductID: id, Detail: fmt.Sprintf("orders hold %d pieces of it, and Inventory does not know it", held.Reserved)}}
	case known && (err != nil || n < 0):
		return []Finding{{Kind: StockNonsense, ProductID: id, Detail: fmt.Sprintf("Inventory has %.40q pieces of it", left)}}
	}
	return nil
}

// finish writes the report over the day's last one, and says so.
func (h handler) finish(ctx context.Context, in Input, d day, p *progress) (Result, error) {
	report, key := p.report(in, d), reportKey(d)
	if err := h.bucket.PutJSON(ctx, key, report); err != nil {
		return Result{}, err
	}
	metric.Value(metric.ReconciliationDifferences, json.Number(strconv.Itoa(report.Differences)), "", "")
	slog.InfoContext(ctx, "day reconciled", "day", d.String(), "orders", p.Orders, "differences", report.Differences, "report", key)
	return Result{Page: in.Page, Done: true, Read: p.Orders, Summary: &Summary{
		ProcessedDate: d.String(), RecordsProcessed: p.Orders, Errors: report.Errors, Status: "completed",
		Differences: report.Differences, ReportBucket: h.bucket.Name, ReportKey: key,
	}}, nil
}
