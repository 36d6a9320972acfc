package stepfunctions

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

const waiting = `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3600,"Next":"P"},"P":{"Type":"Pass","Parameters":{"seen.$":"$.a"},"End":true}}}`

func TestWaitSurvives(t *testing.T) {
	w := newWorld(t)
	m := w.machine("m", waiting)
	arn := w.start(m, `{"a":1}`)
	w.pass(30 * time.Minute)
	w.crash()
	w.expect("RUNNING", verdict(w.describe(arn)))
	w.pass(29 * time.Minute)
	w.expect("RUNNING", verdict(w.describe(arn)))
	w.pass(2 * time.Minute)
	w.expect(`SUCCEEDED {"seen":1}`, verdict(w.finish(arn)))
	w.crash()
	w.expect(`SUCCEEDED {"seen":1}`, verdict(w.describe(arn)))
	w.expect("ExecutionStarted WaitStateEntered WaitStateExited PassStateEntered PassStateExited ExecutionSucceeded", w.history(arn))
}

func TestTimerThatPassedWhileDown(t *testing.T) {
	w := newWorld(t)
	arn := w.start(w.machine("m", waiting), `{"a":1}`)
	now := w.clock.Now()
	w.shut()
	w.open(now.Add(48 * time.Hour))
	w.expect(`SUCCEEDED {"seen":1}`, verdict(w.finish(arn)))
}

func TestDefinitionOfRunningExecutionStays(t *testing.T) {
	w := newWorld(t)
	m := w.machine("m", waiting)
	arn := w.start(m, `{"a":1}`)
	if _, err := w.UpdateStateMachine(w.Context(), &sfn.UpdateStateMachineInput{StateMachineArn: &m, Definition: aws.String(`{"StartAt":"F","States":{"F":{"Type":"Fail"}}}`)}); err != nil {
		t.Fatal(err)
	}
	w.crash()
	w.expect(`SUCCEEDED {"seen":1}`, verdict(w.finish(arn)))
	w.expect("FAILED", w.run(m, `{}`))
}

// TestInFlightCallIsAskedAgain kills the service while a function runs: its
// answer is lost, so it is asked again; the one before it is not.
func TestInFlightCallIsAskedAgain(t *testing.T) {
	w := newWorld(t)
	var first, second atomic.Int32
	block := make(chan struct{})
	a := w.function("a", func(string) (string, error) { first.Add(1); return `"a"`, nil })
	b := w.function("b", func(event string) (string, error) {
		if second.Add(1) == 1 {
			<-block
		}
		return event, nil
	})
	m := w.machine("m", fmt.Sprintf(`{"StartAt":"A","States":{"A":{"Type":"Task","Resource":%q,"Next":"B"},"B":{"Type":"Task","Resource":%q,"End":true}}}`, a, b))
	arn := w.start(m, `{}`)
	for second.Load() == 0 {
		time.Sleep(time.Millisecond) // the call is on its way on the wall clock
	}
	go func() { // the answer comes while the service shuts down, too late
		<-w.service.ctx.Done()
		close(block)
	}()
	w.crash()
	w.expect(`SUCCEEDED "a"`, verdict(w.finish(arn)))
	w.expect("1 2", fmt.Sprint(first.Load(), " ", second.Load())[:3])
	w.expect("ExecutionStarted TaskStateEntered LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionSucceeded TaskStateExited TaskStateEntered LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionSucceeded TaskStateExited ExecutionSucceeded", w.history(arn))
}

