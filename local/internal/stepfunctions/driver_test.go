package stepfunctions

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

func TestPassesAreOneUpdate(t *testing.T) {
	w := newWorld(t)
	m := w.machine("m", `{"StartAt":"A","States":{"A":{"Type":"Pass","Result":{"a":1},"ResultPath":"$.r","Next":"B"},"B":{"Type":"Succeed"}}}`)
	arn := w.start(m, `{"x": 1.0}`)
	out := w.describe(arn) // no time went by
	w.expect(`SUCCEEDED {"x":1.0,"r":{"a":1}}`, verdict(out))
	w.expect(`{"x": 1.0}`, *out.Input)
	w.expect("ExecutionStarted PassStateEntered PassStateExited SucceedStateEntered SucceedStateExited ExecutionSucceeded", w.history(arn))
	if len(w.service.runs) != 0 {
		t.Error("an execution that ended is still in memory")
	}
}

const retrying = `{"StartAt":"Work","States":{"Work":{"Type":"Task","Resource":%q,
	"Retry":[{"ErrorEquals":["Busy"],"IntervalSeconds":5,"MaxAttempts":2}],
	"Catch":[{"ErrorEquals":["States.ALL"],"ResultPath":"$.error","Next":"Caught"}],"End":true},
	"Caught":{"Type":"Pass","End":true}}}`

func TestFunctionByARN(t *testing.T) {
	w := newWorld(t)
	attempts := 0
	arn := w.function("work", func(event string) (string, error) {
		attempts++
		if attempts < 3 {
			return "", errors.New(`{"errorType":"Busy","errorMessage":"later"}`)
		}
		return fmt.Sprintf(`{"event":%s}`, event), nil
	})
	m := w.machine("m", fmt.Sprintf(retrying, arn))
	execution := w.start(m, `{"n":1}`)
	out := w.finish(execution)
	w.expect(`SUCCEEDED {"event":{"n":1}}`, verdict(out))
	w.expect("ExecutionStarted TaskStateEntered LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionFailed LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionFailed LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionSucceeded TaskStateExited ExecutionSucceeded", w.history(execution))
	if passed := out.StopDate.Sub(*out.StartDate); passed != 15*time.Second {
		t.Errorf("two retries took %v", passed)
	}
}

func TestFunctionErrors(t *testing.T) {
	for _, c := range []struct{ name, payload, want string }{
		{"own error", `{"errorType":"Refused","errorMessage":"no"}`, `FAILED Refused {"errorType":"Refused","errorMessage":"no"}`},
		{"no type", `{"errorMessage":"gone"}`, `FAILED Lambda.Unknown The cause could not be determined because Lambda did not return an error type. Returned payload: {"errorMessage":"gone"}`},
		{"no JSON", `boom`, `FAILED Lambda.Unknown The cause could not be determined because Lambda did not return an error type. Returned payload: boom`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			arn := w.function("f", func(string) (string, error) { return "", errors.New(c.payload) })
			m := w.machine("m", fmt.Sprintf(`{"StartAt":"W","States":{"W":{"Type":"Task","Resource":%q,"End":true}}}`, arn))
			w.expect(c.want, w.run(m, "{}"))
		})
	}
}

func TestLambdaInvoke(t *testing.T) {
	w := newWorld(t)
	arn := w.function("echo", func(event string) (string, error) { return event, nil })
	m := w.machine("m", `{"StartAt":"W","States":{"W":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"`+arn+`","Payload.$":"$.p"},
		"ResultSelector":{"v.$":"$.ExecutedVersion","p.$":"$.Payload","code.$":"$.StatusCode","len.$":"$.SdkHttpMetadata.HttpHeaders.Content-Length","type.$":"$.SdkHttpMetadata.AllHttpHeaders.Content-Type[0]","http.$":"$.SdkHttpMetadata.HttpStatusCode"},"End":true}}}`)
	w.expect(`SUCCEEDED {"v":"$LATEST","p":{"a":[1]},"code":200,"len":"9","type":"application/json","http":200}`, w.run(m, `{"p":{"a":[1]}}`))
	w.expect(`SUCCEEDED {"v":"$LATEST","p":{},"code":200,"len":"2","type":"application/json","http":200}`, w.run(m, `{"p":null}`))
	w.expect(`SUCCEEDED {"v":"$LATEST","p":"text","code":200,"len":"6","type":"application/json","http":200}`, w.run(m, `{"p":"\"text\""}`))

	gone := w.machine("gone", `{"StartAt":"W","States":{"W":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"nobody"},"End":true}}}`)
	got := w.run(gone, `{}`)
	if !strings.HasPrefix(got, "FAILED Lambda.ResourceNotFoundException Function not found: nobody (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: ") {
		t.Error(got)
	}
}

