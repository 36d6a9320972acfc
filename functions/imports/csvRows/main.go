// Command csvRows is what the distributed map of import-csv does with a batch of
// rows: it validates and transforms each by its table's schema, and publishes a
// command for it, or writes it at once where commands are off.
//
// In: [Input], the batch as Step Functions makes it. Out: [intake.Result]. A bad
// row is part of the result; a batch that failed may be given again. Start at
// handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/command"
	"github.com/stepworks/stepworks/shared/intake"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[Input, intake.Result], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("COMMANDS_TABLE", "DATA_TABLE", "HISTORY_TABLE", "MASTER_TABLE")
	if err != nil {
		return nil, err
	}
	return handler{command.Ledger{
		API: dynamodb.NewFromConfig(cfg), Commands: env["COMMANDS_TABLE"], Data: env["DATA_TABLE"], History: env["HISTORY_TABLE"], Master: env["MASTER_TABLE"],
	}}.handle, nil
}
