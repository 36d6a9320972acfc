package main

// This file defines the pages of a reconciliation: what was read so far lies in S3,
// a document for every page, and a page is made of the one before and of the
// tables. So a page that is repeated, because its answer got lost, counts nothing
// twice, and the workflow's state stays a few hundred bytes.

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/metric"
	"github.com/stepworks/stepworks/shared/object"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/table"
)

// Input is the day, which page of it, and who asks. The execution's time is when it
// started: all pages judge as of then.
type Input struct {
	Request   Request         `json:"request"`
	Page      int             `json:"page"`
	Execution order.Execution `json:"execution"`
}

// Result says whether there is another page, and what came of all if not.
type Result struct {
	Page    int      `json:"page"` // the next one
	Done    bool     `json:"done"`
	Read    int      `json:"read"` // orders so far
	Summary *Summary `json:"summary,omitempty"`
}

const (
	// pageSize is how many orders and products an invocation reads: a few seconds' work.
	pageSize = 5000
	// querySize is how many a query asks for; DynamoDB stops at 1 MB.
	querySize = 500
	// batchSize is how many keys BatchGetItem takes.
	batchSize = 100
	// maxProgress is more than a page's document can have, which is small but
	// for the products and the undecided orders.
	maxProgress = 64 << 20
)

type tables interface {
	table.API
	order.Querier
}

type handler struct {
	api                          tables
	orders, inventory, callbacks string // names of tables
	bucket                       *object.Bucket
	approval                     time.Duration
}

// progress is how far a reconciliation has come.
type progress struct {
	account
	Pass    int               `json:"pass"`    // in passes; beyond them: the stock
	After   order.Cursor      `json:"after"`   // within the pass
	Product string            `json:"product"` // the last one that was looked up
	Left    map[string]string `json:"left"`    // what there is of each product
}

func (h handler) handle(ctx context.Context, in Input) (Result, error) {
	if in.Execution.Time.IsZero() {
		in.Execution.Time = time.Now() // invoked by hand
	}
	d, err := in.Request.dayOf(in.Execution.Time)
	if err != nil {
		return Result{}, err
	}
	p, err := h.resume(ctx, in, d)
	if err != nil {
		return Result{}, err
	}
	done, err := h.read(ctx, in, d, p)
	switch {
	case err != nil:
		return Result{}, err
	case done:
		return h.finish(ctx, in, d, p)
	}
	next := in.Page + 1
	return Result{Page: next, Read: p.Orders}, h.bucket.PutJSON(ctx, workKey(in, d, next), p)
}

// resume reads what the pages before came to.
func (h handler) resume(ctx context.Context, in Input, d day) (*progress, error) {
	p := &progress{account: newAccount(), Left: map[string]string{}}
	switch {
	case in.Page < 0:
		return nil, failure.New(failure.InputMalformed, "page must be 0 or what the last page's result said, not %d", in.Page)
	case in.Page == 0:
		return p, nil
	}
	return p, h.bucket.GetJSON(ctx, workKey(in, d, in.Page), maxProgress, p)
}

// workKey is an execution's own, so that two of a day do not meet.
func workKey(in Input, d day, page int) string {
	return fmt.Sprintf("work/%s/%s/%d.json", d, order.DeriveID("run", in.Execution.ID), page)
}

func reportKey(d day) string { return fmt.Sprintf("reports/%s.json", d) }

// finish writes the report over the day's last one, and says so.
func (h handler) finish(ctx context.Context, in Input, d day, p *progress) (Result, error) {
	report, key := p.report(in, d), reportKey(d)
	if err := h.bucket.PutJSON(ctx, key, report); err != nil {
		return Result{}, err
	}
	metric.Value(metric.ReconciliationDifferences, json.Number(strconv.Itoa(report.Differences)), "", "")
	slog.InfoContext(ctx, "day reconciled", "day", d.String(), "orders", p.Orders, "differences", report.Differences, "report", key)
	return Result{Page: in.Page, Done: true, Read: p.Orders, Summary: &Summary{
		ProcessedDate: d.String(), RecordsProcessed: p.Orders, Errors: report.Errors, Status: "completed",
		Differences: report.Differences, ReportBucket: h.bucket.Name, ReportKey: key,
	}}, nil
}
