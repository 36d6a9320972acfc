package order

// This file defines how a submitted order is read: field by field, because
// anything can be in an event, and whoever sent it deserves to be told which
// field was wrong, under the order's id if there is one.

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/stepworks/stepworks/shared/money"
	"github.com/stepworks/stepworks/shared/table"
)

// What an order may be at the most. The first follows from a transaction's
// limit: one write for the order and one for each product.
const (
	MaxLines    = table.MaxWrites - 1
	MaxQuantity = 1_000_000
	maxID       = 128
	maxAddress  = 4096
)

// defaultCurrency is what an order is in when it does not say, as in Order Placed.
const defaultCurrency = "USD"

// Submission is an order as it came in: either an Order, or a Problem.
type Submission struct {
	Execution Execution
	OrderID   string // as far as it could be read; empty if there is no usable one
	Order     Order
	Problem   string    // why it is not an order; empty if it is one
	EventID   string    // of the event that brought it, if known
	EventTime time.Time // likewise
}

// UnmarshalJSON reads any JSON value: what is wrong with it becomes the Problem.
func (s *Submission) UnmarshalJSON(payload []byte) error {
	*s = Read(payload)
	return nil
}

// Read reads a submitted order in any of its forms: {orderData: {...}} with
// totalAmount, or flat with amount; either as it is, or as the state machine
// wraps it, {order: ..., execution: {...}}.
func Read(payload []byte) Submission {
	var s Submission
	r := &reader{}
	outer := r.object(payload, "the input")
	if wrapped, ok := outer["order"]; ok {
		if execution := outer["execution"]; !absent(execution) {
			r.into(execution, "execution", &s.Execution)
		}
		outer = r.object(wrapped, "the input")
	}
	fields, total := outer, "amount"
	if nested, ok := outer["orderData"]; ok {
		fields, total = r.object(nested, "orderData"), "totalAmount"
	}
	s.OrderID = r.id(fields, "orderId")
	s.Order = r.order(fields, s.OrderID, total)
	s.metadata(r, outer["eventMetadata"])
	s.Problem = r.problem
	return s
}

// metadata reads what the input transformer tells of the event.
func (s *Submission) metadata(r *reader, raw json.RawMessage) {
	if absent(raw) {
		return
	}
	var m struct {
		EventID   string    `json:"eventId"`
		EventTime time.Time `json:"eventTime"`
	}
	r.into(raw, "eventMetadata", &m)
	s.EventID, s.EventTime = m.EventID, m.EventTime
}

// fingerprint tells two submissions of the same order id apart.
func fingerprint(o Order) (string, error) {
	canonical, err := json.Marshal(o)
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), err
}

// reader collects the first problem it meets, and reads on as far as it can.
type reader struct{ problem string }

func (r *reader) fail(format string, args ...any) {
	if r.problem == "" {
		r.problem = fmt.Sprintf(format, args...)
	}
}

type fields map[string]json.RawMessage

// object reads a JSON object's members, or says that there is none.
func (r *reader) object(raw json.RawMessage, name string) fields {
	var members fields
	if err := json.Unmarshal(raw, &members); err != nil || members == nil {
		r.fail("%s must be an object, not %s", name, excerpt(raw))
	}
	return members
}

func (r *reader) into(raw json.RawMessage, name string, value any) {
	if err := json.Unmarshal(raw, value); err != nil {
		r.fail("%s is not as it should be: %v", name, err)
	}
}

// order reads the order's own fields; the four that the shop has always needed
// are asked for first, in their old order.
func (r *reader) order(f fields, id, total string) Order {
	for _, name := range []string{"orderId", "customerId", "items", total} {
		if absent(f[name]) {
			r.fail("Missing required field: %s", name)
		}
	}
	o := Order{ID: id, CustomerID: r.id(f, "customerId")}
	currency := r.currency(f["currency"])
	o.Lines = r.lines(f["items"], currency)
	o.Total = r.amount(f[total], total, currency)
	o.ShippingAddress = r.address(f["shippingAddress"])
	r.checkTotal(o, total)
	return o
}

// absent treats a field that is missing, null or "" alike: an input transformer
// delivers "" for a path that the event does not have.
func absent(raw json.RawMessage) bool {
	return len(raw) == 0 || string(raw) == "null" || string(raw) == `""`
}

