package main

// This file tests the arithmetic, and orders that change while they are read.

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stepworks/stepworks/shared/money"
	"github.com/stepworks/stepworks/shared/order"
)

var statuses = []order.Status{order.Validated, order.AwaitingApproval, order.Reserved, order.Paid, order.Fulfilled, order.Rejected, order.OutOfStock, order.PaymentFailed, order.FulfillmentFailed}

// drawn is any order that the book can have.
func drawn(t *rapid.T, i int) order.Record {
	currency := rapid.SampledFrom([]string{"USD", "JPY", "KWD"}).Draw(t, "currency")
	total := money.Amount{Minor: rapid.Int64Range(0, math.MaxInt64>>8).Draw(t, "minor"), Currency: currency}
	return placed(fmt.Sprint("ORD-", i), rapid.SampledFrom(statuses).Draw(t, "status"), func(r *order.Record) {
		r.TotalAmount, r.Currency = attributevalue.Number(total.String()), currency
		if r.Status.Failed() && rapid.Bool().Draw(t, "charged") {
			r.PaymentID = "pay"
			if rapid.Bool().Draw(t, "refunded") {
				r.RefundedAt = at("10:01")
			}
		}
		for range rapid.IntRange(0, 3).Draw(t, "lines") {
			r.Items = append(r.Items, order.RecordLine{ProductID: rapid.SampledFrom([]string{"A", "B"}).Draw(t, "product"), Quantity: rapid.Int64Range(1, 9).Draw(t, "pieces")})
		}
	})
}

// TestSums holds the account against sums of big integers, made in another way:
// every order counts once, and everything that was taken is somewhere.
func TestSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, orders := newAccount(), 0
		want := map[string]*big.Int{}
		plus := func(key string, n int64) {
			if want[key] == nil {
				want[key] = new(big.Int)
			}
			want[key].Add(want[key], big.NewInt(n))
		}
		for i := range rapid.IntRange(0, 40).Draw(t, "orders") {
			r := drawn(t, i)
			require.NoError(t, a.enter(order.Listed{Record: r}, true))
			orders++
			total, err := r.Total()
			require.NoError(t, err)
			plus("group "+string(r.Status)+r.Currency, total.Minor)
			if r.PaymentID != "" {
				plus("taken "+r.Currency, total.Minor)
			}
			for _, line := range r.Items {
				plus("stock "+r.ReservationState+line.ProductID, line.Quantity)
			}
		}
		same := func(key string, n int64) {
			if want[key] == nil {
				want[key] = new(big.Int)
			}
			assert.Equal(t, want[key].String(), fmt.Sprint(n), key)
		}
		counted := 0
		for status, currencies := range a.Groups {
			for currency, g := range currencies {
				counted += g.Orders
				same("group "+string(status)+currency, g.Amount)
			}
		}
		assert.Equal(t, orders, counted)
		assert.Equal(t, orders, a.Orders)
		for currency, p := range a.Payments {
			same("taken "+currency, p.Taken)
			assert.Equal(t, p.Taken, p.Fulfilled+p.Refunded+p.Unsettled)
		}
		for id, p := range a.Stock {
			same("stock reserved"+id, p.Reserved)
			same("stock committed"+id, p.Committed)
			same("stock released"+id, p.Released)
		}
	})
}

