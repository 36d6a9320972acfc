// Command submitJob submits a warehouse job for an execution, once.
//
// In: [Input]. Out: the job's id, a bare string, which JobPollerWorkflow keeps as
// $.guid. It serves "Submit Job" there and "Invoke1" in ServiceIntegrations. The
// same execution asking again gets the same id. Start at handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/job"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[Input, string], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("JOBS_TABLE")
	if err != nil {
		return nil, err
	}
	return handler{job.Book{API: dynamodb.NewFromConfig(cfg), Jobs: env["JOBS_TABLE"]}}.handle, nil
}
