package main

// This file defines what the getMultiple step does.

import (
	"context"

	"github.com/brianvoe/gofakeit/v6"

	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/report"
)

// Input is the event.
type Input = contract.Event[contract.GetMultipleDetail]

// usual is below how many people a report is about when nobody says.
const usual = 20

type handler struct{ out report.Outlet }

func (h handler) handle(ctx context.Context, in Input) (report.Result, error) {
	call := report.CallOf(in, in.Detail.Hop)
	names, err := people(in.Detail)
	if err != nil {
		return h.out.Fail(ctx, call, err)
	}
	return h.out.Finish(ctx, call, contract.TaskFinishedDetail{Names: &names})
}

func people(d contract.GetMultipleDetail) ([]string, error) {
	job, err := report.JobOf(d.Execution)
	if err != nil {
		return nil, err
	}
	names := d.Request.Names
	if names == nil {
		if names, err = draw(job, d.Request); err != nil {
			return nil, err
		}
	}
	return names, report.CheckNames(names)
}

func draw(job report.Job, request contract.StartDetail) ([]string, error) {
	seed := job.Seed(0, "names")
	if request.Seed != nil {
		seed = *request.Seed
	}
	faker := gofakeit.New(seed)
	n := faker.IntRange(0, usual-1)
	if request.NumberOfPeople != nil {
		n = *request.NumberOfPeople
	}
	if n < 0 || n > report.MaxPeople {
		return nil, failure.New(failure.InputMalformed, "numberOfPeople must be from 0 to %d, not %d", report.MaxPeople, n)
	}
	names := make([]string, n)
	for i := range names {
		names[i] = faker.Name()
	}
	return names, nil
}
