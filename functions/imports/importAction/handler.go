package main

// This file defines what a message about an import leads to.

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/stepworks/stepworks/shared/command"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/feed"
	"github.com/stepworks/stepworks/shared/intake"
	"github.com/stepworks/stepworks/shared/notify"
)

// api is the part of the Step Functions client that the step uses.
type api interface {
	StartExecution(context.Context, *sfn.StartExecutionInput, ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error)
}

type handler struct {
	book    intake.Book
	ledger  command.Ledger
	api     api
	machine string // ARN of import-csv
}

func (h handler) handle(ctx context.Context, batch feed.Batch) (feed.Response, error) {
	return feed.Queue(ctx, batch, func(ctx context.Context, m feed.Message) error {
		var told notify.Message
		if err := json.Unmarshal([]byte(m.Body), &told); err != nil {
			return failure.Wrap(failure.InputMalformed, err, "a message of the main topic is JSON with action, pk and sk; subscriptions must be raw")
		}
		switch {
		case told.Action != notify.ImportExecute:
			return failure.New(failure.InputMalformed, "action %q is not for this queue: the subscription's filter lets through %s", told.Action, notify.ImportExecute)
		case intake.IsJob(told.PK):
			return h.start(ctx, told.PK, told.SK)
		}
		return h.publish(ctx, told.PK, told.SK)
	})
}

// start starts the one execution that a job has: its name is the job's code, so a
// message that comes again finds it started.
func (h handler) start(ctx context.Context, pk, sk string) error {
	j, err := h.book.Load(ctx, pk, sk)
	if err != nil || j.Status.Over() {
		return err
	}
	input, err := json.Marshal(j.Order)
	if err != nil {
		return err
	}
	name, text := "import-"+j.Code, string(input)
	out, err := h.api.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &h.machine, Name: &name, Input: &text})
	var exists *types.ExecutionAlreadyExists
	switch {
	case errors.As(err, &exists):
		execution := strings.Replace(h.machine, ":stateMachine:", ":execution:", 1) + ":" + name
		out = &sfn.StartExecutionOutput{ExecutionArn: &execution}
	case err != nil:
		return err
	}
	return h.book.Begin(ctx, j, *out.ExecutionArn)
}

// publish brings one row of a direct import in.
func (h handler) publish(ctx context.Context, pk, sk string) error {
	e, err := h.book.LoadEntry(ctx, pk, sk)
	if err != nil {
		return err
	}
	if e.Status.Over() {
		return h.book.Close(ctx, e)
	}
	j, err := h.book.Load(ctx, e.JobPK, e.JobSK)
	if err != nil {
		return err
	}
	importer, err := intake.NewImporter(h.ledger, j.Order.TableName, j.TenantCode, j.ID, j.Order.Commands)
	if err != nil {
		return err
	}
	r, err := importer.Import(ctx, []intake.Line{{Number: e.Line, Values: e.Values}})
	if err != nil {
		return err
	}
	return h.book.Settle(ctx, e, r)
}
