package stepfunctions

// This file defines which service does a task, and how an answer becomes the
// task's end. One table knows every name that a service has: the one after
// aws-sdk, the local one, and the ones in errors.
//
// AWS's optimized integrations use version 1 of its Java SDK and the SDK
// integrations version 2; error names and causes differ between the two.
// https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// answer is what came of a call: an output, or an error and its cause.
type answer struct {
	output     jsonvalue.Value
	err, cause string
	isFailed   bool
}

func (a answer) failed() bool { return a.isFailed }

func succeeded(output jsonvalue.Value) answer { return answer{output: output} }

func failed(name, cause string) answer {
	return answer{err: name, cause: cut(cause, maxCause), isFailed: true}
}

// names are those of one service.
type names struct {
	sdk   string // after aws-sdk: in a resource
	local string // of the service in this process

	prefix string // of errors of SDK integrations: "DynamoDb.ConditionalCheckFailedException"

	// Of optimized integrations; empty where there are none.
	optimized string // prefix of errors: "DynamoDB.ConditionalCheckFailedException"
	service   string // in causes: "(Service: AmazonDynamoDBv2; ...)"
	base      string // the error of what the service's model does not name

	// only lists the errors that the service's model names, for services whose
	// answers have many more; nil: all but the ones every service has.
	only []string
	// also are errors that every service has and this one's model names too.
	also []string
}

var serviceNames = []names{
	{sdk: "dynamodb", local: "dynamodb", prefix: "DynamoDb", optimized: "DynamoDB", service: "AmazonDynamoDBv2", base: "AmazonDynamoDBException"},
	{sdk: "lambda", local: "lambda", prefix: "Lambda", optimized: "Lambda", service: "AWSLambda", base: "AWSLambdaException"},
	{sdk: "sqs", local: "sqs", prefix: "Sqs", optimized: "SQS", service: "AmazonSQS", base: "AmazonSQSException"},
	{sdk: "sns", local: "sns", prefix: "Sns", optimized: "SNS", service: "AmazonSNS", base: "AmazonSNSException", also: []string{"ValidationException"}},
	{sdk: "eventbridge", local: "events", prefix: "EventBridge", optimized: "EventBridge", service: "AmazonEventBridge", base: "AmazonEventBridgeException"},
	{sdk: "sfn", local: "states", prefix: "Sfn", optimized: "StepFunctions", service: "AWSStepFunctions", base: "AWSStepFunctionsException", also: []string{"ValidationException"}},
	{sdk: "s3", local: "s3", prefix: "S3", only: []string{"BucketAlreadyExists", "BucketAlreadyOwnedByYou", "EncryptionTypeMismatch", "InvalidObjectState",
		"InvalidRequest", "InvalidWriteOffset", "NoSuchBucket", "NoSuchKey", "NoSuchUpload", "ObjectAlreadyInActiveTierError", "ObjectNotInActiveTierError", "TooManyParts"}},
	{sdk: "secretsmanager", local: "secretsmanager", prefix: "SecretsManager"},
	{sdk: "ssm", local: "ssm", prefix: "Ssm"},
	{sdk: "cloudwatch", local: "cloudwatch", prefix: "CloudWatch"},
	{sdk: "cloudwatchlogs", local: "logs", prefix: "CloudWatchLogs"},
	{sdk: "scheduler", local: "scheduler", prefix: "Scheduler", also: []string{"ValidationException", "ThrottlingException"}},
	{sdk: "iam", local: "iam", prefix: "Iam"},
	{sdk: "sts", local: "sts", prefix: "Sts"},
	{sdk: "cloudformation", local: "cloudformation", prefix: "CloudFormation"},
	{sdk: "dynamodbstreams", local: "dynamodbstreams", prefix: "DynamoDbStreams"},
}

func namesOf(r asl.Resource) (names, bool) {
	i := slices.IndexFunc(serviceNames, func(n names) bool {
		if r.Kind == asl.SDK {
			return n.sdk == r.Service
		}
		return n.local == r.Service
	})
	if i < 0 {
		return names{}, false
	}
	return serviceNames[i], true
}

// everyService are codes that any service answers with and whose SDK class is
// therefore the service's base exception. Those of SQS are names of its JSON
// protocol for errors that its model does not have.
var everyService = []string{
	"AccessDenied", "AccessDeniedException", "AuthorizationError", "ExpiredToken", "IncompleteSignature", "InternalFailure", "InvalidAction",
	"InvalidClientTokenId", "InvalidParameterValueException", "InvalidSignatureException", "MissingAuthenticationToken", "MissingParameter",
	"MissingRequiredParameterException", "RequestEntityTooLarge", "SerializationException", "ServiceUnavailable", "SignatureDoesNotMatch",
	"ThrottlingException", "UnknownOperationException", "UnrecognizedClientException", "ValidationError", "ValidationException",
}

