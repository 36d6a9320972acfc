// Command jobStatus tells how far a job has come.
//
// In: [Input], or the job's id as a bare string. Out: the status as a bare string,
// which a Choice can compare; with detail the whole report. It serves "Get Job
// Status" and "Get Final Job Status" of JobPollerWorkflow. Start at handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/job"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[Input, any], error) {
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
