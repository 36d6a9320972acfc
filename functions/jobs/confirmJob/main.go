// Command confirmJob confirms a job to a workflow that waits for it: it answers
// the task token that it is given, not the invocation.
//
// In: [Input]. Out: [Result], which Step Functions does not look at in a task that
// waits for its token. It serves "Invoke2" in ServiceIntegrations. A token is a
// secret: whoever holds it answers the task. It stands in no log and no answer.
// Start at handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/job"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[Input, Result], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("JOBS_TABLE")
	if err != nil {
		return nil, err
	}
	return handler{job.Book{API: dynamodb.NewFromConfig(cfg), Jobs: env["JOBS_TABLE"]}, sfn.NewFromConfig(cfg)}.handle, nil
}
