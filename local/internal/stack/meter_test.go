package stack

import (
	"reflect"
	"testing"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/lambda"
	"github.com/stepworks/stepworks/local/internal/stepfunctions"
)

func TestMeter(t *testing.T) {
	m := &Meter{}
	role, service := awswire.Identity{Role: "arn:aws:iam::1:role/r"}, awswire.Identity{Service: "events.amazonaws.com"}
	entries := awswire.Access{Action: "events:PutEvents", Context: map[string][]string{"events:source": {"a", "b"}}}
	for _, id := range []awswire.Identity{awswire.Root("1"), role, service} {
		m.request(id, awswire.Access{Action: "sqs:SendMessage"})
	}
	m.request(awswire.Root("1"), entries)
	m.request(awswire.Identity{Service: "states.amazonaws.com"}, entries) // AWS's own events are free
	m.request(awswire.Identity{Service: "cloudwatch.amazonaws.com"}, awswire.Access{Action: "sns:Publish"})
	m.invocation(lambda.Metric{Function: "f", Duration: time.Second})
	m.invocation(lambda.Metric{Function: "f", Throttled: true})
	m.capacity("t", 0.5, 2)
	var events []stepfunctions.LogEvent
	// A choice, and a task that succeeds at its second attempt: three transitions.
	for _, name := range []string{"ExecutionStarted", "ChoiceStateEntered", "ChoiceStateExited", "TaskStateEntered", "LambdaFunctionScheduled", "LambdaFunctionFailed", "LambdaFunctionScheduled", "TaskStateExited"} {
		events = append(events, stepfunctions.LogEvent{Message: `{"type":"` + name + `"}`})
	}
	for i, name := range []string{"ExecutionStarted", "TaskStateEntered", "TaskScheduled", "ExecutionSucceeded"} { // 450 ms, and no transition
		events = append(events, stepfunctions.LogEvent{Time: time.UnixMilli(int64(i) * 150), Message: `{"type":"` + name + `","execution_arn":"arn:aws:states:us-east-1:1:express:m:x:y"}`})
	}
	m.execution(events)
	got := m.Take()
	want := Usage{Transitions: 3, Express: 1, ExpressDuration: 500 * time.Millisecond, Functions: map[string]FunctionUsage{"f": {1, time.Second}}, Events: 2, Requests: map[string]int{"sqs:SendMessage": 2}, ReadUnits: 0.5, WriteUnits: 2, LogBytes: got.LogBytes}
	if !reflect.DeepEqual(got, want) || got.LogBytes == 0 {
		t.Errorf("used %+v, not %+v", got, want)
	}
	if !reflect.DeepEqual(m.Take(), Usage{}) {
		t.Error("what was taken is still there")
	}
	(*Meter)(nil).logged(1) // no meter, no harm
}
