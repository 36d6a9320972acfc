package main

// This file defines what happens to a batch of rows.

import (
	"context"
	"strconv"

	"github.com/stepworks/stepworks/shared/command"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/intake"
)

// Input is a batch.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html
type Input struct {
	BatchInput struct {
		Attributes struct {
			TableName  string `json:"tableName"`
			TenantCode string `json:"tenantCode"`
			SourceID   string `json:"sourceId"`
			Commands   bool   `json:"commands"`
		} `json:"Attributes"`
	} `json:"BatchInput"`
	Items []map[string]string `json:"Items"`
}

type handler struct{ ledger command.Ledger }

func (h handler) handle(ctx context.Context, in Input) (intake.Result, error) {
	of := in.BatchInput.Attributes
	importer, err := intake.NewImporter(h.ledger, of.TableName, of.TenantCode, of.SourceID, of.Commands)
	if err != nil {
		return intake.Result{}, err
	}
	lines := make([]intake.Line, len(in.Items))
	for i, item := range in.Items {
		number, err := strconv.Atoi(item[intake.LineColumn])
		if err != nil {
			return intake.Result{}, failure.New(failure.InputMalformed, "item %d has no %s: the map must read the copy that csvPrepare wrote", i, intake.LineColumn)
		}
		lines[i] = intake.Line{Number: number, Values: item}
	}
	return importer.Import(ctx, lines)
}
