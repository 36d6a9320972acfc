package main

// This file defines how an import ends.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/intake"
	"github.com/stepworks/stepworks/shared/object"
)

// Input is the machine's state, as far as it came.
type Input struct {
	intake.Order
	ExecutionID string `json:"executionId"`
	Prepared    *struct {
		Rows    int    `json:"rows"`
		Same    int    `json:"sameRows"`
		BadRows int    `json:"badRows"`
		Report  string `json:"report"`
	} `json:"prepared"`
	MapOutput *struct {
		Details struct {
			Bucket string `json:"Bucket"`
			Key    string `json:"Key"` // of the manifest
		} `json:"ResultWriterDetails"`
	} `json:"mapOutput"`
	ErrorOutput *struct {
		Error string `json:"Error"`
		Cause string `json:"Cause"`
	} `json:"errorOutput"`
}

// Output is what became of the import.
type Output struct {
	Status intake.Status `json:"status"`
	intake.Counts
	Message     string `json:"message"`
	ErrorReport string `json:"errorReport,omitempty"` // s3://bucket/key
	SourceID    string `json:"sourceId"`
}

// api is the part of the Step Functions client that the step uses.
type api interface {
	ListMapRuns(context.Context, *sfn.ListMapRunsInput, ...func(*sfn.Options)) (*sfn.ListMapRunsOutput, error)
}

type handler struct {
	book   intake.Book
	bucket *object.Bucket
	api    api
}

func (h handler) handle(ctx context.Context, in Input) (Output, error) {
	if in.Code == "" {
		return Output{}, failure.New(failure.InputMalformed, "the state must carry the import's code")
	}
	o := intake.Outcome{Tolerated: in.Tolerated}
	if in.ErrorOutput != nil {
		o.Problem = in.ErrorOutput.Error + ": " + in.ErrorOutput.Cause
	}
	if in.Prepared != nil {
		if err := h.count(ctx, in, &o); err != nil {
			return Output{}, err
		}
	}
	if in.SK != "" { // an execution that was started by hand has no job
		if err := h.book.Finish(ctx, in.PK, in.SK, o); err != nil {
			return Output{}, err
		}
	}
	slog.InfoContext(ctx, "import ended", "sourceId", in.SourceID, "status", string(o.Status()), "message", o.Message())
	return Output{Status: o.Status(), Counts: o.Counts, Message: o.Message(), ErrorReport: o.ErrorReport, SourceID: in.SourceID}, nil
}

// count reads the results and writes the report beside, as a stream.
func (h handler) count(ctx context.Context, in Input, o *intake.Outcome) error {
	manifest, err := h.manifest(ctx, in)
	if err != nil {
		return err
	}
	r, w := io.Pipe()
	done := make(chan error, 1)
	key := intake.ReportKey(in.Code)
	go func() {
		err := h.bucket.Stream(ctx, key, "text/csv", r)
		done <- errors.Join(err, r.CloseWithError(err)) // who still writes is told
	}()
	counts, err := h.tally(ctx, in, manifest, w)
	_ = w.CloseWithError(err) // it always succeeds; nil ends the stream
	if uploaded := <-done; err == nil {
		err = uploaded
	}
	if err != nil {
		return err
	}
	o.Counts = counts
	if missing := in.Prepared.Rows + in.Prepared.Same + in.Prepared.BadRows - counts.Total; missing > 0 {
		o.Total, o.Failed = o.Total+missing, o.Failed+missing
		o.Problem = strings.TrimSpace(fmt.Sprintf("%s %d rows were not processed: import the file again, what is in stays as it is", o.Problem, missing))
	}
	if o.Failed > 0 {
		o.ErrorReport = "s3://" + h.bucket.Name + "/" + key
	}
	return nil
}

// manifest is the key of the map run's manifest, "" if it has none. Where the map
// failed its output does not say; its ARN, which ends in the folder, does.
func (h handler) manifest(ctx context.Context, in Input) (string, error) {
	if in.MapOutput != nil {
		return in.MapOutput.Details.Key, nil
	}
	if in.Prepared.Rows == 0 || in.ExecutionID == "" {
		return "", nil
	}
	out, err := h.api.ListMapRuns(ctx, &sfn.ListMapRunsInput{ExecutionArn: &in.ExecutionID})
	if err != nil || len(out.MapRuns) == 0 {
		return "", err
	}
	arn := aws.ToString(out.MapRuns[0].MapRunArn)
	return intake.ResultsPrefix(in.Code) + "/" + arn[strings.LastIndex(arn, ":")+1:] + "/manifest.json", nil
}
