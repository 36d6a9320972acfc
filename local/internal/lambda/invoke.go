package lambda

// This file defines Invoke, which every invocation comes through, whoever makes
// it: the API, Step Functions, EventBridge, an event source mapping or a retry.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/lambda/sandbox"
)

func (s *Service) invokeOperations() []awswire.Operation {
	asyncPath := "/2019-09-25/functions/{FunctionName}/event-invoke-config"
	onConfig := func(operation string) func(*asyncConfigInput) []awswire.Access {
		return onFunction(s, operation, func(in *asyncConfigInput) (string, string) { return in.FunctionName, in.Qualifier })
	}
	return []awswire.Operation{
		awswire.Op("Invoke", onFunction(s, "InvokeFunction", func(in *invokeInput) (string, string) { return in.FunctionName, in.Qualifier }), s.invoke).At("POST", functionPath+"/invocations"),
		awswire.Op("PutFunctionEventInvokeConfig", onConfig("PutFunctionEventInvokeConfig"), s.putAsyncConfig).At("PUT", asyncPath),
		awswire.Op("UpdateFunctionEventInvokeConfig", onConfig("UpdateFunctionEventInvokeConfig"), s.updateAsyncConfig).At("POST", asyncPath),
		awswire.Op("GetFunctionEventInvokeConfig", onQualified(s, "GetFunctionEventInvokeConfig"), s.getAsyncConfig).At("GET", asyncPath),
		awswire.Op("DeleteFunctionEventInvokeConfig", onQualified(s, "DeleteFunctionEventInvokeConfig"), s.deleteAsyncConfig).At("DELETE", asyncPath).Answers(204),
		awswire.Op("ListFunctionEventInvokeConfigs", onFunction(s, "ListFunctionEventInvokeConfigs", func(in *listAsyncConfigsInput) (string, string) { return in.FunctionName, "" }), s.listAsyncConfigs).At("GET", asyncPath+"/list"),
	}
}

type invokeInput struct {
	FunctionName   string `json:"FunctionName" http:"path" check:"required,min=1,max=256,pattern=(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"`
	Qualifier      string `json:"Qualifier" http:"query=Qualifier" check:"min=1,max=128,pattern=\\$(LATEST(\\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"`
	InvocationType string `json:"InvocationType" http:"header=X-Amz-Invocation-Type" check:"enum=Event|RequestResponse|DryRun"`
	LogType        string `json:"LogType" http:"header=X-Amz-Log-Type" check:"enum=None|Tail"`
	ClientContext  string `json:"ClientContext" http:"header=X-Amz-Client-Context"`
	Payload        []byte `json:"Payload" http:"body"`
}

type invokeOutput struct {
	StatusCode      int    `json:"StatusCode" http:"status"`
	FunctionError   string `json:"FunctionError,omitzero" http:"header=X-Amz-Function-Error"`
	LogResult       string `json:"LogResult,omitzero" http:"header=X-Amz-Log-Result"`
	ExecutedVersion string `json:"ExecutedVersion,omitzero" http:"header=X-Amz-Executed-Version"`
	Payload         []byte `json:"Payload" http:"body"`
}

// Limits of payloads: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	maxSyncPayload  = 6 << 20
	maxAsyncPayload = 1 << 20
)

