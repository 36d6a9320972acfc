package lambda

import (
	"context"
	"encoding/json"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
)

// TestEveryOperationThroughTheSDK calls each operation that the service offers
// by the real SDK, over the wire, with the parameters of a line, and sees it
// succeed. What the answers hold is the matter of other tests.
func TestEveryOperationThroughTheSDK(t *testing.T) {
	x := newSources(t)
	const arn = "arn:aws:lambda:us-east-1:123456789012:function:s"
	script := base64Text(zipOf(t, map[string][]byte{"bootstrap": []byte("#!/bin/sh\n")}))
	called := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(strings.NewReplacer("QUEUE", queueARN, "ROLE", role, "ARN", arn).Replace(`
CreateFunction {"FunctionName":"s","Role":"ROLE","Runtime":"provided.al2023","Handler":"bootstrap","Code":{"ZipFile":"`+script+`"},"Timeout":5}
ListFunctions {}
GetFunction {"FunctionName":"s"}
GetFunctionConfiguration {"FunctionName":"s"}
UpdateFunctionConfiguration {"FunctionName":"s","MemorySize":256}
UpdateFunctionCode {"FunctionName":"ARN","DryRun":true,"ZipFile":"`+script+`"}
PublishVersion {"FunctionName":"s"}
ListVersionsByFunction {"FunctionName":"s"}
CreateAlias {"FunctionName":"s","Name":"live","FunctionVersion":"1"}
UpdateAlias {"FunctionName":"s","Name":"live","Description":"d"}
GetAlias {"FunctionName":"s","Name":"live"}
ListAliases {"FunctionName":"s"}
Invoke {"FunctionName":"ARN:live","Payload":"eyJEbyI6ImVjaG8ifQ=="}
AddPermission {"FunctionName":"s","StatementId":"a","Action":"lambda:InvokeFunction","Principal":"events.amazonaws.com"}
GetPolicy {"FunctionName":"s"}
RemovePermission {"FunctionName":"s","StatementId":"a"}
PutFunctionConcurrency {"FunctionName":"s","ReservedConcurrentExecutions":3}
GetFunctionConcurrency {"FunctionName":"s"}
DeleteFunctionConcurrency {"FunctionName":"s"}
GetAccountSettings {}
TagResource {"Resource":"ARN","Tags":{"a":"b"}}
ListTags {"Resource":"ARN"}
UntagResource {"Resource":"ARN","TagKeys":["a"]}
PutFunctionEventInvokeConfig {"FunctionName":"s","MaximumRetryAttempts":1}
UpdateFunctionEventInvokeConfig {"FunctionName":"s","MaximumEventAgeInSeconds":100}
GetFunctionEventInvokeConfig {"FunctionName":"s"}
ListFunctionEventInvokeConfigs {"FunctionName":"s"}
DeleteFunctionEventInvokeConfig {"FunctionName":"s"}
CreateEventSourceMapping {"FunctionName":"s","EventSourceArn":"QUEUE"}
ListEventSourceMappings {"FunctionName":"s"}
GetEventSourceMapping {"UUID":"LAST"}
UpdateEventSourceMapping {"UUID":"LAST","BatchSize":3}
DeleteEventSourceMapping {"UUID":"LAST"}
DeleteAlias {"FunctionName":"s","Name":"live"}
DeleteFunction {"FunctionName":"s"}
`)), "\n") {
		operation, params, _ := strings.Cut(line, " ")
		called[operation] = true
		if strings.Contains(params, "LAST") {
			params = strings.ReplaceAll(params, "LAST", strings.Join(x.keys(bucketMapping), ""))
		}
		if err := callSDK(x.sdk, operation, params); err != nil {
			t.Errorf("%s: %v", operation, err)
		}
	}
	for _, op := range x.service.API().Operations {
		if !called[op.Name] {
			t.Errorf("%s is offered and not called here", op.Name)
		}
	}
}

// callSDK calls a method of the SDK's client by name.
func callSDK(client *awslambda.Client, operation, params string) error {
	method := reflect.ValueOf(client).MethodByName(operation)
	in := reflect.New(method.Type().In(1).Elem())
	if err := json.Unmarshal([]byte(params), in.Interface()); err != nil {
		return err
	}
	results := method.Call([]reflect.Value{reflect.ValueOf(context.Background()), in})
	err, _ := results[1].Interface().(error)
	return err
}

// TestAWSCommandLine drives the service with the AWS CLI, where there is one.
func TestAWSCommandLine(t *testing.T) {
	aws, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("NOT CHECKED with the AWS CLI: it is not installed")
	}
	w := newWorld(t)
	w.create("f")
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(aws, append([]string{"--endpoint-url", w.url, "--region", region, "--output", "json"}, args...)...)
		cmd.Env = append(cmd.Environ(), "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_EC2_METADATA_DISABLED=true")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	// Both versions of the CLI take a file's bytes as they are.
	payload := t.TempDir() + "/event.json"
	write(t, payload, `{"Do":"echo","Text":"cli"}`)
	out := run("lambda", "invoke", "--function-name", "f", "--payload", "fileb://"+payload, t.TempDir()+"/out.json")
	if !slices.ContainsFunc(strings.Split(out, "\n"), func(line string) bool { return strings.Contains(line, `"StatusCode": 200`) }) {
		t.Error(out)
	}
}
