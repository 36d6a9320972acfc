// Command jobEvents tells what happened in a job: its events, the timeline, and
// the architecture that they show. Without a job it lists the latest.
//
// In: [Input]. Out: [Output]; docs/observability.md describes it. It reads alone.
// Start at handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/eventlog"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[Input, Output], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("EVENT_LOG_TABLE")
	if err != nil {
		return nil, err
	}
	return handler{eventlog.Log{API: dynamodb.NewFromConfig(cfg), Table: env["EVENT_LOG_TABLE"]}}.handle, nil
}
