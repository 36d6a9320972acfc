package main

// This file defines what the calculateShipping step does.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/money"
	"github.com/stepworks/stepworks/shared/order"
)

// zone is a part of the world with one tariff: an amount for the first piece and
// one for each further, in whole units of the order's currency.
type zone struct {
	name           string
	countries      []string // of ISO 3166
	first, further string
	days           int
}

// zones is the tariff; an address without a country is in the first zone.
var zones = []zone{
	{"domestic", []string{"", "US"}, "5", "1", 3},
	{"neighbor", []string{"CA", "MX"}, "12", "2", 6},
	{"overseas", []string{"AT", "AU", "BE", "CH", "DE", "DK", "ES", "FI", "FR", "GB", "IE", "IT", "JP", "NL", "NO", "NZ", "PL", "PT", "SE"}, "25", "4", 12},
}

// Result is the answer.
type Result struct {
	StatusCode   int           `json:"statusCode"`
	OrderID      string        `json:"orderId"`
	Deliverable  bool          `json:"deliverable"`
	ShippingCost *money.Amount `json:"shippingCost"` // null when not deliverable
	Currency     string        `json:"currency"`
	Zone         string        `json:"zone"`
	Days         int           `json:"days"`
	Reason       string        `json:"reason,omitempty"`
}

type handler struct{ book order.Book }

func (h handler) handle(ctx context.Context, in order.Step) (Result, error) {
	id, err := in.ID()
	if err != nil {
		return Result{}, err
	}
	record, err := h.book.Load(ctx, id)
	if err != nil {
		return Result{}, err
	}
	result := Result{StatusCode: 200, OrderID: id, Currency: record.Currency}
	country, err := record.Country()
	var named *failure.Error
	if errors.As(err, &named) {
		result.Reason = named.Message
		return result, nil
	}
	i := slices.IndexFunc(zones, func(z zone) bool { return slices.Contains(z.countries, country) })
	if i < 0 {
		result.Reason = "nobody ships to " + country
		return result, nil
	}
	cost, err := zones[i].cost(record)
	if err != nil {
		return result, err
	}
	result.Deliverable, result.ShippingCost, result.Zone, result.Days = true, &cost, zones[i].name, zones[i].days
	slog.InfoContext(ctx, "shipping calculated", "orderId", id, "zone", result.Zone)
	return result, nil
}

// cost is exact, in the order's own currency.
func (z zone) cost(r order.Record) (money.Amount, error) {
	first, err := money.Parse(z.first, r.Currency)
	if err != nil {
		return first, err
	}
	further, err := money.Parse(z.further, r.Currency)
	if err != nil {
		return further, err
	}
	pieces := int64(0)
	for _, line := range r.Items {
		pieces += line.Quantity
	}
	rest, ok := further.Times(max(pieces-1, 0))
	if ok {
		first, ok = first.Plus(rest)
	}
	if !ok {
		return first, fmt.Errorf("order %s: the shipping of %d pieces costs more than can be written", r.OrderID, pieces)
	}
	return first, nil
}
