// Command taskAction does what the main topic's messages about tasks ask for: it
// does a task, or makes the sub-tasks of a task of many and starts task-handler;
// and it counts a task's sub-tasks when one of them changed.
//
// In: a batch of task-action-queue (task-execute) or sub-task-status-queue
// (sub-task-status); out: what must be delivered again. Start at handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
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
	env, err := awsconf.Env("TASKS_TABLE", "MAIN_TOPIC_ARN", "ALARM_TOPIC_ARN", "STATE_MACHINE_ARN")
	if err != nil {
		return nil, err
	}
	topics := sns.NewFromConfig(cfg)
	book := task.Book{
		API: dynamodb.NewFromConfig(cfg), Table: env["TASKS_TABLE"],
		Status: notify.Topic{API: topics, ARN: env["MAIN_TOPIC_ARN"]}, Alarm: notify.Topic{API: topics, ARN: env["ALARM_TOPIC_ARN"]},
	}
	return handler{book, sfn.NewFromConfig(cfg), env["STATE_MACHINE_ARN"]}.handle, nil
}