// modeled says whether an SDK has a class of its own for a code.
func (n names) modeled(code string) bool {
	if n.only != nil {
		return slices.Contains(n.only, code)
	}
	// Lambda's model has InvalidParameterValueException, which is common elsewhere.
	own := n.local == "lambda" && code == "InvalidParameterValueException" || slices.Contains(n.also, code)
	return own || !slices.Contains(everyService, code)
}

// class is the SDK's name of an error: codes that lack it get "Exception".
func class(code string) string { return strings.TrimSuffix(code, "Exception") + "Exception" }

// optimizedError names an error as an optimized integration does.
func (n names) optimizedError(e *awswire.Error) answer {
	name := n.base
	if n.modeled(e.Code) {
		name = class(e.Code)
	}
	code := e.Code
	if e.QueryCode != "" {
		code = e.QueryCode
	}
	return failed(n.optimized+"."+name, fmt.Sprintf("%s (Service: %s; Status Code: %d; Error Code: %s; Request ID: %s; Proxy: null)",
		e.Message, n.service, status(e), code, newUUID()))
}

// sdkError names an error as an SDK integration does.
func (n names) sdkError(e *awswire.Error) answer {
	name := n.prefix + "Exception"
	if n.modeled(e.Code) {
		name = class(e.Code)
	}
	return failed(n.prefix+"."+name, fmt.Sprintf("%s (Service: %s, Status Code: %d, Request ID: %s) (SDK Attempt Count: 1)", e.Message, n.prefix, status(e), newUUID()))
}

func status(e *awswire.Error) int {
	if e.Status == 0 {
		return 400
	}
	return e.Status
}

// do runs a task and returns what came of it.
func (s *Service) do(c *call) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			s.Log.Error("a task panicked", "execution", c.execution, "state", c.State, "panic", p, "stack", string(debug.Stack()))
			a = failed("States.Runtime", fmt.Sprintf("The local AWS failed at this task: %v", p))
		}
	}()
	if a, ok := s.mocked(c); ok {
		return a
	}
	switch c.Resource.Kind {
	case asl.Lambda:
		return s.callFunction(c)
	case asl.SDK:
		return s.callSDK(c)
	}
	if integrate := integrations[c.Resource.Service+":"+c.Resource.Action]; integrate != nil {
		return integrate(s, c)
	}
	return failed("States.Runtime", unsupported(c.Resource))
}

func unsupported(r asl.Resource) string {
	return fmt.Sprintf("The local AWS does not offer the integration %s. A mock file can answer in its place; local/README.md lists what is offered.", r.ARN)
}

// checkCall refuses tasks that could not even be asked for.
func (s *Service) checkCall(rec *record, c interp.ScheduleTask) error {
	if s.Mocks.has(rec, c.State) {
		return nil
	}
	switch c.Resource.Kind {
	case asl.Lambda:
		return nil
	case asl.SDK:
		if n, ok := namesOf(c.Resource); !ok || n.prefix == "" {
			return errors.New(unsupported(c.Resource))
		}
		return nil
	}
	if integrations[c.Resource.Service+":"+c.Resource.Action] == nil {
		return errors.New(unsupported(c.Resource))
	}
	return nil
}

// wireError makes an *awswire.Error of any error.
func wireError(err error) *awswire.Error {
	if e := (*awswire.Error)(nil); errors.As(err, &e) {
		return e
	}
	return &awswire.Error{Code: "InternalFailure", Message: err.Error(), Status: 500}
}

func member(v jsonvalue.Value, name string) jsonvalue.Value {
	o, _ := v.(*jsonvalue.Object)
	x, _ := o.Get(name)
	return x
}

func text(v jsonvalue.Value) string {
	s, _ := v.(string)
	return s
}

// asText makes text of a member that may be given as JSON: a message body, an
// event's detail, an execution's input.
func asText(params jsonvalue.Value, name string) jsonvalue.Value {
	o, ok := params.(*jsonvalue.Object)
	if !ok {
		return params
	}
	v, present := o.Get(name)
	if _, isText := v.(string); !present || isText || v == nil {
		return params
	}
	return o.With(name, jsonvalue.String(v))
}
