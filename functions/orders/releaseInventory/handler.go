package main

// This file defines what the releaseInventory step does.

import (
	"context"
	"log/slog"

	"github.com/stepworks/stepworks/shared/order"
)

// Input is what the step takes.
type Input struct {
	order.Step
	Status  order.Status `json:"status"`  // the order's final status
	Failure string       `json:"failure"` // the Fail state that the execution ends in
	Reason  string       `json:"reason"`
}

// Result is the answer.
type Result struct {
	StatusCode    int          `json:"statusCode"`
	OrderID       string       `json:"orderId"`
	OrderStatus   order.Status `json:"orderStatus"` // as the order stands now
	Released      bool         `json:"released"`    // whether the order held stock that went back
	ReservationID string       `json:"reservationId,omitempty"`
}

type handler struct{ book order.Book }

func (h handler) handle(ctx context.Context, in Input) (Result, error) {
	id, err := in.ID()
	if err != nil {
		return Result{}, err
	}
	record, released, err := h.book.Close(ctx, id, in.Execution, order.Closing{Status: in.Status, Failure: in.Failure, Reason: in.Reason})
	if err != nil {
		return Result{}, err
	}
	slog.InfoContext(ctx, "order closed", "orderId", id, "status", record.Status, "released", released)
	return Result{StatusCode: 200, OrderID: id, OrderStatus: record.Status, Released: released, ReservationID: record.ReservationID}, nil
}
