package interp

// This file defines the context object.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html

import (
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// timestamp is how AWS writes times in JSON.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// contextOf returns the context object for a frame; it is the item of an
// ItemSelector, or nil.
func (x *Execution) contextOf(f *frame, it *item) *jsonvalue.Object {
	var b jsonvalue.Builder
	if x.outer != nil {
		for name, v := range x.outer.All() {
			b.Set(name, v)
		}
	} else {
		b.Set("Execution", x.executionContext())
		b.Set("StateMachine", object("Id", x.state.Start.MachineARN, "Name", lastPart(x.state.Start.MachineARN)))
		b.Set("State", f.stateContext())
	}
	if f.token != "" {
		b.Set("Task", object("Token", f.token))
	}
	if it == nil {
		it = f.iteration()
	}
	if it != nil {
		b.Set("Map", object("Item", object("Index", jsonvalue.Int(int64(it.index)), "Value", it.value)))
	}
	return b.Object()
}

// executionContext has RedriveCount in Standard executions only (conformance
// case test_query_runtime_memory).
func (x *Execution) executionContext() *jsonvalue.Object {
	if x.context == nil {
		s := x.state.Start
		var b jsonvalue.Builder
		b.Set("Id", s.ARN).Set("Input", s.Input.Value()).Set("StartTime", timestamp(s.Time)).Set("Name", s.Name).Set("RoleArn", s.RoleARN)
		if !s.Express {
			b.Set("RedriveCount", jsonvalue.Int(int64(x.Redrives)))
		}
		if x.Redrives > 0 {
			b.Set("RedriveTime", timestamp(x.Redriven))
		}
		x.context = b.Object()
	}
	return x.context
}

// stateContext has RetryCount where there can be retries.
func (f *frame) stateContext() *jsonvalue.Object {
	o := []any{"Name", f.name(), "EnteredTime", timestamp(f.Entered)}
	switch f.at.Type {
	case asl.TypeTask, asl.TypeMap, asl.TypeParallel:
		o = append(o, "RetryCount", jsonvalue.Int(int64(f.Attempt)))
	}
	return object(o...)
}

// iteration returns the item of the iteration that a frame is part of, or nil.
func (f *frame) iteration() *item {
	for ; f.parent != nil; f = f.parent {
		if f.Item != nil {
			return &item{f.Index, f.Item.Value()}
		}
	}
	return nil
}

// lastPart is what stands after the last colon of an ARN.
func lastPart(arn string) string { return arn[strings.LastIndexByte(arn, ':')+1:] }

// arnField is one of the fields of an ARN that colons separate: 3 is the region.
func arnField(arn string, i int) string {
	parts := strings.Split(arn, ":")
	if i < len(parts) {
		return parts[i]
	}
	return ""
}
