// Command createTask asks for work to be done later: one task, or a task of many
// with a sub-task for every element of a list.
//
// In: [task.Request]. Out: the task as it stands. The same request id makes one
// task. Start at handler.go and at shared/task.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/step"
	"github.com/stepworks/stepworks/shared/task"
)

func main() { step.Start(wire) }

func wire() (step.Handler[task.Request, task.Task], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("TASKS_TABLE")
	if err != nil {
		return nil, err
	}
	return handler{task.Book{API: dynamodb.NewFromConfig(cfg), Table: env["TASKS_TABLE"]}}.handle, nil
}
