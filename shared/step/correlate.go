package step

// This file defines what every log line of an invocation says about where it came
// from, so that one search finds all that an event caused, across functions,
// machines and buses.

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
)

type originKey struct{}

// origin is where an invocation came from.
type origin struct {
	correlation string // the trace that the event began, or the nearest thing to it
	execution   string // the execution's ARN, in a step of a state machine
	event       string // the event's id, in a function that a rule invokes
}

// from is a context that knows its origin. The trace header is the one thing that
// EventBridge, Step Functions and Lambda all pass on by themselves, and package
// bus passes it into further events; so its root is the correlation id. Without
// tracing the execution's or the event's id takes its place.
// https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
func from(ctx context.Context, payload []byte) context.Context {
	var in struct {
		ID        string                                  `json:"id"`
		Source    string                                  `json:"source"`
		Execution struct{ ID string }                     `json:"execution"`
		Metadata  struct{ EventID string }                `json:"eventMetadata"`
		Context   struct{ Execution struct{ ID string } } `json:"context"`
	}
	_ = json.Unmarshal(payload, &in) // of whatever shape: what is not there stays empty
	o := origin{execution: in.Execution.ID, event: in.Metadata.EventID}
	if o.execution == "" {
		o.execution = in.Context.Execution.ID
	}
	if o.event == "" && in.Source != "" {
		o.event = in.ID
	}
	header, _ := ctx.Value("x-amzn-trace-id").(string)
	for _, id := range []string{root(header), o.execution, o.event} {
		if o.correlation == "" {
			o.correlation = id
		}
	}
	return context.WithValue(ctx, originKey{}, o)
}

// root is the trace's id in a header such as Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1.
func root(header string) string {
	for field := range strings.SplitSeq(header, ";") {
		if id, ok := strings.CutPrefix(strings.TrimSpace(field), "Root="); ok {
			return id
		}
	}
	return ""
}

// correlated adds the origin to every line that is logged with an invocation's
// context.
type correlated struct{ slog.Handler }

// Handle implements slog.Handler.
func (h correlated) Handle(ctx context.Context, r slog.Record) error {
	o, _ := ctx.Value(originKey{}).(origin)
	for _, a := range []slog.Attr{slog.String("correlationId", o.correlation), slog.String("executionId", o.execution), slog.String("eventId", o.event)} {
		if a.Value.String() != "" {
			r.AddAttrs(a)
		}
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h correlated) WithAttrs(attrs []slog.Attr) slog.Handler {
	return correlated{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h correlated) WithGroup(name string) slog.Handler { return correlated{h.Handler.WithGroup(name)} }
