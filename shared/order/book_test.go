package order

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

// shop is a book with the stock of the seeds.
func shop() (Book, *tabletest.DB) {
	db := tabletest.New(map[string]string{"Orders": "orderId", "Inventory": "productId"})
	for id, n := range map[string]int{"LAPTOP001": 50, "MOUSE001": 100, "KEYBOARD001": 75} {
		db.Set("Inventory", map[string]any{"productId": id, "quantity": n, "price": attributevalue.Number("999.99")})
	}
	return Book{API: db, Orders: "Orders", Inventory: "Inventory"}, db
}

func quantity(t require.TestingT, db *tabletest.DB, id string) int {
	var p struct {
		Quantity int `dynamodbav:"quantity"`
	}
	require.True(t, db.Load("Inventory", id, &p), id)
	return p.Quantity
}

func stored(t require.TestingT, db *tabletest.DB, id string) Record {
	var r Record
	require.True(t, db.Load("Orders", id, &r), id)
	return r
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func by(id string) Execution { return Execution{ID: id, Time: noon} }

// submitted is order A by an execution; lines are product and quantity.
func submitted(e Execution, lines ...Line) Submission {
	if lines == nil {
		lines = []Line{{"LAPTOP001", 1, nil}, {"MOUSE001", 2, nil}}
	}
	o := Order{ID: "A", CustomerID: "CUST001", Lines: lines}
	o.Total.Minor, o.Total.Currency = 102998, "USD"
	return Submission{Execution: e, OrderID: "A", Order: o}
}

// walk takes order A as far as status and returns the book.
func walk(t *testing.T, until Status) (Book, *tabletest.DB) {
	t.Helper()
	book, db := shop()
	ctx, e := t.Context(), by("E1")
	steps := []struct {
		reaches Status
		take    func() error
	}{
		{Validated, func() error { _, err := book.Place(ctx, submitted(e)); return err }},
		{Reserved, func() error { _, err := book.Reserve(ctx, "A", e); return err }},
		{Paid, func() error { _, err := book.RecordPayment(ctx, "A", e, "pay_1", "txn_1"); return err }},
		{Fulfilled, func() error { _, err := book.Fulfill(ctx, "A", e); return err }},
	}
	for _, s := range steps {
		require.NoError(t, s.take())
		require.Equal(t, s.reaches, stored(t, db, "A").Status)
		if s.reaches == until {
			break
		}
	}
	return book, db
}

func TestTheWay(t *testing.T) {
	_, db := walk(t, Fulfilled)
	r := stored(t, db, "A")
	assert.Equal(t, Record{
		OrderID: "A", CustomerID: "CUST001", Items: []RecordLine{{ProductID: "LAPTOP001", Quantity: 1}, {ProductID: "MOUSE001", Quantity: 2}},
		TotalAmount: "1029.98", Currency: "USD", Fingerprint: r.Fingerprint, Status: Fulfilled,
		ExecutionID: "E1", ClaimedAt: "2026-11-21T12:00:00.000Z", CreatedAt: "2026-11-21T12:00:00.000Z", UpdatedAt: "2026-11-21T12:00:00.000Z",
		ReservationID: DeriveID("rsv", "A"), ReservationState: StockCommitted,
		PaymentID: "pay_1", TransactionID: "txn_1", PaidAt: "2026-11-21T12:00:00.000Z",
		FulfillmentID: DeriveID("ful", "A"), FulfilledAt: "2026-11-21T12:00:00.000Z", EstimatedDelivery: "2026-11-28T12:00:00.000Z",
	}, r)
	assert.Equal(t, []int{49, 98}, []int{quantity(t, db, "LAPTOP001"), quantity(t, db, "MOUSE001")})
}

func TestPlace(t *testing.T) {
	other := submitted(by("E2"))
	other.Order.CustomerID = "CUST002"
	late := Execution{ID: "E2", Time: noon.Add(Lease + time.Second)}
	refusal := map[string]any{"orderId": "A", "status": "rejected", "executionId": "E0", "createdAt": "x"}
	for _, c := range []struct {
		what      string
		until     Status // of order A before; "" for none
		refused   bool   // a refused submission's record stands there
		again     Submission
		duplicate bool
		problem   bool
		status    Status // in the answer
		owner     string // in the book afterwards
	}{
		{"first", "", false, submitted(by("E2")), false, false, Validated, "E2"},
		{"after a refusal", "", true, submitted(by("E2")), false, false, Validated, "E2"},
		{"by the same execution", Validated, false, submitted(by("E1")), false, false, Validated, "E1"},
		{"by another, in flight", Reserved, false, submitted(by("E2")), true, false, Reserved, "E1"},
		{"by another, decided", Fulfilled, false, submitted(by("E2")), true, false, Fulfilled, "E1"},
		{"by another, decided long ago", Fulfilled, false, submitted(late), true, false, Fulfilled, "E1"},
		{"by another, when the first cannot run any more", Paid, false, submitted(late), false, false, Paid, "E2"},
		{"other content", Reserved, false, other, false, true, Reserved, "E1"},
	} {
		book, db := shop()
		if c.until != "" {
			book, db = walk(t, c.until)
		}
		if c.refused {
			db.Set("Orders", refusal)
		}
		p, err := book.Place(t.Context(), c.again)
		require.NoError(t, err, c.what)
		assert.Equal(t, c.duplicate, p.Duplicate, c.what)
		assert.Equal(t, c.problem, p.Problem != "", c.what)
		assert.Equal(t, c.status, p.Record.Status, c.what)
		assert.Equal(t, c.owner, stored(t, db, "A").ExecutionID, c.what)
		assert.Equal(t, "CUST001", stored(t, db, "A").CustomerID, c.what)
	}
}

func TestReserve(t *testing.T) {
	q := func(n int64) *int64 { return &n }
	for _, c := range []struct {
		what  string
		lines []Line
		want  []Availability
		left  int // laptops
	}{
		{"enough", []Line{{"LAPTOP001", 50, nil}}, []Availability{{"LAPTOP001", true, q(50), ""}}, 0},
		{"too little", []Line{{"LAPTOP001", 100, nil}}, []Availability{{"LAPTOP001", false, nil, "Insufficient stock. Available: 50"}}, 50},
		{"unknown", []Line{{"TABLET001", 1, nil}}, []Availability{{"TABLET001", false, nil, "Product not found"}}, 50},
		{"one of two: none is taken", []Line{{"LAPTOP001", 1, nil}, {"MOUSE001", 101, nil}},
			[]Availability{{"LAPTOP001", true, q(50), ""}, {"MOUSE001", false, nil, "Insufficient stock. Available: 100"}}, 50},
		{"the same product twice", []Line{{"LAPTOP001", 30, nil}, {"MOUSE001", 1, nil}, {"LAPTOP001", 20, nil}},
			[]Availability{{"LAPTOP001", true, q(50), ""}, {"MOUSE001", true, q(100), ""}}, 0},
		{"the same product twice, too little", []Line{{"LAPTOP001", 30, nil}, {"LAPTOP001", 21, nil}},
			[]Availability{{"LAPTOP001", false, nil, "Insufficient stock. Available: 50"}}, 50},
	} {
		book, db := shop()
		_, err := book.Place(t.Context(), submitted(by("E1"), c.lines...))
		require.NoError(t, err)
		for range 2 { // the second time nothing more is taken
			res, err := book.Reserve(t.Context(), "A", by("E1"))
			require.NoError(t, err, c.what)
			assert.Equal(t, c.left < 50, res.ID != "", c.what)
			if res.ID == "" {
				assert.Equal(t, c.want, res.Products, c.what)
			}
			assert.Equal(t, c.left, quantity(t, db, "LAPTOP001"), c.what)
		}
	}
}

func TestReserveAsManyAsATransactionTakes(t *testing.T) {
	book, db := shop()
	var lines []Line
	for i := range MaxLines {
		id := fmt.Sprint("P", i)
		db.Set("Inventory", map[string]any{"productId": id, "quantity": 1})
		lines = append(lines, Line{id, 1, nil})
	}
	_, err := book.Place(t.Context(), submitted(by("E1"), lines...))
	require.NoError(t, err)
	res, err := book.Reserve(t.Context(), "A", by("E1"))
	require.NoError(t, err)
	assert.Len(t, res.Products, MaxLines)
	assert.NotEmpty(t, res.ID)
}

// TestStockGoneMeanwhile: the read says there is enough, the transaction that
// there is not.
func TestStockGoneMeanwhile(t *testing.T) {
	book, db := shop()
	_, err := book.Place(t.Context(), submitted(by("E1")))
	require.NoError(t, err)
	db.Before = func(_ context.Context, operation string) error {
		if operation == "TransactWriteItems" {
			db.Set("Inventory", map[string]any{"productId": "MOUSE001", "quantity": 1})
		}
		return nil
	}
	res, err := book.Reserve(t.Context(), "A", by("E1"))
	require.NoError(t, err)
	assert.Empty(t, res.ID)
	assert.Equal(t, "Insufficient stock. Available: 1", res.Products[1].Reason)
	assert.Equal(t, 50, quantity(t, db, "LAPTOP001"))
}

// TestStockGoneToItself: an Express execution runs twice at once, and one run takes
// the last of the stock between the other's reads.
func TestStockGoneToItself(t *testing.T) {
	book, db := shop()
	db.Set("Inventory", map[string]any{"productId": "LAPTOP001", "quantity": 1})
	_, err := book.Place(t.Context(), submitted(by("E1"), Line{"LAPTOP001", 1, nil}))
	require.NoError(t, err)
	var twin Reservation
	db.Before = func(ctx context.Context, operation string) (err error) {
		if operation == "BatchGetItem" {
			db.Before = nil
			twin, err = book.Reserve(ctx, "A", by("E1"))
		}
		return err
	}
	res, err := book.Reserve(t.Context(), "A", by("E1"))
	require.NoError(t, err)
	assert.NotEmpty(t, twin.ID)
	assert.Equal(t, twin.ID, res.ID, "the order has its stock, whoever of the two took it")
	assert.Zero(t, quantity(t, db, "LAPTOP001"))
}

func TestContention(t *testing.T) {
	conflict := &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{
		{Code: aws.String("None")}, {Code: aws.String("TransactionConflict")}, {Code: aws.String("None")}}}
	for _, c := range []struct {
		conflicts int
		want      failure.Name
	}{{2, ""}, {100, failure.TransientThrottled}} {
		synctest.Test(t, func(t *testing.T) { // the pauses between attempts take no real time
			book, db := shop()
			_, err := book.Place(t.Context(), submitted(by("E1")))
			require.NoError(t, err)
			met := 0
			db.Before = func(_ context.Context, operation string) error {
				if operation == "TransactWriteItems" && met < c.conflicts {
					met++
					return conflict
				}
				return nil
			}
			_, err = book.Reserve(t.Context(), "A", by("E1"))
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			assert.Equal(t, c.want, failure.NameOf(err))
		})
	}
}

