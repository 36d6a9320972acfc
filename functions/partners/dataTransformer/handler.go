package main

// This file defines the transformation as a whole.

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/object"
)

// memoryLimit makes the collector work before the process has grown; uploads hold
// 15 MiB of parts of it.
const memoryLimit = 40 << 20

// maxProblems is how many rejected rows are described; all are counted.
const maxProblems = 10

// Input is what dataValidator found good.
type Input struct {
	RequestID string `json:"requestId"`
	PartnerID string `json:"partnerId"`
	Key       string `json:"key"`
	ETag      string `json:"etag"`
	Format    string `json:"format"`
}

// Result says what became of the file.
type Result struct {
	Key      string    `json:"key"` // of the JSON lines
	Rows     int       `json:"rows"`
	Rejected int       `json:"rejected"`
	Problems []Problem `json:"problems"` // the first of them
}

// Problem is why a row was rejected.
type Problem struct {
	Row    int    `json:"row"` // from 1, the header not counted
	Reason string `json:"reason"`
}

type handler struct{ bucket *object.Bucket }

func (h handler) handle(ctx context.Context, in Input) (Result, error) {
	body, info, err := h.bucket.Open(ctx, in.Key)
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = body.Close() }() // read to its end, or given up
	if info.ETag != in.ETag {
		return Result{}, failure.New(failure.DataChanged, "s3://%s/%s was replaced since it was checked: send the request again", h.bucket.Name, in.Key)
	}
	rows, err := open(in.Format, body)
	if err != nil {
		return Result{}, err
	}
	result := Result{Key: "work/partners/" + in.PartnerID + "/" + in.RequestID + ".jsonl", Problems: []Problem{}}
	return result, h.copy(ctx, rows, &result)
}

// copy writes the rows as they come. Without a good row there is nothing to write,
// and the file is refused.
func (h handler) copy(ctx context.Context, rows rows, result *Result) error {
	r, w := io.Pipe()
	read := make(chan error, 1)
	go func() {
		err := transform(rows, w, result)
		_ = w.CloseWithError(err) // never fails; nil ends the stream
		read <- err
	}()
	err := h.bucket.Stream(ctx, result.Key, "application/x-ndjson", r)
	_ = r.Close() // so that the reader ends when the upload has failed
	if problem := <-read; problem != nil && !errors.Is(problem, io.ErrClosedPipe) {
		return problem // the file's, which broke the upload off
	}
	return err
}

// transform writes each good row as one line.
func transform(rows rows, w io.Writer, result *Result) error {
	out := bufio.NewWriterSize(w, 64<<10)
	for n := 1; ; n++ {
		row, err := rows.next()
		var bad rejected
		switch {
		case errors.Is(err, io.EOF):
			if result.Rows == 0 {
				return failure.New(failure.DataMalformed, "the file has no good row: %s", first(result.Problems))
			}
			return out.Flush()
		case errors.As(err, &bad):
			result.reject(n, string(bad))
			continue
		case err != nil:
			return fmt.Errorf("row %d: %w", n, err)
		}
		if problem := row.normalise(); problem != "" {
			result.reject(n, problem)
			continue
		}
		line, err := json.Marshal(row)
		if err != nil {
			return err
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
		result.Rows++
	}
}

func (r *Result) reject(n int, reason string) {
	if r.Rejected++; len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, Problem{n, reason})
	}
}

func first(problems []Problem) string {
	if len(problems) == 0 {
		return "it is empty"
	}
	return fmt.Sprintf("row %d: %s", problems[0].Row, problems[0].Reason)
}
