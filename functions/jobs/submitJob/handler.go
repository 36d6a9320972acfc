package main

// This file defines what the submitJob step does.

import (
	"context"
	"log/slog"
	"time"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/job"
	"github.com/stepworks/stepworks/shared/metric"
)

// Input is what the step takes.
type Input struct {
	Request struct {
		Job      *job.Request `json:"job"`
		WaitTime *int         `json:"wait_time"` // seconds between two polls, for the workflow
	} `json:"request"`
	Execution struct {
		ID   string    `json:"id"`
		Time time.Time `json:"time"`
	} `json:"execution"`
}

type handler struct{ book job.Book }

func (h handler) handle(ctx context.Context, in Input) (string, error) {
	switch {
	case in.Request.Job == nil:
		return "", failure.New(failure.InputMalformed, "the request has no job: {kind, reference, pieces} is needed")
	case in.Execution.ID == "" || in.Execution.Time.IsZero():
		return "", failure.New(failure.InputMalformed, "execution.id and execution.time are needed: a job belongs to an execution")
	}
	if err := job.CheckWait(in.Request.WaitTime); err != nil {
		return "", err
	}
	record, err := h.book.Submit(ctx, *in.Request.Job, in.Execution.ID, in.Execution.Time)
	if err != nil {
		return "", err
	}
	slog.InfoContext(ctx, "job submitted", "jobId", record.JobID, "kind", record.Kind, "reference", record.Reference, "endsAt", record.EndsAt)
	metric.Count(metric.JobsSubmitted)
	return record.JobID, nil
}
