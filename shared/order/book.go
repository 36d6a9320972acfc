package order

// This file defines the book: how an order is placed, and how one execution
// comes to work at it. reserve.go and progress.go hold the steps that follow.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/table"
)

// Lease is how long an execution may work at an order before another delivery of
// the same event may take over. It is longer than the state machine's timeout
// (TimeoutSeconds 1800), so whoever loses the order is no longer running.
const Lease = 35 * time.Minute

// rounds is how often a step looks again after somebody was faster. One is
// enough when it was a repetition of the same step; more would be a fault.
const rounds = 3

// Book is all orders, and the stock they draw on.
type Book struct {
	API       table.API
	Orders    string // name of the Orders table
	Inventory string // name of the Inventory table
	// Now tells the time to calls whose execution does not; nil is time.Now.
	Now func() time.Time
}

func (b Book) now(e Execution) time.Time {
	switch {
	case !e.Time.IsZero():
		return e.Time
	case b.Now != nil:
		return b.Now()
	}
	return time.Now()
}

// Placement is what became of a submission.
type Placement struct {
	Record    Record // as it stands in the book
	Duplicate bool   // the order was placed before, and is not this execution's to work on
	Problem   string // its id belongs to an order with other content; nothing was changed
}

// Place enters an accepted submission, once. The execution it comes with works
// at the order from then on. An order that is in the book already is left alone,
// except when the execution that had it cannot be running any more.
func (b Book) Place(ctx context.Context, s Submission) (Placement, error) {
	now := b.now(s.Execution)
	record, err := newRecord(s, now)
	if err != nil {
		return Placement{}, err
	}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		record.RequestID = lc.AwsRequestID
	}
	for range rounds {
		// A record without a fingerprint is of a refused submission: it reserves no id.
		err := table.Put(ctx, b.API, b.Orders, record, "attribute_not_exists(fingerprint)")
		standing, refused, err := b.standing(err)
		if err != nil || !refused {
			return Placement{Record: record}, err
		}
		placement, decided, err := b.meet(ctx, record, standing, now)
		if decided || err != nil {
			return placement, err
		}
	}
	return Placement{}, failure.New(failure.TransientThrottled, "order %s changes hands too fast", s.Order.ID)
}

// meet decides about a submission whose order is in the book. It is undecided
// only when the book changed under it.
func (b Book) meet(ctx context.Context, fresh, standing Record, now time.Time) (p Placement, decided bool, err error) {
	p.Record = standing
	switch {
	case standing.Fingerprint != fresh.Fingerprint:
		p.Problem = fmt.Sprintf("order %s was placed before, with other content", fresh.OrderID)
		return p, true, nil
	case standing.Status.Decided():
		p.Duplicate = true
		return p, true, nil
	case standing.ExecutionID == fresh.ExecutionID:
		return p, true, nil // a repetition of our own step
	case !expired(standing.ClaimedAt, now):
		p.Duplicate = true
		return p, true, nil
	}
	record, refused, err := b.update(ctx, fresh.OrderID, table.Write{
		Update:    "SET executionId = :me, claimedAt = :now, updatedAt = :now",
		Condition: "executionId = :them AND claimedAt = :since",
		Values:    map[string]any{":me": fresh.ExecutionID, ":now": stamp(now), ":them": standing.ExecutionID, ":since": standing.ClaimedAt},
	})
	return Placement{Record: record}, !refused, err
}

// expired tells whether a claim is older than the lease. A claim whose time
// cannot be read never expires: a person must look.
func expired(claimedAt string, now time.Time) bool {
	since, err := time.Parse(time.RFC3339, claimedAt)
	return err == nil && now.Sub(since) > Lease
}

// Load reads an order; one that is not in the book is Order.NotFound.
func (b Book) Load(ctx context.Context, id string) (Record, error) {
	var record Record
	found, err := table.Get(ctx, b.API, b.Orders, orderKey(id), &record)
	if err == nil && !found {
		err = failure.New(failure.OrderNotFound, "order %s is not in the book", id)
	}
	return record, err
}

// update makes one write of an order and returns the order as it stands then:
// written, or refused.
func (b Book) update(ctx context.Context, id string, w table.Write) (record Record, refused bool, err error) {
	w.Table, w.Key = b.Orders, orderKey(id)
	err = table.Update(ctx, b.API, w, &record)
	if standing, refused, err := b.standing(err); refused || err != nil {
		return standing, refused, err
	}
	return record, false, nil
}

// standing tells a refused write of an order from a fault, and returns the order
// that stood in its way.
func (b Book) standing(err error) (standing Record, refused bool, _ error) {
	var r *table.Refused
	if !errors.As(err, &r) {
		return standing, false, err
	}
	old, refused := r.Old[0]
	return standing, refused, attributevalue.UnmarshalMap(old, &standing)
}

func orderKey(id string) table.Item { return table.Key("orderId", id) }

// superseded says that the order is not the asking execution's to work on, or
// not in the state that the step needs.
func superseded(r Record, e Execution, doing string) error {
	switch {
	case r.OrderID == "":
		return failure.New(failure.OrderNotFound, "%s: the order is not in the book", doing)
	case r.ExecutionID != e.ID:
		return failure.New(failure.OrderSuperseded, "%s: execution %q has order %s, not %q", doing, r.ExecutionID, r.OrderID, e.ID)
	}
	return failure.New(failure.OrderSuperseded, "%s: order %s is %s", doing, r.OrderID, r.Status)
}
