// Command taskIterator does what the states of the task-handler machine are for:
// iterator does one sub-task, complete_task ends the task.
//
// In: [Input], the machine's context and the state's input. Out: [Result]. A
// sub-task that fails is a result, so that the others are done. Start at
// handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/notify"
	"github.com/stepworks/stepworks/shared/step"
	"github.com/stepworks/stepworks/shared/task"
)

func main() { step.Start(wire) }

func wire() (step.Handler[Input, Result], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("TASKS_TABLE", "MAIN_TOPIC_ARN", "ALARM_TOPIC_ARN")
	if err != nil {
		return nil, err
	}
	topics := sns.NewFromConfig(cfg)
	return handler{task.Book{
		API: dynamodb.NewFromConfig(cfg), Table: env["TASKS_TABLE"],
		Status: notify.Topic{API: topics, ARN: env["MAIN_TOPIC_ARN"]}, Alarm: notify.Topic{API: topics, ARN: env["ALARM_TOPIC_ARN"]},
	}}.handle, nil
}
