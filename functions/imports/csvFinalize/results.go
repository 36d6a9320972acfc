package main

// This file defines how a map run's result files are read: children of the map,
// one after the other, however many there are.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/intake"
	"github.com/stepworks/stepworks/shared/sheet"
)

// manifest names the result files.
type manifest struct {
	ResultFiles struct {
		Succeeded []file `json:"SUCCEEDED"`
		Failed    []file `json:"FAILED"`
		Pending   []file `json:"PENDING"`
	} `json:"ResultFiles"`
}

type file struct {
	Key string `json:"Key"`
}

// maxManifest bounds the manifest, which has some bytes for each result file.
const maxManifest = 8 << 20

// child is one execution of the map, or a batch that had none.
type child struct {
	Input  string `json:"Input"`
	Output string `json:"Output"`
	Error  string `json:"Error"`
	Cause  string `json:"Cause"`
}

// tally adds all up, and writes what is wrong with rows to w.
func (h handler) tally(ctx context.Context, in Input, manifestKey string, w io.Writer) (intake.Counts, error) {
	counts := intake.Counts{Total: in.Prepared.BadRows + in.Prepared.Same, Failed: in.Prepared.BadRows, Succeeded: in.Prepared.Same, Unchanged: in.Prepared.Same}
	if err := h.copyReport(ctx, in.Prepared.Report, w); err != nil {
		return counts, err
	}
	report := intake.Continue(w)
	if manifestKey == "" {
		return counts, report.Close()
	}
	var m manifest
	err := h.bucket.GetJSON(ctx, manifestKey, maxManifest, &m)
	if failure.NameOf(err) == failure.ObjectNotFound && in.ErrorOutput != nil {
		return counts, report.Close() // the map failed before it wrote anything
	}
	if err != nil {
		return counts, err
	}
	for _, files := range [][]file{m.ResultFiles.Succeeded, m.ResultFiles.Failed, m.ResultFiles.Pending} {
		for _, f := range files {
			if err := h.children(ctx, f.Key, func(c child) error { return c.add(&counts, report) }); err != nil {
				return counts, err
			}
		}
	}
	return counts, report.Close()
}

// copyReport takes over what csvPrepare found.
func (h handler) copyReport(ctx context.Context, key string, w io.Writer) error {
	body, _, err := h.bucket.Open(ctx, key)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // read to its end, or given up
	_, err = io.Copy(w, body)
	return err
}

// children reads a result file, a JSON array, one element after the other.
func (h handler) children(ctx context.Context, key string, each func(child) error) error {
	body, _, err := h.bucket.Open(ctx, key)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // read to its end, or given up
	d := json.NewDecoder(body)
	if _, err := d.Token(); err != nil {
		return failure.Wrap(failure.InternalUnexpected, err, "result file %s", key)
	}
	for d.More() {
		var c child
		if err := d.Decode(&c); err != nil {
			return failure.Wrap(failure.InternalUnexpected, err, "result file %s", key)
		}
		if err := each(c); err != nil {
			return err
		}
	}
	return nil
}

// add counts a child. One that did not succeed had its rows for nothing.
func (c child) add(counts *intake.Counts, report *intake.Report) error {
	if c.Output != "" {
		var r intake.Result
		if err := json.Unmarshal([]byte(c.Output), &r); err != nil {
			return failure.Wrap(failure.InternalUnexpected, err, "the output of a batch")
		}
		counts.Add(r.Counts)
		for _, e := range r.Errors {
			if err := report.Add(e); err != nil {
				return err
			}
		}
		return nil
	}
	var batch struct{ Items []map[string]string }
	if err := json.Unmarshal([]byte(c.Input), &batch); err != nil {
		return failure.Wrap(failure.InternalUnexpected, err, "the input of a batch that failed")
	}
	problem := "its batch was not processed"
	if c.Error != "" {
		problem = fmt.Sprintf("its batch failed: %s: %s", c.Error, c.Cause)
	}
	for _, item := range batch.Items {
		line, _ := strconv.Atoi(item[intake.LineColumn]) // 0 says that it is not known
		counts.Add(intake.Counts{Total: 1, Failed: 1})
		if err := report.Add(sheet.RowError{Line: line, Problem: problem}); err != nil {
			return err
		}
	}
	return nil
}
