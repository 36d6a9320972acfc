package stack

// This file sends bad input to every operation of every service over a real
// listener: the SDK's own client builds each request from its input type, so that
// nothing here has to know an operation; what is wrong is put in on the way.
//
//	members    left out, empty, over every limit, no word of an enumeration
//	bodies     each value replaced by one of another type, cut off, no JSON at all
//
// Every answer must be the service's own refusal with a code, or success where
// nothing was wrong: never a status of 500 and above, a panic, or silence. What the
// SDK itself calls a required member must be refused when it is missing.
//
//	SLOW=1 go test ./local/internal/stack -run TestBadInput -v

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// clients are the SDK's, by the services' names.
func clients(cfg aws.Config) map[string]any {
	return map[string]any{
		"cloudformation": cloudformation.NewFromConfig(cfg), "cloudwatch": cloudwatch.NewFromConfig(cfg), "logs": cloudwatchlogs.NewFromConfig(cfg),
		"dynamodb": dynamodb.NewFromConfig(cfg), "dynamodbstreams": dynamodbstreams.NewFromConfig(cfg), "events": eventbridge.NewFromConfig(cfg),
		"iam": iam.NewFromConfig(cfg), "lambda": lambda.NewFromConfig(cfg), "scheduler": scheduler.NewFromConfig(cfg),
		"secretsmanager": secretsmanager.NewFromConfig(cfg), "states": sfn.NewFromConfig(cfg), "sns": sns.NewFromConfig(cfg),
		"sqs": sqs.NewFromConfig(cfg), "ssm": ssm.NewFromConfig(cfg), "sts": sts.NewFromConfig(cfg),
		"s3": s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
	}
}

// spoiler is the way to the listener: it changes bodies and remembers answers.
type spoiler struct {
	host   string
	change func(body []byte) []byte // nil: as it is
	sent   []byte
	status int
}

// RoundTrip implements http.RoundTripper.
func (s *spoiler) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if s.sent = body; s.change != nil {
			body = s.change(body)
			r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	r.URL.Host = s.host // and not that of a prefix as Step Functions has for TestState
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		s.status = answer.StatusCode
	}
	return answer, err
}

// complaints collects what is logged as an error: a panic is.
type complaints struct {
	slog.Handler
	mu   sync.Mutex
	said []string
}

func (c *complaints) Enabled(context.Context, slog.Level) bool { return true }

func (c *complaints) WithAttrs([]slog.Attr) slog.Handler { return c }

// Handle implements slog.Handler.
func (c *complaints) Handle(_ context.Context, r slog.Record) error {
	if r.Level < slog.LevelError {
		return nil
	}
	text := r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, text)
	return nil
}

func (c *complaints) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	said := c.said
	c.said = nil
	return said
}

// attack is one operation under bad input.
type attack struct {
	*testing.T
	name    string
	invoke  reflect.Value
	reads   reflect.Type // what the service knows of the input
	way     *spoiler
	log     *complaints
	counter *int // of requests, over all operations
	every   int  // of which one in so many is made
	refused *int
}

// unchecked lets the client send what it knows to be wrong.
func unchecked(stack *middleware.Stack) error {
	_, _ = stack.Initialize.Remove("OperationInputValidation")
	return nil
}

