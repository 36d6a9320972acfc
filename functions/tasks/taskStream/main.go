// Command taskStream announces every new task on the main topic, from where it
// comes to the queue of those who do tasks.
//
// In: a batch of the tasks table's stream; out: what must be delivered again.
// Sub-tasks enter the same table and are not announced. Start at handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/feed"
	"github.com/stepworks/stepworks/shared/notify"
	"github.com/stepworks/stepworks/shared/step"
	"github.com/stepworks/stepworks/shared/task"
)

func main() { step.Start(wire) }

func wire() (step.Handler[feed.Batch, feed.Response], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("TASKS_TABLE", "MAIN_TOPIC_ARN")
	if err != nil {
		return nil, err
	}
	topic := notify.Topic{API: sns.NewFromConfig(cfg), ARN: env["MAIN_TOPIC_ARN"]}
	return handler{task.Book{API: dynamodb.NewFromConfig(cfg), Table: env["TASKS_TABLE"], Status: topic}}.handle, nil
}
