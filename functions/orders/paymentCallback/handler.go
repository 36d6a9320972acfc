package main

// This file defines what the paymentCallback function does.

import (
	"context"
	"log/slog"
	"strings"
	"time"
	"unicode"

	"github.com/stepworks/stepworks/shared/callback"
	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/order"
)

// What the gateway may say, beside refusing.
const (
	success    = "success"
	processing = "processing"
)

// maxID bounds what may be an id: of an order, a payment, a transaction.
const maxID = 128

// Input is the gateway's word: as it is, or in the detail of the event Payment
// Result.
type Input struct {
	contract.PaymentResultDetail
	Detail *contract.PaymentResultDetail `json:"detail"`
	Time   time.Time                     `json:"time"` // of the event
}

// What became of a result.
const (
	Answered  = "answered"  // the workflow has heard it
	Late      = "late"      // nobody waited any more; the workflow has compensated
	Duplicate = "duplicate" // the gateway had called back before
	Beaten    = "heartbeat" // the workflow waits on
)

// Result is the answer.
type Result struct {
	StatusCode int    `json:"statusCode"`
	OrderID    string `json:"orderId"`
	Outcome    string `json:"outcome"`
	Status     string `json:"status"` // how the request stands
}

// word is what the workflow gets.
type word struct {
	OrderID       string `json:"orderId"`
	Status        string `json:"status"`
	PaymentID     string `json:"paymentId"`
	TransactionID string `json:"transactionId"`
}

type handler struct{ desk callback.Desk }

func (h handler) handle(ctx context.Context, in Input) (Result, error) {
	said := in.PaymentResultDetail
	if in.Detail != nil {
		said = *in.Detail
	}
	if err := check(said); err != nil {
		return Result{}, err
	}
	at := in.Time
	if at.IsZero() {
		at = time.Now()
	}
	result := Result{StatusCode: 200, OrderID: said.OrderID}
	var err error
	if said.Result.Status == processing {
		result.Outcome, result.Status, err = h.beat(ctx, said.OrderID)
	} else {
		result.Outcome, result.Status, err = h.settle(ctx, said, at)
	}
	if err != nil {
		return Result{}, err
	}
	slog.InfoContext(ctx, "the gateway called back", "orderId", said.OrderID, "outcome", result.Outcome, "status", result.Status)
	return result, nil
}

func (h handler) beat(ctx context.Context, id string) (outcome, status string, err error) {
	row, waiting, err := h.desk.Beat(ctx, id)
	switch {
	case err != nil:
		return "", "", err
	case row.Settled():
		return Duplicate, row.Status, nil
	case !waiting:
		return Late, row.Status, nil
	}
	return Beaten, row.Status, nil
}

func (h handler) settle(ctx context.Context, said contract.PaymentResultDetail, at time.Time) (outcome, status string, err error) {
	row, first, err := h.desk.Settle(ctx, said.OrderID, verdict(said, at))
	switch {
	case err != nil:
		return "", "", err
	case !first:
		return Duplicate, row.Status, nil
	case row.Late:
		return Late, row.Status, nil
	}
	return Answered, row.Status, nil
}

// verdict is what the workflow is told.
func verdict(said contract.PaymentResultDetail, at time.Time) callback.Outcome {
	r := said.Result
	if r.Status != success {
		cause := r.Error
		if cause == "" {
			cause = "Unknown error"
		}
		return callback.Outcome{Status: "failed", Output: r, Error: string(failure.ExternalProcessFailed), Cause: cause, At: at}
	}
	// A gateway without ids of its own gets the order's: an order has one payment.
	w := word{OrderID: said.OrderID, Status: success, PaymentID: r.PaymentID, TransactionID: r.TransactionID}
	if w.PaymentID == "" {
		w.PaymentID = order.DeriveID("pay", said.OrderID)
	}
	if w.TransactionID == "" {
		w.TransactionID = order.DeriveID("txn", said.OrderID)
	}
	return callback.Outcome{Status: "completed", Output: w, At: at}
}

func check(said contract.PaymentResultDetail) error {
	switch r := said.Result; {
	case said.OrderID == "" || odd(said.OrderID):
		return failure.New(failure.InputMalformed, "orderId must have 1 to %d bytes, without control characters", maxID)
	case r.Status == "" || odd(r.Status):
		return failure.New(failure.InputMalformed, "result.status must say success, processing, or how it failed")
	case odd(r.PaymentID) || odd(r.TransactionID):
		return failure.New(failure.InputMalformed, "result.paymentId and result.transactionId have at most %d bytes, without control characters", maxID)
	}
	return nil
}

func odd(id string) bool {
	return len(id) > maxID || id != strings.TrimSpace(id) || strings.ContainsFunc(id, unicode.IsControl)
}
