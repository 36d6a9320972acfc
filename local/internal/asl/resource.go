package asl

// This file defines what the Resource field of a Task can name.

import "strings"

// ResourceKind says which door a Task goes through, and with it which history
// events it leaves.
type ResourceKind string

// The kinds of resource.
const (
	Lambda   ResourceKind = "lambda"   // a function by its ARN: LambdaFunctionScheduled, ...
	Activity ResourceKind = "activity" // an activity by its ARN: ActivityScheduled, ...
	Service  ResourceKind = "service"  // an optimized integration, states:::sqs:sendMessage: TaskScheduled, ...
	SDK      ResourceKind = "sdk"      // an SDK integration, states:::aws-sdk:sqs:sendMessage: TaskScheduled, ...
)

// Pattern is how a Task waits for the service it calls.
type Pattern string

// The service integration patterns:
// https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html
const (
	RequestResponse  Pattern = ""                 // go on when the call was answered
	RunJob           Pattern = "sync"             // wait for the job to end
	RunJob2          Pattern = "sync:2"           // the same; the output of a nested execution is JSON, not text
	WaitForTaskToken Pattern = "waitForTaskToken" // wait for SendTaskSuccess or SendTaskFailure
)

// Resource is the Resource field of a Task, taken apart.
type Resource struct {
	ARN     string // as the definition has it
	Kind    ResourceKind
	Service string // "sqs", "dynamodb", for SDK integrations the name after aws-sdk ("sfn")
	Action  string // "sendMessage", as the definition has it
	Pattern Pattern
}

// Name is what histories call the resource: "sendMessage.waitForTaskToken" for
// an integration, the ARN for a function or an activity.
func (r Resource) Name() string {
	if r.Kind == Lambda || r.Kind == Activity {
		return r.ARN
	}
	if r.Pattern == RequestResponse {
		return r.Action
	}
	return r.Action + "." + string(r.Pattern)
}

// Type is what histories call resourceType: "sqs", "aws-sdk:sfn".
func (r Resource) Type() string {
	if r.Kind == SDK {
		return "aws-sdk:" + r.Service
	}
	return r.Service
}

// Operation is the action as the API spells it: "SendMessage".
func (r Resource) Operation() string {
	if r.Action == "" {
		return ""
	}
	return strings.ToUpper(r.Action[:1]) + r.Action[1:]
}
