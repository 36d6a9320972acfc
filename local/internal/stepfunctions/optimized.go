package stepfunctions

// This file defines the optimized integrations.
// https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html

import (
	"context"
	"net/url"
	"strings"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// integrations are the optimized integrations by service and action.
var integrations = map[string]func(*Service, *call) answer{
	"lambda:invoke":         invokeLambda,
	"dynamodb:getItem":      callDynamoDB,
	"dynamodb:putItem":      callDynamoDB,
	"dynamodb:updateItem":   callDynamoDB,
	"dynamodb:deleteItem":   callDynamoDB,
	"sqs:sendMessage":       sendMessage,
	"sns:publish":           publishMessage,
	"events:putEvents":      putEvents,
	"states:startExecution": startNested,
	"http:invoke":           invokeHTTP,
}

// context carries what the call is caused by, and its trace.
func (c *call) context() context.Context {
	ctx := journal.WithCause(c.ctx, c.as.Cause)
	if c.trace != "" {
		ctx = awswire.WithTrace(ctx, c.trace)
	}
	return ctx
}

// request calls the operation that the resource names, and adds to its answer
// what the SDK adds.
func (s *Service) request(c *call, params jsonvalue.Value, m metadata) answer {
	n, _ := namesOf(c.Resource)
	v, err := s.Caller.Call(c.context(), c.as, n.local, c.Resource.Operation(), params)
	if err != nil {
		return n.optimizedError(wireError(err))
	}
	m.date = s.now()
	if m.length == 0 {
		m.body = jsonvalue.String(v)
	}
	var b jsonvalue.Builder
	if o, ok := v.(*jsonvalue.Object); ok {
		for name, x := range o.All() {
			b.Set(name, x)
		}
	}
	m.set(&b)
	return succeeded(b.Object())
}

const json10 = "application/x-amz-json-1.0"

func callDynamoDB(s *Service, c *call) answer {
	return s.request(c, c.Parameters, metadata{contentType: json10, dynamoDB: true})
}

// sendMessage sends a request to the queue's URL: where that cannot be one, the
// SDK finds no host, and no service has refused anything.
func sendMessage(s *Service, c *call) answer {
	if u, err := url.Parse(text(member(c.Parameters, "QueueUrl"))); err == nil && u.Host != "" && strings.Trim(u.Path, "/") == "" {
		return failed("SQS.SdkClientException", "Unable to execute HTTP request: "+u.Host+": Name or service not known")
	}
	return s.request(c, asText(c.Parameters, "MessageBody"), metadata{contentType: json10})
}

// The lengths of SNS's XML answers without and with a FIFO sequence number, as
// recorded from AWS: their parts have fixed sizes.
const (
	publishLength     = 294
	publishFIFOLength = 352
)

func publishMessage(s *Service, c *call) answer {
	a := s.request(c, asText(c.Parameters, "Message"), metadata{contentType: "text/xml", length: publishLength})
	if o, ok := a.output.(*jsonvalue.Object); ok && o.Has("SequenceNumber") {
		m := metadata{contentType: "text/xml", length: publishFIFOLength, date: s.now()}
		var b jsonvalue.Builder
		for name, x := range o.All() {
			b.Set(name, x)
		}
		m.set(&b)
		a.output = b.Object()
	}
	return a
}

// putEvents adds the execution and its machine to each entry's resources, and
// fails when the bus did not take every entry.
// https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html
func putEvents(s *Service, c *call) answer {
	params, ok := c.Parameters.(*jsonvalue.Object)
	entries, isList := member(params, "Entries").([]any)
	if ok && isList {
		out := make([]any, len(entries))
		for i, e := range entries {
			out[i] = s.entry(c, e)
		}
		params = params.With("Entries", out)
	}
	v, err := s.Caller.Call(c.context(), c.as, "events", "PutEvents", params)
	if err != nil {
		n, _ := namesOf(c.Resource)
		return n.optimizedError(wireError(err))
	}
	if n, _ := member(v, "FailedEntryCount").(jsonvalue.Number); n != "" && n != "0" {
		return failed("EventBridge.FailedEntry", jsonvalue.String(v))
	}
	return succeeded(v)
}

func (s *Service) entry(c *call, v jsonvalue.Value) jsonvalue.Value {
	o, ok := asText(v, "Detail").(*jsonvalue.Object)
	if !ok {
		return v
	}
	own, _ := member(o, "Resources").([]any)
	resources := append(append([]any{}, own...), c.execution, c.machineARN)
	return o.With("Resources", resources)
}

// startNested starts an execution, once for each task: a task that is asked
// again after a crash finds the child that it started.
func startNested(s *Service, c *call) answer {
	p := parent{Execution: c.run.key, Task: c.Task, Waits: isNestedJob(c.Resource), JSON: c.Resource.Pattern == asl.RunJob2}
	if child, ok := s.childOf(p); ok {
		return startAnswer(s, child.ARN, child.Start)
	}
	params := asText(c.Parameters, "Input")
	if o, ok := params.(*jsonvalue.Object); ok && member(o, "Input") == nil {
		params = o.Without("Input")
	}
	n, _ := namesOf(c.Resource)
	v, err := s.Caller.Call(withParent(c.context(), p), c.as, n.local, "StartExecution", params)
	if err != nil {
		return n.optimizedError(wireError(err))
	}
	return startAnswer(s, text(member(v, "ExecutionArn")), millisOf(member(v, "StartDate")))
}

func startAnswer(s *Service, arn string, start int64) answer {
	var b jsonvalue.Builder
	b.Set("ExecutionArn", arn)
	m := metadata{contentType: json10, length: len(`{"executionArn":"","startDate":1.713422808134E9}`) + len(arn), date: s.now()}
	m.set(&b)
	b.Set("StartDate", jsonvalue.Int(start))
	return succeeded(b.Object())
}

// millisOf reads seconds since the epoch.
func millisOf(v jsonvalue.Value) int64 {
	n, _ := v.(jsonvalue.Number)
	f, _ := n.Float64()
	return int64(f*1000 + 0.5)
}

// check is what the interpreter asks before it schedules a task.
func (r *run) check(c interp.ScheduleTask) error { return r.s.checkTask(r.rec, c) }
