package stepfunctions

// This file defines the world of the tests: Step Functions over the wire, stubs
// behind the Caller, and virtual time.

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

const (
	account = "123456789012"
	role    = "arn:aws:iam::123456789012:role/machine"
	prefix  = "arn:aws:states:us-east-1:123456789012:"
)

// stub does an operation of another service.
type stub func(as awswire.Identity, params jsonvalue.Value) (jsonvalue.Value, error)

// world is Step Functions with everything around it.
type world struct {
	*testing.T
	*sfn.Client
	service *Service
	server  *awswire.Server
	clock   *clock.Virtual
	store   *store.Store
	dir     string
	hold    func()
	http    *httptest.Server

	mu     sync.Mutex
	stubs  map[string]stub
	events []ServiceEvent
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// newWorld makes a world whose store is a directory, so that it can be opened
// again.
func newWorld(t *testing.T, change ...func(*Config)) *world {
	t.Helper()
	w := &world{T: t, dir: t.TempDir(), stubs: map[string]stub{}}
	w.open(epoch, change...)
	t.Cleanup(func() { w.shut() })
	return w
}

func (w *world) open(now time.Time, change ...func(*Config)) {
	w.Helper()
	var err error
	if w.store, err = store.Open(w.dir); err != nil {
		w.Fatal(err)
	}
	w.clock = clock.NewVirtual(now, 0)
	w.hold = w.clock.Hold()
	w.server = awswire.NewServer(awswire.Config{Account: account, Region: "us-east-1", Clock: w.clock})
	cfg := Config{Account: account, Region: "us-east-1", Store: w.store, Clock: w.clock, Caller: w, PublishServiceEvent: w.publish}
	for _, f := range change {
		f(&cfg)
	}
	if w.service, err = New(cfg); err != nil {
		w.Fatal(err)
	}
	w.server.Add(w.service.API())
	if err := w.service.Start(); err != nil {
		w.Fatal(err)
	}
	w.http = httptest.NewServer(w.server)
	w.Client = sfn.New(sfn.Options{Region: "us-east-1", BaseEndpoint: aws.String(w.http.URL), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("any", "thing", ""), APIOptions: []func(*middleware.Stack) error{samePrefix}})
}

// samePrefix keeps the SDK from putting "sync-" before the host.
func samePrefix(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("NoHostPrefix", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
	}), middleware.Before)
}

// shut ends the world as a kill would: nothing more is recorded.
func (w *world) shut() {
	if w.http == nil {
		return
	}
	w.http.CloseClientConnections()
	w.http.Close()
	w.service.Close()
	w.hold() // the old clock runs out, and nobody hears it
	if err := w.store.Close(); err != nil {
		w.Error(err)
	}
	w.http = nil
}

// crash ends the world without warning and begins it again on the same store:
// what is not durable at that moment is lost, answers of calls included.
func (w *world) crash(change ...func(*Config)) {
	w.Helper()
	now := w.clock.Now()
	w.shut()
	w.open(now, change...)
}

// Call is the Caller: this service itself, or a stub.
func (w *world) Call(ctx context.Context, as awswire.Identity, service, operation string, params jsonvalue.Value) (jsonvalue.Value, error) {
	if service == "states" {
		return w.server.Call(ctx, as, service, operation, params)
	}
	name := service + ":" + operation
	if service == "lambda" {
		name = text(member(params, "FunctionName"))
	}
	w.mu.Lock()
	f := w.stubs[name]
	w.mu.Unlock()
	if f == nil {
		return nil, &awswire.Error{Code: "ResourceNotFoundException", Status: 404, Message: "Function not found: " + name}
	}
	release := w.clock.Hold()
	defer release()
	return f(as, params)
}

func (w *world) stub(name string, f stub) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stubs[name] = f
}

// function makes a Lambda function of f, which takes and returns JSON text; an
// error's text is a payload with FunctionError.
func (w *world) function(name string, f func(event string) (string, error)) string {
	arn := "arn:aws:lambda:us-east-1:" + account + ":function:" + name
	w.stub(arn, func(_ awswire.Identity, params jsonvalue.Value) (jsonvalue.Value, error) {
		event, _ := base64.StdEncoding.DecodeString(text(member(params, "Payload")))
		out, err := f(string(event))
		var b jsonvalue.Builder
		b.Set("StatusCode", jsonvalue.Int(200)).Set("ExecutedVersion", "$LATEST")
		if err != nil {
			out = err.Error()
			b.Set("FunctionError", "Unhandled")
		}
		b.Set("Payload", base64.StdEncoding.EncodeToString([]byte(out)))
		return b.Object(), nil
	})
	return arn
}

