package main

// This file defines what the processSingle step does.

import (
	"context"

	"github.com/brianvoe/gofakeit/v6"

	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/object"
	"github.com/stepworks/stepworks/shared/report"
)

// Input is the event.
type Input = contract.Event[contract.ProcessSingleDetail]

type handler struct {
	out    report.Outlet
	bucket *object.Bucket
}

func (h handler) handle(ctx context.Context, in Input) (report.Result, error) {
	call := report.CallOf(in, in.Detail.Hop)
	link, err := h.keep(ctx, in.Detail)
	if err != nil {
		return h.out.Fail(ctx, call, err)
	}
	return h.out.Pass(ctx, call, contract.ProcessSinglePostDetail{Name: in.Detail.Name, Index: in.Detail.Index, Profile: link})
}

// keep writes the profile and returns its URL.
func (h handler) keep(ctx context.Context, d contract.ProcessSingleDetail) (string, error) {
	job, err := report.JobOf(d.Execution)
	if err != nil {
		return "", err
	}
	person, err := job.Person(d.Index, d.Name)
	if err != nil {
		return "", err
	}
	if err := h.bucket.PutJSON(ctx, person.Basic(), lookUp(person)); err != nil {
		return "", err
	}
	return h.bucket.Link(ctx, person.Basic(), report.LinkLife)
}

func lookUp(p report.Person) report.Profile {
	faker := gofakeit.New(p.Job.Seed(p.Index, "profile"))
	return report.Profile{Name: p.Name, Company: faker.Company(), City: faker.City()}
}
