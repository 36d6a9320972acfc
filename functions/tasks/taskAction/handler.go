package main

// This file defines what a message about a task leads to.

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/feed"
	"github.com/stepworks/stepworks/shared/notify"
	"github.com/stepworks/stepworks/shared/task"
)

// api is the part of the Step Functions client that the step uses.
type api interface {
	StartExecution(context.Context, *sfn.StartExecutionInput, ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error)
}

type handler struct {
	book    task.Book
	api     api
	machine string // ARN of task-handler
}

func (h handler) handle(ctx context.Context, batch feed.Batch) (feed.Response, error) {
	counted := map[string]bool{}
	return feed.Queue(ctx, batch, func(ctx context.Context, m feed.Message) error {
		var told notify.Message
		if err := json.Unmarshal([]byte(m.Body), &told); err != nil {
			return failure.Wrap(failure.InputMalformed, err, "a message of the main topic is JSON with action, pk and sk; subscriptions must be raw")
		}
		switch told.Action {
		case notify.TaskExecute:
			return h.execute(ctx, told)
		case notify.SubTaskStatus:
			return h.count(ctx, told, counted)
		}
		return failure.New(failure.InputMalformed, "action %q is not for this queue: the subscription's filter lets through %s and %s", told.Action, notify.TaskExecute, notify.SubTaskStatus)
	})
}

func (h handler) execute(ctx context.Context, told notify.Message) error {
	if task.IsSub(told.SK) {
		return nil // task-handler does those
	}
	t, err := h.book.Load(ctx, told.PK, told.SK)
	if err != nil || t.Status.Over() {
		return err
	}
	if !t.IsMany() {
		_, err = h.book.Run(ctx, t)
		return err
	}
	if t, err = h.book.Split(ctx, t); err != nil || t.Status.Over() {
		return err
	}
	return h.start(ctx, t)
}

// start starts the one execution that a task of many has: its name is the task's
// type and code, so a message that comes again finds it started.
func (h handler) start(ctx context.Context, t task.Task) error {
	input, err := json.Marshal(t.Refs())
	if err != nil {
		return err
	}
	name, text := "task-"+t.Code, string(input)
	_, err = h.api.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &h.machine, Name: &name, Input: &text})
	var exists *types.ExecutionAlreadyExists
	if errors.As(err, &exists) {
		return nil
	}
	return err
}

// count counts once in a batch: ten sub-tasks of a task need one look.
func (h handler) count(ctx context.Context, told notify.Message, counted map[string]bool) error {
	if !task.IsSub(told.SK) || counted[told.PK+told.SK] {
		return nil
	}
	sub, err := h.book.Load(ctx, told.PK, told.SK)
	if err != nil || counted[sub.PK+sub.Parent] {
		return err
	}
	err = h.book.Progress(ctx, sub.PK, sub.Parent)
	counted[sub.PK+sub.Parent] = err == nil
	return err
}
