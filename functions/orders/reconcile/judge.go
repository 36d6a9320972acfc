package main

// This file defines what is a difference. It is pure: a record, and the time as
// of which it is judged.

import (
	"fmt"
	"slices"
	"time"

	"github.com/stepworks/stepworks/shared/order"
)

// Kind is a kind of difference.
type Kind string

// The kinds of differences.
const (
	Stuck         Kind = "order_stuck"
	ForReview     Kind = "order_for_review"
	Unreadable    Kind = "order_unreadable"
	Unfulfilled   Kind = "payment_without_fulfillment"
	Unpaid        Kind = "fulfillment_without_payment"
	UnknownCharge Kind = "charge_unknown_to_order"
	StockHeld     Kind = "stock_still_held"
	StockOdd      Kind = "stock_contradicts_status"
	StockMissing  Kind = "stock_reserved_of_no_product"
	StockNonsense Kind = "stock_impossible"
)

// Finding is one difference.
type Finding struct {
	Kind      Kind   `json:"kind"`
	OrderID   string `json:"orderId,omitempty"`
	ProductID string `json:"productId,omitempty"`
	Status    string `json:"status,omitempty"` // of the order
	Since     string `json:"since,omitempty"`  // when somebody last claimed the order
	Detail    string `json:"detail"`           // for people
}

// judge is who judges, and by what.
type judge struct {
	asOf     time.Time
	approval time.Duration // how long there is to decide about an order
}

// order finds what is wrong with a record.
func (j judge) order(l order.Listed) []Finding {
	r := l.Record
	if l.Problem != "" {
		return []Finding{about(r, Unreadable, "the record is no order: %.200s", l.Problem)}
	}
	var found []Finding
	if j.stuck(r) {
		found = append(found, about(r, Stuck, "nobody has worked at it since %s: send its event again, and another execution goes on with it", since(r)))
	}
	if r.Review != "" {
		found = append(found, about(r, ForReview, "%.200s", r.Review))
	}
	found = append(found, j.payment(r)...)
	return append(found, stock(r)...)
}

// stuck tells whether no execution can be working at an undecided order any more.
// A claim whose time cannot be read is nobody's.
func (j judge) stuck(r order.Record) bool {
	patience := order.Lease
	if r.Status == order.AwaitingApproval {
		patience += j.approval
	}
	claimed, err := time.Parse(time.RFC3339, since(r))
	return !r.Status.Decided() && (err != nil || j.asOf.Sub(claimed) > patience)
}

func since(r order.Record) string {
	if r.ClaimedAt != "" {
		return r.ClaimedAt
	}
	return r.CreatedAt
}

func (j judge) payment(r order.Record) []Finding {
	switch {
	case r.Status == order.Fulfilled && r.PaymentID == "":
		return []Finding{about(r, Unpaid, "it was fulfilled, and nothing was paid for it")}
	case unsettled(r) && (r.Status.Failed() || j.stuck(r)):
		return []Finding{about(r, Unfulfilled, "payment %s was neither fulfilled nor given back", r.PaymentID)}
	}
	return nil
}

// unsettled tells whether an order's payment has come to nothing yet.
func unsettled(r order.Record) bool {
	return r.PaymentID != "" && r.RefundedAt == "" && r.Status != order.Fulfilled
}

// mayBeCharged tells whether the gateway should be asked about an order that
// knows of no payment: one that nobody works at, and that was not refunded.
func (j judge) mayBeCharged(l order.Listed) bool {
	return l.Problem == "" && l.Fingerprint != "" && l.PaymentID == "" && l.RefundedAt == "" && (l.Status.Failed() || j.stuck(l.Record))
}

// reservations says which states of its reservation an order of a status may
// have; held stock of a failed one has a kind of its own.
var reservations = map[order.Status][]string{
	order.Validated:         {""},
	order.AwaitingApproval:  {""},
	order.Reserved:          {order.StockReserved},
	order.Paid:              {order.StockReserved, ""}, // resilient-payment pays for what nobody reserved
	order.Fulfilled:         {order.StockCommitted},
	order.Rejected:          {"", order.StockReleased},
	order.OutOfStock:        {"", order.StockReleased},
	order.PaymentFailed:     {"", order.StockReleased},
	order.FulfillmentFailed: {"", order.StockReleased},
}

func stock(r order.Record) []Finding {
	switch {
	case slices.Contains(reservations[r.Status], r.ReservationState):
		return nil
	case r.Status.Failed() && r.ReservationState == order.StockReserved:
		return []Finding{about(r, StockHeld, "it failed, and its stock is still reserved")}
	}
	return []Finding{about(r, StockOdd, "its stock is %s, which no order that is %s can have", orNothing(r.ReservationState), r.Status)}
}

func orNothing(state string) string {
	if state == "" {
		return "not reserved"
	}
	return state
}

func about(r order.Record, kind Kind, format string, args ...any) Finding {
	return Finding{Kind: kind, OrderID: r.OrderID, Status: string(r.Status), Since: since(r), Detail: fmt.Sprintf(format, args...)}
}
