package main

// This file defines what a page reads: orders by status, and then the products that
// they hold.

import (
	"cmp"
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/table"
)

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

// read reads a page's worth, and tells whether that was the end.
func (h handler) read(ctx context.Context, in Input, d day, p *progress) (done bool, err error) {
	j := judge{in.Execution.Time, h.approval}
	for left := cmp.Or(in.Request.PageSize, pageSize); left > 0; {
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
func (q *quantity) UnmarshalDynamoDBAttributeValue(v types.AttributeValue) error { //nolint:unparam // the interface's error
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
