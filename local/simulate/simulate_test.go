package simulate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stepworks/stepworks/local/simulate"
)

const payment = `{
  "StartAt": "Pay",
  "States": {
    "Pay": {
      "Type": "Task", "Resource": "${PayArn}", "TimeoutSeconds": 30,
      "Retry": [{"ErrorEquals": ["Transient"], "IntervalSeconds": 5, "MaxAttempts": 2, "BackoffRate": 2}],
      "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "Late"}],
      "ResultPath": "$.payment", "Next": "Paid?"
    },
    "Paid?": {"Type": "Choice", "Choices": [{"Variable": "$.payment.ok", "BooleanEquals": true, "Next": "Done"}], "Default": "Declined"},
    "Done": {"Type": "Succeed"},
    "Declined": {"Type": "Fail", "Error": "PaymentDeclined"},
    "Late": {"Type": "Fail", "Error": "PaymentLate"}
  }
}`

func machine(t testing.TB, definition string) *simulate.Machine {
	m, err := simulate.Parse(definition, simulate.Anything)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A payment fails twice before it goes through; ten minutes of waiting take no time.
func ExampleMachine_Run() {
	m, err := simulate.Parse(payment, simulate.Anything)
	if err != nil {
		fmt.Println(err)
		return
	}
	m.Task("Pay", simulate.Fails("Transient", "try later"), simulate.Fails("Transient", "try later"), simulate.Returns(`{"ok": true}`))
	run := m.Run(`{"orderId": "1"}`)
	fmt.Println(run.Status, run.Output)
	fmt.Println(run.Path, "in", run.Took)
	fmt.Println(m.Coverage())
	// Output:
	// SUCCEEDED {"orderId":"1","payment":{"ok":true}}
	// [Pay Paid? Done] in 15s
	// 6 of 10 places taken; never: /States/Pay/Catch[0], /States/Paid?/Default, /States/Declined, /States/Late
}

func TestOutcomes(t *testing.T) {
	m := machine(t, payment)
	for _, c := range []struct {
		name    string
		answers []simulate.Task
		status  simulate.Status
		err     string
		end     string
		took    time.Duration
	}{
		{"declined", []simulate.Task{simulate.Returns(`{"ok": false}`)}, simulate.Failed, "PaymentDeclined", "Declined", 0},
		{"timeout", []simulate.Task{simulate.Never()}, simulate.Failed, "PaymentLate", "Late", 30 * time.Second},
		{"late answer", []simulate.Task{simulate.After(time.Minute, simulate.Returns(`{"ok": true}`))}, simulate.Failed, "PaymentLate", "Late", 30 * time.Second},
		{"slow answer", []simulate.Task{simulate.After(29*time.Second, simulate.Returns(`{"ok": true}`))}, simulate.Succeeded, "", "Done", 29 * time.Second},
		{"unmocked", nil, simulate.Failed, simulate.Unmocked, "Pay", 0},
		{"not JSON", []simulate.Task{simulate.Returns(`{`)}, simulate.Failed, "Simulate.Encode", "Pay", 0},
		{"out of retries", []simulate.Task{simulate.Fails("Transient", "")}, simulate.Failed, "Transient", "Pay", 15 * time.Second},
	} {
		m.Task("Pay", c.answers...)
		run := m.Run(`{}`)
		if run.Status != c.status || run.Error != c.err || run.Path[len(run.Path)-1] != c.end || run.Took != c.took {
			t.Errorf("%s: %s %s %v %v (%s)", c.name, run.Status, run.Error, run.Path, run.Took, run.Cause)
		}
	}
	if c := m.Coverage(); len(c.Missing) != 0 || c.Percent() != 100 {
		t.Error(c)
	}
}

type order struct {
	Amount int `json:"amount"`
}

type tooMuch struct{}

func (*tooMuch) Error() string { return "too much" }

func (*tooMuch) ErrorName() string { return "Order.TooMuch" }

func TestHandlersAreBound(t *testing.T) {
	m := machine(t, `{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Payload.$":"$"},
		"OutputPath":"$.Payload","End":true}}}`)
	m.Resource("arn:aws:states:::lambda:invoke", func(c simulate.Call) simulate.Answer {
		var in struct{ Payload order }
		if err := c.Decode(&in); err != nil {
			t.Error(err)
		}
		return simulate.Func(func(o struct{ Payload order }) (order, error) {
			if o.Payload.Amount > 10 {
				return order{}, fmt.Errorf("wrapped: %w", &tooMuch{})
			}
			return order{o.Payload.Amount * 2}, nil
		})(c)
	})
	if run := m.Run(`{"amount": 4}`); run.Output != `{"amount":8}` {
		t.Errorf("%+v", run)
	}
	if run := m.Run(`{"amount": 11}`); run.Error != "Order.TooMuch" || !strings.Contains(run.Cause, "too much") {
		t.Errorf("%s: %s", run.Error, run.Cause)
	}
}

func TestTokensAndHeartbeats(t *testing.T) {
	m := machine(t, `{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","HeartbeatSeconds":60,"TimeoutSeconds":3600,
		"Parameters":{"QueueUrl":"q","MessageBody":{"token.$":"$$.Task.Token"}},"Catch":[{"ErrorEquals":["States.HeartbeatTimeout"],"Next":"Lost"}],"End":true},
		"Lost":{"Type":"Fail","Error":"Lost"}}}`)
	var token string
	m.Task("A", func(c simulate.Call) simulate.Answer {
		token = c.Token
		return simulate.After(170*time.Second, simulate.Beating(simulate.Returns(`"ok"`), 50*time.Second, 100*time.Second, 150*time.Second))(c)
	})
	if run := m.Run(`{}`); run.Status != simulate.Succeeded || token == "" || run.Took != 170*time.Second {
		t.Errorf("%+v", run)
	}
	m.Task("A", simulate.Beating(simulate.Never(), 50*time.Second))
	if run := m.Run(`{}`); run.Error != "Lost" || run.Took != 110*time.Second {
		t.Errorf("%s %s %v", run.Status, run.Error, run.Took)
	}
}

func TestDistributedMapRunsItsChildren(t *testing.T) {
	m := machine(t, `{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":2,"ToleratedFailurePercentage":50,
		"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSON"},"Parameters":{"Bucket":"b","Key":"k"}},
		"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"I","States":{"I":{"Type":"Task","Resource":"${F}","End":true}}},"End":true}}}`)
	m.Items = map[string]string{"M": `[1,2,3,4]`}
	m.Task("I", func(c simulate.Call) simulate.Answer {
		if c.Input == "3" {
			return simulate.Answer{Error: "Odd"}
		}
		return simulate.Answer{Output: c.Input, After: time.Minute}
	})
	run := m.Run(`{}`)
	if run.Status != simulate.Succeeded || run.Took != 2*time.Minute || len(run.Path) != 5 {
		t.Errorf("%+v", run)
	}
	m.Task("I", simulate.Fails("Bad", ""))
	if run := m.Run(`{}`); run.Error != "States.ExceedToleratedFailureThreshold" {
		t.Errorf("%s: %s", run.Error, run.Cause)
	}
}

func TestHistoryIsAsAWSRecordsIt(t *testing.T) {
	m := machine(t, payment)
	m.Task("Pay", simulate.Returns(`{"ok":true}`))
	var types []string
	for _, e := range m.Run(`{}`).History {
		types = append(types, e.Type)
	}
	want := []string{"ExecutionStarted", "TaskStateEntered", "LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded", "TaskStateExited",
		"ChoiceStateEntered", "ChoiceStateExited", "SucceedStateEntered", "SucceedStateExited", "ExecutionSucceeded"}
	if !slices.Equal(types, want) {
		t.Errorf("got  %v\nwant %v", types, want)
	}
}

func TestBadDefinitionsAndInputs(t *testing.T) {
	if _, err := simulate.Parse(`{"StartAt":"X","States":{}}`, nil); err == nil {
		t.Error("a definition without states was taken")
	}
	if _, err := simulate.Load("nowhere.asl.json", nil); err == nil {
		t.Error("a missing file was loaded")
	}
	if run := machine(t, payment).Run(`{`); run.Status != simulate.Failed || !strings.Contains(run.Cause, "not JSON") {
		t.Errorf("%+v", run)
	}
}
