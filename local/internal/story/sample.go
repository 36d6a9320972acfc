package story

// This file defines the sample events: files of entries for PutEvents, as
// `aws events put-events --entries file://...` takes them.

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io/fs"
	"maps"
)

// entry is one event to put.
type entry struct {
	Source, DetailType, EventBusName string
	detail                           map[string]any
}

// sample reads events/put/NAME.json.
func (w *World) sample(name string) ([]entry, error) {
	path := "events/put/" + name + ".json"
	text, err := fs.ReadFile(w.Files, path)
	if err != nil {
		return nil, err
	}
	var raw []struct{ Source, DetailType, EventBusName, Detail string }
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("%s: it must be an array of entries for PutEvents: %w", path, err)
	}
	entries := make([]entry, len(raw))
	for i, r := range raw {
		entries[i] = entry{Source: r.Source, DetailType: r.DetailType, EventBusName: r.EventBusName}
		if err := json.Unmarshal([]byte(r.Detail), &entries[i].detail); err != nil {
			return nil, fmt.Errorf("%s: entry %d: Detail must be a JSON object: %w", path, i+1, err)
		}
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("%s: there is no entry in it", path)
	}
	return entries, nil
}

// order is the part of the detail that is the order, in either shape.
func (e entry) order() map[string]any {
	if data, ok := e.detail["orderData"].(map[string]any); ok {
		return data
	}
	return e.detail
}

func (e entry) orderID() string {
	id, _ := e.order()["orderId"].(string)
	return id
}

func (e *entry) setOrderID(id string) {
	e.detail = maps.Clone(e.detail)
	if data, ok := e.detail["orderData"].(map[string]any); ok {
		data = maps.Clone(data)
		data["orderId"] = id
		e.detail["orderData"] = data
		return
	}
	e.detail["orderId"] = id
}

type item struct {
	product, price string
	quantity       int
}

func (e entry) items() []item {
	list, _ := e.order()["items"].([]any)
	var items []item
	for _, x := range list {
		m, _ := x.(map[string]any)
		product, _ := m["productId"].(string)
		quantity, _ := m["quantity"].(float64)
		items = append(items, item{product: product, quantity: int(quantity), price: fmt.Sprint(m["price"])})
	}
	return items
}

// taken is what the order takes from stock.
func (e entry) taken() map[string]int {
	moved := map[string]int{}
	for _, i := range e.items() {
		moved[i.product] -= i.quantity
	}
	return moved
}

// total is the order's amount as the sample spells it.
func (e entry) total() string {
	for _, name := range []string{"totalAmount", "amount"} {
		if v, ok := e.order()[name]; ok {
			return fmt.Sprint(v)
		}
	}
	return "?"
}

// only is the entry with one piece of one product.
func (e entry) only(product string) entry {
	order := maps.Clone(e.order())
	list, _ := order["items"].([]any)
	for _, x := range list {
		if m, _ := x.(map[string]any); m["productId"] == product {
			one := maps.Clone(m)
			one["quantity"] = 1
			order["items"], order["totalAmount"] = []any{one}, m["price"]
		}
	}
	e.detail = maps.Clone(e.detail)
	e.detail["orderData"] = order
	return e
}

// decision is what the simulated payment gateway will say to an order id.
type decision bool

const (
	accepted decision = true
	refused  decision = false
)

// gateway repeats the documented rule of the simulated gateway (docs/orders.md):
// the id's 64-bit FNV-1a hash modulo 100, below the declined share means no. It stands
// here too because the story shares nothing with the workers but the wire.
func gateway(orderID string, declinePercent uint64) decision {
	h := fnv.New64a()
	_, _ = h.Write([]byte(orderID))
	return decision(h.Sum64()%100 >= declinePercent)
}

const declinePercent = 10

// newOrderID derives an id that no run has used and that the gateway decides on
// as wanted.
func (w *World) newOrderID(base string, want decision) string {
	for {
		w.serial++
		id := fmt.Sprintf("%s-%s%d", base, w.tag, w.serial)
		if gateway(id, declinePercent) == want {
			return id
		}
	}
}
