// Command importStream announces every new import, and every row of a direct one,
// on the main topic, from where it comes to the queue of importAction.
//
// In: a batch of the import_tmp table's stream; out: what must be delivered again.
// Start at handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/feed"
	"github.com/stepworks/stepworks/shared/intake"
	"github.com/stepworks/stepworks/shared/notify"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[feed.Batch, feed.Response], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("IMPORT_TABLE", "MAIN_TOPIC_ARN")
	if err != nil {
		return nil, err
	}
	topic := notify.Topic{API: sns.NewFromConfig(cfg), ARN: env["MAIN_TOPIC_ARN"]}
	return handler{intake.Book{API: dynamodb.NewFromConfig(cfg), Table: env["IMPORT_TABLE"], Status: topic}}.handle, nil
}
