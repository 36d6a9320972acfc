package report

// This file defines how a step answers: the event that it publishes, with where
// it came from.

import (
	"context"
	"log/slog"

	"github.com/stepworks/stepworks/shared/bus"
	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/failure"
)

// Outlet publishes for one function.
type Outlet struct {
	Bus      bus.Publisher
	Function string // its name, for Meta
}

// Call is the event that a step was invoked with, as far as it matters for the
// answer.
type Call struct {
	Origin contract.Origin
	Hop    contract.Hop
}

// CallOf makes a call of an event and the hop in its detail.
func CallOf[D any](e contract.Event[D], hop contract.Hop) Call {
	return Call{contract.Origin{ID: e.ID, Account: e.Account, Source: e.Source, DetailType: e.DetailType}, hop}
}

// Result is the function's own answer; nobody reads it but people who invoke by hand.
type Result struct {
	Published string `json:"published"` // detail-type
}

// Finish publishes task.finished, whose detail is the task's output.
func (o Outlet) Finish(ctx context.Context, c Call, d contract.TaskFinishedDetail) (Result, error) {
	d.Hop = o.hop(c, contract.TaskFinished)
	return o.publish(ctx, contract.TaskFinished, d)
}

// Pass publishes task.process.single.post: the task's next step.
func (o Outlet) Pass(ctx context.Context, c Call, d contract.ProcessSinglePostDetail) (Result, error) {
	d.Hop = o.hop(c, contract.TaskProcessSinglePost)
	return o.publish(ctx, contract.TaskProcessSinglePost, d)
}

// Complete publishes async.complete. It carries no token: what is done beside the
// workflow answers no task of it.
func (o Outlet) Complete(ctx context.Context, c Call, d contract.AsyncCompleteDetail) (Result, error) {
	d.Hop = o.hop(c, contract.AsyncComplete)
	d.TaskToken = ""
	return o.publish(ctx, contract.AsyncComplete, d)
}

// Fail fails the task that waits for c with cause, so that the workflow hears the
// reason at once. What may pass is left to Lambda, which tries again and tells of
// the last failure itself; so is what no task waits for.
func (o Outlet) Fail(ctx context.Context, c Call, cause error) (Result, error) {
	if c.Hop.TaskToken == "" || failure.Retryable(cause) {
		return Result{}, cause
	}
	name := string(failure.NameOf(cause))
	slog.ErrorContext(ctx, "the step fails its task", "name", name, "error", cause.Error(), "execution", c.Hop.Execution, "eventId", c.Origin.ID)
	d := contract.TaskFailedDetail{Hop: o.hop(c, contract.TaskFailed), Error: name, Cause: truncated(cause.Error())}
	return o.publish(ctx, contract.TaskFailed, d)
}

// truncated keeps a cause within what SendTaskFailure takes, with room.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html
func truncated(cause string) string { return cause[:min(len(cause), 8<<10)] }

// hop is what the answer has in common with what was asked.
func (o Outlet) hop(c Call, detailType string) contract.Hop {
	hop := c.Hop
	meta := &contract.Meta{Incoming: c.Origin, Outgoing: contract.Origin{Source: contract.SourceProject, DetailType: detailType}, Function: o.Function}
	if job, err := JobOf(hop.Execution); err == nil {
		meta.StateMachine, meta.Job = job.Machine, job.Name
	}
	hop.Meta = meta
	return hop
}

func (o Outlet) publish(ctx context.Context, detailType string, detail any) (Result, error) {
	if err := o.Bus.Put(ctx, bus.Event{Source: contract.SourceProject, DetailType: detailType, Detail: detail}); err != nil {
		return Result{}, err
	}
	return Result{Published: detailType}, nil
}
