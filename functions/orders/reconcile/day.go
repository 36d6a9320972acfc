package main

// This file defines what is asked for: which day, above all.

import (
	"time"

	"github.com/stepworks/stepworks/shared/failure"
)

// Request is what to reconcile.
type Request struct {
	// BatchDate is the time of the night's event: the day before its day, in UTC,
	// is meant, whenever the event arrives. Or it is a day such as 2026-11-21.
	BatchDate   string `json:"batchDate"`
	BatchType   string `json:"batchType"`   // daily-reconciliation, or nothing
	TriggeredBy string `json:"triggeredBy"` // for the report
	// PageSize is how many orders and products an invocation reads, 5,000 if it is 0.
	// Smaller ones are for orders so long that an invocation runs out of time.
	PageSize int `json:"pageSize"`
}

// batchType is the one that there is.
const batchType = "daily-reconciliation"

// maxTriggeredBy bounds what goes into the report.
const maxTriggeredBy = 128

// first is earlier than any order.
var first = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// day is a day in UTC. The stamps of orders sort as text, so its bounds are text.
type day struct{ time.Time }

func (d day) String() string { return d.Format(time.DateOnly) }

// from and until enclose every stamp of the day, however precise.
func (d day) from() string  { return d.String() + "T" }
func (d day) until() string { return d.String() + "T~" }

// over tells whether the day had ended by then.
func (d day) over(then time.Time) bool { return !then.Before(d.AddDate(0, 0, 1)) }

// dayOf reads which day is meant. One that had not begun by then is refused, so
// that a mistyped year makes no report that says "nothing to complain of".
func (r Request) dayOf(then time.Time) (day, error) {
	if r.BatchType != "" && r.BatchType != batchType {
		return day{}, failure.New(failure.InputMalformed, "batchType must be %s or left out, not %.40q", batchType, r.BatchType)
	}
	if r.PageSize < 0 || r.PageSize > pageSize {
		return day{}, failure.New(failure.InputMalformed, "pageSize must be from 1 to %d or left out, not %d", pageSize, r.PageSize)
	}
	if len(r.TriggeredBy) > maxTriggeredBy {
		return day{}, failure.New(failure.InputMalformed, "triggeredBy has %d bytes, at most %d are taken", len(r.TriggeredBy), maxTriggeredBy)
	}
	d, err := parseDay(r.BatchDate)
	switch {
	case err != nil:
		return day{}, failure.New(failure.InputMalformed, "batchDate must be a time such as 2026-11-22T02:00:00Z, for the day before, or a day such as 2026-11-21; it is %.40q", r.BatchDate)
	case d.Before(first):
		return day{}, failure.New(failure.InputMalformed, "batchDate %.40q means %s: there were no orders before %s", r.BatchDate, d, day{first})
	case then.Before(d.Time):
		return day{}, failure.New(failure.InputMalformed, "batchDate %.40q means %s, which had not begun by %s", r.BatchDate, d, then.UTC().Format(time.RFC3339))
	}
	return d, nil
}

func parseDay(text string) (day, error) {
	if d, err := time.Parse(time.DateOnly, text); err == nil {
		return day{d}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return day{}, err
	}
	return day{t.UTC().Truncate(24*time.Hour).AddDate(0, 0, -1)}, nil
}
