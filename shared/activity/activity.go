// Package activity serves a Step Functions activity: it polls for tasks, works at
// several at once, sends heartbeats while it does, and answers each task once.
//
// What is guaranteed:
//
//   - No more than Concurrency tasks are taken at a time.
//   - A task that Step Functions has given up (timed out, aborted) is abandoned:
//     the handler's context ends, and nothing is answered.
//   - [Worker.Run] ends when its context does: it takes no further task, gives
//     those at work Grace to finish, and fails the rest as Transient.Unavailable,
//     which the workflow retries.
//   - A panicking handler fails its task, not the worker.
//
// A poll that is cut off by stopping may lose a task that Step Functions handed
// out in that very moment; its heartbeat timeout brings it back.
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-activities.html
//
// It does not decide what the work is, and does not log inputs or tokens. Start
// at [Worker].
package activity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/pause"
)

// API is the part of Step Functions that a worker uses.
type API interface {
	GetActivityTask(context.Context, *sfn.GetActivityTaskInput, ...func(*sfn.Options)) (*sfn.GetActivityTaskOutput, error)
	SendTaskSuccess(context.Context, *sfn.SendTaskSuccessInput, ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error)
	SendTaskFailure(context.Context, *sfn.SendTaskFailureInput, ...func(*sfn.Options)) (*sfn.SendTaskFailureOutput, error)
	SendTaskHeartbeat(context.Context, *sfn.SendTaskHeartbeatInput, ...func(*sfn.Options)) (*sfn.SendTaskHeartbeatOutput, error)
}

// Handler does the work of one task. Its error reaches the workflow under its
// name in package failure.
type Handler func(ctx context.Context, input []byte) (output any, err error)

// Worker serves one activity.
type Worker struct {
	API         API
	Activity    string // its ARN
	Name        string // told to Step Functions, for the history
	Concurrency int
	Heartbeat   time.Duration // between two; well below the task's HeartbeatSeconds
	Grace       time.Duration // for tasks at work when the worker stops
	Handle      Handler
	Log         *slog.Logger
}

// Run serves until ctx ends and the tasks at work are answered.
func (w Worker) Run(ctx context.Context) error {
	if w.Concurrency < 1 || w.Heartbeat <= 0 {
		return fmt.Errorf("a worker needs a concurrency of at least 1, not %d, and a time between heartbeats, not %v", w.Concurrency, w.Heartbeat)
	}
	working, abandon := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abandon(nil)
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(w.Grace, func() { abandon(errStopped) })
	})
	defer stop()
	var serving sync.WaitGroup
	for range w.Concurrency {
		serving.Go(func() { w.serve(ctx, working) })
	}
	serving.Wait()
	return nil
}

var (
	errStopped = failure.New(failure.TransientUnavailable, "the worker stops, and the task was not finished in time")
	errGivenUp = errors.New("Step Functions has given the task up") //nolint:staticcheck // a name begins it
)

// serve takes one task after the other. When polling fails it waits, longer each
// time, up to half a minute.
func (w Worker) serve(ctx, working context.Context) {
	wait := time.Duration(0)
	for ctx.Err() == nil {
		task, err := w.API.GetActivityTask(ctx, &sfn.GetActivityTaskInput{ActivityArn: &w.Activity, WorkerName: &w.Name})
		switch {
		case ctx.Err() != nil && err != nil:
			return
		case err != nil:
			wait = min(max(2*wait, time.Second), 30*time.Second)
			w.Log.Warn("polling for a task failed", "again in", wait.String(), "error", err.Error())
			_ = pause.For(ctx, wait) // the loop looks at ctx
		case aws.ToString(task.TaskToken) == "":
			wait = 0 // nothing within a minute
		default:
			wait = 0
			w.work(working, *task.TaskToken, []byte(aws.ToString(task.Input)))
		}
	}
}

// work does one task and answers it.
func (w Worker) work(ctx context.Context, token string, input []byte) {
	began := time.Now()
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	var beating sync.WaitGroup
	beating.Go(func() { w.beat(ctx, token, giveUp) })
	output, err := w.handled(ctx, input)
	cause := context.Cause(ctx)
	giveUp(nil)
	beating.Wait()
	if errors.Is(cause, errGivenUp) {
		w.Log.Warn("task abandoned", "error", cause.Error())
		return
	}
	if err != nil && cause != nil {
		err = cause
	}
	w.answer(token, output, err, time.Since(began))
}

// handled runs the handler; a panic is an error of the task.
func (w Worker) handled(ctx context.Context, input []byte) (output any, err error) {
	defer func() {
		if p := recover(); p != nil {
			w.Log.Error("the handler panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = failure.New(failure.InternalUnexpected, "the handler panicked: %v", p)
		}
	}()
	return w.Handle(ctx, input)
}

// beat sends heartbeats until ctx ends, or Step Functions wants none any more.
func (w Worker) beat(ctx context.Context, token string, giveUp context.CancelCauseFunc) {
	for pause.For(ctx, w.Heartbeat) == nil {
		_, err := w.API.SendTaskHeartbeat(ctx, &sfn.SendTaskHeartbeatInput{TaskToken: &token})
		if over(err) {
			giveUp(errGivenUp)
			return
		}
		if err != nil && ctx.Err() == nil {
			w.Log.Warn("a heartbeat failed", "error", err.Error())
		}
	}
}

// answerTime bounds an answer, which also goes out while the worker stops.
const answerTime = 10 * time.Second

func (w Worker) answer(token string, output any, err error, took time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	text, encoding := json.Marshal(output)
	if err == nil && encoding != nil {
		err = failure.Wrap(failure.InternalUnexpected, encoding, "the output cannot be written as JSON")
	}
	var sent error
	if err != nil {
		_, sent = w.API.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{TaskToken: &token, Error: aws.String(string(failure.NameOf(err))), Cause: aws.String(err.Error())})
	} else {
		_, sent = w.API.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String(string(text))})
	}
	switch {
	case over(sent):
		w.Log.Warn("task answered too late", "took", took.String())
	case sent != nil:
		w.Log.Error("the answer did not arrive; the task will time out", "error", sent.Error())
	case err != nil:
		w.Log.Warn("task failed", "name", string(failure.NameOf(err)), "error", err.Error(), "took", took.String())
	default:
		w.Log.Info("task done", "took", took.String())
	}
}

// over tells whether an answer says that the task has ended without us.
func over(err error) bool {
	var late *types.TaskTimedOut
	var gone *types.TaskDoesNotExist
	return errors.As(err, &late) || errors.As(err, &gone)
}
