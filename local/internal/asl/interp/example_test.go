package interp_test

import (
	"fmt"
	"time"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// A driver feeds events and performs commands. Here the only task is answered
// by hand.
func ExampleExecution_Step() {
	m, err := asl.Parse(`{"StartAt": "Greet", "States": {"Greet": {
	  "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:greet",
	  "ResultPath": "$.greeting", "End": true}}}`, asl.Standard)
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	x := interp.New(m, interp.Start{
		ARN: "arn:aws:states:us-east-1:123456789012:execution:m:e", Name: "e",
		MachineARN: "arn:aws:states:us-east-1:123456789012:stateMachine:m",
		Input:      jsonvalue.MustParse(`{"name": "Ada"}`), Time: now,
	})

	commands, _ := x.Step(now, interp.Started{})
	task := commands[0].(interp.ScheduleTask)
	fmt.Println("asked:", task.State, jsonvalue.String(task.Parameters))

	_, events := x.Step(now, interp.TaskSucceeded{Task: task.Task, Output: "Hello, Ada"})
	for _, e := range events {
		fmt.Println(e.ID, e.Type)
	}
	fmt.Println(x.Status(), jsonvalue.String(x.Output()))
	// Output:
	// asked: Greet {"name":"Ada"}
	// 4 LambdaFunctionStarted
	// 5 LambdaFunctionSucceeded
	// 6 TaskStateExited
	// 7 ExecutionSucceeded
	// SUCCEEDED {"name":"Ada","greeting":"Hello, Ada"}
}
