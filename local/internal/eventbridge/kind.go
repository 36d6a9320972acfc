package eventbridge

// This file defines the kinds of targets: how each is called, and what its
// errors mean for the delivery.

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// kind names what an ARN is: the service, and the type of its resource where a
// service has several.
func (a arnParts) kind() string {
	switch a.service {
	case "lambda", "states", "logs", "events":
		return a.service + " " + a.resource[:strings.IndexAny(a.resource+":", ":/")]
	}
	return a.service
}

// targetKind is how to deliver to one kind of target.
type targetKind struct {
	name      string // for people
	service   string // that the Caller knows
	needsRole bool   // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html
	calls     func(d *delivery, body string, now time.Time) []operation
}

// operation is one call to a target's service.
type operation struct {
	name   string
	params *jsonvalue.Object
	// tolerates is an error code that is as good as success.
	tolerates string
}

const busKind = "events event-bus"

var targetKinds = map[string]targetKind{
	"lambda function":        {name: "Lambda functions", service: "lambda", calls: invoke},
	"states stateMachine":    {name: "Step Functions state machines", service: "states", needsRole: true, calls: startExecution},
	"sqs":                    {name: "SQS queues", service: "sqs", calls: sendMessage},
	"sns":                    {name: "SNS topics", service: "sns", calls: publish},
	"logs log-group":         {name: "CloudWatch log groups", service: "logs", calls: putLogEvents},
	busKind:                  {name: "event buses", service: "events", calls: forward},
	"events api-destination": {name: "API destinations", service: "events", needsRole: true, calls: invokeHTTP},
}

func member(name string, v jsonvalue.Value) jsonvalue.Member {
	return jsonvalue.Member{Name: name, Value: v}
}

func invoke(d *delivery, body string, _ time.Time) []operation {
	return []operation{{name: "Invoke", params: object(
		member("FunctionName", d.Target.Arn),
		member("InvocationType", "Event"),
		member("Payload", base64.StdEncoding.EncodeToString([]byte(body))),
	)}}
}

// startExecution names the execution after the delivery, so that a delivery that
// is repeated because its success could not be recorded starts nothing twice.
func startExecution(d *delivery, body string, _ time.Time) []operation {
	params := object(member("StateMachineArn", d.Target.Arn), member("Name", d.EventID+"_"+d.ID), member("Input", body))
	if d.TraceHeader != "" {
		params = params.With("TraceHeader", d.TraceHeader)
	}
	return []operation{{name: "StartExecution", params: params, tolerates: "ExecutionAlreadyExists"}}
}

func sendMessage(d *delivery, body string, _ time.Time) []operation {
	params := object(member("QueueUrl", queueURL(d.Target.Arn)), member("MessageBody", body))
	if d.Target.SqsParameters != nil {
		params = params.With("MessageGroupId", d.Target.SqsParameters.MessageGroupID)
	}
	if d.TraceHeader != "" {
		trace := object(member("DataType", "String"), member("StringValue", d.TraceHeader))
		params = params.With("MessageSystemAttributes", object(member("AWSTraceHeader", trace)))
	}
	return []operation{{name: "SendMessage", params: params}}
}

// queueURL spells a queue's ARN as a URL; SQS looks at its path alone.
func queueURL(arn string) string {
	a, _ := parseARN(arn)
	return "https://sqs." + a.region + ".amazonaws.com/" + a.account + "/" + a.resource
}

func publish(d *delivery, body string, _ time.Time) []operation {
	return []operation{{name: "Publish", params: object(member("TopicArn", d.Target.Arn), member("Message", body))}}
}