// TestForeigners: what an execution gets that does not have the order, in every
// state of it; nothing changes.
func TestForeigners(t *testing.T) {
	closing := Closing{PaymentFailed, "PaymentFailed", "declined"}
	calls := map[string]func(context.Context, Book) error{
		"reserve": func(ctx context.Context, b Book) error { _, err := b.Reserve(ctx, "A", by("E2")); return err },
		"pay": func(ctx context.Context, b Book) error {
			_, err := b.RecordPayment(ctx, "A", by("E2"), "pay_1", "txn_1")
			return err
		},
		"fulfill": func(ctx context.Context, b Book) error { _, err := b.Fulfill(ctx, "A", by("E2")); return err },
		"close":   func(ctx context.Context, b Book) error { _, _, err := b.Close(ctx, "A", by("E2"), closing); return err },
	}
	// The states in which a call answers what is so, instead of refusing.
	replays := map[string][]Status{"reserve": {Reserved, Paid, Fulfilled}, "pay": {Paid, Fulfilled}, "fulfill": {Fulfilled}, "close": {Fulfilled}}
	for _, status := range []Status{Validated, Reserved, Paid, Fulfilled} {
		for name, call := range calls {
			book, db := walk(t, status)
			before, laptops := db.Item("Orders", "A"), quantity(t, db, "LAPTOP001")
			err := call(t.Context(), book)
			if slices.Contains(replays[name], status) {
				assert.NoError(t, err, "%s when %s", name, status)
			} else if assert.Error(t, err, "%s when %s", name, status) {
				assert.Equal(t, failure.OrderSuperseded, failure.NameOf(err), "%s when %s", name, status)
			}
			assert.Equal(t, before, db.Item("Orders", "A"), "%s when %s", name, status)
			assert.Equal(t, laptops, quantity(t, db, "LAPTOP001"), "%s when %s", name, status)
		}
	}
	for name, call := range calls {
		book, _ := shop()
		assert.Equal(t, failure.OrderNotFound, failure.NameOf(call(t.Context(), book)), name)
	}
}