func TestTokenSurvives(t *testing.T) {
	w := newWorld(t)
	token := ""
	sent := 0
	w.stub("sqs:SendMessage", func(_ awswire.Identity, params jsonvalue.Value) (jsonvalue.Value, error) {
		token, sent = text(member(params, "MessageBody")), sent+1
		return jsonvalue.MustParse(`{"MessageId":"1"}`), nil
	})
	m := w.machine("m", `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","HeartbeatSeconds":60,
		"Parameters":{"QueueUrl":"q","MessageBody.$":"$$.Task.Token"},"End":true}}}`)
	arn := w.start(m, `{}`)
	w.pass(50 * time.Second)
	w.crash()
	if _, err := w.SendTaskHeartbeat(w.Context(), &sfn.SendTaskHeartbeatInput{TaskToken: &token}); err != nil {
		t.Fatal(err)
	}
	w.crash()
	w.pass(50 * time.Second)
	w.expect("RUNNING", verdict(w.describe(arn)))
	if _, err := w.SendTaskSuccess(w.Context(), &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String(`{"ok":true}`)}); err != nil {
		t.Fatal(err)
	}
	w.crash() // what was answered is durable
	w.expect(`SUCCEEDED {"ok":true}`, verdict(w.describe(arn)))
	w.expect("1", fmt.Sprint(sent))
	_, err := w.SendTaskSuccess(w.Context(), &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String(`{}`)})
	w.refused(err, "TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
	_, err = w.SendTaskFailure(w.Context(), &sfn.SendTaskFailureInput{TaskToken: aws.String("nonsense")})
	w.refused(err, "InvalidToken", "Invalid Token: 'Invalid token'")
	_, err = w.SendTaskSuccess(w.Context(), &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String(`{`)})
	w.refused(err, "InvalidOutput")
}

// TestTokenOfAnEarlierExecution reuses a name: the old token means the old task.
func TestTokenOfAnEarlierExecution(t *testing.T) {
	w := newWorld(t)
	var tokens []string
	w.stub("sqs:SendMessage", func(_ awswire.Identity, params jsonvalue.Value) (jsonvalue.Value, error) {
		tokens = append(tokens, text(member(params, "MessageBody")))
		return jsonvalue.MustParse(`{"MessageId":"1"}`), nil
	})
	arn := ""
	for range 2 {
		if arn != "" {
			w.drop(prefix + "stateMachine:m")
		}
		m := w.machine("m", `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","Parameters":{"QueueUrl":"q","MessageBody.$":"$$.Task.Token"},"End":true}}}`)
		arn = w.startNamed(m, "e", "{}")
		w.pass(time.Second)
	}
	_, err := w.SendTaskSuccess(w.Context(), &sfn.SendTaskSuccessInput{TaskToken: &tokens[0], Output: aws.String("1")})
	w.refused(err, "TaskTimedOut")
	w.expect("RUNNING", verdict(w.describe(arn)))
	if _, err := w.SendTaskSuccess(w.Context(), &sfn.SendTaskSuccessInput{TaskToken: &tokens[1], Output: aws.String("2")}); err != nil {
		t.Fatal(err)
	}
	w.expect("SUCCEEDED 2", verdict(w.finish(arn)))
}

func TestHeartbeatThatDoesNotCome(t *testing.T) {
	w := newWorld(t)
	w.stub("sqs:SendMessage", func(awswire.Identity, jsonvalue.Value) (jsonvalue.Value, error) {
		return jsonvalue.MustParse(`{"MessageId":"1"}`), nil
	})
	m := w.machine("m", `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","HeartbeatSeconds":60,
		"Parameters":{"QueueUrl":"q","MessageBody.$":"$$.Task.Token"},"End":true}}}`)
	arn := w.start(m, `{}`)
	w.pass(10 * time.Second)
	w.crash()
	w.expect("FAILED States.Timeout", verdict(w.finish(arn)))
	w.expect("ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskSubmitted TaskTimedOut ExecutionFailed", w.history(arn))
}

const nested = `{"StartAt":"N","States":{"N":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.%s","Parameters":{"StateMachineArn":%q,"Input":{"a":1}},"ResultSelector":{"out.$":"$.Output","status.$":"$.Status"},"End":true}}}`

