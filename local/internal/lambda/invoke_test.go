package lambda

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

func TestInvoke(t *testing.T) {
	w := newWorld(t)
	w.create("f")
	out := w.invoke("f", `{"Do":"echo","Text":"hello"}`)
	if out.StatusCode != 200 || *out.ExecutedVersion != "$LATEST" || string(out.Payload) != `{"Do":"echo","Text":"hello","Size":0,"Delay":0}` || out.FunctionError != nil {
		t.Errorf("%+v %s", out, out.Payload)
	}
	out = w.invoke("arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST", `{"Do":"named","Text":"no"}`)
	if aws.ToString(out.FunctionError) != "Unhandled" || string(out.Payload) != `{"errorMessage":"no","errorType":"Payment.Declined"}` {
		t.Errorf("%+v %s", out, out.Payload)
	}
	tail, err := w.sdk.Invoke(context.Background(), &awslambda.InvokeInput{FunctionName: aws.String("f"), LogType: types.LogTypeTail, Payload: []byte(`{"Do":"print","Text":"x"}`),
		ClientContext: aws.String(base64.StdEncoding.EncodeToString([]byte(`{"custom":{}}`)))})
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := base64.StdEncoding.DecodeString(*tail.LogResult); !strings.HasPrefix(string(text), "START RequestId: ") || !strings.Contains(string(text), "\nout: x\n") {
		t.Errorf("log tail %s", text)
	}
	dry, err := w.sdk.Invoke(context.Background(), &awslambda.InvokeInput{FunctionName: aws.String("f"), InvocationType: types.InvocationTypeDryRun})
	if err != nil || dry.StatusCode != 204 {
		t.Errorf("dry run: %+v, %v", dry, err)
	}
}

// TestInvokeThroughCall is how Step Functions and EventBridge invoke.
func TestInvokeThroughCall(t *testing.T) {
	w := newWorld(t)
	w.create("f")
	call := func(function, event string) (string, error) {
		out, err := w.server.Call(context.Background(), awswire.Root(account), "lambda", "Invoke", jsonvalue.NewObject(
			member("FunctionName", function), member("Payload", base64Text([]byte(event)))))
		if err != nil {
			return "", err
		}
		o := out.(*jsonvalue.Object)
		payload, err := base64.StdEncoding.DecodeString(textOf(o, "Payload"))
		return fmt.Sprint(jsonvalue.String(o.Without("Payload")), string(payload)), err
	}
	if got, err := call("f", `{"Do":"echo"}`); err != nil || got != `{"StatusCode":200,"ExecutedVersion":"$LATEST"}{"Do":"echo","Text":"","Size":0,"Delay":0}` {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := call("f", `{"Do":"typed"}`); err != nil || !strings.HasPrefix(got, `{"StatusCode":200,"FunctionError":"Unhandled","ExecutedVersion":"$LATEST"}`) {
		t.Errorf("%s, %v", got, err)
	}
	_, err := call("g", `{}`)
	if awswire.CodeOf(err) != "ResourceNotFoundException" || messageOf(err) != "Function not found: arn:aws:lambda:us-east-1:123456789012:function:g" {
		t.Errorf("%v", err)
	}
}

func TestInvokeRefusals(t *testing.T) {
	w := newWorld(t)
	w.create("f")
	for _, c := range []struct {
		name       string
		in         awslambda.InvokeInput
		code, text string
	}{
		{"unknown", awslambda.InvokeInput{FunctionName: aws.String("g")}, "ResourceNotFoundException", "Function not found: arn:aws:lambda:us-east-1:123456789012:function:g"},
		{"unknown qualifier", awslambda.InvokeInput{FunctionName: aws.String("f"), Qualifier: aws.String("live")}, "ResourceNotFoundException", "Function not found: arn:aws:lambda:us-east-1:123456789012:function:f:live"},
		{"elsewhere", awslambda.InvokeInput{FunctionName: aws.String("arn:aws:lambda:eu-central-1:123456789012:function:f")}, "ResourceNotFoundException", "Functions from 'eu-central-1' are not reachable in this region ('us-east-1')"},
		{"no name", awslambda.InvokeInput{FunctionName: aws.String("arn:aws:lambda:us-east-1:123400000000@function:myfn")}, "ValidationException", `1 validation error detected: Value 'arn:aws:lambda:us-east-1:123400000000@function:myfn' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: ` + qualifiedNamePattern},
		{"two qualifiers", awslambda.InvokeInput{FunctionName: aws.String("f:1"), Qualifier: aws.String("2")}, "InvalidParameterValueException", "The derived qualifier from the function name does not match the specified qualifier."},
		{"not JSON", awslambda.InvokeInput{FunctionName: aws.String("f"), Payload: []byte(`{"a":`)}, "InvalidRequestContentException", "Could not parse request body into json: Could not parse payload into json: the text ends before the value does\n at [Source: REDACTED"},
		{"a word", awslambda.InvokeInput{FunctionName: aws.String("f"), Payload: []byte(`hello`)}, "InvalidRequestContentException", "Unrecognized token 'hello': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"},
		{"a sign", awslambda.InvokeInput{FunctionName: aws.String("f"), Payload: []byte(`<xml>`)}, "InvalidRequestContentException", "Unexpected character ('<' (code 60)): expected a valid value"},
		{"too large", awslambda.InvokeInput{FunctionName: aws.String("f"), Payload: make([]byte, 6<<20+1)}, "RequestTooLargeException", "Request must be smaller than 6291456 bytes for the InvokeFunction operation"},
		{"too large to queue", awslambda.InvokeInput{FunctionName: aws.String("f"), InvocationType: types.InvocationTypeEvent, Payload: make([]byte, 1<<20+1)}, "RequestTooLargeException", "Request must be smaller than 1048576 bytes"},
		{"no such type", awslambda.InvokeInput{FunctionName: aws.String("f"), InvocationType: "Later"}, "ValidationException", "Value 'Later' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]"},
		{"client context", awslambda.InvokeInput{FunctionName: aws.String("f"), ClientContext: aws.String("%")}, "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object"},
	} {
		_, err := w.sdk.Invoke(context.Background(), &c.in)
		if got := apiError(err); !strings.HasPrefix(got, c.code+": ") || !strings.Contains(got, c.text) {
			t.Errorf("%s: %s\nwant %s: %s", c.name, got, c.code, c.text)
		}
	}
	if _, err := w.sdk.PutFunctionConcurrency(context.Background(), &awslambda.PutFunctionConcurrencyInput{FunctionName: aws.String("f"), ReservedConcurrentExecutions: aws.Int32(0)}); err != nil {
		t.Fatal(err)
	}
	_, err := w.sdk.Invoke(context.Background(), &awslambda.InvokeInput{FunctionName: aws.String("f")})
	var throttled *types.TooManyRequestsException
	if !errors.As(err, &throttled) || throttled.Reason != "ReservedFunctionConcurrentInvocationLimitExceeded" {
		t.Errorf("throttled: %v", err)
	}
}

func apiError(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode() + ": " + e.ErrorMessage()
	}
	return fmt.Sprint(err)
}

