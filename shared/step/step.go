// Package step is the one door between our functions and the Lambda runtime.
//
// [Start] takes a function that makes the handler. It is called once, before the
// first poll of the Runtime API, so that clients are made outside any
// invocation; then every invocation is decoded, handled and answered. A handler
// is an ordinary Go function of a context and a value; it knows neither Lambda
// nor JSON, and a test calls it directly.
//
// What the door guarantees:
//
//   - A payload that is not JSON, or not of the input's shape, is
//     Input.Malformed, saying where. Unknown fields are accepted: events grow.
//   - An error reaches Step Functions under its name in package failure, however
//     deeply it was wrapped.
//   - A handler's context ends a moment before the invocation does, so that
//     running out of time is reported as Transient.Timeout.
//   - Every log line is JSON with the request id and the correlation id, by which
//     one search finds all that an event caused; a failed invocation logs its error
//     exactly once.
//
// A panic is left to the runtime: it ends the process, and the next invocation
// begins in a fresh one, because after a panic nobody knows what memory holds.
package step

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"reflect"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/stepworks/stepworks/shared/failure"
)

// Handler does the work of one invocation.
type Handler[In, Out any] func(context.Context, In) (Out, error)

// Start makes the handler with wire and serves invocations with it until the
// environment ends; it does not return. An error of wire ends the process with
// status 1 and one log line.
func Start[In, Out any](wire func() (Handler[In, Out], error)) {
	slog.SetDefault(slog.New(correlated{lambdacontext.NewLogger().Handler()}))
	handle, err := wire()
	if err != nil {
		slog.Error("the function cannot start", "error", err.Error())
		os.Exit(1)
	}
	lambda.StartWithOptions(door[In, Out]{handle})
}

// door is a handler in the form that the runtime calls: bytes in, bytes out.
type door[In, Out any] struct{ handle Handler[In, Out] }

// Invoke implements lambda.Handler.
func (d door[In, Out]) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	ctx = from(ctx, payload)
	answer, err := d.answer(ctx, payload)
	if err != nil {
		return nil, named(ctx, err)
	}
	return answer, nil
}

// margin is kept from the handler's time, so that running out of it can still be
// reported by name. Without it the runtime would end the process first, and Step
// Functions would see only that.
const margin = 250 * time.Millisecond

func (d door[In, Out]) answer(ctx context.Context, payload []byte) ([]byte, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
		defer cancel()
	}
	in, err := decode[In](payload)
	if err != nil {
		return nil, err
	}
	out, err := d.handle(ctx, in)
	if err != nil {
		return nil, err
	}
	return encode(out)
}

// decode reads exactly one JSON value. Numbers that land in an any stay text
// (json.Number), because float64 would round them.
func decode[In any](payload []byte) (In, error) {
	var in In
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	if err := decoder.Decode(&in); err != nil {
		return in, malformed(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return in, failure.New(failure.InputMalformed, "the payload goes on after its JSON value, at byte %d", decoder.InputOffset())
	}
	return in, nil
}

// malformed says where the payload is wrong, in the payload's own terms.
func malformed(err error) error {
	var mistyped *json.UnmarshalTypeError
	var broken *json.SyntaxError
	switch {
	case errors.As(err, &mistyped):
		return failure.New(failure.InputMalformed, "%s must be %s, not %s", place(mistyped.Field), kind(mistyped.Type), mistyped.Value)
	case errors.As(err, &broken):
		return failure.New(failure.InputMalformed, "the payload is not JSON: %s at byte %d", broken, broken.Offset)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return failure.New(failure.InputMalformed, "the payload is not JSON: it ends too early")
	}
	return failure.Wrap(failure.InputMalformed, err, "the payload does not fit")
}

func place(field string) string {
	if field == "" {
		return "the payload"
	}
	return strconv.Quote(field)
}

// kind says in JSON's words what a Go type takes.
func kind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	default:
		return "a number that fits " + t.String()
	}
}

// encode writes the answer without HTML escapes, as aws-lambda-go does by default.
func encode(out any) ([]byte, error) {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(out); err != nil {
		return nil, failure.Wrap(failure.InternalUnexpected, err, "the answer cannot be written as JSON")
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// named logs err and turns it into what the runtime reports to Step Functions.
// By value: the runtime passes a messages.InvokeResponse_Error through, but would
// report a pointer to one under that type's own name.
func named(ctx context.Context, err error) error {
	name := string(failure.NameOf(err))
	slog.ErrorContext(ctx, "the step failed", "name", name, "retryable", failure.Retryable(err), "error", err.Error())
	return messages.InvokeResponse_Error{Type: name, Message: err.Error()}
}