func TestNestedExecutions(t *testing.T) {
	w := newWorld(t)
	quick := w.machine("quick", `{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}`)
	slow := w.machine("slow", waiting)
	bad := w.machine("bad", `{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E","Cause":"C"}}}`)
	w.expect(`SUCCEEDED {"out":{"a":1},"status":"SUCCEEDED"}`, w.run(w.machine("p1", fmt.Sprintf(nested, "sync:2", quick)), "{}"))
	w.expect(`SUCCEEDED {"out":"{\"a\":1}","status":"SUCCEEDED"}`, w.run(w.machine("p2", fmt.Sprintf(nested, "sync", quick)), "{}"))
	got := w.run(w.machine("p3", fmt.Sprintf(nested, "sync", bad)), "{}")
	if !strings.HasPrefix(got, `FAILED States.TaskFailed {"Cause":"C","Error":"E","ExecutionArn":"`+prefix+`execution:bad:`) {
		t.Error(got)
	}
	parent := w.machine("p4", fmt.Sprintf(nested, "sync:2", slow))
	arn := w.start(parent, "{}")
	w.pass(time.Minute)
	w.crash()
	w.expect(`SUCCEEDED {"out":{"seen":1},"status":"SUCCEEDED"}`, verdict(w.finish(arn)))
	w.expect("ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskSubmitted TaskSucceeded TaskStateExited ExecutionSucceeded", w.history(arn))
	list, err := w.ListExecutions(w.Context(), &sfn.ListExecutionsInput{StateMachineArn: &slow})
	if err != nil || len(list.Executions) != 1 {
		t.Errorf("%d children, %v", len(list.Executions), err)
	}

	arn = w.start(parent, "{}")
	w.pass(time.Minute)
	if _, err := w.StopExecution(w.Context(), &sfn.StopExecutionInput{ExecutionArn: &arn, Error: aws.String("Enough"), Cause: aws.String("of it")}); err != nil {
		t.Fatal(err)
	}
	w.expect("ABORTED Enough of it", verdict(w.describe(arn)))
	w.pass(time.Second)
	list, _ = w.ListExecutions(w.Context(), &sfn.ListExecutionsInput{StateMachineArn: &slow, StatusFilter: "ABORTED"})
	w.expect("1", fmt.Sprint(len(list.Executions)))
}

func TestActivitiesSurvive(t *testing.T) {
	w := newWorld(t)
	a, err := w.CreateActivity(w.Context(), &sfn.CreateActivityInput{Name: aws.String("work")})
	if err != nil {
		t.Fatal(err)
	}
	m := w.machine("m", fmt.Sprintf(`{"StartAt":"T","States":{"T":{"Type":"Task","Resource":%q,"TimeoutSeconds":600,"HeartbeatSeconds":60,"End":true}}}`, *a.ActivityArn))
	arn := w.start(m, `{"n":1}`)
	w.pass(time.Hour) // time begins when a worker takes it
	w.crash()
	task, err := w.GetActivityTask(w.Context(), &sfn.GetActivityTaskInput{ActivityArn: a.ActivityArn, WorkerName: aws.String("me")})
	if err != nil || *task.Input != `{"n":1}` {
		t.Fatal(task, err)
	}
	w.crash()
	w.pass(30 * time.Second)
	if _, err := w.SendTaskSuccess(w.Context(), &sfn.SendTaskSuccessInput{TaskToken: task.TaskToken, Output: aws.String("2")}); err != nil {
		t.Fatal(err)
	}
	w.expect("SUCCEEDED 2", verdict(w.finish(arn)))
	w.expect("ExecutionStarted TaskStateEntered ActivityScheduled ActivityStarted ActivitySucceeded TaskStateExited ExecutionSucceeded", w.history(arn))

	arn = w.start(m, `{"n":2}`)
	if task, err = w.GetActivityTask(w.Context(), &sfn.GetActivityTaskInput{ActivityArn: a.ActivityArn}); err != nil {
		t.Fatal(err)
	}
	w.pass(61 * time.Second)
	w.expect("FAILED States.Timeout", verdict(w.finish(arn)))
	_, err = w.SendTaskHeartbeat(w.Context(), &sfn.SendTaskHeartbeatInput{TaskToken: task.TaskToken})
	w.refused(err, "TaskTimedOut")

	if _, err := w.DeleteActivity(w.Context(), &sfn.DeleteActivityInput{ActivityArn: a.ActivityArn}); err != nil {
		t.Fatal(err)
	}
	w.expect("FAILED States.Runtime An error occurred while executing the state 'T' (entered at the event id #2). The activity "+*a.ActivityArn+" does not exist.", w.run(m, "{}"))
	_, err = w.GetActivityTask(w.Context(), &sfn.GetActivityTaskInput{ActivityArn: a.ActivityArn})
	w.refused(err, "ActivityDoesNotExist", "Activity Does Not Exist: '"+*a.ActivityArn+"'")
}

