package main

// This file defines what becomes of one item of a batch.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/table"
)

// Input is an item and the batch that it stands in. The item is not trusted: it is
// read here, so that a mistyped one is reported and does not fail its batch.
type Input struct {
	BatchID   string          `json:"batchId"`
	Item      json.RawMessage `json:"item"`
	Execution order.Execution `json:"execution"`
}

// Result is what became of the item. It is short whatever the item was: the results
// of a whole batch have to fit into a state.
type Result struct {
	ItemID    string `json:"itemId"` // "" if it could not be read
	ProductID string `json:"productId,omitempty"`
	Status    string `json:"status"` // processed, repeated or failed
	Error     string `json:"error,omitempty"`
}

// What becomes of an item.
const (
	processed = "processed"
	repeated  = "repeated" // booked before, by this batch
	failed    = "failed"
)

// Limits of an item. Ids end up in keys and in the batch's report.
const (
	maxID    = 64
	maxMoved = 1_000_000
)

// kept is how long a booking is remembered, and so how late a batch may be repeated.
const kept = 30 * 24 * time.Hour

type item struct {
	ItemID    string `json:"itemId"`
	ProductID string `json:"productId"`
	Quantity  int64  `json:"quantity"` // pieces; negative: taken away
}

// booking is the record that an item was booked.
type booking struct {
	ID        string `dynamodbav:"id"`
	Moved     string `dynamodbav:"moved"` // product and pieces: an item id means one thing
	ExpiresAt int64  `dynamodbav:"expiresAt"`
}

type handler struct {
	api                    table.API
	inventory, idempotency string
}

func (h handler) handle(ctx context.Context, in Input) (Result, error) {
	if in.BatchID == "" || len(in.BatchID) > 2*maxID {
		return Result{}, failure.New(failure.InputMalformed, "batchId must have 1 to %d bytes", 2*maxID)
	}
	it, problem := read(in.Item)
	if problem != "" {
		return Result{ItemID: it.ItemID, Status: failed, Error: problem}, nil
	}
	return h.book(ctx, in, it)
}

// read reads an item; what is wrong with it is said in one line.
func read(text json.RawMessage) (item, string) {
	var it item
	if err := json.Unmarshal(text, &it); err != nil {
		return item{}, "the item must be an object with itemId and productId (strings) and quantity (a whole number)"
	}
	switch {
	case it.ItemID == "" || len(it.ItemID) > maxID:
		return item{}, fmt.Sprintf("itemId must have 1 to %d bytes", maxID)
	case it.ProductID == "" || len(it.ProductID) > maxID:
		return it, fmt.Sprintf("productId must have 1 to %d bytes", maxID)
	case it.Quantity == 0 || it.Quantity > maxMoved || it.Quantity < -maxMoved:
		return it, fmt.Sprintf("quantity must be from -%d to %d, and not 0", maxMoved, maxMoved)
	}
	return it, ""
}

// book moves the stock and remembers it, in one transaction.
func (h handler) book(ctx context.Context, in Input, it item) (Result, error) {
	now := in.Execution.Time
	if now.IsZero() {
		now = time.Now() // invoked by hand
	}
	b := booking{ID: "batch#" + in.BatchID + "#" + it.ItemID, Moved: fmt.Sprintf("%s %+d", it.ProductID, it.Quantity), ExpiresAt: now.Add(kept).Unix()}
	err := table.Transact(ctx, h.api,
		table.Write{Table: h.idempotency, Put: b, Condition: "attribute_not_exists(id)"},
		table.Write{Table: h.inventory, Key: table.Key("productId", it.ProductID), Update: "SET quantity = quantity + :moved",
			Condition: "quantity >= :enough", Values: map[string]any{":moved": it.Quantity, ":enough": max(0, -it.Quantity)}})
	result := Result{ItemID: it.ItemID, ProductID: it.ProductID, Status: processed}
	var refused *table.Refused
	if !errors.As(err, &refused) {
		return result, err
	}
	result.Status, result.Error = h.refusal(refused, b)
	return result, nil
}

// refusal says why nothing was moved. A booking that stands counts before the stock,
// which it may have emptied itself.
func (h handler) refusal(refused *table.Refused, b booking) (status, problem string) {
	if old, stands := refused.Old[0]; stands {
		if moved := text(old["moved"]); moved != b.Moved {
			return failed, fmt.Sprintf("the batch has booked this itemId as %q", moved)
		}
		return repeated, ""
	}
	if len(refused.Old[1]) == 0 {
		return failed, "no such product"
	}
	return failed, fmt.Sprintf("only %s pieces are left", text(refused.Old[1]["quantity"]))
}

// text is a string or number attribute as it is written.
func text(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	}
	return ""
}
