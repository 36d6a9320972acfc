package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/job"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

// workflow is the Step Functions that waits.
type workflow struct {
	err    error // its answer
	output string
	name   string
	sent   int
}

func (w *workflow) SendTaskSuccess(_ context.Context, in *sfn.SendTaskSuccessInput, _ ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error) {
	w.sent, w.output = w.sent+1, *in.Output
	return &sfn.SendTaskSuccessOutput{}, w.err
}

func (w *workflow) SendTaskFailure(_ context.Context, in *sfn.SendTaskFailureInput, _ ...func(*sfn.Options)) (*sfn.SendTaskFailureOutput, error) {
	w.sent, w.name = w.sent+1, *in.Error
	return &sfn.SendTaskFailureOutput{}, w.err
}

// setUp has the job of events/submitJob.json, submitted at ten.
func setUp(t *testing.T, w *workflow) (handler, *tabletest.DB) {
	t.Helper()
	db := tabletest.New(map[string]string{"Jobs": "jobId"})
	book := job.Book{API: db, Jobs: "Jobs"}
	_, err := book.Submit(t.Context(), job.Request{Kind: "pick-items", Reference: "ORD-1001", Pieces: 3},
		"arn:aws:states:us-east-1:123456789012:execution:JobPollerWorkflow:sample", time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	return handler{book, w}, db
}

func TestConfirms(t *testing.T) {
	w := &workflow{}
	h, _ := setUp(t, w)
	got, err := h.handle(t.Context(), steptest.Sample[Input](t, "confirmJob"))
	require.NoError(t, err)
	assert.Equal(t, Result{"job_91fust08gqkdd9vt", true}, got)
	var report job.Report
	require.NoError(t, json.Unmarshal([]byte(w.output), &report))
	assert.Equal(t, job.Running, report.Status)
}

// TestAnswersOfStepFunctions: what becomes of a token that cannot be answered.
func TestAnswersOfStepFunctions(t *testing.T) {
	for _, c := range []struct {
		err      error
		answered bool
		want     failure.Name
	}{
		{&types.TaskTimedOut{}, false, ""},
		{&types.TaskDoesNotExist{}, false, ""},
		{&types.InvalidToken{}, false, failure.InputMalformed},
		{errors.New("no route"), false, failure.InternalUnexpected},
	} {
		h, _ := setUp(t, &workflow{err: c.err})
		got, err := h.handle(t.Context(), steptest.Sample[Input](t, "confirmJob"))
		assert.Equal(t, c.answered, got.Answered, "%v", c.err)
		if c.want == "" {
			require.NoError(t, err)
		} else {
			assert.Equal(t, c.want, failure.NameOf(err), "%v", c.err)
		}
	}
}

// TestUnknownJob: the workflow hears of it at once, instead of waiting.
func TestUnknownJob(t *testing.T) {
	w := &workflow{}
	h, _ := setUp(t, w)
	in := steptest.Sample[Input](t, "confirmJob")
	in.GUID = "job_gone"
	got, err := h.handle(t.Context(), in)
	require.NoError(t, err)
	assert.True(t, got.Answered)
	assert.Equal(t, string(failure.JobNotFound), w.name)
}

// TestTableIsDown: the invocation fails and is repeated; the token stays open.
func TestTableIsDown(t *testing.T) {
	w := &workflow{}
	h, db := setUp(t, w)
	db.Before = func(context.Context, string) error { return failure.New(failure.TransientUnavailable, "down") }
	_, err := h.handle(t.Context(), steptest.Sample[Input](t, "confirmJob"))
	assert.Equal(t, failure.TransientUnavailable, failure.NameOf(err))
	assert.Zero(t, w.sent)
}

func TestBadInput(t *testing.T) {
	for what, change := range map[string]func(*Input){
		"no token": func(in *Input) { in.Token = "" },
		"no time":  func(in *Input) { in.Time = time.Time{} },
	} {
		w := &workflow{}
		h, _ := setUp(t, w)
		in := steptest.Sample[Input](t, "confirmJob")
		change(&in)
		_, err := h.handle(t.Context(), in)
		assert.Equal(t, failure.InputMalformed, failure.NameOf(err), what)
		assert.Zero(t, w.sent, what)
	}
}

// TestTokenIsSecret: it stands neither in a log line nor in an error.
func TestTokenIsSecret(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	defer slog.SetDefault(before)
	in := steptest.Sample[Input](t, "confirmJob")
	for _, answer := range []error{nil, &types.TaskTimedOut{}, &types.InvalidToken{}, errors.New("no route")} {
		h, _ := setUp(t, &workflow{err: answer})
		if _, err := h.handle(t.Context(), in); err != nil {
			assert.NotContains(t, err.Error(), in.Token)
		}
	}
	assert.NotEmpty(t, log.String())
	assert.NotContains(t, log.String(), in.Token)
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "JOBS_TABLE")
}
