package main

// This file defines what the inventory step does.

import (
	"context"
	"log/slog"

	"github.com/stepworks/stepworks/shared/order"
)

// Result is the answer; availabilityResults has one row for each product.
type Result struct {
	StatusCode          int                  `json:"statusCode"`
	InventoryAvailable  bool                 `json:"inventoryAvailable"`
	AvailabilityResults []order.Availability `json:"availabilityResults"`
	OrderID             string               `json:"orderId"`
	ReservationID       string               `json:"reservationId,omitempty"`
	Error               string               `json:"error,omitempty"` // the first product that is not available, and why
}

type handler struct{ book order.Book }

func (h handler) handle(ctx context.Context, in order.Step) (Result, error) {
	id, err := in.ID()
	if err != nil {
		return Result{}, err
	}
	reservation, err := h.book.Reserve(ctx, id, in.Execution)
	if err != nil {
		return Result{}, err
	}
	slog.InfoContext(ctx, "stock checked", "orderId", id, "reserved", reservation.ID != "")
	return Result{
		StatusCode: 200, InventoryAvailable: reservation.ID != "", AvailabilityResults: reservation.Products,
		OrderID: id, ReservationID: reservation.ID, Error: shortage(reservation.Products),
	}, nil
}

func shortage(products []order.Availability) string {
	for _, p := range products {
		if !p.Available {
			return p.ProductID + ": " + p.Reason
		}
	}
	return ""
}
