package story

// This file defines the stories of the order workflow.

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
)

var orderStories = []Story{
	{Name: "placed", Title: "An order is placed, paid and fulfilled", tell: orderPlaced},
	{Name: "created", Title: "An order arrives in the other shape, from the default bus", tell: orderCreated},
	{Name: "insufficient", Title: "More is ordered than is in stock", tell: insufficientStock},
	{Name: "unknown", Title: "A product that nobody sells is ordered", tell: unknownProduct},
	{Name: "declined", Title: "The payment is declined, and the stock goes back", tell: paymentDeclined},
	{Name: "incomplete", Title: "An order lacks a field", tell: missingField},
	{Name: "repeated", Title: "The same order event arrives three times", tell: deliveredThrice},
	{Name: "rush", Title: "Twenty orders at once for the last five laptops", tell: rush},
}

// The seeds' stock; every story of orders begins with it.
var seedStock = []Stock{
	{Product: "LAPTOP001", Quantity: 50, Price: "999.99"},
	{Product: "MOUSE001", Quantity: 100, Price: "29.99"},
	{Product: "KEYBOARD001", Quantity: 75, Price: "79.99"},
}

// expected is what must come of an order.
type expected struct {
	status     string         // in the Orders table
	executions int            // how many the deliveries start
	ends       []string       // the states that executions may end in
	events     map[string]int // detail-type -> how often on the buses
}

var (
	fulfilled = expected{status: "fulfilled", executions: 1, ends: []string{"OrderCompleted"},
		events: map[string]int{"Payment Completed": 1, "Order Fulfilled": 1, "Invoice Issued": 1}}
	outOfStock = expected{status: "out_of_stock", executions: 1, ends: []string{"InsufficientInventory"}, events: map[string]int{"Order Failed": 1}}
	declined   = expected{status: "payment_failed", executions: 1, ends: []string{"PaymentFailed"}, events: map[string]int{"Order Failed": 1}}
	rejected   = expected{status: "rejected", executions: 1, ends: []string{"OrderValidationFailed"}, events: map[string]int{"Order Failed": 1}}
)

func orderPlaced(ctx context.Context, w *World) error {
	return w.oneOrder(ctx, "order-placed", accepted, fulfilled, map[string]int{"LAPTOP001": -1, "MOUSE001": -1})
}

func orderCreated(ctx context.Context, w *World) error {
	return w.oneOrder(ctx, "order-created", accepted, fulfilled, nil)
}

func insufficientStock(ctx context.Context, w *World) error {
	return w.oneOrder(ctx, "order-placed-insufficient", accepted, outOfStock, map[string]int{})
}

func unknownProduct(ctx context.Context, w *World) error {
	return w.oneOrder(ctx, "order-unknown-product", accepted, outOfStock, map[string]int{})
}

func paymentDeclined(ctx context.Context, w *World) error {
	return w.oneOrder(ctx, "order-declined", refused, declined, map[string]int{})
}

func missingField(ctx context.Context, w *World) error {
	return w.oneOrder(ctx, "order-missing-field", accepted, rejected, map[string]int{})
}

// oneOrder sends a sample and holds what comes of it against want. moved is the
// expected change of stock; nil where the sample's own items say it.
func (w *World) oneOrder(ctx context.Context, sample string, gateway decision, want expected, moved map[string]int) error {
	e, err := w.newOrder(ctx, sample, gateway)
	if err != nil {
		return err
	}
	if moved == nil {
		moved = e.taken()
	}
	if err := w.publish(ctx, e); err != nil {
		return err
	}
	return w.follow(ctx, map[string]expected{e.orderID(): want}, moved)
}

// newOrder stocks up and tells of a sample's order, under an id of its own.
func (w *World) newOrder(ctx context.Context, sample string, gateway decision) (entry, error) {
	if err := w.seed(ctx, seedStock); err != nil {
		return entry{}, err
	}
	entries, err := w.sample(sample)
	if err != nil {
		return entry{}, err
	}
	e := entries[0]
	e.setOrderID(w.newOrderID(e.orderID(), gateway))
	w.tellOrder(e)
	return e, nil
}

// deliveredThrice is what at-least-once delivery does to an order.
func deliveredThrice(ctx context.Context, w *World) error {
	e, err := w.newOrder(ctx, "order-placed", accepted)
	if err != nil {
		return err
	}
	w.say("it is delivered three times at once")
	if err := w.publish(ctx, e, e, e); err != nil {
		return err
	}
	want := fulfilled
	want.executions, want.ends = 3, []string{"OrderCompleted", "HandledElsewhere"}
	return w.follow(ctx, map[string]expected{e.orderID(): want}, map[string]int{"LAPTOP001": -1, "MOUSE001": -1})
}