func TestBadInput(t *testing.T) {
	log := &complaints{Handler: slog.DiscardHandler}
	s, err := Start(t.Context(), Options{Account: "123456789012", Region: "us-east-1", Memory: true, Clock: VirtualClock(), Log: slog.New(log)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	way := &spoiler{host: s.listener.Addr().String()}
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(s.URL()), Credentials: credentials.NewStaticCredentialsProvider("any", "thing", ""),
		HTTPClient: &http.Client{Transport: way, Timeout: 10 * time.Second}, Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
	every := 40
	if os.Getenv("SLOW") != "" {
		every = 1
	}
	var operations, requests, refused int
	byName := clients(cfg)
	for name, service := range s.wire.Services() {
		client, ok := byName[name]
		if !ok {
			t.Errorf("there is no client for %s", name)
			continue
		}
		for _, op := range service.Operations {
			invoke := reflect.ValueOf(client).MethodByName(op.Name)
			if slices.Contains(inside, op.Name) {
				continue
			}
			if !invoke.IsValid() {
				t.Errorf("the SDK has no operation %s of %s", op.Name, name)
				continue
			}
			operations++
			a := &attack{T: t, name: name + ":" + op.Name, invoke: invoke, reads: op.Input(), way: way, log: log, counter: &requests, every: every, refused: &refused}
			a.members()
			a.bodies()
		}
	}
	t.Logf("%d operations of %d services: %d bad requests, %d refused, none failed", operations, len(byName), requests/every, refused)
}

// input is a new input whose members all have something in them.
func (a *attack) input() reflect.Value {
	in := reflect.New(a.invoke.Type().In(1).Elem())
	plausible(in.Elem(), "", 0)
	return in
}

// turn tells whether the next request is one of those that are made.
func (a *attack) turn() bool {
	*a.counter++
	return *a.counter%a.every == 0
}

// send makes a request. What a member is missing that AWS
// requires, or wrong is true, success is a fault.
func (a *attack) send(what string, in reflect.Value, change func([]byte) []byte, wrong bool) {
	if !wrong && !strings.HasPrefix(a.name, "s3:") { // on AWS too UploadPart without UploadId is PutObject
		wrong = a.incomplete(in)
	}
	a.way.change, a.way.status = change, 0
	err := a.call(in, unchecked)
	a.way.change = nil
	for _, said := range a.log.take() {
		a.Errorf("%s with %s: %.3000s", a.name, what, said)
	}
	var refusal smithy.APIError
	switch status := a.way.status; {
	case status == 0: // the client could not even build it, as a path without its parts
		if strings.Contains(err.Error(), "Client.Timeout") || strings.Contains(err.Error(), "EOF") {
			a.Errorf("%s with %s: %v", a.name, what, err)
		}
	case status == http.StatusRequestHeaderFieldsTooLarge: // by the listener, before any service
		*a.refused++
	case status >= 500 && status != http.StatusNotImplemented:
		a.Errorf("%s with %s: status %d: %.300v", a.name, what, status, err)
	case status >= 400:
		*a.refused++
		if !errors.As(err, &refusal) || refusal.ErrorCode() == "" || refusal.ErrorCode() == "UnknownError" {
			a.Errorf("%s with %s: refused without a code: %.300v", a.name, what, err)
		}
	case wrong:
		a.Errorf("%s with %s: status %d", a.name, what, status)
	}
}

// inside are operations that services of this process ask each other for, and that
// AWS does not show.
var inside = []string{"InvokeApiDestination", "RetrieveConnectionCredentials"}

func (a *attack) call(in reflect.Value, options ...func(*middleware.Stack) error) error {
	return a.callIn(a.Context(), in, options...)
}

func (a *attack) callIn(ctx context.Context, in reflect.Value, options ...func(*middleware.Stack) error) error {
	// func(*Options), whatever package Options is of
	configure := reflect.MakeFunc(a.invoke.Type().In(2).Elem(), func(args []reflect.Value) []reflect.Value {
		to := args[0].Elem().FieldByName("APIOptions")
		to.Set(reflect.ValueOf(append(slices.Clip(to.Interface().([]func(*middleware.Stack) error)), options...)))
		return nil
	})
	out := a.invoke.Call([]reflect.Value{reflect.ValueOf(ctx), in, configure})
	err, _ := out[1].Interface().(error)
	return err
}

var errBuilt = errors.New("the request was not to be made")

// incomplete tells whether the SDK finds a required member missing.
func (a *attack) incomplete(in reflect.Value) bool {
	stop := func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Stop", func(context.Context, middleware.InitializeInput, middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			return middleware.InitializeOutput{}, middleware.Metadata{}, errBuilt
		}), middleware.After)
	}
	var missing smithy.InvalidParamsError // the SDK returns it by value
	return errors.As(a.call(in, stop), &missing)
}

// members spoils the members of the input one at a time.
func (a *attack) members() {
	a.send("nothing", reflect.New(a.invoke.Type().In(1).Elem()), nil, false)
	a.send("plausible members", a.input(), nil, false)
	whole := a.input().Elem()
	for _, path := range paths(whole, nil) {
		for _, spoil := range spoilt(at(whole, path)) {
			if !a.turn() {
				continue
			}
			in := a.input()
			at(in.Elem(), path).Set(spoil.value())
			a.send(nameOf(in.Elem().Type(), path)+" "+spoil.what, in, nil, false)
		}
	}
}

// bodies spoils a body of JSON: each value in it becomes one of another type.
func (a *attack) bodies() {
	a.way.sent = nil
	_ = a.call(a.input(), unchecked)
	a.log.take()
	body := a.way.sent
	for _, text := range []string{"{", "[]", `"x"`, "1", "{\"\xff\":1}", string(body[:len(body)/2]), string(body) + "}", strings.Repeat(`{"a":[`, 20_000)} {
		if a.turn() {
			a.send(fmt.Sprintf("the body %.40s", text), a.input(), func([]byte) []byte { return []byte(text) }, false)
		}
	}
	var tree any
	if json.Unmarshal(body, &tree) != nil {
		return // a form, XML or CBOR
	}
	for _, path := range leaves(tree, nil) {
		for _, other := range []any{map[string]any{}, []any{}, "text", 12, true, 1.5} {
			if changed, ok := replaced(tree, path, other); ok && a.turn() {
				text, err := json.Marshal(changed)
				if err != nil {
					a.Fatal(err)
				}
				a.send(strings.Join(path, ".")+" of another type: "+kindOf(other), a.input(), func([]byte) []byte { return text }, known(a.reads, path))
			}
		}
	}
}
