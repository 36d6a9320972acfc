package main

// This file defines what the trackEvent function does.

import (
	"context"

	"github.com/stepworks/stepworks/shared/eventlog"
	"github.com/stepworks/stepworks/shared/failure"
)

// Result is the answer; nobody reads it but people who invoke by hand.
type Result struct {
	Job string `json:"job"`
}

type handler struct{ log eventlog.Log }

func (h handler) handle(ctx context.Context, in eventlog.Event) (Result, error) {
	if in.ID == "" || in.Time.IsZero() {
		return Result{}, failure.New(failure.InputMalformed, "id and time are needed: this takes events as EventBridge delivers them")
	}
	r, err := h.log.Write(ctx, in)
	return Result{Job: r.Job}, err
}
