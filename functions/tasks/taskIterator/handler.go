package main

// This file defines how a state's invocation becomes a step of a task.

import (
	"context"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/task"
)

// The states that run code, as the machine names them.
const (
	stateIterator = "iterator"
	stateComplete = "complete_task"
)

// Input is what the machine's states pass: a sub-task, and in complete_task the
// first of them, which knows the task.
type Input struct {
	Source  string `json:"source"` // "step-function"
	Context struct {
		State struct {
			Name string `json:"Name"`
		} `json:"State"`
	} `json:"context"`
	Input task.Ref `json:"input"`
}

// Result is what became of the sub-task, or of the task.
type Result struct {
	PK     string       `json:"pk"`
	SK     string       `json:"sk"`
	Status task.Status  `json:"status"`
	Error  string       `json:"error,omitempty"`
	Counts *task.Counts `json:"attributes,omitempty"`
}

type handler struct{ book task.Book }

func (h handler) handle(ctx context.Context, in Input) (Result, error) {
	if in.Input.PK == "" || in.Input.SK == "" || in.Input.Parent == "" {
		return Result{}, failure.New(failure.InputMalformed, "the state's input must be a sub-task: {pk, sk, parent}")
	}
	t, err := h.do(ctx, in)
	return Result{PK: t.PK, SK: t.SK, Status: t.Status, Error: t.Error, Counts: t.Counts}, err
}

func (h handler) do(ctx context.Context, in Input) (task.Task, error) {
	switch state := in.Context.State.Name; state {
	case stateIterator:
		sub, err := h.book.Load(ctx, in.Input.PK, in.Input.SK)
		if err != nil {
			return sub, err
		}
		return h.book.Run(ctx, sub)
	case stateComplete:
		return h.book.Conclude(ctx, in.Input.PK, in.Input.Parent)
	default:
		return task.Task{}, failure.New(failure.InputMalformed, "there is no handler for state %q of the machine, only for %s and %s", state, stateIterator, stateComplete)
	}
}
