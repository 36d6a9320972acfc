package main

// This file defines what the sideEffect function does.

import (
	"context"
	"log/slog"

	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/report"
)

// Input is the event, as its rule hands it over: without the token.
type Input = contract.Event[contract.ProcessSinglePostDetail]

type handler struct {
	out    report.Outlet
	reader report.Reader
}

func (h handler) handle(ctx context.Context, in Input) (report.Result, error) {
	d := in.Detail
	job, err := report.JobOf(d.Execution)
	if err != nil {
		return report.Result{}, err
	}
	person, err := job.Person(d.Index, d.Name)
	if err != nil {
		return report.Result{}, err
	}
	if _, err := h.reader.Profile(ctx, person, d.Profile); err != nil {
		return report.Result{}, err
	}
	slog.InfoContext(ctx, "processed", "job", job.Name, "index", person.Index)
	return h.out.Complete(ctx, report.CallOf(in, d.Hop), contract.AsyncCompleteDetail{Processed: d.Name})
}