func TestClose(t *testing.T) {
	for _, c := range []struct {
		until    Status
		as       Status
		released bool
		stands   Status
	}{
		{Validated, Rejected, false, Rejected},
		{Reserved, PaymentFailed, true, PaymentFailed},
		{Paid, FulfillmentFailed, true, FulfillmentFailed},
		{Fulfilled, FulfillmentFailed, false, Fulfilled},
	} {
		book, db := walk(t, c.until)
		for range 2 { // the second time nothing goes back twice
			r, released, err := book.Close(t.Context(), "A", by("E1"), Closing{c.as, "SomeFailure", "because"})
			require.NoError(t, err, c.until)
			assert.Equal(t, c.released, released, c.until)
			assert.Equal(t, c.stands, r.Status, c.until)
		}
		r := stored(t, db, "A")
		assert.Equal(t, c.stands, r.Status, c.until)
		if c.stands != Fulfilled {
			assert.Equal(t, []string{"SomeFailure", "because"}, []string{r.Failure, r.FailureReason}, c.until)
			assert.Equal(t, []int{50, 100}, []int{quantity(t, db, "LAPTOP001"), quantity(t, db, "MOUSE001")}, c.until)
		}
	}
	book, _ := walk(t, Reserved)
	_, _, err := book.Close(t.Context(), "A", by("E1"), Closing{Status: Fulfilled})
	assert.Equal(t, failure.InputMalformed, failure.NameOf(err))
}

