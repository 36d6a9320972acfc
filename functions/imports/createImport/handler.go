package main

// This file defines what asking for an import does.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/intake"
	"github.com/stepworks/stepworks/shared/object"
	"github.com/stepworks/stepworks/shared/sheet"
)

// What is imported directly fits into one invocation.
const (
	maxDirectRows  = 500
	maxDirectBytes = 4 << 20
)

type handler struct {
	book   intake.Book
	bucket *object.Bucket
}

func (h handler) handle(ctx context.Context, in intake.Request) (intake.Job, error) {
	if lc, ok := lambdacontext.FromContext(ctx); ok && in.RequestID == "" {
		in.RequestID = lc.AwsRequestID // the same in every retry of an asynchronous invocation
	}
	if err := in.Check(); err != nil {
		return intake.Job{}, err
	}
	if in.Bucket != h.bucket.Name {
		return intake.Job{}, failure.New(failure.InputMalformed, "files are imported from bucket %s, not from %q", h.bucket.Name, in.Bucket)
	}
	if _, err := h.bucket.Stat(ctx, in.Key); err != nil {
		return intake.Job{}, err
	}
	j := h.book.NewJob(in)
	if j.Mode == intake.Direct {
		return h.direct(ctx, j)
	}
	j, err := h.book.Create(ctx, j)
	slog.InfoContext(ctx, "import created", "id", j.ID, "status", string(j.Status))
	return j, err
}

// direct reads the file first and writes then, so that a file that cannot be
// imported leaves nothing behind; given again, it writes what is not there yet.
func (h handler) direct(ctx context.Context, j intake.Job) (intake.Job, error) {
	f, err := h.read(ctx, j)
	if err != nil {
		return j, err
	}
	if f.Failed > 0 {
		if j.ErrorReport, err = h.report(ctx, j, f.problems); err != nil {
			return j, err
		}
	}
	j.Status, j.Counts, j.Processed = intake.Processing, f.Counts, f.Total-len(f.lines)
	if j, err = h.book.Create(ctx, j); err != nil {
		return j, err
	}
	for _, line := range f.lines {
		if err := h.book.Enter(ctx, j.NewEntry(line)); err != nil {
			return j, err
		}
	}
	if len(f.lines) == 0 { // nobody else will end it
		o := intake.Outcome{Counts: j.Counts, ErrorReport: j.ErrorReport, Tolerated: j.Order.Tolerated}
		j.Status, j.Message = o.Status(), o.Message()
		return j, h.book.Finish(ctx, j.PK, j.SK, o)
	}
	return j, nil
}

// file is what a file holds: rows to publish, and what is wrong with others. Its
// counts are those of rows that need no publishing, and the total.
type file struct {
	intake.Counts
	lines    []intake.Line
	problems []sheet.RowError
}

func (h handler) read(ctx context.Context, j intake.Job) (f file, err error) {
	schema, _, _ := sheet.Find(j.Order.TableName) // the request was checked
	body, err := h.bucket.Get(ctx, j.Order.Key, maxDirectBytes)
	if err != nil {
		return f, err
	}
	r, err := sheet.Open(bytes.NewReader(body), schema, j.Order.Delimiter)
	seen := sheet.NewSeen(schema)
	for err == nil {
		var row sheet.Row
		row, err = r.Next()
		var wrong *sheet.RowError
		switch {
		case errors.Is(err, io.EOF):
			return f, nil
		case errors.As(err, &wrong):
			f.fail(*wrong)
			err = nil
		case err == nil:
			f.add(row, schema, seen)
		}
		if f.Total++; f.Total > maxDirectRows {
			err = failure.New(failure.ImportRefused, "the file has more than %d rows: import it with processingMode %s", maxDirectRows, intake.StepFunction)
		}
	}
	return f, err
}

func (f *file) fail(problems ...sheet.RowError) {
	f.Failed++
	f.problems = append(f.problems, problems...)
}

func (f *file) add(row sheet.Row, schema sheet.Schema, seen *sheet.Seen) {
	line := intake.Line{Number: row.Line, Values: map[string]string{}}
	for i, name := range schema.Names() {
		line.Values[name] = row.Values[i]
	}
	same, problem := seen.Check(row)
	_, bad := schema.Item(row.Line, line.Values)
	switch {
	case same:
		f.Succeeded, f.Unchanged = f.Succeeded+1, f.Unchanged+1
	case problem != nil:
		f.fail(*problem)
	case len(bad) > 0:
		f.fail(bad...)
	default:
		f.lines = append(f.lines, line)
	}
}

func (h handler) report(ctx context.Context, j intake.Job, problems []sheet.RowError) (string, error) {
	var text bytes.Buffer
	r, err := intake.NewReport(&text)
	for _, p := range problems {
		if err == nil {
			err = r.Add(p)
		}
	}
	if err = errors.Join(err, r.Close()); err != nil {
		return "", err
	}
	key := intake.ReportKey(j.Code)
	return "s3://" + h.bucket.Name + "/" + key, h.bucket.Put(ctx, key, "text/csv", text.Bytes())
}
