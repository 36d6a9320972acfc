package main

// This file defines what asking for a task does.

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/stepworks/stepworks/shared/task"
)

type handler struct{ book task.Book }

func (h handler) handle(ctx context.Context, in task.Request) (task.Task, error) {
	if lc, ok := lambdacontext.FromContext(ctx); ok && in.RequestID == "" {
		in.RequestID = lc.AwsRequestID // the same in every retry of an asynchronous invocation
	}
	t, err := h.book.Create(ctx, in)
	if err == nil {
		slog.InfoContext(ctx, "task created", "id", t.ID, "status", string(t.Status))
	}
	return t, err
}
