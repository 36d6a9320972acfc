package main

// This file defines what publishing a command does.

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/stepworks/stepworks/shared/command"
)

// Input is a submission; without a version it goes on top of the latest.
type Input struct {
	command.Submission
	Version *int `json:"version"`
}

// Result says which version was published.
type Result struct {
	Published bool   `json:"published"` // false: the item is like that already
	ID        string `json:"id"`
	PK        string `json:"pk"`
	SK        string `json:"sk"` // of the command, with its version
	Version   int    `json:"version"`
	RequestID string `json:"requestId"`
}

type handler struct{ ledger command.Ledger }

func (h handler) handle(ctx context.Context, in Input) (Result, error) {
	s := in.Submission
	s.Version = command.Latest
	if in.Version != nil {
		s.Version = *in.Version
	}
	if lc, ok := lambdacontext.FromContext(ctx); ok && s.RequestID == "" {
		s.RequestID = lc.AwsRequestID // the same in every retry of an asynchronous invocation
	}
	p, err := h.ledger.Publish(ctx, s)
	if err != nil {
		return Result{}, err
	}
	slog.InfoContext(ctx, "command published", "id", p.Row.ID, "version", p.Row.Version, "unchanged", p.Unchanged)
	return Result{Published: !p.Unchanged, ID: s.ID(), PK: p.Row.PK, SK: s.At(p.Row.Version), Version: p.Row.Version, RequestID: p.Row.RequestID}, nil
}
