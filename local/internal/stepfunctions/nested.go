package stepfunctions

// This file defines nested executions that a task waits for: startExecution.sync
// and .sync:2.
//
// The child's record names the task that waits, and a row from task to child is
// written in the update that makes the child. So a restart knows whether a task
// still has to start its child, wait for it, or read its result.
// https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html

import (
	"context"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

type parentContextKey struct{}

// withParent marks a StartExecution as the doing of a task.
func withParent(ctx context.Context, p parent) context.Context {
	return context.WithValue(ctx, parentContextKey{}, &p)
}

func parentFrom(ctx context.Context) *parent {
	p, _ := ctx.Value(parentContextKey{}).(*parent)
	return p
}

func (p parent) childKey() string {
	return store.Key(p.Execution, store.Uint64(uint64(p.Task)))
}

// saveParent writes the row from a task to the child it started.
func saveParent(tx *store.Tx, rec *record) {
	if rec.Parent != nil {
		tx.Put(bucketChild, rec.Parent.childKey(), []byte(rec.ARN))
	}
}

// childOf returns the execution that a task started.
func (s *Service) childOf(p parent) (child *record, ok bool) {
	_ = s.Store.View(func(r store.Reader) error {
		arn, found := r.Get(bucketChild, p.childKey())
		if key, err := executionKey(string(arn)); found && err == nil {
			child, ok = loadRecord(r, key)
		}
		return nil
	})
	return child, ok
}

// isNestedJob says whether a task waits for an execution of this service.
func isNestedJob(r asl.Resource) bool {
	return r.Kind == asl.Service && r.Service == "states" && (r.Pattern == asl.RunJob || r.Pattern == asl.RunJob2)
}

// await sees to a submitted task: the child of one may have ended already, any
// other waits for its token.
func (s *Service) await(t *task, c interp.ScheduleTask) {
	if !isNestedJob(c.Resource) {
		return
	}
	if child, ok := s.childOf(parent{Execution: t.run.key, Task: t.id}); ok && child.Status != interp.Running {
		s.childEnded(child.Parent, child)
	}
}

// childEnded tells the task that waits what became of its child. Before the task
// is submitted it is not told: await looks again then.
func (s *Service) childEnded(p *parent, rec *record) {
	if r := s.running(p.Execution); r != nil && p.Waits {
		r.feed(message{event: s.childResult(rec), task: p.Task, submitted: true})
	}
}

// childResult is DescribeExecution's answer, as the task's output or as the
// cause of its failure.
func (s *Service) childResult(rec *record) interp.Event {
	view := s.nestedView(rec)
	if rec.Status != interp.Succeeded {
		return interp.TaskFailed{Task: rec.Parent.Task, Error: "States.TaskFailed", Cause: cut(jsonvalue.String(view), maxCause)}
	}
	return interp.TaskSucceeded{Task: rec.Parent.Task, Output: view}
}

// nestedView is an execution as its parent sees it: with the SDK's names and
// dates in milliseconds; .sync:2 has input and output as JSON, .sync as text.
func (s *Service) nestedView(rec *record) jsonvalue.Value {
	v := s.describe(rec, true)
	data := func(text *string) jsonvalue.Value {
		if text != nil && rec.Parent.JSON {
			if parsed, err := jsonvalue.Parse([]byte(*text)); err == nil {
				return parsed
			}
		}
		return pointerOrNull(text)
	}
	yes := jsonvalue.NewObject(jsonvalue.Member{Name: "Included", Value: true})
	var b jsonvalue.Builder
	set := func(name string, value jsonvalue.Value, present bool) {
		if present {
			b.Set(name, value)
		}
	}
	set("Cause", pointerOrNull(v.Cause), v.Cause != nil)
	set("Error", pointerOrNull(v.Error), v.Error != nil)
	b.Set("ExecutionArn", v.ExecutionArn).Set("Input", data(v.Input)).Set("InputDetails", yes).Set("Name", v.Name)
	set("Output", data(v.Output), v.Output != nil)
	set("OutputDetails", yes, v.Output != nil)
	b.Set("RedriveCount", jsonvalue.Int(int64(rec.Redrives))).Set("RedriveStatus", v.RedriveStatus)
	set("RedriveStatusReason", v.RedriveStatusReason, v.RedriveStatusReason != "")
	b.Set("StartDate", jsonvalue.Int(rec.Start)).Set("StateMachineArn", v.StateMachineArn)
	set("StateMachineAliasArn", v.StateMachineAliasArn, v.StateMachineAliasArn != "")
	set("StateMachineVersionArn", v.StateMachineVersionArn, v.StateMachineVersionArn != "")
	b.Set("Status", v.Status)
	set("StopDate", jsonvalue.Int(rec.Stop), rec.Stop != 0)
	set("TraceHeader", v.TraceHeader, v.TraceHeader != "")
	return b.Object()
}

// cancelled stops the job that a task waited for.
func (s *Service) cancelled(r *run, c interp.CancelTask) {
	child, ok := s.childOf(parent{Execution: r.key, Task: c.Task})
	if !ok || child.Parent == nil || !child.Parent.Waits {
		return
	}
	if r := s.running(child.key()); r != nil {
		r.tell(interp.Stopped{})
	}
}
