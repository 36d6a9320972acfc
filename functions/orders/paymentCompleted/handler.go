package main

// This file defines what the paymentCompleted function does.

import (
	"context"
	"log/slog"

	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/order"
)

// Input is the event.
type Input = contract.Event[contract.PaymentCompletedDetail]

// Result is the answer; nobody reads it but people who invoke by hand.
type Result struct {
	OrderID   string `json:"orderId"`
	Confirmed bool   `json:"confirmed"` // false: it was confirmed before
}

type handler struct{ book order.Book }

func (h handler) handle(ctx context.Context, in Input) (Result, error) {
	id := in.Detail.OrderID
	if id == "" {
		return Result{}, failure.New(failure.InputMalformed, "the event's detail names no orderId")
	}
	if in.Detail.Amount == "" {
		return Result{}, failure.New(failure.InputMalformed, "the event's detail names no amount")
	}
	confirmed, err := h.book.ConfirmPayment(ctx, id, in.Detail.Amount, in.Detail.PaymentID, in.Time)
	if err != nil {
		return Result{}, err
	}
	slog.InfoContext(ctx, "payment confirmed", "orderId", id, "eventId", in.ID, "again", !confirmed)
	return Result{OrderID: id, Confirmed: confirmed}, nil
}