func (w *world) publish(_ context.Context, e ServiceEvent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// pass lets d go by.
func (w *world) pass(d time.Duration) {
	w.Helper()
	done := make(chan struct{})
	w.clock.AfterFunc(d, func() { w.hold = w.clock.Hold(); close(done) })
	w.hold()
	<-done
}

func (w *world) machine(name, definition string, change ...func(*sfn.CreateStateMachineInput)) string {
	w.Helper()
	in := &sfn.CreateStateMachineInput{Name: &name, Definition: &definition, RoleArn: aws.String(role)}
	for _, f := range change {
		f(in)
	}
	out, err := w.CreateStateMachine(w.Context(), in)
	if err != nil {
		w.Fatal(err)
	}
	return *out.StateMachineArn
}

func express(in *sfn.CreateStateMachineInput) { in.Type = types.StateMachineTypeExpress }

func (w *world) start(machine, input string) string {
	w.Helper()
	out, err := w.StartExecution(w.Context(), &sfn.StartExecutionInput{StateMachineArn: &machine, Input: &input})
	if err != nil {
		w.Fatal(err)
	}
	return *out.ExecutionArn
}

func (w *world) describe(execution string) *sfn.DescribeExecutionOutput {
	w.Helper()
	out, err := w.DescribeExecution(w.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &execution})
	if err != nil {
		w.Fatal(err)
	}
	return out
}

// finish lets time go by until an execution ended.
func (w *world) finish(execution string) *sfn.DescribeExecutionOutput {
	w.Helper()
	for d := 10 * time.Millisecond; d < 1000*time.Hour; d += d / 2 {
		if out := w.describe(execution); out.Status != types.ExecutionStatusRunning {
			return out
		}
		w.pass(d)
	}
	w.Fatal("the execution does not end")
	return nil
}

// run starts an execution and returns how it ended, as "SUCCEEDED output" or
// "FAILED error cause".
func (w *world) run(machine, input string) string {
	w.Helper()
	return verdict(w.finish(w.start(machine, input)))
}

func verdict(out *sfn.DescribeExecutionOutput) string {
	words := []string{string(out.Status)}
	for _, p := range []*string{out.Output, out.Error, out.Cause} {
		if p != nil {
			words = append(words, *p)
		}
	}
	return strings.Join(words, " ")
}

// types of an execution's history, in one line.
func (w *world) history(execution string) string {
	w.Helper()
	var names []string
	p := sfn.NewGetExecutionHistoryPaginator(w.Client, &sfn.GetExecutionHistoryInput{ExecutionArn: &execution})
	for p.HasMorePages() {
		page, err := p.NextPage(w.Context())
		if err != nil {
			w.Fatal(err)
		}
		for _, e := range page.Events {
			names = append(names, string(e.Type))
		}
	}
	return strings.Join(names, " ")
}

func (w *world) expect(want, got string) {
	w.Helper()
	if got != want {
		w.Errorf("got  %q\nwant %q", got, want)
	}
}

// refused demands an error of this code, and that its message contains some words.
func (w *world) refused(err error, code string, words ...string) {
	w.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code {
		w.Errorf("got %v, want %s", err, code)
		return
	}
	for _, word := range words {
		if !strings.Contains(e.ErrorMessage(), word) {
			w.Errorf("got %q, which lacks %q", e.ErrorMessage(), word)
		}
	}
}

var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

func (w *world) startNamed(machine, name, input string) string {
	w.Helper()
	out, err := w.StartExecution(w.Context(), &sfn.StartExecutionInput{StateMachineArn: &machine, Name: &name, Input: &input})
	if err != nil {
		w.Fatal(err)
	}
	return *out.ExecutionArn
}

var dates = regexp.MustCompile(`\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT`)

// drop deletes a machine with its executions.
func (w *world) drop(machine string) {
	if _, err := w.DeleteStateMachine(w.Context(), &sfn.DeleteStateMachineInput{StateMachineArn: &machine}); err != nil {
		w.Error(err)
	}
}