// rush lets twenty customers want the last five laptops.
func rush(ctx context.Context, w *World) error {
	const orders, laptops = 20, 5
	stock := slices.Clone(seedStock)
	stock[0].Quantity = laptops
	if err := w.seed(ctx, stock); err != nil {
		return err
	}
	w.say("%d laptops are left, %d orders for one each come at once", laptops, orders)
	sample, err := w.sample("order-placed")
	if err != nil {
		return err
	}
	want := map[string]expected{}
	var wg sync.WaitGroup
	failed := make([]error, orders)
	for i := range orders {
		entry := sample[0].only("LAPTOP001")
		id := w.newOrderID("RUSH-"+strconv.Itoa(i+1), accepted)
		entry.setOrderID(id)
		want[id] = expected{executions: 1}
		wg.Go(func() { failed[i] = w.publish(ctx, entry) })
	}
	wg.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return w.followRush(ctx, want, laptops)
}

func (w *World) followRush(ctx context.Context, want map[string]expected, laptops int) error {
	outcomes, err := w.await(ctx, want)
	if err != nil {
		return err
	}
	count := map[string]int{}
	for _, o := range outcomes {
		count[o.status]++
	}
	w.say("outcome  %d fulfilled, %d out of stock", count["fulfilled"], count["out_of_stock"])
	w.expect(count["fulfilled"] == laptops && count["out_of_stock"] == len(want)-laptops,
		"exactly %d orders must be fulfilled and %d out of stock, but the statuses are %v", laptops, len(want)-laptops, count)
	w.say("events   %s", w.eventsOf(ctx, want))
	sum := 0
	for id := range want {
		sum += w.seen[id]["Payment Completed"]
	}
	w.expect(sum == laptops, "%d payments must be taken, but %d were", laptops, sum)
	return w.compareStock(ctx, map[string]int{"LAPTOP001": -laptops})
}

// follow waits for the executions of the orders and holds everything against
// what is expected.
func (w *World) follow(ctx context.Context, want map[string]expected, moved map[string]int) error {
	outcomes, err := w.await(ctx, want)
	if err != nil {
		return err
	}
	for _, o := range outcomes {
		for _, run := range o.runs {
			w.tellRun(run)
		}
		e := want[o.orderID]
		w.say("outcome  %s", w.verdict(o.status, o.status == e.status))
		w.expect(o.status == e.status, "order %s must end as %s, but is %s", o.orderID, e.status, o.status)
		for _, run := range o.runs {
			w.expect(!slices.Contains(run.states, "AnnounceFulfillment"), "the fulfillment of order %s must be announced by its step, the workflow is there for when that fails", o.orderID)
			w.expect(slices.Contains(e.ends, run.end()), "an execution of order %s must end in %v, but ended in %s (%s: %s)", o.orderID, e.ends, run.end(), run.err, run.cause)
		}
	}
	if err := w.compareStock(ctx, moved); err != nil {
		return err
	}
	w.say("events   %s", w.eventsOf(ctx, want))
	for id, e := range want {
		for detailType, n := range e.events {
			w.expect(w.seen[id][detailType] == n, "%q must be on the bus %d times for order %s, but is %d times", detailType, n, id, w.seen[id][detailType])
		}
		for detailType, n := range w.seen[id] {
			if _, ok := e.events[detailType]; !ok && detailType != "Order Placed" && detailType != "Order Created" {
				w.expect(false, "%q is on the bus %d times for order %s, which is not expected", detailType, n, id)
			}
		}
	}
	return nil
}

func (w *World) compareStock(ctx context.Context, moved map[string]int) error {
	after, err := w.stock(ctx)
	if err != nil {
		return err
	}
	line := ""
	for _, s := range w.before {
		now := after[s.Product]
		want := s.Quantity + moved[s.Product]
		if now.Quantity != s.Quantity {
			line += fmt.Sprintf("%s %d → %d   ", s.Product, s.Quantity, now.Quantity)
		}
		w.expect(now.Quantity == want, "%s must be at %d, but is at %d", s.Product, want, now.Quantity)
	}
	if line == "" {
		line = "as before"
	}
	w.say("stock    %s", line)
	return nil
}
