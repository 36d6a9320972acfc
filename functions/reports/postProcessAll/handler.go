package main

// This file defines what the postProcessAll step does.

import (
	"context"
	"sync"

	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/object"
	"github.com/stepworks/stepworks/shared/report"
)

// Input is the event.
type Input = contract.Event[contract.ProcessAllDetail]

// readers is how many documents are read at once: enough to hide S3's latency, and
// few enough connections for the smallest function.
const readers = 16

type handler struct {
	out    report.Outlet
	bucket *object.Bucket
}

func (h handler) handle(ctx context.Context, in Input) (report.Result, error) {
	call := report.CallOf(in, in.Detail.Hop)
	total, err := h.sumUp(ctx, in.Detail)
	if err != nil {
		return h.out.Fail(ctx, call, err)
	}
	return h.out.Finish(ctx, call, contract.TaskFinishedDetail{TotalCookiesConsumed: &total})
}

func (h handler) sumUp(ctx context.Context, d contract.ProcessAllDetail) (int, error) {
	job, err := report.JobOf(d.Execution)
	if err != nil {
		return 0, err
	}
	if d.Names == nil {
		return 0, failure.New(failure.InputMalformed, "names is missing; nobody is an empty list")
	}
	if err := report.CheckNames(d.Names); err != nil {
		return 0, err
	}
	total, err := h.total(ctx, job, d.Names)
	if err != nil {
		return 0, err
	}
	return total, h.bucket.PutJSON(ctx, job.Summary(), report.Report{Names: d.Names, NumberOfPeople: len(d.Names), TotalCookiesConsumed: total})
}

// total reads everybody's document. The first that cannot be read ends it.
func (h handler) total(ctx context.Context, job report.Job, names []string) (int, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	places := make(chan int)
	var sums [readers]int
	var group sync.WaitGroup
	for r := range readers {
		group.Go(func() {
			for i := range places {
				n, err := h.cookies(ctx, report.Person{Job: job, Index: i, Name: names[i]})
				if err != nil {
					stop(err)
					return
				}
				sums[r] += n
			}
		})
	}
	hand(ctx, places, len(names))
	group.Wait()
	total := 0
	for _, n := range sums {
		total += n
	}
	return total, context.Cause(ctx)
}

// hand gives out the places from 0 to n-1.
func hand(ctx context.Context, places chan<- int, n int) {
	defer close(places)
	for i := range n {
		select {
		case places <- i:
		case <-ctx.Done():
			return
		}
	}
}

func (h handler) cookies(ctx context.Context, p report.Person) (int, error) {
	var profile report.Profile
	if err := h.bucket.GetJSON(ctx, p.Final(), report.DocumentLimit, &profile); err != nil {
		return 0, err
	}
	switch {
	case profile.Name != p.Name:
		return 0, failure.New(failure.InputMalformed, "%s is about %q, not %q", p.Final(), profile.Name, p.Name)
	case profile.NumberOfCookiesConsumed == nil || *profile.NumberOfCookiesConsumed < 0:
		return 0, failure.New(failure.InputMalformed, "%s has no count of cookies", p.Final())
	}
	return *profile.NumberOfCookiesConsumed, nil
}
