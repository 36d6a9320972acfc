// Command paymentCallback hears what the external gateway says about an order, and
// answers the workflow that waits for it, once.
//
// In: [Input], by hand or as the event Payment Result. Out: [Result]. Success ends
// the waiting task with the gateway's word, anything else fails it as
// ExternalProcessFailed, and processing is a heartbeat. The first result counts:
// a repetition, a contradiction and a result that nobody waits for any more change
// nothing and are answers. A result that nobody asked for is Callback.NotFound.
// Start at handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/callback"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[Input, Result], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("CALLBACK_TOKENS_TABLE")
	if err != nil {
		return nil, err
	}
	return handler{callback.Desk{API: dynamodb.NewFromConfig(cfg), Tasks: sfn.NewFromConfig(cfg), Table: env["CALLBACK_TOKENS_TABLE"], Unknown: failure.CallbackNotFound}}.handle, nil
}
