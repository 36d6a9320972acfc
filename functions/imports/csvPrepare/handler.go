package main

// This file defines how a file becomes rows that can be counted on.

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"log/slog"
	"strconv"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/intake"
	"github.com/stepworks/stepworks/shared/object"
	"github.com/stepworks/stepworks/shared/sheet"
)

// Input is what the machine passes.
type Input struct {
	Bucket    string `json:"bucket"`
	Key       string `json:"key"`
	TableName string `json:"tableName"`
	Delimiter string `json:"delimiter"`
	Code      string `json:"code"`
}

// Prepared is the answer.
type Prepared struct {
	Bucket  string `json:"bucket"`
	Key     string `json:"key"`      // of the copy
	Rows    int    `json:"rows"`     // in the copy
	Same    int    `json:"sameRows"` // that stood there before: nothing is to be done
	BadRows int    `json:"badRows"`  // in the report alone
	Report  string `json:"report"`   // key of the report
}

type handler struct{ bucket *object.Bucket }

func (h handler) handle(ctx context.Context, in Input) (Prepared, error) {
	p := Prepared{Bucket: h.bucket.Name, Key: intake.RowsKey(in.Code), Report: intake.StructureKey(in.Code)}
	schema, known, ok := sheet.Find(in.TableName)
	switch {
	case !ok:
		return p, failure.New(failure.InputMalformed, "there is no table %q to import into; there are: %s", in.TableName, known)
	case in.Code == "" || in.Bucket != h.bucket.Name:
		return p, failure.New(failure.InputMalformed, "files are imported from bucket %s under a code; got bucket %q, code %q", h.bucket.Name, in.Bucket, in.Code)
	}
	file, _, err := h.bucket.Open(ctx, in.Key)
	if err != nil {
		return p, err
	}
	defer func() { _ = file.Close() }() // read to its end, or given up
	r, err := sheet.Open(file, schema, in.Delimiter)
	if err != nil {
		return p, err
	}
	if err := h.split(ctx, r, schema, &p); err != nil {
		return p, err
	}
	slog.InfoContext(ctx, "file prepared", "key", in.Key, "rows", p.Rows, "badRows", p.BadRows)
	return p, nil
}

// split writes the copy and the report at once, each as a stream.
func (h handler) split(ctx context.Context, r *sheet.Reader, schema sheet.Schema, p *Prepared) error {
	rows, problems := h.stream(ctx, p.Key), h.stream(ctx, p.Report)
	err := copyRows(r, schema, rows, problems, p)
	return errors.Join(err, rows.end(err), problems.end(err))
}

func copyRows(r *sheet.Reader, schema sheet.Schema, rows, problems io.Writer, p *Prepared) error {
	out := csv.NewWriter(rows)
	report, err := intake.NewReport(problems)
	if err != nil {
		return err
	}
	if err := out.Write(append([]string{intake.LineColumn}, schema.Names()...)); err != nil {
		return err
	}
	record, seen := make([]string, 1+len(schema.Columns)), sheet.NewSeen(schema)
	for {
		row, same, err := next(r, seen)
		var wrong *sheet.RowError
		switch {
		case errors.Is(err, io.EOF):
			out.Flush()
			return errors.Join(out.Error(), report.Close())
		case errors.As(err, &wrong):
			p.BadRows++
			err = report.Add(*wrong)
		case same:
			p.Same++
		case err == nil:
			p.Rows++
			record[0] = strconv.Itoa(row.Line)
			copy(record[1:], row.Values)
			err = out.Write(record)
		}
		if err != nil {
			return err
		}
	}
}

// next reads a row, and tells of one whose key stood there before.
func next(r *sheet.Reader, seen *sheet.Seen) (row sheet.Row, same bool, err error) {
	if row, err = r.Next(); err != nil {
		return row, false, err
	}
	same, problem := seen.Check(row)
	if problem != nil {
		return row, false, problem
	}
	return row, same, nil
}

// upload is an object that is written as a stream.
type upload struct {
	*io.PipeWriter
	done chan error
}

func (h handler) stream(ctx context.Context, key string) upload {
	r, w := io.Pipe()
	u := upload{w, make(chan error, 1)}
	go func() {
		err := h.bucket.Stream(ctx, key, "text/csv", r)
		u.done <- errors.Join(err, r.CloseWithError(err)) // who still writes is told
	}()
	return u
}

// end ends the stream, without an object if err says that it is not whole.
func (u upload) end(err error) error {
	if err == nil {
		return errors.Join(u.Close(), <-u.done)
	}
	_ = u.CloseWithError(err) // it always succeeds
	<-u.done                  //nolint:errcheck // it comes to err itself
	return nil
}
