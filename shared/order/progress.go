package order

// This file defines what follows a reservation: payment, fulfillment, and the
// closing of an order that failed. Each is one write whose condition is the
// state it needs, so two that race cannot both win.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/table"
)

// deliveryTime is what a customer is promised.
const deliveryTime = 7 * 24 * time.Hour

// statusName is the alias of a reserved word.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html
var statusName = map[string]string{"#status": "status"}

// PaidFor tells whether the order's payment stands: recorded, and not undone by
// a failure afterwards.
func (r Record) PaidFor() bool { return r.PaymentID != "" && !r.Status.Failed() }

// OpenFor tells whether the execution may charge for the order: it is this
// execution's, accepted and not decided.
func (r Record) OpenFor(e Execution) error {
	if r.ExecutionID == e.ID && (r.Status == Validated || r.Status == Reserved) {
		return nil
	}
	return superseded(r, e, "charge for")
}

// RecordPayment notes a successful charge. If the order has this payment
// already, that one is returned. If the order is no longer the execution's to
// charge for, the error is Order.Superseded and the record says how it stands.
func (b Book) RecordPayment(ctx context.Context, id string, e Execution, paymentID, transactionID string) (Record, error) {
	record, refused, err := b.update(ctx, id, table.Write{
		Update:    "SET #status = :paid, paymentId = :payment, transactionId = :transaction, paidAt = :now, updatedAt = :now",
		Condition: "executionId = :me AND #status IN (:validated, :reserved)",
		Names:     statusName,
		Values: map[string]any{":paid": Paid, ":validated": Validated, ":reserved": Reserved,
			":payment": paymentID, ":transaction": transactionID, ":me": e.ID, ":now": stamp(b.now(e))},
	})
	if refused && (!record.PaidFor() || record.PaymentID != paymentID) {
		err = superseded(record, e, "record a payment")
	}
	return record, err
}

// RecordRefund notes that whatever was charged for a failed order was given back.
func (b Book) RecordRefund(ctx context.Context, id string, e Execution) (Record, error) {
	record, refused, err := b.update(ctx, id, table.Write{
		Update:    "SET refundedAt = if_not_exists(refundedAt, :now), updatedAt = :now",
		Condition: "#status IN (:rejected, :stock, :payment, :fulfillment)",
		Names:     statusName,
		Values: map[string]any{":rejected": Rejected, ":stock": OutOfStock, ":payment": PaymentFailed, ":fulfillment": FulfillmentFailed,
			":now": stamp(b.now(e))},
	})
	if refused {
		err = superseded(record, e, "record a refund")
	}
	return record, err
}

// ConfirmPayment notes that the payment's own event has arrived, which names the
// amount and perhaps the payment. It reports false when it had arrived before.
func (b Book) ConfirmPayment(ctx context.Context, id string, amount json.Number, paymentID string, at time.Time) (bool, error) {
	record, err := b.Load(ctx, id)
	if err != nil {
		return false, err
	}
	switch {
	case record.PaymentID == "":
		return false, failure.New(failure.PaymentNotFound, "order %s, which is %s, has no payment", id, record.Status)
	case paymentID != "" && paymentID != record.PaymentID:
		return false, failure.New(failure.PaymentNotFound, "order %s has payment %s, not %s", id, record.PaymentID, paymentID)
	}
	if err := record.CheckAmount(amount); err != nil {
		return false, err
	}
	_, refused, err := b.update(ctx, id, table.Write{
		Update:    "SET paymentConfirmedAt = :at",
		Condition: "attribute_exists(orderId) AND attribute_not_exists(paymentConfirmedAt)",
		Values:    map[string]any{":at": stamp(at)},
	})
	return err == nil && !refused, err
}

// Fulfill commits the reservation of a paid order and marks it fulfilled. An
// order that is fulfilled stays as it is, whoever asks again.
func (b Book) Fulfill(ctx context.Context, id string, e Execution) (Record, error) {
	now := b.now(e)
	record, refused, err := b.update(ctx, id, table.Write{
		Update:    "SET #status = :fulfilled, reservationState = :committed, fulfillmentId = :id, fulfilledAt = :now, estimatedDelivery = :delivery, updatedAt = :now",
		Condition: "executionId = :me AND #status = :paid AND reservationState = :held",
		Names:     statusName,
		Values: map[string]any{":fulfilled": Fulfilled, ":committed": StockCommitted, ":paid": Paid, ":held": StockReserved,
			":id": DeriveID("ful", id), ":delivery": stamp(now.Add(deliveryTime)), ":me": e.ID, ":now": stamp(now)},
	})
	if refused && record.Status != Fulfilled {
		err = superseded(record, e, "fulfill")
	}
	return record, err
}

// Closing is how a failed order ends.
type Closing struct {
	Status  Status
	Failure string // the Fail state that the execution will end in
	Reason  string
}

// Close ends an order as failed and gives back the stock that it holds, in one
// write. An order that was fulfilled after all stays fulfilled, and one that
// was closed stays as it was closed; released tells whether stock went back.
func (b Book) Close(ctx context.Context, id string, e Execution, c Closing) (record Record, released bool, err error) {
	if !c.Status.Failed() {
		return record, false, failure.New(failure.InputMalformed, "an order is closed as rejected, out_of_stock, payment_failed or fulfillment_failed, not as %q", c.Status)
	}
	for range rounds {
		record, err = b.Load(ctx, id)
		if err != nil || record.Status.Decided() {
			return record, record.ReservationState == StockReleased, err
		}
		if record.ExecutionID != e.ID {
			return record, false, superseded(record, e, "close")
		}
		err = b.close(ctx, record, e, c)
		var refused *table.Refused
		if !errors.As(err, &refused) {
			held := record.ReservationState == StockReserved
			record.Status = c.Status
			return record, held, err
		}
	}
	return record, false, fmt.Errorf("close order %s: it changed %d times meanwhile", id, rounds)
}

// close makes one attempt, on the order as it was read.
func (b Book) close(ctx context.Context, r Record, e Execution, c Closing) error {
	end := table.Write{
		Table: b.Orders, Key: orderKey(r.OrderID),
		Update:    "SET #status = :status, failure = :failure, failureReason = :reason, updatedAt = :now",
		Condition: "executionId = :me AND #status = :before AND attribute_not_exists(reservationState)",
		Names:     statusName,
		Values: map[string]any{":status": c.Status, ":before": r.Status, ":failure": c.Failure, ":reason": c.Reason,
			":me": e.ID, ":now": stamp(b.now(e))},
	}
	if r.ReservationState != StockReserved {
		return table.Transact(ctx, b.API, end)
	}
	end.Update += ", reservationState = :released"
	end.Condition = "executionId = :me AND #status = :before AND reservationState = :held"
	end.Values[":released"], end.Values[":held"] = StockReleased, StockReserved
	return table.Transact(ctx, b.API, append([]table.Write{end}, b.giveBack(r.wanted())...)...)
}
