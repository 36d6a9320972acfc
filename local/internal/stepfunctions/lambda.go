package stepfunctions

// This file defines functions as tasks: by their ARN, where the task's input is
// the event and its output the function's, and through lambda:invoke, whose
// output is the whole answer.
// https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html

import (
	"encoding/base64"
	"fmt"
	"strconv"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

var lambdaNames = serviceNames[1]

// callFunction runs a function by its ARN.
func (s *Service) callFunction(c *call) answer {
	params := jsonvalue.NewObject(
		jsonvalue.Member{Name: "FunctionName", Value: c.Resource.ARN},
		jsonvalue.Member{Name: "Payload", Value: base64.StdEncoding.EncodeToString([]byte(jsonvalue.String(c.Parameters)))},
	)
	out, a := s.invoke(c, params)
	if a.failed() {
		return a
	}
	v, err := jsonvalue.Parse(out.payload)
	if err != nil {
		return failed("Lambda.Unknown", noErrorType(out.payload))
	}
	return succeeded(v)
}

// invokeLambda is lambda:invoke.
func invokeLambda(s *Service, c *call) answer {
	params, ok := c.Parameters.(*jsonvalue.Object)
	if !ok {
		params = jsonvalue.NewObject()
	}
	if v, present := params.Get("Payload"); present {
		params = params.With("Payload", base64.StdEncoding.EncodeToString(payload(v)))
	}
	out, a := s.invoke(c, params)
	if a.failed() {
		return a
	}
	var b jsonvalue.Builder
	b.Set("ExecutedVersion", out.version).Set("Payload", textOrJSON(out.payload))
	m := metadata{contentType: "application/json", length: len(out.payload), lambda: out.version, date: s.now()}
	m.set(&b)
	b.Set("StatusCode", jsonvalue.Int(out.status))
	return succeeded(b.Object())
}

// payload is what the function gets: JSON of the value, or, when the value is
// text, that text; null is no payload.
func payload(v jsonvalue.Value) []byte {
	switch v := v.(type) {
	case nil:
		return []byte("{}")
	case string:
		return []byte(v)
	}
	return []byte(jsonvalue.String(v))
}

func textOrJSON(payload []byte) jsonvalue.Value {
	if v, err := jsonvalue.Parse(payload); err == nil {
		return v
	}
	return string(payload)
}

// invocation is what Lambda answered.
type invocation struct {
	payload []byte
	version string
	status  int64
}

// invoke calls Lambda. A function that failed fails the task with its error type
// and the payload as the cause.
func (s *Service) invoke(c *call, params jsonvalue.Value) (invocation, answer) {
	v, err := s.Caller.Call(c.context(), c.as, "lambda", "Invoke", params)
	if err != nil {
		return invocation{}, lambdaNames.optimizedError(wireError(err))
	}
	out := invocation{version: text(member(v, "ExecutedVersion")), status: 200}
	if out.version == "" {
		out.version = "$LATEST"
	}
	if n, ok := member(v, "StatusCode").(jsonvalue.Number); ok {
		out.status, _ = strconv.ParseInt(string(n), 10, 64)
	}
	out.payload, _ = base64.StdEncoding.DecodeString(text(member(v, "Payload")))
	if text(member(v, "FunctionError")) == "" {
		return out, answer{}
	}
	report, _ := jsonvalue.Parse(out.payload)
	if name := text(member(report, "errorType")); name != "" {
		return out, failed(name, string(out.payload))
	}
	return out, failed("Lambda.Unknown", noErrorType(out.payload))
}

func noErrorType(payload []byte) string {
	return fmt.Sprintf("The cause could not be determined because Lambda did not return an error type. Returned payload: %s", payload)
}
