package order

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/money"
)

// good is an order of the first contract; the tests below change one field.
const good = `{"orderId":"A","customerId":"C","items":[{"productId":"P","quantity":2,"price":4.50}],"totalAmount":9.00}`

func with(field, value string) string {
	var f map[string]json.RawMessage
	if err := json.Unmarshal([]byte(good), &f); err != nil {
		panic(err)
	}
	delete(f, field)
	if value != "" {
		f[field] = json.RawMessage(value)
	}
	text, err := json.Marshal(f)
	if err != nil {
		panic(err)
	}
	return `{"orderData":` + string(text) + `}`
}

func TestRead(t *testing.T) {
	want := Order{ID: "A", CustomerID: "C", Total: money.Amount{Minor: 900, Currency: "USD"},
		Lines: []Line{{"P", 2, &money.Amount{Minor: 450, Currency: "USD"}}}}
	const flat = `{"orderId":"A","customerId":"C","amount":9,"currency":"USD","items":[{"productId":"P","quantity":2,"price":4.5}]`
	for _, c := range []struct{ what, payload string }{
		{"Order Placed", `{"status":"pending","orderData":` + good + `}`},
		{"Order Created", flat + `}`},
		{"Order Created through the input transformer", flat + `,"shippingAddress":"","eventMetadata":{"eventId":"e","eventTime":"2026-11-21T10:00:00Z"}}`},
		{"as the state machine passes it", `{"order":{"orderData":` + good + `},"execution":{"id":"x","time":"2026-11-21T10:00:00.123Z"}}`},
		{"flat, as the state machine passes it", `{"order":` + flat + `},"execution":{"id":"x","time":"2026-11-21T10:00:00.123Z"}}`},
		{"other notations of the same numbers", strings.NewReplacer("2,", "2.0,", "4.50", "45e-1", "9.00", "0.9e1").Replace(`{"orderData":` + good + `}`)},
	} {
		s := Read([]byte(c.payload))
		assert.Empty(t, s.Problem, c.what)
		assert.Equal(t, want, s.Order, c.what)
		assert.Equal(t, "A", s.OrderID, c.what)
	}
}

func TestReadTellsWho(t *testing.T) {
	s := Read([]byte(`{"order":{"orderData":` + good + `,"eventMetadata":{"eventId":"e-1","eventTime":"2026-11-21T10:00:00Z"}},"execution":{"id":"x","time":"2026-11-21T10:00:01.5Z"}}`))
	assert.Equal(t, "x", s.Execution.ID)
	assert.Equal(t, "2026-11-21T10:00:01.500Z", stamp(s.Execution.Time))
	assert.Equal(t, "e-1", s.EventID)
	assert.Equal(t, "2026-11-21T10:00:00.000Z", stamp(s.EventTime))
}

func lines(n int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(`{"productId":"P","quantity":1},`, n), ",") + "]"
}

func item(fields string) string { return with("items", `[{`+fields+`}]`) }

