// Command csvFinalize is the last step of import-csv: it counts from the map run's
// manifest and result files, writes the report of every row that did not get in,
// and ends the job.
//
// In: [Input], the machine's whole state. Out: [Output]. It comes to an end
// whatever the steps before came to. Memory does not grow with the rows. Start at
// handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/intake"
	"github.com/stepworks/stepworks/shared/notify"
	"github.com/stepworks/stepworks/shared/object"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[Input, Output], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("IMPORT_TABLE", "IMPORTS_BUCKET", "MAIN_TOPIC_ARN")
	if err != nil {
		return nil, err
	}
	topic := notify.Topic{API: sns.NewFromConfig(cfg), ARN: env["MAIN_TOPIC_ARN"]}
	book := intake.Book{API: dynamodb.NewFromConfig(cfg), Table: env["IMPORT_TABLE"], Status: topic}
	return handler{book, object.New(cfg, env["IMPORTS_BUCKET"]), sfn.NewFromConfig(cfg)}.handle, nil
}
