// Command importAction does what the main topic's messages about imports ask for:
// it starts import-csv for a job, and publishes a row of a direct import.
//
// In: a batch of import-action-queue; out: what must be delivered again. Start at
// handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/command"
	"github.com/stepworks/stepworks/shared/feed"
	"github.com/stepworks/stepworks/shared/intake"
	"github.com/stepworks/stepworks/shared/notify"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[feed.Batch, feed.Response], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("IMPORT_TABLE", "COMMANDS_TABLE", "DATA_TABLE", "HISTORY_TABLE", "MASTER_TABLE", "MAIN_TOPIC_ARN", "STATE_MACHINE_ARN")
	if err != nil {
		return nil, err
	}
	tables := dynamodb.NewFromConfig(cfg)
	topic := notify.Topic{API: sns.NewFromConfig(cfg), ARN: env["MAIN_TOPIC_ARN"]}
	ledger := command.Ledger{API: tables, Commands: env["COMMANDS_TABLE"], Data: env["DATA_TABLE"], History: env["HISTORY_TABLE"], Master: env["MASTER_TABLE"]}
	return handler{intake.Book{API: tables, Table: env["IMPORT_TABLE"], Status: topic}, ledger, sfn.NewFromConfig(cfg), env["STATE_MACHINE_ARN"]}.handle, nil
}