// TestProblems: what is wrong, and whether the order's id is still known.
func TestProblems(t *testing.T) {
	const identified, anonymous = "A", ""
	for _, c := range []struct{ payload, problem, id string }{
		{`[1]`, "the input must be an object, not [1]", anonymous},
		{`"x"`, `the input must be an object, not "x"`, anonymous},
		{`null`, "the input must be an object, not null", anonymous},
		{`{}`, "Missing required field: orderId", anonymous},
		{`{"order":null}`, "the input must be an object, not null", anonymous},
		{`{"orderData":null}`, "orderData must be an object, not null", anonymous},
		{`{"orderData":"A"}`, `orderData must be an object, not "A"`, anonymous},
		{`{"orderData":[{"orderId":"A"}]}`, `orderData must be an object, not [{"orderId":"A"}]`, anonymous},
		{`{"order":{},"execution":7}`, "execution is not as it should be", anonymous},

		{with("orderId", ""), "Missing required field: orderId", anonymous},
		{with("orderId", "null"), "Missing required field: orderId", anonymous},
		{with("orderId", `""`), "Missing required field: orderId", anonymous},
		{with("orderId", "7"), "orderId must be a string, not 7", anonymous},
		{with("orderId", `{}`), "orderId must be a string, not {}", anonymous},
		{with("orderId", `" A"`), `orderId " A" has control characters or blanks around it`, anonymous},
		{with("orderId", `"A\u0000"`), "control characters", anonymous},
		{with("orderId", `"`+strings.Repeat("x", 129)+`"`), "orderId has 129 bytes, at most 128 are possible", anonymous},

		{with("customerId", ""), "Missing required field: customerId", identified},
		{with("customerId", "true"), "customerId must be a string, not true", identified},
		{with("items", ""), "Missing required field: items", identified},
		{with("items", `""`), "Missing required field: items", identified},
		{with("items", `{}`), "items must be a list, not {}", identified},
		{with("items", `"LAPTOP001"`), `items must be a list, not "LAPTOP001"`, identified},
		{with("items", `[]`), "items is empty: an order has at least one item", identified},
		{with("items", `[null]`), "items[0] must be an object, not null", identified},
		{with("items", `[7]`), "items[0] must be an object, not 7", identified},
		{with("items", lines(100)), "items has 100 lines, at most 99 are possible", identified},
		{item(`"quantity":1`), "items[0].productId is missing", identified},
		{item(`"productId":7,"quantity":1`), "productId must be a string, not 7", identified},
		{item(`"productId":"P"`), "items[0].quantity must be a whole number from 1 to 1000000, not nothing", identified},
		{item(`"productId":"P","quantity":null`), "not null", identified},
		{item(`"productId":"P","quantity":0`), "not 0", identified},
		{item(`"productId":"P","quantity":-1`), "not -1", identified},
		{item(`"productId":"P","quantity":1.5`), "not 1.5", identified},
		{item(`"productId":"P","quantity":"2"`), `not "2"`, identified},
		{item(`"productId":"P","quantity":1e400`), "not 1e400", identified},
		{item(`"productId":"P","quantity":1000001`), "not 1000001", identified},
		{item(`"productId":"P","quantity":[[[[]]]]`), "not [[[[]]]]", identified},
		{item(`"productId":"P","quantity":1,"price":-1`), "items[0].price must be more than zero, not -1", identified},
		{item(`"productId":"P","quantity":1,"price":"9"`), `items[0].price must be a number, not the string "9"`, identified},
		{item(`"productId":"P","quantity":1,"price":0.001`), "items[0].price is not an amount of USD", identified},
		{item(`"productId":"P","quantity":1000000,"price":92233720368547758.07`), "items[0]: the sum of the items is too large", identified},

		{with("totalAmount", ""), "Missing required field: totalAmount", identified},
		{with("totalAmount", "null"), "Missing required field: totalAmount", identified},
		{with("totalAmount", `"9.00"`), `totalAmount must be a number, not the string "9.00"`, identified},
		{with("totalAmount", `"NaN"`), "totalAmount must be a number", identified},
		{with("totalAmount", "0"), "totalAmount must be more than zero, not 0", identified},
		{with("totalAmount", "-9"), "totalAmount must be more than zero, not -9", identified},
		{with("totalAmount", "1e400"), `totalAmount is not an amount of USD: "1e400" is too large`, identified},
		{with("totalAmount", "1e999999999"), "too large", identified},
		{with("totalAmount", strings.Repeat("9", 50_000)), "totalAmount is not an amount of USD: too large: 50000 characters", identified},
		{with("totalAmount", "9.001"), `"9.001" has too many decimals (2 are possible)`, identified},
		{with("totalAmount", "true"), "totalAmount is not an amount of USD", identified},
		{with("totalAmount", "{}"), "totalAmount is not an amount of USD", identified},
		{with("totalAmount", "10"), "totalAmount is 10.00, but the items add up to 9.00", identified},
		{`{"orderId":"A","customerId":"C","items":[{"productId":"P","quantity":1,"price":5}]}`, "Missing required field: amount", identified},
		{`{"orderId":"A","customerId":"C","items":[{"productId":"P","quantity":1,"price":5}],"amount":4}`, "amount is 4.00, but the items add up to 5.00", identified},

		{with("currency", `"usd"`), `currency must be three capital letters such as USD, not "usd"`, identified},
		{with("currency", `7`), "currency must be three capital letters", identified},
		{with("currency", `"JPY"`), "is not an amount of JPY", identified},
		{with("shippingAddress", `7`), "shippingAddress must be an object or a string, not 7", identified},
		{with("shippingAddress", `"`+strings.Repeat("x", 5000)+`"`), "shippingAddress has 5002 bytes, at most 4096 are possible", identified},
		{`{"orderData":` + good + `,"eventMetadata":{"eventTime":"yesterday"}}`, "eventMetadata is not as it should be", identified},
	} {
		s := Read([]byte(c.payload))
		assert.Contains(t, s.Problem, c.problem, excerpt([]byte(c.payload)))
		assert.Equal(t, c.id, s.OrderID, c.problem)
		assert.Less(t, len(s.Problem), 250, "a problem is for people: %s", c.problem)
	}
}

func TestLinesWithoutPrice(t *testing.T) {
	s := Read([]byte(with("items", `[{"productId":"P","quantity":2}]`)))
	require.Empty(t, s.Problem, "one of the contracts does not promise prices")
	assert.Nil(t, s.Order.Lines[0].Price)
}

func TestFingerprint(t *testing.T) {
	of := func(payload string) string {
		print, err := fingerprint(Read([]byte(payload)).Order)
		require.NoError(t, err)
		return print
	}
	same := of(`{"orderData":` + good + `}`)
	assert.Equal(t, same, of(`{"orderId":"A","customerId":"C","amount":9,"items":[{"price":4.5,"quantity":2,"productId":"P"}]}`), "the same order by the other contract")
	assert.NotEqual(t, same, of(with("customerId", `"D"`)))
	assert.NotEqual(t, same, of(with("shippingAddress", `{"city":"London"}`)))
}

func TestValidatedOrder(t *testing.T) {
	written, err := json.Marshal(Read([]byte(with("shippingAddress", `{ "z": 1.0, "a": 10000000000000001 }`))).Order)
	require.NoError(t, err)
	assert.Equal(t, `{"orderId":"A","customerId":"C","items":[{"productId":"P","quantity":2,"price":4.50}],"totalAmount":9.00,"currency":"USD","shippingAddress":{"z":1.0,"a":10000000000000001}}`, string(written))
}

// FuzzRead: any bytes give an order or a problem, never both, never a panic.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"orderData":` + good + `}`))
	f.Add([]byte(`{"order":{"orderId":"A"},"execution":{}}`))
	f.Add([]byte(with("items", `[{"productId":"P","quantity":1e400}]`)))
	f.Fuzz(func(t *testing.T, payload []byte) {
		s := Read(payload)
		if s.Problem != "" {
			return
		}
		if s.OrderID == "" || s.Order.CustomerID == "" || len(s.Order.Lines) == 0 || s.Order.Total.Minor <= 0 {
			t.Errorf("accepted %s as %+v", payload, s.Order)
		}
		again := Read(fmt.Appendf(nil, `{"orderData":%s}`, must(json.Marshal(s.Order))))
		if again.Problem != "" {
			t.Errorf("the validated order of %s is refused: %s", payload, again.Problem)
		}
	})
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