// integrationMachine has one task with these parameters, from its input.
func integrationMachine(resource string) string {
	return `{"StartAt":"W","States":{"W":{"Type":"Task","Resource":"arn:aws:states:::` + resource + `","InputPath":"$","Parameters":{"All.$":"$"},"End":true}}}`
}

func TestOptimizedIntegrations(t *testing.T) {
	reply := func(v string) stub {
		return func(awswire.Identity, jsonvalue.Value) (jsonvalue.Value, error) { return jsonvalue.MustParse(v), nil }
	}
	refuse := func(e awswire.Error) stub {
		return func(awswire.Identity, jsonvalue.Value) (jsonvalue.Value, error) { return nil, &e }
	}
	w := newWorld(t)
	for _, c := range []struct {
		name, resource, params string
		operation              string
		answer                 stub
		sent, want             string
	}{
		{"putEvents", "events:putEvents", `{"Entries":[{"Detail":{"a":1},"DetailType":"t","Source":"s"}]}`, "events:PutEvents",
			reply(`{"Entries":[{"EventId":"1"}],"FailedEntryCount":0}`),
			`{"Entries":[{"Detail":"{\"a\":1}","DetailType":"t","Source":"s","Resources":["` + prefix + `execution:m:e","` + prefix + `stateMachine:m"]}]}`,
			`SUCCEEDED {"Entries":[{"EventId":"1"}],"FailedEntryCount":0}`},
		{"putEvents failed", "events:putEvents", `{"Entries":[]}`, "events:PutEvents", reply(`{"Entries":[{"ErrorCode":"X"}],"FailedEntryCount":1}`),
			`{"Entries":[]}`, `FAILED EventBridge.FailedEntry {"Entries":[{"ErrorCode":"X"}],"FailedEntryCount":1}`},
		{"sendMessage", "sqs:sendMessage", `{"QueueUrl":"q","MessageBody":{"a":"b"}}`, "sqs:SendMessage", reply(`{"MessageId":"1"}`),
			`{"QueueUrl":"q","MessageBody":"{\"a\":\"b\"}"}`, `SUCCEEDED {"MessageId":"1","SdkHttpMetadata":{"AllHttpHeaders":{"x-amzn-RequestId":["ID"],"connection":["keep-alive"],"Content-Length":["17"],"Date":["DATE"],"Content-Type":["application/x-amz-json-1.0"]},"HttpHeaders":{"x-amzn-RequestId":"ID","connection":"keep-alive","Content-Length":"17","Date":"DATE","Content-Type":"application/x-amz-json-1.0"},"HttpStatusCode":200},"SdkResponseMetadata":{"RequestId":"ID"}}`},
		{"sendMessage refused", "sqs:sendMessage", `{"QueueUrl":"q","MessageBody":null}`, "sqs:SendMessage",
			refuse(awswire.Error{Code: "MissingRequiredParameterException", QueryCode: "MissingParameter", Message: "The request must contain the parameter MessageBody."}),
			`{"QueueUrl":"q","MessageBody":null}`, `FAILED SQS.AmazonSQSException The request must contain the parameter MessageBody. (Service: AmazonSQS; Status Code: 400; Error Code: MissingParameter; Request ID: ID; Proxy: null)`},
		{"updateItem refused", "dynamodb:updateItem", `{"TableName":"t"}`, "dynamodb:UpdateItem", refuse(awswire.Error{Code: "ConditionalCheckFailedException", Message: "The conditional request failed"}),
			`{"TableName":"t"}`, `FAILED DynamoDB.ConditionalCheckFailedException The conditional request failed (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ConditionalCheckFailedException; Request ID: ID; Proxy: null)`},
		{"putItem invalid", "dynamodb:putItem", `{"TableName":"/"}`, "dynamodb:PutItem", refuse(awswire.Error{Code: "ValidationException", Message: "bad"}),
			`{"TableName":"/"}`, `FAILED DynamoDB.AmazonDynamoDBException bad (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ValidationException; Request ID: ID; Proxy: null)`},
		{"publish", "sns:publish", `{"TopicArn":"t","Message":"x"}`, "sns:Publish", refuse(awswire.Error{Code: "NotFound", Status: 404, Message: "Topic does not exist"}),
			`{"TopicArn":"t","Message":"x"}`, `FAILED SNS.NotFoundException Topic does not exist (Service: AmazonSNS; Status Code: 404; Error Code: NotFound; Request ID: ID; Proxy: null)`},
		{"sdk", "aws-sdk:dynamodb:describeTable", `{"TableName":"t"}`, "dynamodb:DescribeTable", reply(`{"Table":{"CreationDateTime":1767225600.5,"ItemCount":3}}`),
			`{"TableName":"t"}`, `SUCCEEDED {"Table":{"CreationDateTime":"2026-01-01T00:00:00.5Z","ItemCount":3}}`},
		{"sdk refused", "aws-sdk:dynamodb:putItem", `{"TableName":"t"}`, "dynamodb:PutItem", refuse(awswire.Error{Code: "ConditionalCheckFailedException", Message: "no"}),
			`{"TableName":"t"}`, `FAILED DynamoDb.ConditionalCheckFailedException no (Service: DynamoDb, Status Code: 400, Request ID: ID) (SDK Attempt Count: 1)`},
		{"sdk object", "aws-sdk:s3:getObject", `{"Bucket":"b"}`, "s3:GetObject", refuse(awswire.Error{Code: "PreconditionFailed", Status: 412, Message: "no"}),
			`{"Bucket":"b"}`, `FAILED S3.S3Exception no (Service: S3, Status Code: 412, Request ID: ID) (SDK Attempt Count: 1)`},
		{"sdk blob", "aws-sdk:s3:putObject", `{"Body":{"a":1}}`, "s3:PutObject", reply(`{"ETag":"e"}`), `{"Body":"eyJhIjoxfQ==","ChecksumCRC32":"Vhusrw=="}`, `SUCCEEDED {"ETag":"e"}`},
		{"sdk token", "aws-sdk:sfn:sendTaskSuccess", `{"Output":{},"TaskToken":"t"}`, "", nil, "",
			`FAILED Sfn.InvalidTokenException Invalid Token: 'Invalid token' (Service: Sfn, Status Code: 400, Request ID: ID) (SDK Attempt Count: 1)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.T = t
			sent := ""
			w.stub(c.operation, func(as awswire.Identity, params jsonvalue.Value) (jsonvalue.Value, error) {
				sent = jsonvalue.String(params)
				if as.Role != role {
					t.Errorf("called as %q", as.Role)
				}
				return c.answer(as, params)
			})
			m := w.machine("m", strings.Replace(integrationMachine(c.resource), `{"All.$":"$"}`, c.params, 1))
			defer w.drop(m)
			got := verdict(w.finish(w.startNamed(m, "e", "{}")))
			w.expect(c.sent, sent)
			w.expect(c.want, dates.ReplaceAllString(uuids.ReplaceAllString(got, "ID"), "DATE"))
		})
	}
}

func TestUnknownIntegrationIsRefused(t *testing.T) {
	w := newWorld(t)
	m := w.machine("m", integrationMachine("ecs:runTask"))
	w.expect("FAILED States.Runtime An error occurred while executing the state 'W' (entered at the event id #2). The local AWS does not offer the integration arn:aws:states:::ecs:runTask. A mock file can answer in its place; local/README.md lists what is offered.", w.run(m, "{}"))
}

func TestStatusChangesAreEvents(t *testing.T) {
	w := newWorld(t)
	m := w.machine("m", `{"StartAt":"A","States":{"A":{"Type":"Fail","Error":"E","Cause":"C"}}}`)
	arn := w.startNamed(m, "e", `{"a":1}`)
	w.finish(arn)
	w.pass(time.Second)
	if len(w.events) != 2 {
		t.Fatalf("%d events", len(w.events))
	}
	last := w.events[1]
	w.expect("aws.states/Step Functions Execution Status Change", last.Source+"/"+last.DetailType)
	w.expect(`{"executionArn":"`+arn+`","stateMachineArn":"`+m+`","name":"e","status":"FAILED","startDate":1767225600000,"stopDate":1767225600000,"input":"{\"a\":1}","inputDetails":{"included":true},"output":null,"outputDetails":null,"stateMachineVersionArn":null,"stateMachineAliasArn":null,"redriveCount":0,"redriveDate":null,"redriveStatus":"REDRIVABLE","redriveStatusReason":null,"error":"E","cause":"C"}`,
		jsonvalue.String(last.Detail))
	w.expect(string(types.ExecutionStatusRunning), text(member(w.events[0].Detail, "status")))
}
