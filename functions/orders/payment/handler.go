package main

// This file defines what the payment step does.

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/stepworks/stepworks/shared/bus"
	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/metric"
	"github.com/stepworks/stepworks/shared/money"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/payment"
)

// Input is what the step takes.
type Input struct {
	order.Step
	Action string      `json:"action"` // "refund", "record", or empty to charge
	Amount json.Number `json:"amount"` // what the caller believes the total to be; may be absent

	PaymentID     string `json:"paymentId"`     // to record: what an external gateway has charged
	TransactionID string `json:"transactionId"` // likewise
}

// Result is the answer, in the words of both contracts.
type Result struct {
	StatusCode    int          `json:"statusCode"`    // 200, or 400 when declined
	Status        string       `json:"status"`        // processed, failed or refunded
	PaymentStatus string       `json:"paymentStatus"` // success, failed or refunded
	PaymentID     string       `json:"paymentId,omitempty"`
	TransactionID string       `json:"transactionId,omitempty"`
	OrderID       string       `json:"orderId"`
	Amount        money.Amount `json:"amount"`
	ProcessedAt   string       `json:"processedAt"`
	Error         string       `json:"error,omitempty"`
}

type handler struct {
	book    order.Book
	gateway payment.Gateway
	bus     bus.Publisher
}

func (h handler) handle(ctx context.Context, in Input) (Result, error) {
	id, err := in.ID()
	if err != nil {
		return Result{}, err
	}
	record, err := h.book.Load(ctx, id)
	if err != nil {
		return Result{}, err
	}
	switch in.Action {
	case "":
		return h.pay(ctx, record, in)
	case "refund":
		return h.refund(ctx, record, in.Execution)
	case "record":
		return h.record(ctx, record, in)
	}
	return Result{}, failure.New(failure.InputMalformed, `action must be "refund", "record" or absent, not %q`, in.Action)
}

// pay charges, writes it down, and only then announces. A repetition finds the
// payment written down and announces it again: the first may not have got there.
func (h handler) pay(ctx context.Context, record order.Record, in Input) (Result, error) {
	if err := record.CheckAmount(in.Amount); err != nil {
		return Result{}, err
	}
	if !record.PaidFor() {
		receipt, paid, err := h.charge(ctx, record, in.Execution)
		if err != nil {
			return Result{}, err
		}
		if !receipt.Approved {
			metric.Count(metric.PaymentsDeclined)
			return declined(record, receipt, in.Execution)
		}
		record = paid
		if total, err := paid.Total(); err == nil {
			metric.Value(metric.OrderValue, json.Number(total.String()), "Currency", total.Currency)
		}
	}
	return h.processed(ctx, record)
}

// record writes down and announces what an external gateway has charged.
func (h handler) record(ctx context.Context, record order.Record, in Input) (Result, error) {
	if in.PaymentID == "" || in.TransactionID == "" {
		return Result{}, failure.New(failure.InputMalformed, "record: paymentId and transactionId must say what was charged for order %s", record.OrderID)
	}
	paid, err := h.book.RecordPayment(ctx, record.OrderID, in.Execution, in.PaymentID, in.TransactionID)
	if err != nil {
		return Result{}, h.giveBack(ctx, paid, err)
	}
	return h.processed(ctx, paid)
}

// giveBack refunds a payment that came too late: its order was closed.
func (h handler) giveBack(ctx context.Context, record order.Record, err error) error {
	if !record.Status.Failed() {
		return err
	}
	return errors.Join(err, h.gateway.Refund(ctx, record.OrderID))
}

// processed announces a payment that stands on the order.
func (h handler) processed(ctx context.Context, record order.Record) (Result, error) {
	total, err := record.Total()
	if err != nil {
		return Result{}, err
	}
	slog.InfoContext(ctx, "payment processed", "orderId", record.OrderID, "paymentId", record.PaymentID)
	return Result{
		StatusCode: 200, Status: "processed", PaymentStatus: contract.StatusSuccess,
		PaymentID: record.PaymentID, TransactionID: record.TransactionID,
		OrderID: record.OrderID, Amount: total, ProcessedAt: record.PaidAt,
	}, h.announce(ctx, record, total)
}

// charge takes the money. Should the order have been closed while the gateway
// was thinking, the money goes back.
func (h handler) charge(ctx context.Context, record order.Record, e order.Execution) (payment.Receipt, order.Record, error) {
	if err := record.OpenFor(e); err != nil {
		return payment.Receipt{}, record, err
	}
	total, err := record.Total()
	if err != nil {
		return payment.Receipt{}, record, err
	}
	receipt, err := h.gateway.Charge(ctx, payment.Charge{OrderID: record.OrderID, CustomerID: record.CustomerID, Amount: total})
	if err != nil {
		return receipt, record, unavailable(err)
	}
	if !receipt.Approved {
		return receipt, record, nil
	}
	paid, err := h.book.RecordPayment(ctx, record.OrderID, e, receipt.PaymentID, receipt.TransactionID)
	if err != nil {
		err = h.giveBack(ctx, paid, err)
	}
	return receipt, paid, err
}

// unavailable names a gateway's error, unless the time of this invocation ran out.
func unavailable(err error) error {
	if failure.NameOf(err) == failure.TransientTimeout {
		return err
	}
	return failure.Wrap(failure.TransientUnavailable, err, "the payment gateway did not answer")
}

func declined(record order.Record, receipt payment.Receipt, e order.Execution) (Result, error) {
	total, err := record.Total()
	return Result{
		StatusCode: 400, Status: "failed", PaymentStatus: "failed", OrderID: record.OrderID,
		Amount: total, ProcessedAt: at(e).Format(time.RFC3339Nano), Error: receipt.Reason,
	}, err
}

// refund is for orders that failed; any other still counts on its money.
func (h handler) refund(ctx context.Context, record order.Record, e order.Execution) (Result, error) {
	if !record.Status.Failed() {
		return Result{}, failure.New(failure.OrderSuperseded, "refund: order %s is %s, only a failed order is refunded", record.OrderID, record.Status)
	}
	if err := h.gateway.Refund(ctx, record.OrderID); err != nil {
		return Result{}, unavailable(err)
	}
	record, err := h.book.RecordRefund(ctx, record.OrderID, e)
	if err != nil {
		return Result{}, err
	}
	total, err := record.Total()
	slog.InfoContext(ctx, "payment refunded", "orderId", record.OrderID, "paymentId", record.PaymentID)
	return Result{
		StatusCode: 200, Status: "refunded", PaymentStatus: "refunded", PaymentID: record.PaymentID,
		TransactionID: record.TransactionID, OrderID: record.OrderID, Amount: total, ProcessedAt: record.RefundedAt,
	}, err
}

func (h handler) announce(ctx context.Context, record order.Record, total money.Amount) error {
	paidAt, err := time.Parse(time.RFC3339, record.PaidAt)
	if err != nil {
		return failure.Wrap(failure.InternalUnexpected, err, "stored order %s: paidAt", record.OrderID)
	}
	return h.bus.Put(ctx, bus.Event{
		Source: contract.SourcePayments, DetailType: contract.PaymentCompleted,
		Detail: contract.PaymentCompletedDetail{
			OrderID: record.OrderID, Status: contract.StatusSuccess, Amount: json.Number(total.String()), Currency: total.Currency,
			PaymentID: record.PaymentID, TransactionID: record.TransactionID, Timestamp: paidAt.Unix(),
		},
	})
}

func at(e order.Execution) time.Time {
	if e.Time.IsZero() {
		return time.Now().UTC()
	}
	return e.Time.UTC()
}
