package order

// This file defines the reservation of stock: taking it for a whole order or not
// at all, and giving it back when the order fails.

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"

	"github.com/stepworks/stepworks/shared/table"
)

// Availability is the answer for one product of an order.
type Availability struct {
	ProductID         string `json:"productId"`
	Available         bool   `json:"available"`
	AvailableQuantity *int64 `json:"availableQuantity,omitempty"` // when available
	Reason            string `json:"reason,omitempty"`            // when not
}

// Reservation is the outcome of an attempt to reserve.
type Reservation struct {
	ID       string // empty when nothing was reserved
	Products []Availability
}

// product is an item of the Inventory table, as far as stock goes.
type product struct {
	ProductID string                `dynamodbav:"productId"`
	Quantity  attributevalue.Number `dynamodbav:"quantity"`
}

// Reserve takes the stock of all products of an order, or of none. An order that
// has its reservation keeps it, whoever asks again.
func (b Book) Reserve(ctx context.Context, id string, e Execution) (Reservation, error) {
	for range rounds {
		record, err := b.Load(ctx, id)
		if err != nil {
			return Reservation{}, err
		}
		held := record.ReservationState == StockReserved || record.ReservationState == StockCommitted
		if !held && (record.ExecutionID != e.ID || record.Status != Validated) {
			return Reservation{}, superseded(record, e, "reserve")
		}
		reservation, again, err := b.reserve(ctx, record, held, e)
		if !again {
			return reservation, err
		}
	}
	return Reservation{}, fmt.Errorf("reserve order %s: it changed %d times meanwhile", id, rounds)
}

// reserve makes one attempt; again is true when the order changed under it.
func (b Book) reserve(ctx context.Context, record Record, held bool, e Execution) (res Reservation, again bool, err error) {
	wanted := record.wanted()
	stock, err := b.stock(ctx, wanted)
	if err != nil {
		return res, false, err
	}
	if held {
		return Reservation{record.ReservationID, answer(wanted, stock, true)}, false, nil
	}
	res.Products = answer(wanted, stock, false)
	if !all(res.Products) {
		// The share that is lacking may be this order's: an Express execution may run
		// twice at once, under one name.
		now, err := b.Load(ctx, record.OrderID)
		return res, err == nil && now.Status != record.Status, err
	}
	res.ID = DeriveID("rsv", record.OrderID)
	err = table.Transact(ctx, b.API, append([]table.Write{b.markReserved(record, res.ID, e)}, b.take(wanted)...)...)
	var refused *table.Refused
	if !errors.As(err, &refused) {
		return res, false, err
	}
	if _, order := refused.Old[0]; order {
		return res, true, nil
	}
	// Somebody took the stock since it was read; the refusal says what was left.
	for i, item := range refused.Old {
		if err := remember(stock, wanted[i-1].ProductID, item); err != nil {
			return res, false, err
		}
	}
	return Reservation{Products: answer(wanted, stock, false)}, false, nil
}

func (b Book) markReserved(r Record, reservationID string, e Execution) table.Write {
	return table.Write{
		Table: b.Orders, Key: orderKey(r.OrderID),
		Update:    "SET #status = :reserved, reservationState = :held, reservationId = :id, updatedAt = :now",
		Condition: "executionId = :me AND #status = :validated",
		Names:     map[string]string{"#status": "status"},
		Values: map[string]any{":reserved": Reserved, ":validated": Validated, ":held": StockReserved,
			":id": reservationID, ":me": e.ID, ":now": stamp(b.now(e))},
	}
}

// take lowers the stock of each product, never below zero.
func (b Book) take(wanted []RecordLine) []table.Write {
	writes := make([]table.Write, len(wanted))
	for i, w := range wanted {
		writes[i] = table.Write{
			Table: b.Inventory, Key: table.Key("productId", w.ProductID),
			Update:    "SET quantity = quantity - :wanted",
			Condition: "quantity >= :wanted",
			Values:    map[string]any{":wanted": w.Quantity},
		}
	}
	return writes
}

// giveBack raises it again. Without a condition: what was taken can always be
// given back, even if the product was taken off the list meanwhile.
func (b Book) giveBack(wanted []RecordLine) []table.Write {
	writes := make([]table.Write, len(wanted))
	for i, w := range wanted {
		writes[i] = table.Write{
			Table: b.Inventory, Key: table.Key("productId", w.ProductID),
			Update: "ADD quantity :taken",
			Values: map[string]any{":taken": w.Quantity},
		}
	}
	return writes
}

// stock reads how much there is of each product; unknown products are not in it.
func (b Book) stock(ctx context.Context, wanted []RecordLine) (map[string]int64, error) {
	keys := make([]table.Item, len(wanted))
	for i, w := range wanted {
		keys[i] = table.Key("productId", w.ProductID)
	}
	products, err := table.GetAll[product](ctx, b.API, b.Inventory, keys)
	if err != nil {
		return nil, err
	}
	stock := make(map[string]int64, len(products))
	for _, p := range products {
		if stock[p.ProductID], err = p.quantity(); err != nil {
			return nil, err
		}
	}
	return stock, nil
}

func (p product) quantity() (int64, error) {
	if p.Quantity == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(string(p.Quantity), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("inventory item %s: quantity must be a whole number, not %q", p.ProductID, p.Quantity)
	}
	return n, nil
}

// remember corrects stock by what a refused write met.
func remember(stock map[string]int64, id string, met table.Item) error {
	delete(stock, id)
	if len(met) == 0 {
		return nil
	}
	p := product{ProductID: id}
	if err := attributevalue.UnmarshalMap(met, &p); err != nil {
		return err
	}
	n, err := p.quantity()
	stock[id] = n
	return err
}

// answer says for each product whether there is enough; held is true when the
// order has its share already.
func answer(wanted []RecordLine, stock map[string]int64, held bool) []Availability {
	answers := make([]Availability, len(wanted))
	for i, w := range wanted {
		n, known := stock[w.ProductID]
		answers[i].ProductID = w.ProductID
		switch {
		case held || known && n >= w.Quantity:
			answers[i].Available, answers[i].AvailableQuantity = true, &n
		case !known:
			answers[i].Reason = "Product not found"
		default:
			answers[i].Reason = fmt.Sprintf("Insufficient stock. Available: %d", n)
		}
	}
	return answers
}

func all(products []Availability) bool {
	for _, p := range products {
		if !p.Available {
			return false
		}
	}
	return true
}
