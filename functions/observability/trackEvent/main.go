// Command trackEvent writes down every event of the source project, with what
// caused it.
//
// In: the event as EventBridge delivers it, whatever its detail. Out: [Result].
// The same event again changes nothing. Task tokens and presigned URLs are not
// written down. Rows keep for a day. It publishes nothing, so it cannot loop.
// Start at handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/eventlog"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[eventlog.Event, Result], error) {
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
