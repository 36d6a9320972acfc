package main

// This file defines what the jobEvents function does.

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/shared/eventlog"
	"github.com/stepworks/stepworks/shared/failure"
)

// Input is the question: a job by its name, which is its execution's, or by the
// execution's ARN. Neither: the latest.
type Input struct {
	Job string `json:"job"`
}

// Output is the answer: a job, or the latest ones.
type Output struct {
	*eventlog.Trace
	Latest []eventlog.Latest `json:"latest,omitempty"` // the newest first
}

// A synchronous answer of Lambda has 6 MB. An event takes about 400 bytes without
// its detail, and as much again as a span.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	maxAnswer = 5 << 20
	mostLines = 5000
	lineBytes = 800
)

// most is how many jobs are listed.
const most = 100

type handler struct{ log eventlog.Log }

func (h handler) handle(ctx context.Context, in Input) (Output, error) {
	if in.Job == "" {
		latest, err := h.log.Latest(ctx)
		slices.SortFunc(latest, func(a, b eventlog.Latest) int { return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(a.Job, b.Job)) })
		return Output{Latest: latest[:min(len(latest), most)]}, err
	}
	job := in.Job[strings.LastIndex(in.Job, ":")+1:]
	records, err := h.log.Job(ctx, job)
	if err != nil {
		return Output{}, err
	}
	if len(records) == 0 {
		return Output{}, failure.New(failure.JobNotFound, "no event of job %q was written down within the last day", job)
	}
	trace := eventlog.Tell(job, records)
	shorten(&trace)
	return Output{Trace: &trace}, nil
}

// shorten makes a large job fit: first without the events' details, then without
// the last events and spans. Status and graph are of all.
func shorten(t *eventlog.Trace) {
	size := lineBytes * len(t.Events)
	for _, e := range t.Events {
		size += len(e.Detail)
	}
	if size <= maxAnswer {
		return
	}
	t.OmittedEvents = max(0, len(t.Events)-mostLines)
	t.Events, t.Timeline = t.Events[:min(len(t.Events), mostLines)], t.Timeline[:min(len(t.Timeline), mostLines)]
	for i := range t.Events {
		t.Events[i].Detail = nil
	}
}