// id reads an identifier; one that cannot be used is a problem and empty.
func (r *reader) id(f fields, name string) string {
	raw := f[name]
	if absent(raw) {
		return ""
	}
	var id string
	switch err := json.Unmarshal(raw, &id); {
	case err != nil:
		r.fail("%s must be a string, not %s", name, excerpt(raw))
	case len(id) > maxID:
		r.fail("%s has %d bytes, at most %d are possible", name, len(id), maxID)
	case id != strings.TrimSpace(id) || strings.ContainsFunc(id, unicode.IsControl):
		r.fail("%s %q has control characters or blanks around it", name, id)
	default:
		return id
	}
	return ""
}

func (r *reader) currency(raw json.RawMessage) string {
	if absent(raw) {
		return defaultCurrency
	}
	var code string
	if json.Unmarshal(raw, &code) != nil || len(code) != 3 || strings.ContainsFunc(code, notCapital) {
		r.fail("currency must be three capital letters such as USD, not %s", excerpt(raw))
		return defaultCurrency
	}
	return code
}

func (r *reader) lines(raw json.RawMessage, currency string) []Line {
	var rows []json.RawMessage
	if err := json.Unmarshal(raw, &rows); err != nil && !absent(raw) {
		r.fail("items must be a list, not %s", excerpt(raw))
		return nil
	}
	if len(rows) == 0 && !absent(raw) {
		r.fail("items is empty: an order has at least one item")
	}
	if len(rows) > MaxLines {
		r.fail("items has %d lines, at most %d are possible", len(rows), MaxLines)
		return nil
	}
	lines := make([]Line, len(rows))
	for i, row := range rows {
		lines[i] = r.line(row, fmt.Sprintf("items[%d]", i), currency)
	}
	return lines
}

func (r *reader) line(raw json.RawMessage, name, currency string) Line {
	f := r.object(raw, name)
	var line Line
	if line.ProductID = r.id(f, "productId"); line.ProductID == "" {
		r.fail("%s.productId is missing", name)
	}
	line.Quantity = r.quantity(f["quantity"], name+".quantity")
	if !absent(f["price"]) {
		price := r.amount(f["price"], name+".price", currency)
		line.Price = &price
	}
	return line
}

// quantity reads a whole number; 2.0 is one, and so is 2e0.
func (r *reader) quantity(raw json.RawMessage, name string) int64 {
	n, err := money.Scaled(string(raw), 0)
	if err != nil || n < 1 || n > MaxQuantity {
		r.fail("%s must be a whole number from 1 to %d, not %s", name, MaxQuantity, excerpt(raw))
	}
	return n
}

// amount reads a price or a total: a JSON number above zero, exact in its currency.
func (r *reader) amount(raw json.RawMessage, name, currency string) money.Amount {
	if absent(raw) {
		return money.Amount{Currency: currency}
	}
	amount, err := money.Parse(string(raw), currency)
	switch {
	case err != nil && raw[0] == '"':
		r.fail("%s must be a number, not the string %s", name, excerpt(raw))
	case err != nil:
		r.fail("%s is not an amount of %s: %v", name, currency, short(err))
	case amount.Minor <= 0:
		r.fail("%s must be more than zero, not %s", name, excerpt(raw))
	}
	return amount
}

// address keeps the address as it came, without blanks.
func (r *reader) address(raw json.RawMessage) json.RawMessage {
	if absent(raw) {
		return nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil || raw[0] != '{' && raw[0] != '"' {
		r.fail("shippingAddress must be an object or a string, not %s", excerpt(raw))
	} else if compact.Len() > maxAddress {
		r.fail("shippingAddress has %d bytes, at most %d are possible", compact.Len(), maxAddress)
	}
	return compact.Bytes()
}

// checkTotal adds the lines up. Lines without a price leave the total to the
// shop: one of the two contracts does not promise prices.
func (r *reader) checkTotal(o Order, name string) {
	if r.problem != "" {
		return
	}
	sum := money.Amount{Currency: o.Total.Currency}
	for i, line := range o.Lines {
		if line.Price == nil {
			return
		}
		product, ok := line.Price.Times(line.Quantity)
		if ok {
			sum, ok = sum.Plus(product)
		}
		if !ok {
			r.fail("items[%d]: the sum of the items is too large", i)
			return
		}
	}
	if sum != o.Total {
		r.fail("%s is %s, but the items add up to %s", name, o.Total, sum)
	}
}

// excerpt shows a value to a person, but not a whole megabyte of it.
func excerpt(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "nothing"
	}
	if text := strings.ToValidUTF8(string(raw[:min(len(raw), 40)]), ""); len(raw) > 40 {
		return text + "..."
	}
	return string(raw)
}

// short keeps a number that somebody made absurdly long out of a message.
func short(err error) string {
	return strings.ToValidUTF8(err.Error()[:min(len(err.Error()), 120)], "")
}
