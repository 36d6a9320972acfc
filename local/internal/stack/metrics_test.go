package stack

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/lambda"
	"github.com/stepworks/stepworks/local/internal/lambda/sandbox"
)

const account = "123456789012"

// running starts an empty stack in virtual time.
func running(t *testing.T) (*Stack, func(service, operation, params string) *jsonvalue.Object) {
	return runningOn(t, clock.NewVirtual(time.Now(), time.Millisecond))
}

func runningOn(t *testing.T, clk clock.Clock) (*Stack, func(service, operation, params string) *jsonvalue.Object) {
	s, err := Start(t.Context(), Options{Account: account, Region: "us-east-1", Memory: true, Clock: clk, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, func(service, operation, params string) *jsonvalue.Object {
		t.Helper()
		out, err := s.wire.Call(context.Background(), awswire.Root(account), service, operation, jsonvalue.MustParse(params))
		if err != nil {
			t.Fatalf("%s:%s: %v", service, operation, err)
		}
		o, _ := out.(*jsonvalue.Object)
		return o
	}
}

// A metric crosses its threshold; the message of the alarm arrives in a queue by
// way of a topic without a policy, and its event by way of a rule.
func TestAnAlarmReachesTopicAndRule(t *testing.T) {
	s, call := running(t)
	for _, name := range []string{"news", "events"} {
		policy := `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":[\"sns.amazonaws.com\",\"events.amazonaws.com\"]},\"Action\":\"sqs:SendMessage\",\"Resource\":\"arn:aws:sqs:us-east-1:123456789012:` + name + `\"}]}`
		call("sqs", "CreateQueue", `{"QueueName":"`+name+`","Attributes":{"Policy":"`+policy+`"}}`)
	}
	call("sns", "CreateTopic", `{"Name":"alerts"}`)
	call("sns", "Subscribe", `{"TopicArn":"arn:aws:sns:us-east-1:123456789012:alerts","Protocol":"sqs","Endpoint":"arn:aws:sqs:us-east-1:123456789012:news"}`)
	call("events", "PutRule", `{"Name":"alarms","EventPattern":"{\"source\":[\"aws.cloudwatch\"],\"detail\":{\"state\":{\"value\":[\"ALARM\"]}}}"}`)
	call("events", "PutTargets", `{"Rule":"alarms","Targets":[{"Id":"q","Arn":"arn:aws:sqs:us-east-1:123456789012:events"}]}`)
	call("cloudwatch", "PutMetricAlarm", `{"AlarmName":"errors","Namespace":"AWS/Lambda","MetricName":"Errors","Dimensions":[{"Name":"FunctionName","Value":"f"}],"Statistic":"Sum","Period":60,
		"EvaluationPeriods":1,"Threshold":1,"ComparisonOperator":"GreaterThanOrEqualToThreshold","TreatMissingData":"notBreaching","AlarmActions":["arn:aws:sns:us-east-1:123456789012:alerts"]}`)
	s.services.functionMetrics(lambda.Metric{Function: "f", Resource: "f", Failed: true, Duration: 20 * time.Millisecond})
	for queue, want := range map[string]string{"news": `\"AlarmName\":\"errors\"`, "events": `"detail-type":"CloudWatch Alarm State Change"`} {
		var out *jsonvalue.Object
		for range 10 { // the alarm is at most a minute away, and alarms wait until somebody lets time pass
			if err := s.Clock.(*clock.Virtual).Advance(t.Context(), time.Minute); err != nil {
				t.Fatal(err)
			}
			out = call("sqs", "ReceiveMessage", `{"QueueUrl":"`+s.URL()+`/123456789012/`+queue+`","WaitTimeSeconds":1}`)
			if text := jsonvalue.String(out); strings.Contains(text, "Body") {
				break
			}
		}
		messages, _ := out.Get("Messages")
		list, _ := messages.([]any)
		if len(list) == 0 {
			t.Fatalf("nothing came to %s", queue)
		}
		if body, _ := list[0].(*jsonvalue.Object).Get("Body"); !strings.Contains(body.(string), want) {
			t.Errorf("%s: %s", queue, body)
		}
	}
}

func TestWhatServicesReport(t *testing.T) {
	s, call := running(t)
	s.services.functionMetrics(lambda.Metric{Function: "f", Resource: "f:live", Duration: time.Millisecond})
	s.services.functionMetrics(lambda.Metric{Function: "f", Resource: "f", Throttled: true})
	age := 3 * time.Second
	s.services.functionMetrics(lambda.Metric{Function: "reader", Resource: "reader", IteratorAge: &age})
	machineMetrics{s.services.metrics}.Count("ExecutionsFailed", map[string]string{"StateMachineArn": "m"}, 1, "Count")
	functionLogs{s.services.logs, s.services.metrics, nil}.Write("/aws/lambda/f", "stream", []sandbox.LogEvent{{Time: time.Now(),
		Message: `{"_aws":{"Timestamp":0,"CloudWatchMetrics":[{"Namespace":"Orders","Dimensions":[["service"]],"Metrics":[{"Name":"Placed"}]}]},"service":"x","Placed":3}`}})
	for want, params := range map[string]string{
		`"Resource","Value":"f:live"`: `{"Namespace":"AWS/Lambda","MetricName":"Invocations"}`,
		`"Name":"StateMachineArn"`:    `{"Namespace":"AWS/States","MetricName":"ExecutionsFailed"}`,
		`"Value":"reader"`:            `{"Namespace":"AWS/Lambda","MetricName":"IteratorAge"}`,
		`"Name":"service"`:            `{"Namespace":"Orders","MetricName":"Placed"}`,
	} {
		if got := jsonvalue.String(call("cloudwatch", "ListMetrics", params)); !strings.Contains(got, want) {
			t.Errorf("%s: %s", params, got)
		}
	}
}

// What a rule cannot deliver is counted, and lies in the dead-letter queue, whose
// alarm fires and clears.
func TestADeadLetterFiresAnAlarmThatClears(t *testing.T) {
	s, call := running(t)
	clk := s.Clock.(*clock.Virtual)
	arn := "arn:aws:sqs:us-east-1:123456789012:dead"
	call("sqs", "CreateQueue", `{"QueueName":"dead","Attributes":{"Policy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"events.amazonaws.com\"},\"Action\":\"sqs:SendMessage\",\"Resource\":\"`+arn+`\"}]}"}}`)
	call("events", "CreateEventBus", `{"Name":"shop"}`)
	call("events", "PutRule", `{"Name":"orders","EventBusName":"shop","EventPattern":"{\"source\":[\"x\"]}"}`)
	call("events", "PutTargets", `{"Rule":"orders","EventBusName":"shop","Targets":[{"Id":"f","Arn":"arn:aws:lambda:us-east-1:123456789012:function:gone","DeadLetterConfig":{"Arn":"`+arn+`"}}]}`)
	call("cloudwatch", "PutMetricAlarm", `{"AlarmName":"dead","Namespace":"AWS/SQS","MetricName":"ApproximateNumberOfMessagesVisible","Dimensions":[{"Name":"QueueName","Value":"dead"}],"Statistic":"Maximum","Period":60,
		"EvaluationPeriods":1,"Threshold":0,"ComparisonOperator":"GreaterThanThreshold","TreatMissingData":"notBreaching"}`)
	state := func() string {
		alarms, _ := call("cloudwatch", "DescribeAlarms", `{}`).Get("MetricAlarms")
		v, _ := alarms.([]any)[0].(*jsonvalue.Object).Get("StateValue")
		return v.(string)
	}
	wait := func(want string) {
		t.Helper()
		for range 10 { // minutes
			if state() == want {
				return
			}
			if err := clk.Advance(t.Context(), time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		t.Fatalf("the alarm is %s, not %s", state(), want)
	}
	call("events", "PutEvents", `{"Entries":[{"Source":"x","DetailType":"y","Detail":"{}","EventBusName":"shop"}]}`)
	wait("ALARM")
	for metric, want := range map[string]bool{"MatchedEvents": true, "TriggeredRules": true, "InvocationAttempts": true, "Invocations": true, "FailedInvocations": true,
		"InvocationsSentToDlq": true, "SuccessfulInvocationAttempts": false, "RetryInvocationAttempts": false} {
		found, _ := call("cloudwatch", "ListMetrics", `{"Namespace":"AWS/Events","MetricName":"`+metric+`","Dimensions":[{"Name":"EventBusName","Value":"shop"},{"Name":"RuleName","Value":"orders"}]}`).Get("Metrics")
		if list, _ := found.([]any); (len(list) == 1) != want {
			t.Errorf("AWS/Events %s: %s", metric, jsonvalue.String(found))
		}
	}
	call("sqs", "PurgeQueue", `{"QueueUrl":"`+s.URL()+`/123456789012/dead"}`)
	wait("OK")
	for _, metric := range []string{"NumberOfMessagesSent", "SentMessageSize", "ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"} {
		found, _ := call("cloudwatch", "ListMetrics", `{"Namespace":"AWS/SQS","MetricName":"`+metric+`"}`).Get("Metrics")
		if list, _ := found.([]any); len(list) != 1 {
			t.Errorf("AWS/SQS %s: %s", metric, jsonvalue.String(found))
		}
	}
}
