// Package payment is the border to whoever takes the money.
//
// [Gateway] says what we need of a payment provider; [Simulator] is one that
// takes none. A real provider's client implements Gateway and replaces the
// Simulator in functions/orders/payment/main.go; nothing else changes.
//
// Start at [Gateway].
package payment

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/shared/money"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/pause"
)

// Gateway charges and refunds. Both are idempotent by order: a second Charge for
// an order answers what the first did and takes nothing, a second Refund gives
// back nothing. Providers call that an idempotency key.
//
// A decline is a Receipt, not an error. An error means that the outcome is
// unknown: the charge may or may not have been made.
type Gateway interface {
	Charge(context.Context, Charge) (Receipt, error)
	// Refund gives back whatever was charged for the order; if nothing was, it
	// does nothing, and should see to it that a late Charge is refused.
	Refund(ctx context.Context, orderID string) error
}

// Charge is what to take, for which order and from whom.
type Charge struct {
	OrderID    string
	CustomerID string
	Amount     money.Amount
}

// Receipt is the provider's answer.
type Receipt struct {
	Approved      bool
	PaymentID     string // when approved
	TransactionID string // when approved
	Reason        string // when declined
}

// Simulator is a Gateway without a provider. Whether it approves an order is
// decided by a hash of the order's id, so it needs no memory to be idempotent:
// the same order gets the same answer from every process, today and next year.
type Simulator struct {
	Delay          time.Duration // before every answer
	DeclinePercent int           // share of the orders that are declined, 0 to 100
}

// NewSimulator reads a simulator's settings as the template gives them: a delay
// such as 2s, and a percentage.
func NewSimulator(delay, declinePercent string) (Simulator, error) {
	d, err := time.ParseDuration(delay)
	if err != nil || d < 0 {
		return Simulator{}, fmt.Errorf("the payment delay must be a duration such as 250ms or 2s, not %q", delay)
	}
	percent, err := strconv.Atoi(declinePercent)
	if err != nil || percent < 0 || percent > 100 {
		return Simulator{}, fmt.Errorf("the share of declined payments must be a whole number from 0 to 100, not %q", declinePercent)
	}
	return Simulator{Delay: d, DeclinePercent: percent}, nil
}

// Charge implements Gateway.
func (s Simulator) Charge(ctx context.Context, c Charge) (Receipt, error) {
	if err := pause.For(ctx, s.Delay); err != nil {
		return Receipt{}, err
	}
	if s.Declines(c.OrderID) {
		return Receipt{Reason: "Payment processing failed"}, nil
	}
	return Receipt{
		Approved:      true,
		PaymentID:     order.DeriveID("pay", c.OrderID),
		TransactionID: order.DeriveID("txn", c.OrderID),
	}, nil
}

// Refund implements Gateway.
func (s Simulator) Refund(ctx context.Context, _ string) error { return pause.For(ctx, s.Delay) }

// Declines tells how the simulator decides about an order: FNV-1a (64 bit) of the
// id, modulo 100, is below DeclinePercent.
func (s Simulator) Declines(orderID string) bool {
	h := fnv.New64a()
	h.Write([]byte(orderID))
	return int(h.Sum64()%100) < s.DeclinePercent
}

// Request is what an external gateway is asked, by a message: it has no task token
// in it. The gateway answers with the event Payment Result, under the order's id.
type Request struct {
	OrderID    string      `json:"orderId"`
	CustomerID string      `json:"customerId"`
	Amount     json.Number `json:"amount"`
	Currency   string      `json:"currency"`
}

// Loses tells whether the simulated gateway loses a request, so that nobody is
// called back: it does so with orders whose id begins with LOST-.
func (s Simulator) Loses(orderID string) bool { return strings.HasPrefix(orderID, "LOST-") }
