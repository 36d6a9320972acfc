package main

// This file defines how a change of the commands table becomes an execution.

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/stepworks/stepworks/shared/command"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/feed"
)

// api is the part of the Step Functions client that the step uses.
type api interface {
	StartExecution(context.Context, *sfn.StartExecutionInput, ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error)
}

type handler struct {
	api     api
	machine string // ARN
}

func (h handler) handle(ctx context.Context, batch feed.Batch) (feed.Response, error) {
	return feed.Stream(ctx, batch, h.start)
}

// start starts the execution of a new command. Everything else that happens to
// the table's rows, and commands that are done already, the mapping's filter
// leaves out; they are left out here too, for a filter is easily lost.
func (h handler) start(ctx context.Context, r feed.Record) error {
	if r.EventName != "INSERT" || r.Text("syncMode") == command.Synchronous {
		return nil
	}
	name, err := command.ExecutionName("command", r.Change.Keys["pk"].S, r.Change.Keys["sk"].S)
	if err != nil {
		return err
	}
	input, err := withSource(r)
	if err != nil {
		return err
	}
	_, err = h.api.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &h.machine, Name: &name, Input: &input})
	var exists *types.ExecutionAlreadyExists
	if errors.As(err, &exists) {
		slog.InfoContext(ctx, "the command was delivered before", "execution", name)
		return nil
	}
	return err
}

// withSource is the record as it came, and source: where it came from.
func withSource(r feed.Record) (string, error) {
	record := map[string]json.RawMessage{}
	if err := json.Unmarshal(r.Raw, &record); err != nil {
		return "", failure.Wrap(failure.InputMalformed, err, "record %s", r.EventID)
	}
	source, err := json.Marshal(r.EventSourceARN)
	if err != nil {
		return "", err
	}
	record["source"] = source
	text, err := json.Marshal(record)
	return string(text), err
}