func TestRedriveGoesOnWhereItFailed(t *testing.T) {
	w := newWorld(t)
	var first atomic.Int32
	broken := true
	a := w.function("a", func(string) (string, error) { first.Add(1); return `"a"`, nil })
	b := w.function("b", func(event string) (string, error) {
		if broken {
			return "", fmt.Errorf(`{"errorType":"Broken"}`)
		}
		return event, nil
	})
	m := w.machine("m", fmt.Sprintf(`{"StartAt":"A","States":{"A":{"Type":"Task","Resource":%q,"Next":"B"},"B":{"Type":"Task","Resource":%q,"End":true}}}`, a, b))
	arn := w.start(m, `{}`)
	out := w.finish(arn)
	w.expect(`FAILED Broken {"errorType":"Broken"}`, verdict(out))
	w.expect("REDRIVABLE", string(out.RedriveStatus))
	w.crash()
	broken = false
	if _, err := w.RedriveExecution(w.Context(), &sfn.RedriveExecutionInput{ExecutionArn: &arn}); err != nil {
		t.Fatal(err)
	}
	out = w.finish(arn)
	w.expect(`SUCCEEDED "a"`, verdict(out))
	w.expect("1 1 NOT_REDRIVABLE", fmt.Sprint(first.Load(), *out.RedriveCount, " ", out.RedriveStatus))
	_, err := w.RedriveExecution(w.Context(), &sfn.RedriveExecutionInput{ExecutionArn: &arn})
	w.refused(err, "ExecutionNotRedrivable", "Execution is SUCCEEDED and cannot be redriven")
}

func TestExpressRunsAgainAfterACrash(t *testing.T) {
	w := newWorld(t)
	var calls atomic.Int32
	f := w.function("f", func(event string) (string, error) { calls.Add(1); return event, nil })
	m := w.machine("m", fmt.Sprintf(`{"StartAt":"F","States":{"F":{"Type":"Task","Resource":%q,"Next":"W"},"W":{"Type":"Wait","Seconds":10,"End":true}}}`, f), express)
	w.start(m, "{}")
	w.pass(5 * time.Second)
	w.crash()
	w.pass(20 * time.Second)
	w.expect("2", fmt.Sprint(calls.Load()))
	w.crash()
	w.pass(20 * time.Second)
	w.expect("2", fmt.Sprint(calls.Load()))
}

// TestTheClockWaitsForWorkers: virtual time does not jump to the heartbeat's
// timeout while a worker has the task, but it does when the worker is silent.
func TestTheClockWaitsForWorkers(t *testing.T) {
	w := newWorld(t)
	a, err := w.CreateActivity(t.Context(), &sfn.CreateActivityInput{Name: aws.String("work")})
	if err != nil {
		t.Fatal(err)
	}
	m := w.machine("m", `{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "`+*a.ActivityArn+`", "TimeoutSeconds": 300, "HeartbeatSeconds": 60, "End": true}}}`)
	take := func() (execution string, token *string) {
		execution = w.start(m, `{}`)
		task, err := w.GetActivityTask(t.Context(), &sfn.GetActivityTaskInput{ActivityArn: a.ActivityArn})
		if err != nil {
			t.Fatal(err)
		}
		return execution, task.TaskToken
	}
	first, answered := take()
	second, _ := take()
	began := w.clock.Now()
	w.hold() // from here on nothing but the workers keeps the clock
	if _, err := w.SendTaskHeartbeat(t.Context(), &sfn.SendTaskHeartbeatInput{TaskToken: answered}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.SendTaskSuccess(t.Context(), &sfn.SendTaskSuccessInput{TaskToken: answered, Output: aws.String(`1`)}); err != nil {
		t.Fatal(err)
	}
	if at := w.clock.Now(); !at.Equal(began) {
		t.Errorf("the clock went on to %v while workers were at work", at)
	}
	w.expect("SUCCEEDED", string(w.finish(first).Status))
	if d := w.finish(second); aws.ToString(d.Error) != "States.Timeout" {
		t.Errorf("the silent worker's execution ended as %s: %s", d.Status, aws.ToString(d.Error))
	}
}
