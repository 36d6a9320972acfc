package delivery

// This file defines the kinds of targets that EventBridge and Scheduler share, and
// the calls that deliver to each.

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Target is what is to be delivered, and where.
type Target struct {
	ARN   string
	Input string
	Trace string // an X-Ray header, "" if none

	Execution    string    // Step Functions: the execution's name, the same at every attempt
	MessageGroup string    // SQS: of a FIFO queue
	LogStream    string    // CloudWatch Logs
	Time         time.Time // CloudWatch Logs: of the line
	Source       string    // an event bus: the event's source and detail-type
	DetailType   string
	HTTP         *jsonvalue.Object // API destinations: what is added to the request
}

// ARN is an ARN in its parts: arn:aws:service:region:account:resource.
type ARN struct{ Service, Region, Account, Resource string }

// ParseARN takes an ARN apart.
func ParseARN(text string) (a ARN, ok bool) {
	p := strings.SplitN(text, ":", 6)
	if len(p) != 6 || p[0] != "arn" || p[2] == "" || p[5] == "" {
		return ARN{}, false
	}
	return ARN{Service: p[2], Region: p[3], Account: p[4], Resource: p[5]}, true
}

// Kind names what an ARN is: the service, and the type of its resource where a
// service has several.
func (a ARN) Kind() string {
	switch a.Service {
	case "lambda", "states", "logs", "events":
		return a.Service + " " + a.Resource[:strings.IndexAny(a.Resource+":", ":/")]
	}
	return a.Service
}

// Kind is a kind of target.
type Kind struct {
	Name string // for people, in the plural
	// NeedsRole: EventBridge delivers to it as a role only.
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html
	NeedsRole bool
	calls     func(t Target) []Call
}

// The kinds that are looked at by name.
const (
	BusKind         = "events event-bus"
	DestinationKind = "events api-destination"
)

// Kinds are the kinds of targets, by [ARN.Kind].
var Kinds = map[string]Kind{
	"lambda function":     {Name: "Lambda functions", calls: invoke},
	"states stateMachine": {Name: "Step Functions state machines", NeedsRole: true, calls: startExecution},
	"sqs":                 {Name: "SQS queues", calls: sendMessage},
	"sns":                 {Name: "SNS topics", calls: publish},
	"logs log-group":      {Name: "CloudWatch log groups", calls: putLogEvents},
	BusKind:               {Name: "event buses", calls: putEvents},
	DestinationKind:       {Name: "API destinations", NeedsRole: true, calls: invokeDestination},
}

// KindNames lists the kinds for people.
func KindNames() string {
	var names []string
	for _, k := range Kinds {
		names = append(names, k.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// Calls returns the calls that deliver to the target; nil for a kind that is not
// known.
func (t Target) Calls() []Call {
	arn, _ := ParseARN(t.ARN)
	if kind, ok := Kinds[arn.Kind()]; ok {
		return kind.calls(t)
	}
	return nil
}

func member(name string, v jsonvalue.Value) jsonvalue.Member {
	return jsonvalue.Member{Name: name, Value: v}
}

func object(members ...jsonvalue.Member) *jsonvalue.Object { return jsonvalue.NewObject(members...) }

func call(service, operation string, params *jsonvalue.Object) Call {
	return Call{Service: service, Operation: operation, Params: jsonvalue.Append(nil, params)}
}

func invoke(t Target) []Call {
	return []Call{call("lambda", "Invoke", object(
		member("FunctionName", t.ARN),
		member("InvocationType", "Event"),
		member("Payload", base64.StdEncoding.EncodeToString([]byte(t.Input))),
	))}
}

// startExecution names the execution, so that a delivery that is repeated because
// its success could not be recorded starts nothing twice.
func startExecution(t Target) []Call {
	params := object(member("StateMachineArn", t.ARN), member("Name", t.Execution), member("Input", t.Input))
	if t.Trace != "" {
		params = params.With("TraceHeader", t.Trace)
	}
	start := call("states", "StartExecution", params)
	start.Tolerates = "ExecutionAlreadyExists"
	return []Call{start}
}

func sendMessage(t Target) []Call {
	params := object(member("QueueUrl", queueURL(t.ARN)), member("MessageBody", t.Input))
	if t.MessageGroup != "" {
		params = params.With("MessageGroupId", t.MessageGroup)
	}
	if t.Trace != "" {
		trace := object(member("DataType", "String"), member("StringValue", t.Trace))
		params = params.With("MessageSystemAttributes", object(member("AWSTraceHeader", trace)))
	}
	return []Call{call("sqs", "SendMessage", params)}
}

// queueURL spells a queue's ARN as a URL; SQS looks at its path alone.
func queueURL(arn string) string {
	a, _ := ParseARN(arn)
	return "https://sqs." + a.Region + ".amazonaws.com/" + a.Account + "/" + a.Resource
}

func publish(t Target) []Call {
	return []Call{call("sns", "Publish", object(member("TopicArn", t.ARN), member("Message", t.Input)))}
}

func putLogEvents(t Target) []Call {
	a, _ := ParseARN(t.ARN)
	group := strings.TrimSuffix(strings.TrimPrefix(a.Resource, "log-group:"), ":*")
	stream := object(member("LogGroupName", group), member("LogStreamName", t.LogStream))
	line := object(member("Timestamp", jsonvalue.Int(t.Time.UnixMilli())), member("Message", t.Input))
	create := call("logs", "CreateLogStream", stream)
	create.Tolerates = "ResourceAlreadyExistsException"
	return []Call{create, call("logs", "PutLogEvents", stream.With("LogEvents", []any{line}))}
}

func putEvents(t Target) []Call {
	entry := object(member("EventBusName", t.ARN), member("Source", t.Source), member("DetailType", t.DetailType), member("Detail", t.Input))
	return []Call{call("events", "PutEvents", object(member("Entries", []any{entry})))}
}

func invokeDestination(t Target) []Call {
	return []Call{call("events", "InvokeApiDestination", object(member("ApiDestinationArn", t.ARN), member("Body", t.Input), member("HttpParameters", t.HTTP)))}
}

// roleIdentity is who acts with a role.
func roleIdentity(account, role string) awswire.Identity {
	name := role[strings.LastIndexByte(role, '/')+1:]
	return awswire.Identity{Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/" + name + "/EventBridge", Role: role}
}
