package main

// This file defines how a state's invocation becomes a step of a command.

import (
	"context"
	"encoding/json"
	"time"

	"github.com/stepworks/stepworks/shared/command"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/feed"
)

// Input is what the machine's states pass. The command's record is the
// execution's input; the context carries it through every state.
type Input struct {
	Source  string `json:"source"` // "step-function"
	Context struct {
		Execution struct {
			ID    string      `json:"Id"`
			Input feed.Record `json:"Input"`
		} `json:"Execution"`
		State struct {
			Name        string    `json:"Name"`
			EnteredTime time.Time `json:"EnteredTime"`
		} `json:"State"`
	} `json:"context"`
	Input     json.RawMessage `json:"input"`
	TaskToken string          `json:"taskToken"`
}

type handler struct{ flow command.Flow }

func (h handler) handle(ctx context.Context, in Input) (any, error) {
	execution, state := in.Context.Execution, in.Context.State
	pk, sk := execution.Input.Change.Keys["pk"].S, execution.Input.Change.Keys["sk"].S
	if pk == "" || sk == "" || state.Name == "" {
		return nil, failure.New(failure.InputMalformed, "the payload must carry the machine's context ($$): context.State.Name, and the command's record in context.Execution.Input.dynamodb.Keys")
	}
	return h.flow.Do(ctx, command.Step{
		State: state.Name, PK: pk, SK: sk, Entered: state.EnteredTime, Execution: execution.ID, Token: in.TaskToken, Input: in.Input,
	})
}