// putLogEvents writes the input as a log event, one stream a rule and day.
func putLogEvents(d *delivery, body string, now time.Time) []operation {
	a, _ := parseARN(d.Target.Arn)
	group := strings.TrimSuffix(strings.TrimPrefix(a.resource, "log-group:"), ":*")
	stream := d.RuleName + "/" + now.Format(time.DateOnly)
	names := []jsonvalue.Member{member("LogGroupName", group), member("LogStreamName", stream)}
	line := object(member("Timestamp", jsonvalue.Int(now.UnixMilli())), member("Message", body))
	return []operation{
		{name: "CreateLogStream", params: object(names...), tolerates: "ResourceAlreadyExistsException"},
		{name: "PutLogEvents", params: object(append(names, member("LogEvents", []any{line}))...)},
	}
}

// forward puts the event on another bus. See forwarded for what it keeps.
func forward(d *delivery, body string, _ time.Time) []operation {
	event := d.envelope()
	entry := object(
		member("EventBusName", d.Target.Arn),
		member("Source", text(event, "source")),
		member("DetailType", text(event, "detail-type")),
		member("Detail", body),
	)
	return []operation{{name: "PutEvents", params: object(member("Entries", []any{entry}))}}
}

func invokeHTTP(d *delivery, body string, _ time.Time) []operation {
	added := d.Target.HTTPParameters.resolved(d.envelope())
	texts := func(values map[string]string) *jsonvalue.Object {
		var b jsonvalue.Builder
		for name, v := range values {
			b.Set(name, v)
		}
		return b.Object()
	}
	path := []any{}
	for _, v := range added.PathParameterValues {
		path = append(path, v)
	}
	return []operation{{name: "InvokeApiDestination", params: object(
		member("ApiDestinationArn", d.Target.Arn), member("Body", body),
		member("HttpParameters", object(member("PathParameterValues", path),
			member("HeaderParameters", texts(added.HeaderParameters)), member("QueryStringParameters", texts(added.QueryStringParameters)))),
	)}}
}

// text returns a string member.
func text(o *jsonvalue.Object, name string) string {
	v, _ := o.Get(name)
	s, _ := v.(string)
	return s
}

// failure is why an attempt failed, in the words that dead-letter queues get:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
type failure struct {
	code, message string
	retry         bool
	after         time.Duration // not before this
}

func (f *failure) Error() string { return f.code + ": " + f.message }

// failureCodes says what an error of a target means, by words within its code.
// The first that fits counts; what fits none is an error of the target that
// trying again would only repeat.
var failureCodes = []struct {
	within, code string
	retry        bool
}{
	{"Throttl", "THROTTLING", true},
	{"TooManyRequests", "THROTTLING", true},
	{"RequestLimitExceeded", "THROTTLING", true},
	{"LimitExceeded", "RESOURCE_LIMIT_EXCEEDED", true},
	{"AccessDenied", "NO_PERMISSIONS", false},
	{"AuthorizationError", "NO_PERMISSIONS", false},
	{"NotAuthorized", "NO_PERMISSIONS", false},
	{"KMS", "NO_PERMISSIONS", false},
	{"NotFound", "NO_RESOURCE", false},
	{"DoesNotExist", "NO_RESOURCE", false},
	{"NonExistent", "NO_RESOURCE", false},
	{"UnknownOperation", "NO_RESOURCE", false},
	{"AlreadyExists", "RESOURCE_ALREADY_EXISTS", false},
	{"ConcurrentModification", "RESOURCE_MODIFICATION_COLLISION", true},
	{"Conflict", "RESOURCE_MODIFICATION_COLLISION", true},
	{"Timeout", "TIMEOUT", true},
	{"ConnectionFailure", "CONNECTION_FAILURE", true},
	{"Internal", "INTERNAL_ERROR", true},
	{"Unavailable", "INTERNAL_ERROR", true},
	{"ServiceException", "INTERNAL_ERROR", true},
	{"Invalid", "INVALID_PARAMETER", false},
	{"Validation", "INVALID_PARAMETER", false},
	{"Serialization", "INVALID_PARAMETER", false},
	{"TooLarge", "INVALID_PARAMETER", false},
}
