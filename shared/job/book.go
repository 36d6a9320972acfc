package job

// This file defines the book: the Jobs table, one item a job.

import (
	"context"
	"errors"
	"time"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/table"
)

// Book is the Jobs table.
type Book struct {
	API  table.API
	Jobs string // the table's name
}

// Submit plans the job of an execution and answers its id. Asked again by the
// same execution for the same, it answers the same and changes nothing.
func (b Book) Submit(ctx context.Context, r Request, execution string, now time.Time) (Record, error) {
	if err := r.Check(); err != nil {
		return Record{}, err
	}
	record, err := newRecord(r, execution, now)
	if err != nil {
		return Record{}, err
	}
	err = table.Put(ctx, b.API, b.Jobs, record, "attribute_not_exists(jobId)")
	if refused := new(table.Refused); !errors.As(err, &refused) {
		return record, err
	}
	before, err := b.load(ctx, record.JobID)
	if err != nil {
		return Record{}, err
	}
	if (Request{before.Kind, before.Reference, before.Pieces}) != r {
		return Record{}, failure.New(failure.InputMalformed, "execution %s has submitted another job, %s for %s: an execution submits one", execution, before.Kind, before.Reference)
	}
	return before, nil
}

// Look tells about a job at a time. How a job ended is written down, so that it
// stays so.
func (b Book) Look(ctx context.Context, id string, now time.Time) (Report, error) {
	record, err := b.load(ctx, id)
	if err != nil {
		return Report{}, err
	}
	report := record.Report(now)
	if report.EndedAt == nil || record.Status == report.Status {
		return report, nil
	}
	err = table.Update(ctx, b.API, table.Write{
		Table: b.Jobs, Key: table.Key("jobId", id), Update: "SET #status = :ended", Condition: "#status = :open",
		Names: map[string]string{"#status": "status"}, Values: map[string]any{":ended": report.Status, ":open": record.Status},
	}, &record)
	if refused := new(table.Refused); errors.As(err, &refused) {
		return report, nil // another has written it down: a job ends one way only
	}
	return report, err
}

func (b Book) load(ctx context.Context, id string) (Record, error) {
	var r Record
	if id == "" {
		return r, failure.New(failure.InputMalformed, "the input names no job: guid is needed")
	}
	found, err := table.Get(ctx, b.API, b.Jobs, table.Key("jobId", id), &r)
	if err == nil && !found {
		err = failure.New(failure.JobNotFound, "there is no job %.40q", id)
	}
	return r, err
}