func TestConfirmPayment(t *testing.T) {
	for _, c := range []struct {
		what    string
		until   Status
		amount  string
		payment string
		want    failure.Name
	}{
		{"as paid", Paid, "1029.98", "pay_1", ""},
		{"after fulfillment, in another notation", Fulfilled, "1.02998e3", "", ""},
		{"not paid", Reserved, "1029.98", "", failure.PaymentNotFound},
		{"another payment", Paid, "1029.98", "pay_2", failure.PaymentNotFound},
		{"another amount", Paid, "1029.97", "pay_1", failure.PaymentAmountMismatch},
		{"a hostile amount", Paid, "1e999999999", "pay_1", failure.PaymentAmountMismatch},
	} {
		book, db := walk(t, c.until)
		for _, first := range []bool{true, false} {
			confirmed, err := book.ConfirmPayment(t.Context(), "A", jsonNumber(c.amount), c.payment, noon)
			if c.want != "" {
				require.Error(t, err, c.what)
				assert.Equal(t, c.want, failure.NameOf(err), c.what)
				assert.Empty(t, stored(t, db, "A").PaymentConfirmedAt, c.what)
				continue
			}
			require.NoError(t, err, c.what)
			assert.Equal(t, first, confirmed, c.what)
			assert.Equal(t, "2026-11-21T12:00:00.000Z", stored(t, db, "A").PaymentConfirmedAt, c.what)
		}
	}
	book, _ := shop()
	_, err := book.ConfirmPayment(t.Context(), "A", "1", "", noon)
	assert.Equal(t, failure.OrderNotFound, failure.NameOf(err))
}

func TestRefundOnlyOfFailedOrders(t *testing.T) {
	book, db := walk(t, Paid)
	_, err := book.RecordRefund(t.Context(), "A", by("E1"))
	assert.Equal(t, failure.OrderSuperseded, failure.NameOf(err))
	_, _, err = book.Close(t.Context(), "A", by("E1"), Closing{FulfillmentFailed, "FulfillmentFailed", ""})
	require.NoError(t, err)
	_, err = book.RecordRefund(t.Context(), "A", by("E1"))
	require.NoError(t, err)
	assert.NotEmpty(t, stored(t, db, "A").RefundedAt)
	assert.False(t, stored(t, db, "A").PaidFor())
}

// TestFaultsComeThrough: what DynamoDB complains of is neither hidden nor renamed.
func TestFaultsComeThrough(t *testing.T) {
	down := errors.New("no route to host")
	book, db := walk(t, Reserved)
	db.Before = func(context.Context, string) error { return down }
	_, err := book.Load(t.Context(), "A")
	assert.ErrorIs(t, err, down)
	_, err = book.Place(t.Context(), submitted(by("E2")))
	assert.ErrorIs(t, err, down)
	_, err = book.Fulfill(t.Context(), "A", by("E1"))
	assert.ErrorIs(t, err, down)
	_, _, err = book.Close(t.Context(), "A", by("E1"), Closing{Status: Rejected})
	assert.ErrorIs(t, err, down)
}

func TestOddStock(t *testing.T) {
	book, db := shop()
	db.Set("Inventory", map[string]any{"productId": "LAPTOP001", "quantity": 1.5})
	_, err := book.Place(t.Context(), submitted(by("E1")))
	require.NoError(t, err)
	_, err = book.Reserve(t.Context(), "A", by("E1"))
	assert.ErrorContains(t, err, `inventory item LAPTOP001: quantity must be a whole number, not "1.5"`)
}

// TestStep: the order's id, from whichever contract.
func TestStep(t *testing.T) {
	for _, s := range []Step{{OrderID: "A"}, {OrderData: named{"A"}}, {ValidatedOrder: named{"A"}}} {
		id, err := s.ID()
		require.NoError(t, err)
		assert.Equal(t, "A", id)
	}
	_, err := Step{}.ID()
	assert.Equal(t, failure.InputMalformed, failure.NameOf(err))
}
