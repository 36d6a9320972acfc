package eventbridge

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsevents "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/secretsmanager"
	"github.com/stepworks/stepworks/local/internal/sqs"
	"github.com/stepworks/stepworks/local/internal/store"
)

// This file defines the world of the tests: EventBridge and SQS behind one
// listener, driven by the real SDK, in virtual time. Other targets are recorded.

const (
	account = "123456789012"
	region  = "us-east-1"
)

var start = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

type world struct {
	*testing.T
	clock   *clock.Virtual
	store   *store.Store
	server  *awswire.Server
	service *Service
	events  *awsevents.Client
	sqs     *awssqs.Client

	mu     sync.Mutex
	calls  []recordedCall
	answer func(call recordedCall) error // nil: every target takes everything
}

// recordedCall is a call to a target that is not SQS or EventBridge.
type recordedCall struct {
	at                 time.Duration // since start
	as                 awswire.Identity
	service, operation string
	params             *jsonvalue.Object
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, clock: clock.NewVirtual(start, 0), store: store.Memory()}
	t.Cleanup(func() { _ = w.store.Close() })
	w.boot()
	return w
}

// boot starts the services on the world's store, as a new process would.
func (w *world) boot() {
	w.server = awswire.NewServer(awswire.Config{Account: account, Region: region, Clock: w.clock, Log: slog.New(slog.DiscardHandler)})
	h := httptest.NewServer(w.server)
	w.Cleanup(h.Close)
	queues := sqs.New(sqs.Config{Account: account, Region: region, URL: func() string { return h.URL }, Store: w.store, Clock: w.clock})
	var err error
	w.service, err = New(Config{Account: account, Region: region, Store: w.store, Clock: w.clock, Caller: w, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(w.service.Close)
	w.server.Add(queues.API())
	w.server.Add(secretsmanager.New(secretsmanager.Config{Account: account, Region: region, Store: w.store, Clock: w.clock}).API())
	w.server.Add(w.service.API())
	cfg := aws.Config{Region: region, BaseEndpoint: aws.String(h.URL), Credentials: credentials.NewStaticCredentialsProvider("any", "thing", ""), RetryMaxAttempts: 1}
	w.events, w.sqs = awsevents.NewFromConfig(cfg), awssqs.NewFromConfig(cfg)
	if err := w.service.Start(); err != nil {
		w.Fatal(err)
	}
}

// Call implements Caller.
func (w *world) Call(ctx context.Context, as awswire.Identity, service, operation string, params jsonvalue.Value) (jsonvalue.Value, error) {
	if service == "sqs" || service == "events" || service == "secretsmanager" {
		return w.server.Call(ctx, as, service, operation, params)
	}
	call := recordedCall{w.clock.Now().Sub(start), as, service, operation, params.(*jsonvalue.Object)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, call)
	if w.answer != nil {
		return nil, w.answer(call)
	}
	return jsonvalue.NewObject(), nil
}

// quiet waits until nothing is under way and no timer is left.
func (w *world) quiet() {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
	defer cancel()
	if err := w.pass(ctx); err != nil {
		w.Fatal("still not quiet: ", err)
	}
}

func (w *world) recorded() []recordedCall {
	w.quiet()
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.calls
	w.calls = nil
	return calls
}

// queue makes a queue and returns its ARN.
func (w *world) queue(name string) string {
	w.Helper()
	if _, err := w.sqs.CreateQueue(w.Context(), &awssqs.CreateQueueInput{QueueName: &name}); err != nil {
		w.Fatal(err)
	}
	return "arn:aws:sqs:" + region + ":" + account + ":" + name
}

// queueURL spells a queue's ARN as a URL.
func queueURL(arn string) string {
	return "https://sqs.us-east-1.amazonaws.com/" + account + "/" + arn[strings.LastIndexByte(arn, ':')+1:]
}

// received takes all messages out of a queue.
func (w *world) received(arn string) []message {
	w.Helper()
	w.quiet()
	var got []message
	for {
		out, err := w.sqs.ReceiveMessage(w.Context(), &awssqs.ReceiveMessageInput{QueueUrl: aws.String(queueURL(arn)), MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"}})
		if err != nil {
			w.Fatal(err)
		}
		if len(out.Messages) == 0 {
			return got
		}
		for _, m := range out.Messages {
			got = append(got, newMessage(*m.Body, m))
			if _, err := w.sqs.DeleteMessage(w.Context(), &awssqs.DeleteMessageInput{QueueUrl: aws.String(queueURL(arn)), ReceiptHandle: m.ReceiptHandle}); err != nil {
				w.Fatal(err)
			}
		}
	}
}

// rule makes a rule with one target and returns its ARN.
func (w *world) rule(bus, name, pattern string, target types.Target) string {
	w.Helper()
	out, err := w.events.PutRule(w.Context(), &awsevents.PutRuleInput{Name: &name, EventBusName: optional(bus), EventPattern: &pattern})
	if err != nil {
		w.Fatal(err)
	}
	if target.Id == nil {
		target.Id = aws.String("t")
	}
	if _, err := w.events.PutTargets(w.Context(), &awsevents.PutTargetsInput{Rule: &name, EventBusName: optional(bus), Targets: []types.Target{target}}); err != nil {
		w.Fatal(err)
	}
	return *out.RuleArn
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// put puts one event and returns its id.
func (w *world) put(bus, source, kind, detail string) string {
	w.Helper()
	out, err := w.events.PutEvents(w.Context(), &awsevents.PutEventsInput{Entries: []types.PutEventsRequestEntry{
		{EventBusName: optional(bus), Source: &source, DetailType: &kind, Detail: &detail},
	}})
	if err != nil {
		w.Fatal(err)
	}
	if out.FailedEntryCount != 0 {
		w.Fatalf("%s: %s", *out.Entries[0].ErrorCode, *out.Entries[0].ErrorMessage)
	}
	return *out.Entries[0].EventId
}

// pass lets time go by until nothing is left to come, schedules included, which
// do not drive the clock by themselves.
func (w *world) pass(ctx context.Context) error {
	for {
		if err := w.clock.Quiet(ctx); err != nil || !w.clock.Skip() {
			return err
		}
	}
}
