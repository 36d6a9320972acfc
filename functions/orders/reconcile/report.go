package main

// This file defines what comes of a reconciliation: the report, and its summary.

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/stepworks/stepworks/shared/money"
	"github.com/stepworks/stepworks/shared/order"
)

// Report is what is written to S3. All lists are sorted, so that two reports of
// a day differ only where the day does.
type Report struct {
	ProcessedDate string `json:"processedDate"` // the day, in UTC
	DayOver       bool   `json:"dayOver"`       // false: it was reconciled before it ended
	AsOf          string `json:"asOf"`
	TriggeredBy   string `json:"triggeredBy,omitempty"`
	ExecutionID   string `json:"executionId"`

	RecordsProcessed int          `json:"recordsProcessed"` // orders of the day
	Earlier          int          `json:"earlierUndecided"` // orders of days before that are undecided still
	Exact            bool         `json:"exact"`            // false: of more than 100,000 undecided orders some may be counted twice
	ByStatus         []StatusLine `json:"byStatus"`
	Payments         []MoneyLine  `json:"payments"`
	Stock            []StockLine  `json:"stock"`

	Differences int       `json:"differences"`
	Errors      []Count   `json:"errors"` // differences by kind
	Listed      []Finding `json:"listed"` // the first 100 of each kind
}

// StatusLine is the day's orders of a status and currency. Refused submissions
// have no currency.
type StatusLine struct {
	Status   order.Status `json:"status"`
	Currency string       `json:"currency"`
	Orders   int          `json:"orders"`
	Amount   json.Number  `json:"amount"`
}

// MoneyLine is what became of what was paid for the day's orders.
type MoneyLine struct {
	Currency  string      `json:"currency"`
	Taken     json.Number `json:"taken"` // the sum of the following
	Fulfilled json.Number `json:"fulfilled"`
	Refunded  json.Number `json:"refunded"`
	Unsettled json.Number `json:"unsettled"`
}

// StockLine is a product that the orders hold, or held.
type StockLine struct {
	ProductID string `json:"productId"`
	pieces
	Left string `json:"left"` // to sell, as Inventory says; "" if it does not know the product
}

// Count is how many differences of a kind there are.
type Count struct {
	Kind  Kind `json:"kind"`
	Count int  `json:"count"`
}

// Summary is what the workflow ends with, in the words of the source.
type Summary struct {
	ProcessedDate    string  `json:"processedDate"`
	RecordsProcessed int     `json:"recordsProcessed"`
	Errors           []Count `json:"errors"`
	Status           string  `json:"status"` // completed
	Differences      int     `json:"differences"`
	ReportBucket     string  `json:"reportBucket"`
	ReportKey        string  `json:"reportKey"`
}

func (p progress) report(in Input, d day) Report {
	return Report{
		ProcessedDate: d.String(), DayOver: d.over(in.Execution.Time), AsOf: in.Execution.Time.UTC().Format("2006-01-02T15:04:05.000Z"),
		TriggeredBy: in.Request.TriggeredBy, ExecutionID: in.Execution.ID,
		RecordsProcessed: p.Orders, Earlier: p.Earlier, Exact: !p.Full,
		ByStatus: p.byStatus(), Payments: p.byCurrency(), Stock: p.byProduct(),
		Differences: p.differences(), Errors: p.errors(), Listed: p.listed(),
	}
}

func (a account) byStatus() []StatusLine {
	lines := []StatusLine{}
	for status, currencies := range a.Groups {
		for currency, g := range currencies {
			lines = append(lines, StatusLine{status, currency, g.Orders, amount(g.Amount, currency)})
		}
	}
	slices.SortFunc(lines, func(x, y StatusLine) int {
		return cmp.Or(cmp.Compare(x.Status, y.Status), cmp.Compare(x.Currency, y.Currency))
	})
	return lines
}

func (a account) byCurrency() []MoneyLine {
	lines := []MoneyLine{}
	for _, c := range slices.Sorted(maps.Keys(a.Payments)) {
		p := a.Payments[c]
		lines = append(lines, MoneyLine{c, amount(p.Taken, c), amount(p.Fulfilled, c), amount(p.Refunded, c), amount(p.Unsettled, c)})
	}
	return lines
}

func (p progress) byProduct() []StockLine {
	lines := []StockLine{}
	for _, id := range p.products("") {
		lines = append(lines, StockLine{id, p.Stock[id], p.Left[id]})
	}
	return lines
}

func (a account) errors() []Count {
	counts := []Count{}
	for _, kind := range slices.Sorted(maps.Keys(a.Kinds)) {
		counts = append(counts, Count{kind, a.Kinds[kind]})
	}
	return counts
}

func (a account) listed() []Finding {
	all := slices.Clone(a.Listed)
	slices.SortStableFunc(all, func(x, y Finding) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.OrderID, y.OrderID), cmp.Compare(x.ProductID, y.ProductID))
	})
	return slices.Clip(append([]Finding{}, all...))
}

func amount(minor int64, currency string) json.Number {
	return json.Number(money.Amount{Minor: minor, Currency: currency}.String())
}
