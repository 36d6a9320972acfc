// Command sideEffect does something beside the workflow for every profile: it
// reads it and says so. It has no access to the bucket, only the URL.
//
// In: task.process.single.post, without the token. Out: [report.Result]; what
// counts is the event it publishes, async.complete. No task waits for it. Start at
// handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/bus"
	"github.com/stepworks/stepworks/shared/object"
	"github.com/stepworks/stepworks/shared/report"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[Input, report.Result], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("EVENT_BUS_NAME", "AWS_LAMBDA_FUNCTION_NAME", "BUCKET")
	if err != nil {
		return nil, err
	}
	out := report.Outlet{Bus: bus.Publisher{API: eventbridge.NewFromConfig(cfg), Bus: env["EVENT_BUS_NAME"]}, Function: env["AWS_LAMBDA_FUNCTION_NAME"]}
	bucket := object.New(cfg, env["BUCKET"])
	return handler{out, report.NewReader(bucket)}.handle, nil
}
