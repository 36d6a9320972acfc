package story

// This file defines the stories of approvals: looked at from time to time, called
// back, and asked for by the order workflow itself.

import (
	"context"
	"slices"
)

var approvalStories = []Story{
	{Name: "approval", Title: "An order waits for a person, who is looked after every 24 hours; another waits in vain", Virtual: true, tell: approvedByLooking},
	{Name: "approval-callback", Title: "An order waits for a person with a task token; the decision arrives three times", tell: approvedByCallback},
	{Name: "approval-threshold", Title: "An order above the threshold comes back when it is approved", Virtual: true, tell: aboveThreshold},
}

// decide publishes a decision about an order, in so many copies.
func (w *World) decide(ctx context.Context, id, decision string, copies int) error {
	entries, err := w.sample("approval-decided")
	if err != nil {
		return err
	}
	entries[0].detail["orderId"], entries[0].detail["decision"] = id, decision
	w.say("decision %s by %v", decision, entries[0].detail["approver"])
	return w.publish(ctx, slices.Repeat(entries[:1], copies)...)
}

// asked starts an approval of the sample's order.
func (w *World) asked(ctx context.Context, form string) (entry, string, error) {
	e, err := w.byHand("order-approval", "ORD-4001", accepted)
	if err != nil {
		return e, "", err
	}
	e.detail["form"] = form
	w.tellOrder(e)
	arn, err := w.start(ctx, "OrderApprovalWorkflow", e.detail)
	return e, arn, err
}

// ends waits until people were asked and until the approval's execution has ended,
// and holds its end, the order and the stock against what is expected.
func (w *World) ends(ctx context.Context, e entry, arn, end, status string, moved map[string]int) (run, error) {
	w.expect(len(w.hear(ctx, "Approval Requested", e.orderID(), 1)) > 0, "people must be asked about order %s", e.orderID())
	if err := w.playPeople(ctx); err != nil {
		return run{}, err
	}
	r, err := w.finish(ctx, arn)
	if err != nil {
		return r, err
	}
	w.tellRun(r)
	w.expect(r.end() == end, "the approval must end in %s, but ended in %s (%s: %s)", end, r.end(), r.err, r.cause)
	w.announced(ctx, e, status)
	return r, w.ordered(ctx, e, status, moved)
}

// approvedByLooking publishes the decision while the order waits. (Should it come
// before the order was asked about, Lambda tries again a minute later.)
func approvedByLooking(ctx context.Context, w *World) error {
	if err := w.seed(ctx, seedStock); err != nil {
		return err
	}
	e, arn, err := w.asked(ctx, "wait")
	if err != nil {
		return err
	}
	if err := w.decide(ctx, e.orderID(), "approved", 1); err != nil {
		return err
	}
	r, err := w.ends(ctx, e, arn, "OrderCompleted", "fulfilled", e.taken())
	if err != nil {
		return err
	}
	looks := func(r run) (n int) {
		for _, s := range r.states {
			if s == "WaitForApproval" {
				n++
			}
		}
		return n
	}
	w.expect(looks(r) == 1, "it must be approved at the first look, but was at look %d", looks(r))
	if _, err := w.caused(ctx, closingMachine, e.orderID(), 1); err != nil {
		return err
	}
	moved := e.taken()
	if e, arn, err = w.asked(ctx, "wait"); err != nil {
		return err
	}
	r, err = w.ends(ctx, e, arn, "ApprovalExpired", "rejected", moved)
	w.expect(looks(r) == 3, "the three days to decide are three looks, but there were %d", looks(r))
	return err
}

func approvedByCallback(ctx context.Context, w *World) error {
	if err := w.seed(ctx, seedStock); err != nil {
		return err
	}
	moved := map[string]int{}
	for _, c := range []struct{ decision, end, status string }{{"approved", "OrderCompleted", "fulfilled"}, {"rejected", "ApprovalRejected", "rejected"}} {
		e, arn, err := w.asked(ctx, "callback")
		if err != nil {
			return err
		}
		if err := w.decide(ctx, e.orderID(), c.decision, 3); err != nil {
			return err
		}
		if c.status == "fulfilled" {
			moved = e.taken()
		}
		if _, err := w.ends(ctx, e, arn, c.end, c.status, moved); err != nil {
			return err
		}
		row, err := w.item(ctx, "Approvals", e.orderID())
		if err != nil {
			return err
		}
		w.expect(row["status"] == c.decision, "the approval must be %s, but is %s", c.decision, row["status"])
		w.expect(row["taskToken"] == "", "a token that was answered must not be kept")
	}
	return nil
}

// aboveThreshold needs a stack with an ApprovalThreshold, as `run` deploys it.
func aboveThreshold(ctx context.Context, w *World) error {
	stock := slices.Clone(seedStock)
	stock[0].Quantity = 300
	if err := w.seed(ctx, stock); err != nil {
		return err
	}
	entries, err := w.sample("order-placed-insufficient")
	if err != nil {
		return err
	}
	e := entries[0]
	e.order()["items"], e.order()["totalAmount"] = []any{map[string]any{"productId": "LAPTOP001", "quantity": 200.0, "price": 999.99}}, 199998.00
	e.setOrderID(w.newOrderID("ORD-5001", accepted))
	w.tellOrder(e)
	if err := w.publish(ctx, e); err != nil {
		return err
	}
	if err := w.decide(ctx, e.orderID(), "approved", 2); err != nil {
		return err
	}
	approvals, err := w.caused(ctx, "OrderApprovalWorkflow", e.orderID(), 1)
	if err != nil {
		return err
	}
	asked, decided, err := w.aroundApproval(ctx, e.orderID())
	if err != nil {
		return err
	}
	for i, r := range []run{asked, approvals[0], decided} {
		w.tellRun(r)
		end := []string{"AwaitingApproval", "OrderCompleted", "OrderCompleted"}[i]
		w.expect(r.end() == end, "this execution must end in %s, but ended in %s (%s: %s)", end, r.end(), r.err, r.cause)
	}
	return w.ordered(ctx, e, "fulfilled", e.taken())
}

// aroundApproval finds the execution that asked for an approval, and the one that
// went on with it: a Standard one always, as the approval's own execution waits for it.
func (w *World) aroundApproval(ctx context.Context, id string) (asked, decided run, err error) {
	if !w.express {
		runs, err := w.caused(ctx, "OrderProcessingWorkflow", id, 2)
		if err != nil {
			return run{}, run{}, err
		}
		return runs[1], runs[0], nil
	}
	outcomes, err := w.await(ctx, map[string]expected{id: {executions: 1}})
	if err != nil {
		return run{}, run{}, err
	}
	runs, err := w.caused(ctx, "OrderProcessingWorkflow", id, 1)
	if err != nil {
		return run{}, run{}, err
	}
	return outcomes[0].runs[0], runs[0], nil
}
