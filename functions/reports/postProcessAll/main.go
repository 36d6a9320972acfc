// Command postProcessAll sums up a report: it reads everybody's document and
// writes 0-cookies.json beside them.
//
// In: task.process.all. Out: [report.Result]; what counts is the event it
// publishes, task.finished with the sum. A document that is missing fails the
// task: a report of some would pass for one of all. Start at handler.go.
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
	return handler{out, bucket}.handle, nil
}
