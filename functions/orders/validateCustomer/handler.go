package main

// This file defines what the validateCustomer step does.

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/stepworks/stepworks/shared/order"
)

// What a customer may have open, and how many payments in a row may fail, before
// another order is refused. Of the history, the newest orders are looked at.
const (
	maxOpen     = 10
	maxDeclined = 3
	lookBack    = 25
)

// Result is the answer.
type Result struct {
	StatusCode    int    `json:"statusCode"`
	OrderID       string `json:"orderId"`
	CustomerID    string `json:"customerId"`
	CustomerValid bool   `json:"customerValid"`
	KnownOrders   int    `json:"knownOrders"` // other orders looked at
	Reason        string `json:"reason,omitempty"`
}

type handler struct {
	book    order.Book
	history order.History
}

func (h handler) handle(ctx context.Context, in order.Step) (Result, error) {
	id, err := in.ID()
	if err != nil {
		return Result{}, err
	}
	record, err := h.book.Load(ctx, id)
	if err != nil {
		return Result{}, err
	}
	// One more than needed: this order is among them.
	past, err := h.history.Of(ctx, record.CustomerID, lookBack+1)
	if err != nil {
		return Result{}, err
	}
	others := without(past, id)
	reason := judge(others)
	slog.InfoContext(ctx, "customer checked", "orderId", id, "valid", reason == "")
	return Result{StatusCode: 200, OrderID: id, CustomerID: record.CustomerID, CustomerValid: reason == "", KnownOrders: len(others), Reason: reason}, nil
}

func without(past []order.Record, id string) []order.Record {
	var others []order.Record
	for _, r := range past {
		if r.OrderID != id {
			others = append(others, r)
		}
	}
	return others
}

// judge says why a customer with these orders, newest first, gets no other; or
// nothing.
func judge(past []order.Record) string {
	open, declined := 0, 0
	for _, r := range past {
		if !r.Status.Decided() {
			open++
		}
	}
	for _, r := range past {
		if r.Status != order.PaymentFailed {
			break
		}
		declined++
	}
	switch {
	case open >= maxOpen:
		return fmt.Sprintf("the customer has %d orders under way, at most %d are possible", open, maxOpen)
	case declined >= maxDeclined:
		return fmt.Sprintf("the last %d payments of the customer failed", declined)
	}
	return ""
}
