package stepfunctions

// This file defines how commands are performed, after their step is durable.

import (
	"context"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/asl/mockfile"
	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/journal"
)

func (r *run) perform(st *step) {
	r.record(st)
	if r.log != nil {
		r.log.flush()
	}
	for _, c := range st.commands {
		switch c := c.(type) {
		case interp.ScheduleTask:
			r.schedule(c)
		case interp.CancelTask:
			r.s.cancelled(r, c)
		case interp.StartTimer:
			r.startTimer(c.Timer, c.At)
		case interp.CancelTimer:
			r.stopTimer(c.Timer)
		case interp.StartMapRun:
			r.s.startMapRun(r, c)
		case interp.CancelMapRun:
			r.s.cancelMapRun(r, c)
		case interp.RedriveMapRun:
			r.s.redriveMapRun(r, c)
		case interp.Complete:
			r.completed()
		}
	}
}

// task is a task of an execution that is open: scheduled, and neither answered
// nor cancelled.
type task struct {
	run      *run
	id       interp.ID
	token    uint64 // fingerprint of the token that was handed out, 0 if none
	inFlight bool   // a call is under way
}

// schedule hands a task to who does it. One that a later command of the same
// step cancelled is left alone.
func (r *run) schedule(c interp.ScheduleTask) {
	t := r.task(c.Task)
	switch {
	case t == nil:
	case c.Submitted != nil:
		r.s.await(t, c)
	case c.Resource.Kind == asl.Activity:
		r.s.activities.offer(r, c)
	default:
		t.inFlight = true
		call := r.newCall(c)
		release := r.s.Clock.Hold()
		if !r.s.execute(func() { defer release(); t.answer(call, r.s.do(call)) }) {
			release()
		}
	}
}

// call is a task on its way to a service.
type call struct {
	interp.ScheduleTask
	ctx        context.Context
	run        *run
	execution  string // ARN
	as         awswire.Identity
	trace      string
	mocked     mockfile.Attempts
	machineARN string
}

func (r *run) newCall(c interp.ScheduleTask) *call {
	role := c.Role
	if role == "" {
		role = r.rec.RoleARN
	}
	as := r.s.Role(role, sessionName(r.rec.Name))
	as.Cause = r.cause
	return &call{ScheduleTask: c, ctx: r.s.ctx, run: r, execution: r.rec.ARN, as: as, trace: r.rec.Trace, mocked: r.s.Mocks.states(r.rec)[c.State], machineARN: r.rec.MachineARN}
}

// sessionName is the execution's name as far as a role session may have it: up
// to 64 of these characters.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
func sessionName(execution string) string {
	b := []byte(execution)
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.', c == '@', c == '=':
		default:
			b[i] = '-'
		}
	}
	return string(b[:min(len(b), 64)])
}

// answer feeds what a service answered. A failed call of a job or a task with a
// token failed to be submitted.
func (t *task) answer(c *call, a answer) {
	switch {
	case t.run.s.ctx.Err() != nil: // closing: whatever came of it, ask again at the next start
	case c.mocked != nil:
		t.answerMocked(c, a)
	case a.failed():
		t.feed(interp.TaskFailed{Task: t.id, Error: a.err, Cause: a.cause, SubmitFailed: c.Resource.Pattern != asl.RequestResponse})
	case c.Resource.Pattern == asl.RequestResponse:
		t.feed(interp.TaskSucceeded{Task: t.id, Output: a.output})
	default:
		t.feed(interp.TaskSubmitted{Task: t.id, Output: a.output})
		c.Submitted = a.output
		t.run.s.await(t, c.ScheduleTask)
	}
}

// answerMocked feeds a mocked response, which is the task's end whatever it
// would have waited for.
func (t *task) answerMocked(c *call, a answer) {
	if a.failed() {
		t.feed(interp.TaskFailed{Task: t.id, Error: a.err, Cause: a.cause})
		return
	}
	if c.Resource.Pattern != asl.RequestResponse {
		t.feed(interp.TaskSubmitted{Task: t.id, Output: a.output})
	}
	t.feed(interp.TaskSucceeded{Task: t.id, Output: a.output})
}

func (t *task) feed(ev interp.Event) { t.run.feed(message{event: ev, task: t.id}) }

// completed tells the world that the execution ended.
func (r *run) completed() {
	rec := r.rec
	r.s.publishStatus(r.context(), rec)
	r.s.countEnd(rec)
	if rec.Parent != nil {
		r.s.childEnded(rec.Parent, rec)
	}
	if rec.MapRun != "" {
		r.s.itemEnded(rec)
	}
	if r.ended != nil {
		r.ended(rec)
	}
}

// record tells the journal what a step did.
func (r *run) record(st *step) {
	if r.s.Journal == nil {
		return
	}
	ctx := r.context()
	for i := range st.events {
		if e := &st.events[i]; e.Name != "" && entered(e.Type) {
			r.s.Journal.Record(ctx, journal.Entry{Kind: journal.StateEntered, Subject: r.rec.ARN, Name: e.Name})
		}
	}
	if _, ok := st.complete(); ok {
		e := journal.Entry{Kind: journal.ExecutionEnded, Subject: r.rec.ARN, Name: string(r.rec.Status)}
		if r.rec.Error != nil {
			e.Error = *r.rec.Error
		}
		r.s.Journal.Record(ctx, e)
	}
}

func entered(t interp.EventType) bool {
	const suffix = "StateEntered"
	return len(t) > len(suffix) && t[len(t)-len(suffix):] == suffix
}
