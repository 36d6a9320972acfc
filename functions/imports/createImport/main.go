// Command createImport asks for a file of rows to be imported: through the
// import-csv machine, or, where it is small and processingMode is DIRECT, at once
// as a row of import_tmp for each of its rows.
//
// In: [intake.Request]. Out: the job as it stands. The same request id makes one
// job. Start at handler.go and at shared/intake.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/intake"
	"github.com/stepworks/stepworks/shared/notify"
	"github.com/stepworks/stepworks/shared/object"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[intake.Request, intake.Job], error) {
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
	return handler{book, object.New(cfg, env["IMPORTS_BUCKET"])}.handle, nil
}
