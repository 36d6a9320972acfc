package story

// This file defines the story of an order that is closed after its fulfillment.

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

var closingStories = []Story{
	{Name: "closing", Title: "A fulfilled order is shipped, invoiced and restocked once, although it is closed twice more", Virtual: true, tell: orderClosed},
}

const closingMachine = "CloseOrderWorkflow"

func orderClosed(ctx context.Context, w *World) error {
	e, err := w.newOrder(ctx, "order-placed", accepted)
	if err != nil {
		return err
	}
	id := e.orderID()
	if err := w.publish(ctx, e); err != nil {
		return err
	}
	if err := w.follow(ctx, map[string]expected{id: fulfilled}, map[string]int{"LAPTOP001": -1, "MOUSE001": -1}); err != nil {
		return err
	}
	runs, err := w.caused(ctx, closingMachine, id, 1)
	if err != nil {
		return err
	}
	for _, r := range runs {
		w.tellRun(r)
		w.expect(r.end() == "Order Closed", "the order must be closed, but the execution ended in %s (%s: %s)", r.end(), r.err, r.cause)
	}
	record, err := w.item(ctx, "Orders", id)
	if err != nil {
		return err
	}
	w.say("order    closed, %s", record["invoiceId"])
	closedAt, err := time.Parse(time.RFC3339, record["closedAt"])
	w.expect(err == nil && record["invoiceId"] == "INV-"+id, "order %s must be closed and invoiced, but its record says %v", id, record)
	if err := w.told(ctx, id, "restock", "ship"); err != nil {
		return err
	}
	if err := w.closeAgain(ctx, id, closedAt.Add(24*time.Hour)); err != nil {
		return err
	}
	return w.told(ctx, id)
}

// closeAgain starts the machine for a closed order, now and for later.
func (w *World) closeAgain(ctx context.Context, id string, later time.Time) error {
	for _, input := range []map[string]any{{"orderId": id}, {"orderId": id, "triggerTime": later.Format(time.RFC3339)}} {
		arn, err := w.start(ctx, closingMachine, input)
		if err != nil {
			return err
		}
		r, err := w.finish(ctx, arn)
		if err != nil {
			return err
		}
		w.tellRun(r)
		w.expect(r.end() == "Order Closed Already", "a closed order must stay closed, but the execution ended in %s (%s: %s)", r.end(), r.err, r.cause)
	}
	return nil
}

// told reads the queue as the warehouse would, and holds it against what must be
// there.
func (w *World) told(ctx context.Context, id string, want ...string) error {
	queue, err := w.queue(ctx, "orders.fifo")
	if err != nil {
		return err
	}
	messages, err := queue.collect(ctx, id, len(want)+1)
	if err != nil {
		return err
	}
	var kinds []string
	for _, text := range messages {
		var m struct{ Kind string }
		_ = json.Unmarshal([]byte(text), &m) // what is no message of ours has no kind
		kinds = append(kinds, m.Kind)
	}
	slices.Sort(kinds)
	w.say("queue    %v", kinds)
	w.expect(slices.Equal(kinds, want), "the warehouse must get %v about the order, but got %v", want, messages)
	return nil
}
