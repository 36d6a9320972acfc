// Command commandStream starts an execution of command-handler for every command
// that enters the commands table.
//
// In: a batch of the table's stream; out: what must be delivered again. The
// execution's name is made of the command's keys, so that a change that is
// delivered twice starts one execution. Start at handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/feed"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[feed.Batch, feed.Response], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("STATE_MACHINE_ARN")
	if err != nil {
		return nil, err
	}
	return handler{sfn.NewFromConfig(cfg), env["STATE_MACHINE_ARN"]}.handle, nil
}
