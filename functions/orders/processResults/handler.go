package main

// This file defines what the processResults step does.

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/money"
	"github.com/stepworks/stepworks/shared/order"
)

// Input is what the step takes: a Parallel state answers a list, in the order of
// its branches.
type Input struct {
	order.Step
	Results []json.RawMessage `json:"results"`
}

// The branches' answers, as far as they are needed here.
type (
	inventory struct {
		OrderID       string `json:"orderId"`
		Available     *bool  `json:"inventoryAvailable"`
		ReservationID string `json:"reservationId"`
		Error         string `json:"error"`
	}
	customer struct {
		Valid  *bool  `json:"customerValid"`
		Reason string `json:"reason"`
	}
	shipping struct {
		Deliverable *bool       `json:"deliverable"`
		Cost        json.Number `json:"shippingCost"`
		Currency    string      `json:"currency"`
		Zone        string      `json:"zone"`
		Days        int         `json:"days"`
		Reason      string      `json:"reason"`
	}
)

// Result is the answer. Status, failure and reason are always there, so that the
// state machine can ask for them.
type Result struct {
	StatusCode    int           `json:"statusCode"`
	OrderID       string        `json:"orderId"`
	Accepted      bool          `json:"accepted"`
	ReservationID string        `json:"reservationId,omitempty"`
	ShippingCost  *money.Amount `json:"shippingCost,omitempty"`
	ShippingDays  int           `json:"shippingDays,omitempty"`
	Status        order.Status  `json:"status"`  // how the order stands, or is to end
	Failure       string        `json:"failure"` // the Fail state to end in
	Reason        string        `json:"reason"`
}

type handler struct{ book order.Book }

func (h handler) handle(ctx context.Context, in Input) (Result, error) {
	id, err := in.ID()
	if err != nil {
		return Result{}, err
	}
	var stock inventory
	var buyer customer
	var way shipping
	if err := in.read(&stock, &buyer, &way); err != nil {
		return Result{}, err
	}
	if stock.Available == nil || buyer.Valid == nil || way.Deliverable == nil {
		return Result{}, failure.New(failure.InputMalformed, "results need inventoryAvailable, customerValid and deliverable, true or false, in this order of branches")
	}
	if stock.OrderID != id {
		return Result{}, failure.New(failure.InputMalformed, "results[0] is about order %q, not %q", stock.OrderID, id)
	}
	result := Result{StatusCode: 400, OrderID: id, ReservationID: stock.ReservationID}
	switch {
	case !*buyer.Valid:
		result.Status, result.Failure, result.Reason = order.Rejected, "CustomerRefused", buyer.Reason
	case !*way.Deliverable:
		result.Status, result.Failure, result.Reason = order.Rejected, "ShippingUnavailable", way.Reason
	case !*stock.Available:
		result.Status, result.Failure, result.Reason = order.OutOfStock, "InsufficientInventory", stock.Error
	default:
		return h.accept(ctx, in, result, way)
	}
	slog.InfoContext(ctx, "order refused", "orderId", id, "failure", result.Failure)
	return result, nil
}

// read decodes the branches' answers in their order.
func (in Input) read(into ...any) error {
	if len(in.Results) != len(into) {
		return failure.New(failure.InputMalformed, "results has %d answers; inventory, customer and shipping are needed", len(in.Results))
	}
	for i, raw := range in.Results {
		if err := json.Unmarshal(raw, into[i]); err != nil {
			return failure.Wrap(failure.InputMalformed, err, "results[%d] is not as it should be", i)
		}
	}
	return nil
}

func (h handler) accept(ctx context.Context, in Input, result Result, way shipping) (Result, error) {
	cost, err := money.Parse(way.Cost.String(), way.Currency)
	if err != nil {
		return result, failure.Wrap(failure.InputMalformed, err, "results[2].shippingCost is not an amount")
	}
	record, err := h.book.RecordShipping(ctx, result.OrderID, in.Execution, order.Shipping{Zone: way.Zone, Cost: cost, Days: way.Days})
	if err != nil {
		return result, err
	}
	slog.InfoContext(ctx, "order accepted", "orderId", result.OrderID)
	result.StatusCode, result.Accepted, result.ShippingCost, result.ShippingDays, result.Status = 200, true, &cost, way.Days, record.Status
	return result, nil
}
