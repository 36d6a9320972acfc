package main

// This file defines what the validate step does.

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/stepworks/stepworks/shared/metric"
	"github.com/stepworks/stepworks/shared/money"
	"github.com/stepworks/stepworks/shared/order"
)

// Result is the answer. Every field is always there, so that the state machine
// can ask for any of them; isValid and duplicate are always booleans.
type Result struct {
	StatusCode          int           `json:"statusCode"` // 200, or 400 when it is not valid
	IsValid             bool          `json:"isValid"`
	OrderID             string        `json:"orderId"` // empty when the submission has no usable one
	CustomerID          string        `json:"customerId"`
	Amount              *money.Amount `json:"amount"` // null when it is not valid
	TotalAmount         *money.Amount `json:"totalAmount"`
	ValidatedOrder      *order.Order  `json:"validatedOrder"`
	ValidationTimestamp string        `json:"validationTimestamp"`
	Error               string        `json:"error,omitempty"`

	Duplicate   bool         `json:"duplicate"` // placed before, and not this execution's to work on
	OrderStatus order.Status `json:"orderStatus"`
	Failure     string       `json:"failure"` // the Fail state that a duplicate's order ended in

	ApprovalRequired bool `json:"approvalRequired"` // it is above the threshold, and nobody has approved it
}

type handler struct {
	book order.Book
	// threshold is the total, in whole units of the order's currency, above which an
	// order needs approval; 0 is none.
	threshold int64
}

func (h handler) handle(ctx context.Context, s order.Submission) (Result, error) {
	at := s.Execution.Time
	if at.IsZero() {
		at = time.Now()
	}
	result := Result{StatusCode: 400, OrderID: s.OrderID, ValidationTimestamp: at.UTC().Format(time.RFC3339Nano), Error: s.Problem}
	if s.Problem != "" {
		slog.InfoContext(ctx, "order refused", "orderId", s.OrderID, "problem", s.Problem)
		metric.Count(metric.OrdersRefused)
		return result, nil
	}
	placement, err := h.book.Place(ctx, s)
	if err != nil {
		return result, err
	}
	if result.Error = placement.Problem; result.Error != "" {
		slog.WarnContext(ctx, "order id used twice", "orderId", s.OrderID)
		return result, nil
	}
	slog.InfoContext(ctx, "order validated", "orderId", s.OrderID, "duplicate", placement.Duplicate, "status", placement.Record.Status)
	if !placement.Duplicate {
		metric.Count(metric.OrdersAccepted)
	}
	result = accepted(result, s.Order, placement)
	result.ApprovalRequired = !placement.Duplicate && placement.Record.ApprovedAt == "" && h.above(s.Order.Total)
	return result, nil
}

// above tells whether a total exceeds the threshold.
func (h handler) above(total money.Amount) bool {
	limit, err := money.Parse(strconv.FormatInt(h.threshold, 10), total.Currency)
	return h.threshold > 0 && (err != nil || total.Minor > limit.Minor)
}

func accepted(r Result, o order.Order, p order.Placement) Result {
	r.StatusCode, r.IsValid = 200, true
	r.CustomerID, r.Amount, r.TotalAmount, r.ValidatedOrder = o.CustomerID, &o.Total, &o.Total, &o
	r.Duplicate, r.OrderStatus, r.Failure = p.Duplicate, p.Record.Status, p.Record.Failure
	return r
}