// TestWhatCannotBeAdded is counted, told, and changes no sum.
func TestWhatCannotBeAdded(t *testing.T) {
	for what, spoil := range map[string]func(*order.Record){
		"more than an int64":   func(r *order.Record) { r.TotalAmount = "92233720368547758.07" },
		"a negative total":     func(r *order.Record) { r.TotalAmount = "-5" },
		"no number":            func(r *order.Record) { r.TotalAmount = "ten" },
		"too precise":          func(r *order.Record) { r.TotalAmount = "1.001" },
		"more pieces than fit": func(r *order.Record) { r.Items[0].Quantity = math.MaxInt64 },
		"a negative quantity":  func(r *order.Record) { r.Items[0].Quantity = -1 },
		"the second of two lines": func(r *order.Record) {
			r.Items = append(r.Items, order.RecordLine{ProductID: "LAPTOP001", Quantity: math.MaxInt64})
		},
	} {
		a := newAccount()
		require.NoError(t, a.enter(order.Listed{Record: placed("GOOD", order.Fulfilled, nil)}, true))
		before := a.Stock["LAPTOP001"]
		require.Error(t, a.enter(order.Listed{Record: placed("BAD", order.Fulfilled, spoil)}, true), what)
		assert.Equal(t, 2, a.Orders, what)
		assert.Equal(t, 2, a.Groups[order.Fulfilled]["USD"].Orders+a.Groups[order.Fulfilled][""].Orders, what)
		assert.Contains(t, []int64{1001, 2002}, a.Groups[order.Fulfilled]["USD"].Amount, what)
		assert.Equal(t, a.Groups[order.Fulfilled]["USD"].Amount, a.Payments["USD"].Taken, what)
		assert.Equal(t, int64(0), a.Stock["LAPTOP001"].Committed%2, what)
		if spoiltStock := a.Payments["USD"].Taken == 2002; spoiltStock {
			assert.Equal(t, before, a.Stock["LAPTOP001"], what)
		}
	}
}

// the way of an order that goes through everything; it may stop anywhere.
var longest = []order.Record{
	placed("A", order.Validated, nil), placed("A", order.AwaitingApproval, nil), placed("A", order.Validated, func(r *order.Record) { r.ApprovedAt = at("12:00") }),
	placed("A", order.Reserved, nil), placed("A", order.Paid, nil), placed("A", order.Fulfilled, nil),
}

// TestOrdersThatMove: while pages are read, orders go on. Each is counted once
// nevertheless, whenever it takes which of its steps: all of the times are tried.
func TestOrdersThatMove(t *testing.T) {
	x := setUp(t, nil)
	x.db.Set("Orders", placed("BY-HAND", order.Fulfilled, nil))
	d, err := parseDay(night)
	require.NoError(t, err)
	tried := 0
	var try func(moves []int)
	try = func(moves []int) {
		x.db.Set("Orders", longest[0])
		p, queries := &progress{account: newAccount(), Left: map[string]string{}}, 0
		x.api = indexed{x.db, func() {
			for i, before := range moves {
				if before == queries {
					x.db.Set("Orders", longest[i+1])
				}
			}
			queries++
		}}
		done, err := x.read(t.Context(), sample(t, "reconcile"), d, p)
		require.NoError(t, err)
		require.True(t, done)
		require.Equal(t, 2, p.Orders, "it moves before queries %v", moves)
		require.Equal(t, int64(4), p.Stock["LAPTOP001"].Reserved+p.Stock["LAPTOP001"].Committed+2*int64(p.Groups[order.Validated]["USD"].Orders+p.Groups[order.AwaitingApproval]["USD"].Orders))
		if tried++; len(moves) == len(longest)-1 {
			return
		}
		for at := slices.Max(append(moves, 0)); at < len(passes); at++ {
			try(append(slices.Clone(moves), at))
		}
	}
	try(nil)
	t.Logf("%d ways to move between %d queries", tried, len(passes))
}

// TestMany: what there is without bound is counted, and not kept.
func TestMany(t *testing.T) {
	a := newAccount()
	for i := range mostOpen + 10 {
		require.True(t, a.meet(order.Record{OrderID: fmt.Sprint(i), Status: order.Reserved}))
		a.find(Finding{Kind: Stuck})
	}
	assert.True(t, a.Full)
	assert.Len(t, a.Open, mostOpen)
	assert.False(t, a.meet(order.Record{OrderID: "0", Status: order.Fulfilled}), "it was met before")
	assert.True(t, a.meet(order.Record{OrderID: "x", Status: order.Fulfilled}))
	assert.Len(t, a.Open, mostOpen)
	assert.Len(t, a.Listed, mostListed)
	assert.Equal(t, mostOpen+10, a.differences())
}