// TestAsynchronous runs events that succeed, fail and grow old, and reads what
// their destinations and dead-letter queues get, and when.
func TestAsynchronous(t *testing.T) {
	const queue, topic, bus, other = "arn:aws:sqs:us-east-1:123456789012:q", "arn:aws:sns:us-east-1:123456789012:t", "arn:aws:events:us-east-1:123456789012:event-bus/b", "arn:aws:lambda:us-east-1:123456789012:function:other"
	for _, c := range []struct {
		name, event string
		config      *awslambda.PutFunctionEventInvokeConfigInput
		deadLetter  string
		want        []string // time, call and what it carries
	}{
		{name: "nothing to tell", event: `{"Do":"echo"}`},
		{name: "default retries", event: `{"Do":"error","Text":"bad"}`, deadLetter: queue,
			want: []string{`3m0s sqs.SendMessage {"Do":"error","Text":"bad"} "ErrorCode":{"DataType":"Number","StringValue":"200"},"ErrorMessage":{"DataType":"String","StringValue":"bad"}`}},
		{name: "success", event: `{"Do":"echo"}`, config: &awslambda.PutFunctionEventInvokeConfigInput{DestinationConfig: &types.DestinationConfig{OnSuccess: &types.OnSuccess{Destination: aws.String(queue)}}},
			want: []string{`0s sqs.SendMessage "condition":"Success","approximateInvokeCount":1},"requestPayload":{"Do":"echo"},"responseContext":{"statusCode":200,"executedVersion":"$LATEST"},"responsePayload":{"Do":"echo","Text":"","Size":0,"Delay":0}}`}},
		{name: "no retries", event: `{"Do":"typed"}`, config: &awslambda.PutFunctionEventInvokeConfigInput{MaximumRetryAttempts: aws.Int32(0), DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String(bus)}}},
			want: []string{`0s events.PutEvents "Source":"lambda","DetailType":"Lambda Function Invocation Result - Failure" "condition":"RetriesExhausted","approximateInvokeCount":1 "functionError":"Unhandled"},"responsePayload":{"errorMessage":"declined","errorType":"declined"}} "Resources":["arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST"]`}},
		{name: "to a bucket", event: `{"Do":"typed"}`, config: &awslambda.PutFunctionEventInvokeConfigInput{MaximumRetryAttempts: aws.Int32(0), DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:s3:::failures")}}},
			want: []string{`0s s3.PutObject "Bucket":"failures","Key":"aws/lambda/async/f/2026/11/20/2026-11-20T10.00.00-`}},
		{name: "too old before its second retry", event: `{"Do":"typed"}`, config: &awslambda.PutFunctionEventInvokeConfigInput{MaximumEventAgeInSeconds: aws.Int32(90), DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String(topic)}}},
			want: []string{`3m0s sns.Publish "condition":"EventAgeExceeded","approximateInvokeCount":2},"requestPayload":{"Do":"typed"}}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.create("f", deadLetters(c.deadLetter))
			if c.config != nil {
				c.config.FunctionName = aws.String("f")
				if _, err := w.sdk.PutFunctionEventInvokeConfig(context.Background(), c.config); err != nil {
					t.Fatal(err)
				}
			}
			w.send("f", c.event)
			checkCalls(t, w.recorded(), c.want)
			if n := w.stored(bucketAsync); n != 0 {
				t.Errorf("%d invocations are left in the store", n)
			}
		})
	}
}

// checkCalls compares calls with "time service.operation part part ..."; parts
// are separated by " and must all be in the parameters.
func checkCalls(t *testing.T, calls []recordedCall, want []string) {
	t.Helper()
	var got []string
	for _, call := range calls {
		got = append(got, fmt.Sprintf("%s %s.%s %s", call.at, call.service, call.operation, strings.ReplaceAll(jsonvalue.String(call.params), `\"`, `"`)))
	}
	if len(got) != len(want) {
		t.Fatalf("%d calls, want %d: %s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i, text := range want {
		head := strings.Join(strings.SplitN(text, " ", 3)[:2], " ")
		if !strings.HasPrefix(got[i], head+" ") {
			t.Errorf("call %d is %s\nwant %s", i, got[i], text)
		}
		for _, part := range splitParts(strings.TrimPrefix(text, head+" ")) {
			if !strings.Contains(got[i], part) {
				t.Errorf("call %d is %s\nlacks %s", i, got[i], part)
			}
		}
	}
}

// splitParts splits at spaces that stand before a quote or a brace and behind a
// brace, bracket or quote.
func splitParts(text string) []string {
	var parts []string
	from := 0
	for i := 1; i+1 < len(text); i++ {
		if text[i] == ' ' && strings.ContainsRune(`"}])0123456789`, rune(text[i-1])) && strings.ContainsRune(`"{`, rune(text[i+1])) {
			parts = append(parts, text[from:i])
			from = i + 1
		}
	}
	return append(parts, text[from:])
}

func (w *world) stored(bucket string) int {
	n := 0
	for range w.keys(bucket) {
		n++
	}
	return n
}

func TestAcceptedInvocationsSurvive(t *testing.T) {
	w := newWorld(t)
	w.create("f", deadLetters("arn:aws:sqs:us-east-1:123456789012:q"))
	hold := w.clock.Hold() // so that the first process makes no second attempt
	w.send("f", `{"Do":"error","Text":"kept"}`)
	file := filepath.Join(t.TempDir(), "there")
	w.send("f", `{"Do":"await","Text":"`+filepath.ToSlash(file)+`"}`) // it is cut short by the end of its process
	w.eventually(func() bool { return w.service.environments.Environments("f") == 2 })
	w.reboot()
	if n := w.stored(bucketAsync); n != 2 {
		t.Errorf("%d invocations are stored after a restart, want 2", n)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	hold()
	checkCalls(t, w.recorded(), []string{`3m0s sqs.SendMessage {"Do":"error","Text":"kept"}`})
	if n := w.stored(bucketAsync); n != 0 {
		t.Errorf("%d invocations are left in the store", n)
	}
}

// eventually waits for something that happens on the wall clock, in a process.
func (w *world) eventually(happened func() bool) {
	w.Helper()
	for end := time.Now().Add(10 * time.Second); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.Fatal("it did not happen")
		}
	}
}

func TestThrottledInvocationsWait(t *testing.T) {
	w := newWorld(t)
	w.create("f")
	reserve := func(n int32) {
		if _, err := w.sdk.PutFunctionConcurrency(context.Background(), &awslambda.PutFunctionConcurrencyInput{FunctionName: aws.String("f"), ReservedConcurrentExecutions: &n}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.sdk.PutFunctionEventInvokeConfig(context.Background(), &awslambda.PutFunctionEventInvokeConfigInput{FunctionName: aws.String("f"),
		DestinationConfig: &types.DestinationConfig{OnSuccess: &types.OnSuccess{Destination: aws.String("arn:aws:sqs:us-east-1:123456789012:q")}}}); err != nil {
		t.Fatal(err)
	}
	reserve(0)
	hold := w.clock.Hold()
	w.send("f", `{"Do":"echo"}`)
	w.clock.AfterFunc(100*time.Second, func() { reserve(1) })
	hold()
	checkCalls(t, w.recorded(), []string{`2m7s sqs.SendMessage "approximateInvokeCount":1`}) // after 1, 2, 4 ... 64 seconds
}
