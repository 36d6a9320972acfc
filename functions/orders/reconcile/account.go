package main

// This file defines the account of a day: what the orders that were read so far
// come to. It is pure, and JSON, so that an invocation goes on where another ended.

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/stepworks/stepworks/shared/money"
	"github.com/stepworks/stepworks/shared/order"
)

// mostListed is how many differences of a kind the report lists; it counts all.
// mostOpen is how many undecided orders are remembered by name: see [account.meet].
const (
	mostListed = 100
	mostOpen   = 100_000
)

// account is what orders come to. Amounts are in the currency's smallest unit, exact.
type account struct {
	Orders   int                               `json:"orders"`   // of the day
	Earlier  int                               `json:"earlier"`  // of days before, undecided
	Groups   map[order.Status]map[string]group `json:"groups"`   // by status and currency
	Payments map[string]payments               `json:"payments"` // by currency
	Stock    map[string]pieces                 `json:"stock"`    // by product
	Kinds    map[Kind]int                      `json:"kinds"`
	Listed   []Finding                         `json:"listed"`
	Open     map[string]bool                   `json:"open"` // the undecided orders that were met
	Full     bool                              `json:"full"` // there were more of them than are remembered
}

// group is a status and currency.
type group struct {
	Orders int   `json:"orders"`
	Amount int64 `json:"amount"`
}

// payments is what became of what was paid for the day's orders. Taken is the
// sum of the others.
type payments struct {
	Taken     int64 `json:"taken"`
	Fulfilled int64 `json:"fulfilled"`
	Refunded  int64 `json:"refunded"`
	Unsettled int64 `json:"unsettled"`
}

// pieces is what the orders hold of a product, or held.
type pieces struct {
	Reserved  int64 `json:"reserved"`  // by orders of the day, and by undecided ones of days before
	Committed int64 `json:"committed"` // to orders of the day
	Released  int64 `json:"released"`  // by orders of the day
}

var errSum = errors.New("it is negative, or too large to be added to the others")

func newAccount() account {
	return account{Groups: map[order.Status]map[string]group{}, Payments: map[string]payments{}, Stock: map[string]pieces{}, Kinds: map[Kind]int{}, Open: map[string]bool{}}
}

// meet tells whether an order is met for the first time. Statuses are read in the
// order in which orders go through them, so one that moves on meanwhile is met
// again and not missed; only one that was undecided can. Beyond mostOpen of them
// they are not remembered, and the report says that it may have counted some twice.
func (a *account) meet(r order.Record) bool {
	switch {
	case a.Open[r.OrderID]:
		return false
	case r.Status.Decided():
	case len(a.Open) < mostOpen:
		a.Open[r.OrderID] = true
	default:
		a.Full = true
	}
	return true
}

// enter counts an order. today is false for an order of a day before: then only
// what it holds is counted.
func (a *account) enter(l order.Listed, today bool) (problem error) {
	if !today {
		a.Earlier++
		return a.hold(l.Record)
	}
	a.Orders++
	if l.Problem != "" {
		a.add(l.Status, "", 0)
		return nil
	}
	if problem = a.value(l.Record); problem != nil {
		a.add(l.Status, "", 0)
	}
	return cmp.Or(problem, a.hold(l.Record))
}

// value enters what an order was worth, all of it or nothing.
func (a *account) value(r order.Record) error {
	if r.TotalAmount == "" { // a refused submission
		a.add(r.Status, r.Currency, 0)
		return nil
	}
	total, err := r.Total()
	if err != nil {
		return err
	}
	paid, of := a.Payments[r.Currency], int64(0)
	if r.PaymentID != "" {
		of = total.Minor
	}
	if !fits(a.Groups[r.Status][r.Currency].Amount, total.Minor) || !fits(paid.Taken, of) {
		return errSum
	}
	a.add(r.Status, r.Currency, total.Minor)
	if r.PaymentID == "" {
		return nil
	}
	paid.Taken += of
	switch {
	case r.Status == order.Fulfilled:
		paid.Fulfilled += of
	case r.RefundedAt != "":
		paid.Refunded += of
	default:
		paid.Unsettled += of
	}
	a.Payments[r.Currency] = paid
	return nil
}

func (a *account) add(status order.Status, currency string, minor int64) {
	if a.Groups[status] == nil {
		a.Groups[status] = map[string]group{}
	}
	g := a.Groups[status][currency]
	a.Groups[status][currency] = group{g.Orders + 1, g.Amount + minor}
}

// fits tells whether two amounts can be added. Neither is negative: submissions
// that are get refused.
func fits(a, b int64) bool {
	_, ok := money.Amount{Minor: a}.Plus(money.Amount{Minor: b})
	return ok && b >= 0
}

// hold enters what an order holds of each product, or held; all of it or nothing.
func (a *account) hold(r order.Record) error {
	held := map[string]pieces{}
	for _, line := range r.Items {
		p, known := held[line.ProductID]
		if !known {
			p = a.Stock[line.ProductID]
		}
		var of *int64
		switch r.ReservationState {
		case order.StockReserved:
			of = &p.Reserved
		case order.StockCommitted:
			of = &p.Committed
		case order.StockReleased:
			of = &p.Released
		default:
			return nil
		}
		if !fits(*of, line.Quantity) {
			return errSum
		}
		*of += line.Quantity
		held[line.ProductID] = p
	}
	maps.Copy(a.Stock, held)
	return nil
}

// find enters differences.
func (a *account) find(found ...Finding) {
	for _, f := range found {
		if a.Kinds[f.Kind]++; a.Kinds[f.Kind] <= mostListed {
			a.Listed = append(a.Listed, f)
		}
	}
}

func (a account) differences() (n int) {
	for _, of := range a.Kinds {
		n += of
	}
	return n
}

// products are the products that orders hold or held, from one on.
func (a account) products(after string) []string {
	all := slices.Sorted(maps.Keys(a.Stock))
	from, found := slices.BinarySearch(all, after)
	if found {
		from++
	}
	return all[from:]
}
