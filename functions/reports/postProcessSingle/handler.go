package main

// This file defines what the postProcessSingle step does.

import (
	"context"

	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/object"
	"github.com/stepworks/stepworks/shared/report"
)

// Input is the event.
type Input = contract.Event[contract.ProcessSinglePostDetail]

// mostCookies is how many a person has at the most.
const mostCookies = 9

type handler struct {
	out    report.Outlet
	bucket *object.Bucket
	reader report.Reader
}

func (h handler) handle(ctx context.Context, in Input) (report.Result, error) {
	call := report.CallOf(in, in.Detail.Hop)
	if err := h.count(ctx, in.Detail); err != nil {
		return h.out.Fail(ctx, call, err)
	}
	return h.out.Finish(ctx, call, contract.TaskFinishedDetail{Processed: &in.Detail.Name})
}

func (h handler) count(ctx context.Context, d contract.ProcessSinglePostDetail) error {
	job, err := report.JobOf(d.Execution)
	if err != nil {
		return err
	}
	person, err := job.Person(d.Index, d.Name)
	if err != nil {
		return err
	}
	profile, err := h.reader.Profile(ctx, person, d.Profile)
	if err != nil {
		return err
	}
	cookies := int(uint64(job.Seed(person.Index, "cookies")) % (mostCookies + 1)) //nolint:gosec // the bits of a hash
	profile.NumberOfCookiesConsumed = &cookies
	return h.bucket.PutJSON(ctx, person.Final(), profile)
}
