// Command publishCommand is how data is changed: it writes a versioned command,
// which the command-handler machine carries out.
//
// In: [Input], what the item shall be and the version it was read at. Out:
// [Result]. A version that is no longer the newest is Command.VersionConflict,
// and nothing was written; where the item is like that already, published is false.
// Start at handler.go, and at shared/command for what it is all about.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/command"
	"github.com/stepworks/stepworks/shared/object"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[Input, Result], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("COMMANDS_TABLE", "DATA_TABLE", "MASTER_TABLE", "ATTRIBUTES_BUCKET")
	if err != nil {
		return nil, err
	}
	bucket := env["ATTRIBUTES_BUCKET"]
	ledger := command.Ledger{
		API: dynamodb.NewFromConfig(cfg), Commands: env["COMMANDS_TABLE"], Data: env["DATA_TABLE"], Master: env["MASTER_TABLE"],
		Objects: object.New(cfg, bucket), Bucket: bucket,
	}
	return handler{ledger}.handle, nil
}