func (s *Service) invoke(ctx context.Context, in *invokeInput) (*invokeOutput, error) {
	n, err := s.parseName(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	f, err := s.function(n)
	if err != nil {
		return nil, err
	}
	if _, err := f.versionOf(s, n); err != nil {
		return nil, err
	}
	clientContext, err := in.check()
	if err != nil {
		return nil, err
	}
	if cause := awswire.CallerFrom(ctx).Cause; journal.CauseFrom(ctx) == 0 && cause != 0 {
		ctx = journal.WithCause(ctx, cause)
	}
	r := run{function: f, name: n, requestID: awswire.RequestIDFrom(ctx), payload: in.Payload, trace: awswire.TraceFrom(ctx), clientContext: clientContext}
	if r.requestID == "" {
		r.requestID = newID()
	}
	switch in.InvocationType {
	case "DryRun":
		return &invokeOutput{StatusCode: 204}, nil
	case "Event":
		return &invokeOutput{StatusCode: 202}, s.async.accept(ctx, r)
	}
	return s.answer(ctx, r, in.LogType == "Tail")
}

// check looks at what an invocation brings and returns its client context.
func (in *invokeInput) check() (string, error) {
	limit := maxSyncPayload
	if in.InvocationType == "Event" {
		limit = maxAsyncPayload
	}
	if len(in.Payload) > limit {
		return "", awswire.Errorf("RequestTooLargeException", "Request must be smaller than %d bytes for the InvokeFunction operation", limit)
	}
	if len(in.Payload) == 0 {
		in.Payload = []byte("{}")
	}
	if err := checkJSON(in.Payload); err != nil {
		return "", err
	}
	if in.ClientContext == "" {
		return "", nil
	}
	text, err := base64.StdEncoding.DecodeString(in.ClientContext)
	if err != nil || len(in.ClientContext) > 3583 || !jsontext.Value(text).IsValid() {
		return "", awswire.Errorf("InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object of at most 3583 bytes.")
	}
	return string(text), nil
}

// checkJSON refuses a payload that is not JSON, in about AWS's words.
func checkJSON(payload []byte) error {
	if jsontext.Value(payload).IsValid(jsontext.AllowDuplicateNames(true)) {
		return nil
	}
	problem, line, column := badStart(payload)
	if problem == "" {
		problem, line, column = "it is not JSON", 1, 1
		_, err := jsonvalue.Parse(payload)
		var at *jsonvalue.SyntaxError
		if errors.As(err, &at) {
			problem, line, column = at.Problem, at.Line, at.Column
		}
	}
	return awswire.Errorf("InvalidRequestContentException", "Could not parse request body into json: Could not parse payload into json: %s\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: %d, column: %d]", problem, line, column)
}

const jsonValues = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"

// badStart words a payload that is not even the beginning of JSON as AWS's
// parser, Jackson, does; "" where it begins well.
func badStart(payload []byte) (problem string, line, column int) {
	letter := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
	first := payload[0]
	switch {
	case strings.IndexByte("{[\"-0123456789 \t\r\n", first) >= 0:
		return "", 0, 0
	case first < ' ' || first >= 0x80:
		return fmt.Sprintf("Unexpected character ((CTRL-CHAR, code %d)): expected a valid value %s", first, jsonValues), 1, 1
	case !letter(first):
		return fmt.Sprintf("Unexpected character ('%c' (code %d)): expected a valid value %s", first, first, jsonValues), 1, 1
	}
	n := 1
	for n < len(payload) && letter(payload[n]) {
		n++
	}
	if n < len(payload) && payload[n] >= 0x80 {
		return fmt.Sprintf("Invalid UTF-8 start byte 0x%02x", payload[n]), 1, n + 2
	}
	if word := string(payload[:n]); word != "null" && word != "true" && word != "false" {
		return fmt.Sprintf("Unrecognized token '%s': was expecting %s", word, jsonValues), 1, n + 1
	}
	return "", 0, 0
}

// answer runs a synchronous invocation.
func (s *Service) answer(ctx context.Context, r run, tail bool) (*invokeOutput, error) {
	result, v, err := s.run(ctx, r)
	if err != nil {
		return nil, s.refusal(err)
	}
	out := &invokeOutput{StatusCode: 200, ExecutedVersion: v.Config.Version, Payload: result.Payload}
	if result.Failed() {
		out.FunctionError = "Unhandled"
	}
	if tail {
		out.LogResult = base64.StdEncoding.EncodeToString(result.LogTail)
	}
	return out, nil
}

// run is one execution of a function.
type run struct {
	function      *function
	name          name
	requestID     string
	payload       []byte
	trace         string
	clientContext string
	iteratorAge   *time.Duration // of a batch from a stream
}

// run executes a function once, and tells the journal and the metrics.
func (s *Service) run(ctx context.Context, r run) (sandbox.Result, *version, error) {
	v, err := r.function.route(s, r.name)
	if err != nil {
		return sandbox.Result{}, nil, err
	}
	arn := s.nameARN(r.name)
	ctx = s.Journal.Record(ctx, journal.Entry{Kind: journal.InvocationStarted, Subject: arn, Name: r.name.function,
		Detail: jsonvalue.NewObject(member("requestId", r.requestID))})
	result, err := s.environments.Invoke(ctx, r.function.specs[v.Config.Version], sandbox.Invocation{
		RequestID: r.requestID, ARN: arn, Payload: r.payload, ClientContext: r.clientContext, TraceHeader: r.trace, Cause: journal.CauseFrom(ctx)})
	s.tell(ctx, r, arn, result, err)
	return result, v, err
}

func (s *Service) tell(ctx context.Context, r run, arn string, result sandbox.Result, err error) {
	var throttle *sandbox.Throttle
	entry := journal.Entry{Kind: journal.InvocationEnded, Subject: arn, Name: r.name.function, Error: result.ErrorType, Detail: jsonvalue.NewObject(
		member("requestId", r.requestID), member("durationMs", jsonvalue.Float(float64(result.Duration.Microseconds())/1000)), member("cold", result.Cold))}
	if err != nil {
		entry.Error = err.Error()
	}
	s.Journal.Record(ctx, entry)
	if s.Metrics == nil || err != nil && !errors.As(err, &throttle) {
		return
	}
	resource := r.name.function
	if q := r.name.qualifier; q != "" {
		resource += ":" + q
	}
	s.Metrics(Metric{Function: r.name.function, Resource: resource, Throttled: throttle != nil, Failed: result.Failed(), Duration: result.Duration, IteratorAge: r.iteratorAge})
}

// refusal turns an error of the environments into the API's.
func (s *Service) refusal(err error) error {
	var throttle *sandbox.Throttle
	var ours *awswire.Error
	worded := errors.As(err, &ours)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &throttle):
		return &awswire.Error{Code: "TooManyRequestsException", Message: throttle.Error(), Members: map[string]any{"Reason": throttle.Reason}}
	case errors.Is(err, sandbox.ErrClosed):
		return &awswire.Error{Code: "ServiceException", Message: "The local AWS is shutting down.", Status: 500}
	case worded, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return &awswire.Error{Code: "InvalidParameterValueException", Message: "The function cannot be started: " + err.Error()}
}

// errorMessage reads what a failed function says of its failure.
func errorMessage(payload []byte) string {
	v, err := jsonvalue.Parse(payload)
	o, ok := v.(*jsonvalue.Object)
	if err != nil || !ok {
		return ""
	}
	text, _ := o.Get("errorMessage")
	message, _ := text.(string)
	return message
}

// roleIdentity is who Lambda acts as for a function: its role.
func (s *Service) roleIdentity(role, function string, cause uint64) awswire.Identity {
	return awswire.Identity{Account: s.Account, ARN: fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", s.Account, lastOf(role), function), Role: role, Cause: cause}
}

// timestamp is how Lambda's records spell times.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// orText returns payload as a JSON value, or as a string where it is none.
func orText(payload []byte) jsonvalue.Value {
	v, err := jsonvalue.Parse(payload)
	if err != nil {
		return strings.ToValidUTF8(string(payload), "\uFFFD")
	}
	return v
}
