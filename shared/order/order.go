// Package order is what the order functions share: what an order is, how a
// submitted one is read and checked, and the book that all of them are kept in.
//
// The book is the Orders table, one item an order, and the stock is the
// Inventory table. An order goes through these states, each step by a write that
// is conditional on the state before:
//
//	validated ── reserved ── paid ── fulfilled
//	 ↑ ↓ │            │         │
//	 │ ↓ ├ rejected   └─────────┴─ payment_failed, fulfillment_failed, rejected
//	 │ ↓ └ out_of_stock
//	awaiting_approval ── rejected
//
// What is guaranteed, however often and in whatever order events, messages and
// invocations arrive:
//
//   - One execution works at an order. It is the one that placed it, until the
//     order is decided or the claim is older than [Lease]; every write of the book
//     asks for it. Another delivery of the same event finds the order and leaves.
//   - Stock is reserved for all products of an order or none, once, never below
//     zero. The reservation ends either committed or released, never both:
//     its state on the order decides, in the same write that moves the stock.
//   - Repeating a step answers what it answered before and changes nothing.
//   - A refused submission never touches an order that was accepted.
//
// Time is the caller's: the execution tells it. The book reads the wall clock only
// when nobody told, as in `sam local invoke`.
//
// It does not charge (package payment) and does not publish (package bus).
//
// Start at [Read] for what comes in, and at [Book] for what is kept.
package order

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"strings"
	"time"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/money"
)

// Status is how far an order has come.
type Status string

// The states of an order.
const (
	Validated         Status = "validated"
	Reserved          Status = "reserved"
	Paid              Status = "paid"
	Fulfilled         Status = "fulfilled"
	Rejected          Status = "rejected"
	OutOfStock        Status = "out_of_stock"
	PaymentFailed     Status = "payment_failed"
	FulfillmentFailed Status = "fulfillment_failed"
	// AwaitingApproval is an order above the approval threshold, until somebody
	// decides; approved, it is validated again.
	AwaitingApproval Status = "awaiting_approval"
)

// Failed tells whether the order ended unfulfilled.
func (s Status) Failed() bool {
	switch s {
	case Rejected, OutOfStock, PaymentFailed, FulfillmentFailed:
		return true
	}
	return false
}

// Decided tells whether the order has come to its end.
func (s Status) Decided() bool { return s == Fulfilled || s.Failed() }

// What a reservation can be, beside absent.
const (
	StockReserved  = "reserved"
	StockCommitted = "committed"
	StockReleased  = "released"
)

// Order is what a customer asked for, checked.
type Order struct {
	ID              string
	CustomerID      string
	Lines           []Line
	Total           money.Amount
	ShippingAddress json.RawMessage // as it came, or nil
}

// Line is one line of an order. Several lines may name the same product.
type Line struct {
	ProductID string        `json:"productId"`
	Quantity  int64         `json:"quantity"`
	Price     *money.Amount `json:"price,omitempty"` // of one piece; nil if the shop did not say
}

// MarshalJSON writes the order in the words of Order Placed.
func (o Order) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		OrderID         string          `json:"orderId"`
		CustomerID      string          `json:"customerId"`
		Items           []Line          `json:"items"`
		TotalAmount     money.Amount    `json:"totalAmount"`
		Currency        string          `json:"currency"`
		ShippingAddress json.RawMessage `json:"shippingAddress,omitempty"`
	}{o.ID, o.CustomerID, o.Lines, o.Total, o.Total.Currency, o.ShippingAddress})
}

// Execution is who asks, and when: the state machine passes $$.Execution.Id and
// $$.State.EnteredTime. Both are empty when a person invokes a function by hand.
type Execution struct {
	ID   string    `json:"id"`
	Time time.Time `json:"time"`
}

// Step is the input that all steps after validation have in common. They take
// the order by its id alone: what was ordered stands in the book. The id is read
// from whichever contract the caller follows.
type Step struct {
	OrderID        string    `json:"orderId"`
	OrderData      named     `json:"orderData"`
	ValidatedOrder named     `json:"validatedOrder"`
	Execution      Execution `json:"execution"`
}

type named struct {
	OrderID string `json:"orderId"`
}

// ID is the id of the order to work on.
func (s Step) ID() (string, error) {
	for _, id := range []string{s.OrderID, s.OrderData.OrderID, s.ValidatedOrder.OrderID} {
		if id != "" {
			return id, nil
		}
	}
	return "", failure.New(failure.InputMalformed, "the input names no order: orderId, orderData.orderId or validatedOrder.orderId is needed")
}

// DeriveID makes the id of something that an order has exactly one of, such as
// its payment: the same order gives the same id, so a repeated step cannot make a
// second one. 80 bits of a hash: 2^40 orders until two ids are likely to meet.
func DeriveID(prefix, orderID string) string {
	sum := sha256.Sum256([]byte(prefix + "\x00" + orderID))
	return prefix + "_" + strings.ToLower(base32.HexEncoding.EncodeToString(sum[:10]))
}
