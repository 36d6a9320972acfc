// Command getMultiple says whom a report is about: the names that the request
// gives, or made-up ones, standing for a database.
//
// In: task.get.multiple. Out: [report.Result]; what counts is the event it
// publishes, task.finished with the names. The same execution gets the same names
// again. Start at handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/bus"
	"github.com/stepworks/stepworks/shared/report"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[Input, report.Result], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("EVENT_BUS_NAME", "AWS_LAMBDA_FUNCTION_NAME")
	if err != nil {
		return nil, err
	}
	out := report.Outlet{Bus: bus.Publisher{API: eventbridge.NewFromConfig(cfg), Bus: env["EVENT_BUS_NAME"]}, Function: env["AWS_LAMBDA_FUNCTION_NAME"]}
	return handler{out}.handle, nil
}
