package main

// This file defines what the fulfillment step does.

import (
	"context"
	"log/slog"

	"github.com/stepworks/stepworks/shared/bus"
	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/metric"
	"github.com/stepworks/stepworks/shared/order"
)

// Result is the answer, in the words of both contracts.
type Result struct {
	StatusCode        int    `json:"statusCode"`
	Status            string `json:"status"`            // fulfilled
	FulfillmentStatus string `json:"fulfillmentStatus"` // completed
	OrderID           string `json:"orderId"`
	PaymentID         string `json:"paymentId"`
	FulfillmentID     string `json:"fulfillmentId"`
	EstimatedDelivery string `json:"estimatedDelivery"`
}

type handler struct {
	book order.Book
	bus  bus.Publisher
}

func (h handler) handle(ctx context.Context, in order.Step) (Result, error) {
	id, err := in.ID()
	if err != nil {
		return Result{}, err
	}
	record, err := h.book.Fulfill(ctx, id, in.Execution)
	if err != nil {
		return Result{}, err
	}
	slog.InfoContext(ctx, "order fulfilled", "orderId", id, "fulfillmentId", record.FulfillmentID)
	metric.Count(metric.OrdersFulfilled)
	return Result{
		StatusCode: 200, Status: contract.StatusFulfilled, FulfillmentStatus: "completed", OrderID: id,
		PaymentID: record.PaymentID, FulfillmentID: record.FulfillmentID, EstimatedDelivery: record.EstimatedDelivery,
	}, h.announce(ctx, record)
}

func (h handler) announce(ctx context.Context, record order.Record) error {
	return h.bus.Put(ctx, bus.Event{
		Source: contract.SourceFulfillment, DetailType: contract.OrderFulfilled,
		Detail: contract.OrderFulfilledDetail{
			OrderID: record.OrderID, Status: contract.StatusFulfilled, FulfillmentID: record.FulfillmentID, Timestamp: record.FulfilledAt,
		},
	})
}
