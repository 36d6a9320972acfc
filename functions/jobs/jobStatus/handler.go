package main

// This file defines what the jobStatus step does.

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/stepworks/stepworks/shared/job"
)

// Input is what the step takes: an object, or the id alone as a string.
type Input struct {
	GUID   string    `json:"guid"`
	Time   time.Time `json:"time"`   // as of when; without it, as of now on the function's clock
	Detail bool      `json:"detail"` // the whole report, not the status alone
}

// UnmarshalJSON implements json.Unmarshaler.
func (in *Input) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		return json.Unmarshal(text, &in.GUID)
	}
	type object Input
	return json.Unmarshal(text, (*object)(in))
}

type handler struct{ book job.Book }

func (h handler) handle(ctx context.Context, in Input) (any, error) {
	if in.Time.IsZero() { // asked by hand
		in.Time = time.Now()
	}
	report, err := h.book.Look(ctx, in.GUID, in.Time)
	if err != nil {
		return nil, err
	}
	slog.InfoContext(ctx, "job status", "jobId", report.JobID, "status", report.Status)
	if in.Detail {
		return report, nil
	}
	return report.Status, nil
}
