package main

// This file defines what the confirmJob step does.

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/job"
)

// Input is what the step takes.
type Input struct {
	Token string    `json:"token"`
	GUID  string    `json:"guid"`
	Time  time.Time `json:"time"`
}

// Result is the answer to the invocation, for people.
type Result struct {
	JobID    string `json:"jobId"`
	Answered bool   `json:"answered"` // false: the task was over already
}

// tasks is the part of Step Functions that the step uses.
type tasks interface {
	SendTaskSuccess(context.Context, *sfn.SendTaskSuccessInput, ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error)
	SendTaskFailure(context.Context, *sfn.SendTaskFailureInput, ...func(*sfn.Options)) (*sfn.SendTaskFailureOutput, error)
}

type handler struct {
	book  job.Book
	tasks tasks
}

func (h handler) handle(ctx context.Context, in Input) (Result, error) {
	if in.Token == "" || in.Time.IsZero() {
		return Result{}, failure.New(failure.InputMalformed, "token and time are needed: a workflow waits for the answer")
	}
	report, err := h.book.Look(ctx, in.GUID, in.Time)
	if err != nil && failure.Retryable(err) {
		return Result{}, err // the invocation is asked again
	}
	answered, err := closed(h.answer(ctx, in.Token, report, err))
	if err != nil {
		return Result{}, err
	}
	slog.InfoContext(ctx, "job confirmed", "jobId", in.GUID, "status", report.Status, "answered", answered)
	return Result{JobID: in.GUID, Answered: answered}, nil
}

// answer ends the task: with the report, or with the failure to make one.
func (h handler) answer(ctx context.Context, token string, report job.Report, trouble error) error {
	if trouble != nil {
		_, err := h.tasks.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{
			TaskToken: &token, Error: aws.String(string(failure.NameOf(trouble))), Cause: aws.String(trouble.Error())})
		return err
	}
	output, err := json.Marshal(report)
	if err != nil {
		return failure.Wrap(failure.InternalUnexpected, err, "the report cannot be written")
	}
	_, err = h.tasks.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String(string(output))})
	return err
}

// closed tells a task that is over from one that was answered now. The workflow
// may have timed out, or this may be a repeated invocation.
func closed(err error) (answered bool, _ error) {
	var late *types.TaskTimedOut
	var gone *types.TaskDoesNotExist
	var unknown *types.InvalidToken
	switch {
	case errors.As(err, &late), errors.As(err, &gone):
		return false, nil
	case errors.As(err, &unknown):
		return false, failure.New(failure.InputMalformed, "the token is none of Step Functions'")
	}
	return err == nil, err
}
