package task

// This file defines what tasks do: a runner for each type.

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/money"
	"github.com/stepworks/stepworks/shared/table"
)

// Runner does a task's work. An error that passes (failure.Retryable) is tried
// again; any other is the task's end.
type Runner func(ctx context.Context, input table.JSON) (any, error)

// BatchProcessor is the task type that values a line of a batch.
const BatchProcessor = "batch-processor"

var runners = map[string]Runner{BatchProcessor: valueLine}

// Types lists the task types.
func Types() []string { return slices.Sorted(maps.Keys(runners)) }

// Line is what batch-processor takes.
type Line struct {
	ItemID   string      `json:"itemId"`
	Quantity json.Number `json:"quantity"`
	Price    json.Number `json:"price"`
	Currency string      `json:"currency"`
}

// Valued is what batch-processor answers.
type Valued struct {
	ItemID string       `json:"itemId"`
	Total  money.Amount `json:"total"`
}

// valueLine multiplies a price, exactly.
func valueLine(_ context.Context, input table.JSON) (any, error) {
	var l Line
	if err := json.Unmarshal(input, &l); err != nil {
		return nil, failure.Wrap(failure.InputMalformed, err, "a line is {itemId, quantity, price, currency}")
	}
	if l.ItemID == "" {
		return nil, failure.New(failure.InputMalformed, "itemId is missing")
	}
	quantity, err := money.Scaled(l.Quantity.String(), 0)
	if err != nil || quantity <= 0 {
		return nil, failure.New(failure.InputMalformed, "%s: quantity must be a whole number above 0, not %q", l.ItemID, l.Quantity)
	}
	if l.Currency == "" {
		l.Currency = "USD"
	}
	price, err := money.Parse(l.Price.String(), l.Currency)
	if err != nil {
		return nil, failure.Wrap(failure.InputMalformed, err, "%s: price", l.ItemID)
	}
	total, ok := price.Times(quantity)
	if !ok {
		return nil, failure.New(failure.InputMalformed, "%s: %s times %d is more money than there is", l.ItemID, l.Price, quantity)
	}
	return Valued{l.ItemID, total}, nil
}
