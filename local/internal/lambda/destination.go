package lambda

// This file defines what is sent when an invocation has succeeded or failed for
// good: records to destinations, events to dead-letter queues.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// letter is something to be sent on a function's behalf.
type letter struct {
	to         string // an ARN
	body       *jsonvalue.Object
	text       string            // instead of body: a dead-letter queue gets the event itself
	attributes map[string]string // "Number:200"; of the message
	detailType string            // when an event bus gets it
	folder     string            // when a bucket does
	resources  []any
}

// letters are what an outcome has to be told by.
func (s *Service) letters(f *function, n name, p *pending, config *asyncConfig) []letter {
	var letters []letter
	to := ""
	if config != nil {
		to = config.OnSuccess
		if p.Outcome.failed() {
			to = config.OnFailure
		}
	}
	if to != "" {
		detail := "Success"
		if p.Outcome.failed() {
			detail = "Failure"
		}
		letters = append(letters, letter{to: to, body: s.invocationRecord(n, p), detailType: "Lambda Function Invocation Result - " + detail,
			resources: []any{s.nameARN(asyncName(n))}, folder: "async/" + n.function})
	}
	v, err := f.versionOf(s, n)
	if err != nil || !p.Outcome.failed() || v.Config.DeadLetterConfig == nil {
		return letters
	}
	// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
	attributes := map[string]string{"RequestID": "String:" + p.RequestID, "ErrorCode": "Number:200"}
	if message := errorMessage(p.Outcome.Response); message != "" {
		attributes["ErrorMessage"] = "String:" + message[:min(len(message), 1<<10)]
	}
	return append(letters, letter{to: *v.Config.DeadLetterConfig.TargetArn, text: string(p.Payload), attributes: attributes})
}

// invocationRecord is what a destination receives.
func (s *Service) invocationRecord(n name, p *pending) *jsonvalue.Object {
	attempts := p.Attempts
	if !p.Outcome.failed() {
		attempts++
	}
	record := []jsonvalue.Member{
		member("version", "1.0"),
		member("timestamp", timestamp(s.Clock.Now())),
		member("requestContext", jsonvalue.NewObject(member("requestId", p.RequestID), member("functionArn", s.nameARN(asyncName(n))),
			member("condition", p.Outcome.Condition), member("approximateInvokeCount", jsonvalue.Int(int64(attempts))))),
		member("requestPayload", orText(p.Payload)),
	}
	if p.Outcome.Version == "" {
		return jsonvalue.NewObject(record...)
	}
	response := []jsonvalue.Member{member("statusCode", jsonvalue.Int(200)), member("executedVersion", p.Outcome.Version)}
	if p.Outcome.failed() {
		response = append(response, member("functionError", "Unhandled"))
	}
	return jsonvalue.NewObject(append(record, member("responseContext", jsonvalue.NewObject(response...)), member("responsePayload", orText(p.Outcome.Response)))...)
}

// send sends a letter as the function's role. A letter that cannot be sent is
// lost, as on AWS; it is said in the log and the journal.
func (s *Service) send(ctx context.Context, f *function, l letter) {
	c := f.record.Latest.Config
	as := s.roleIdentity(c.Role, c.FunctionName, journal.CauseFrom(ctx))
	err := s.post(ctx, as, l)
	if err == nil {
		s.Journal.Record(ctx, journal.Entry{Kind: journal.Delivered, Subject: l.to, Name: lastOf(l.to)})
		return
	}
	s.Log.Error("a function's result could not be sent to its destination", "function", c.FunctionName, "destination", l.to, "error", err)
	s.Journal.Record(ctx, journal.Entry{Kind: journal.DeliveryFailed, Subject: l.to, Name: lastOf(l.to), Error: err.Error()})
}

func (s *Service) post(ctx context.Context, as awswire.Identity, l letter) error {
	if s.Caller == nil {
		return fmt.Errorf("there is no %s here", l.to)
	}
	text := l.text
	if l.body != nil {
		text = jsonvalue.String(l.body)
	}
	parts := strings.SplitN(l.to, ":", 6)
	if len(parts) < 6 {
		return fmt.Errorf("%s is no ARN", l.to)
	}
	var err error
	switch parts[2] {
	case "sqs":
		_, err = s.Caller.Call(ctx, as, "sqs", "SendMessage", withAttributes(jsonvalue.NewObject(member("QueueUrl", queueURL(l.to)), member("MessageBody", text)), l.attributes))
	case "sns":
		_, err = s.Caller.Call(ctx, as, "sns", "Publish", withAttributes(jsonvalue.NewObject(member("TopicArn", l.to), member("Message", text)), l.attributes))
	case "lambda":
		_, err = s.Caller.Call(ctx, as, "lambda", "Invoke", jsonvalue.NewObject(member("FunctionName", l.to), member("InvocationType", "Event"), member("Payload", base64Text([]byte(text)))))
	case "events":
		err = s.putEvent(ctx, as, l, text)
	case "s3":
		key := fmt.Sprintf("aws/lambda/%s/%s-%s", l.folder, s.Clock.Now().UTC().Format("2006/01/02/2006-01-02T15.04.05"), newID())
		_, err = s.Caller.Call(ctx, as, "s3", "PutObject", jsonvalue.NewObject(member("Bucket", lastOf(l.to)), member("Key", key), member("Body", base64Text([]byte(text))), member("ContentType", "application/json")))
	default:
		err = fmt.Errorf("nothing is sent to the service %s from here", parts[2])
	}
	return err
}

// putEvent puts a record on a bus; that PutEvents succeeds says nothing of its
// entries.
func (s *Service) putEvent(ctx context.Context, as awswire.Identity, l letter, text string) error {
	entry := jsonvalue.NewObject(member("EventBusName", l.to), member("Source", "lambda"), member("DetailType", l.detailType), member("Detail", text), member("Resources", l.resources))
	out, err := s.Caller.Call(ctx, as, "events", "PutEvents", jsonvalue.NewObject(member("Entries", []any{entry})))
	if err != nil {
		return err
	}
	o, _ := out.(*jsonvalue.Object)
	entries, _ := o.Get("Entries")
	if list, ok := entries.([]any); ok && len(list) == 1 {
		if e, ok := list[0].(*jsonvalue.Object); ok && e.Has("ErrorCode") {
			return awswire.Errorf(textOf(e, "ErrorCode"), "%s", textOf(e, "ErrorMessage"))
		}
	}
	return nil
}

// withAttributes adds message attributes to the parameters of a send.
func withAttributes(params *jsonvalue.Object, attributes map[string]string) *jsonvalue.Object {
	if len(attributes) == 0 {
		return params
	}
	var b jsonvalue.Builder
	for _, key := range []string{"RequestID", "ErrorCode", "ErrorMessage"} {
		if value, ok := attributes[key]; ok {
			kind, text, _ := strings.Cut(value, ":")
			b.Set(key, jsonvalue.NewObject(member("DataType", kind), member("StringValue", text)))
		}
	}
	return params.With("MessageAttributes", b.Object())
}

// queueURL is a queue's URL as far as SQS reads it: the path names the queue.
func queueURL(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	return "https://sqs." + parts[3] + ".amazonaws.com/" + parts[4] + "/" + parts[5]
}

func base64Text(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func textOf(o *jsonvalue.Object, name string) string {
	v, _ := o.Get(name)
	text, _ := v.(string)
	return text
}
