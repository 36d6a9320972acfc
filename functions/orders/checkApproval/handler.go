package main

// This file defines what the checkApproval step does.

import (
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/stepworks/stepworks/shared/approval"
	"github.com/stepworks/stepworks/shared/order"
)

// Input is what the step takes.
type Input struct {
	order.Step
	TaskToken string `json:"taskToken"` // a secret: whoever has it can decide
}

// Result is the answer.
type Result struct {
	approval.Decision
	StatusCode       int    `json:"statusCode"`
	Deadline         string `json:"deadline"`
	NextCheck        string `json:"nextCheck"`        // for a Wait state's TimestampPath
	HeartbeatSeconds int    `json:"heartbeatSeconds"` // until the deadline, for a task that waits
	TimeoutSeconds   int    `json:"timeoutSeconds"`   // a little more
}

// grace is by how much a waiting task's timeout exceeds its heartbeat, which must
// be the smaller of the two.
// https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html
const grace = 60

type handler struct{ desk approval.Desk }

func (h handler) handle(ctx context.Context, in Input) (Result, error) {
	id, err := in.ID()
	if err != nil {
		return Result{}, err
	}
	s, err := h.desk.Ask(ctx, id, in.Execution, in.TaskToken)
	if err != nil {
		return Result{}, err
	}
	left := max(1, int(math.Ceil(s.Deadline.Sub(in.Execution.Time).Seconds())))
	slog.InfoContext(ctx, "approval looked at", "orderId", id, "status", s.Status, "waiting", in.TaskToken != "")
	return Result{Decision: s.Decision, StatusCode: 200, Deadline: stamp(s.Deadline), NextCheck: stamp(s.NextCheck), HeartbeatSeconds: left, TimeoutSeconds: left + grace}, nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
