package story

// This file defines the stories of the order workflow's variants, which are
// started by hand.

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

var variantStories = []Story{
	{Name: "parallel", Title: "Stock, customer and shipping are checked in parallel; nobody ships to the second order's country", tell: checkedInParallel},
	{Name: "callback", Title: "The payment gateway calls back: paid, and declined", tell: gatewayCallsBack},
	{Name: "callback-lost", Title: "The payment gateway never calls back", Virtual: true, tell: gatewayFallsSilent},
}

// byHand reads events/executions/NAME.json with a new order in it, of a customer
// of its own.
func (w *World) byHand(name, base string, gateway decision) (entry, error) {
	path := "events/executions/" + name + ".json"
	text, err := fs.ReadFile(w.Files, path)
	if err != nil {
		return entry{}, err
	}
	e := entry{}
	if err := json.Unmarshal(text, &e.detail); err != nil {
		return e, fmt.Errorf("%s: it must be a JSON object: %w", path, err)
	}
	e.setOrderID(w.newOrderID(base, gateway))
	e.order()["customerId"] = "CUST-" + e.orderID()
	return e, nil
}

// processed starts a machine with an order and holds what comes of it against
// what is expected.
func (w *World) processed(ctx context.Context, machine string, e entry, status, end string, moved map[string]int) error {
	w.tellOrder(e)
	arn, err := w.start(ctx, machine, e.detail)
	if err != nil {
		return err
	}
	r, err := w.finish(ctx, arn)
	if err != nil {
		return err
	}
	w.tellRun(r)
	w.expect(r.end() == end, "the execution must end in %s, but ended in %s (%s: %s)", end, r.end(), r.err, r.cause)
	w.announced(ctx, e, status)
	return w.ordered(ctx, e, status, moved)
}

// announced expects that the order's end was announced.
func (w *World) announced(ctx context.Context, e entry, status string) {
	announcement := "Order Failed"
	if status == "fulfilled" {
		announcement = "Order Fulfilled"
	}
	w.expect(len(w.hear(ctx, announcement, e.orderID(), 1)) > 0, "%q of order %s must be on the bus", announcement, e.orderID())
}

// ordered holds an order's record and the stock against what is expected.
func (w *World) ordered(ctx context.Context, e entry, status string, moved map[string]int) error {
	record, err := w.item(ctx, "Orders", e.orderID())
	if err != nil {
		return err
	}
	w.say("outcome  %s", w.verdict(record["status"], record["status"] == status))
	w.expect(record["status"] == status, "order %s must be %s, but is %s", e.orderID(), status, record["status"])
	return w.compareStock(ctx, moved)
}

// item reads an item's texts and numbers.
func (w *World) item(ctx context.Context, table, orderID string) (map[string]string, error) {
	out, err := w.tables.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(w.Prefix + table), ConsistentRead: aws.Bool(true),
		Key: map[string]ddb.AttributeValue{"orderId": &ddb.AttributeValueMemberS{Value: orderID}}})
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for name, v := range out.Item {
		switch v := v.(type) {
		case *ddb.AttributeValueMemberS:
			texts[name] = v.Value
		case *ddb.AttributeValueMemberN:
			texts[name] = v.Value
		}
	}
	return texts, nil
}

func checkedInParallel(ctx context.Context, w *World) error {
	if err := w.seed(ctx, seedStock); err != nil {
		return err
	}
	e, err := w.byHand("order-processing-parallel", "ORD-3001", accepted)
	if err != nil {
		return err
	}
	if err := w.processed(ctx, "EnhancedOrderProcessing", e, "fulfilled", "OrderCompleted", e.taken()); err != nil {
		return err
	}
	far, err := w.byHand("order-processing-parallel", "ORD-3001", accepted)
	if err != nil {
		return err
	}
	address, _ := far.order()["shippingAddress"].(map[string]any)
	address = maps.Clone(address)
	address["country"] = "XK"
	far.order()["shippingAddress"] = address
	return w.processed(ctx, "EnhancedOrderProcessing", far, "rejected", "ShippingUnavailable", e.taken())
}

// gatewayCallsBack lets the stand-in of the gateway call back by itself, and then
// repeats what it said.
func gatewayCallsBack(ctx context.Context, w *World) error {
	if err := w.seed(ctx, seedStock); err != nil {
		return err
	}
	e, err := w.byHand("order-payment-callback", "ORD-6001", accepted)
	if err != nil {
		return err
	}
	if err := w.processed(ctx, "OrderCallbackWorkflow", e, "fulfilled", "OrderCompleted", e.taken()); err != nil {
		return err
	}
	if err := w.repeatResult(ctx, e.orderID(), "failed"); err != nil {
		return err
	}
	no, err := w.byHand("order-payment-callback", "ORD-6002", refused)
	if err != nil {
		return err
	}
	return w.processed(ctx, "OrderCallbackWorkflow", no, "payment_failed", "PaymentFailed", e.taken())
}

// repeatResult calls back with another result, which must change nothing.
func (w *World) repeatResult(ctx context.Context, id, status string) error {
	entries, err := w.sample("payment-result")
	if err != nil {
		return err
	}
	entries[0].detail["orderId"], entries[0].detail["result"] = id, map[string]any{"status": status}
	w.say("callback once more, now %s", status)
	if err := w.publish(ctx, entries...); err != nil {
		return err
	}
	row, err := w.item(ctx, "CallbackTokens", id)
	if err != nil {
		return err
	}
	w.say("request  %s", row["status"])
	w.expect(row["status"] == "completed", "the first result must stand, but the request is %s", row["status"])
	w.expect(row["taskToken"] == "", "a token that was answered must not be kept")
	return nil
}

// gatewayFallsSilent: orders whose id begins with LOST- are lost by the stand-in.
func gatewayFallsSilent(ctx context.Context, w *World) error {
	if err := w.seed(ctx, seedStock); err != nil {
		return err
	}
	e, err := w.byHand("order-payment-callback", "LOST-6003", accepted)
	if err != nil {
		return err
	}
	if err := w.processed(ctx, "OrderCallbackWorkflow", e, "payment_failed", "PaymentTimedOut", map[string]int{}); err != nil {
		return err
	}
	record, err := w.item(ctx, "Orders", e.orderID())
	if err != nil {
		return err
	}
	w.expect(record["refundedAt"] != "", "whatever the gateway may have charged must be given back")
	return nil
}
