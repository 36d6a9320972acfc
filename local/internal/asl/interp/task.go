package interp

// This file defines Task.
// https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html

import (
	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// actTask schedules a task: parameters, credentials, limits, then the event and
// the command. Every attempt evaluates anew, with a token of its own.
func (x *Execution) actTask(f *frame) {
	token := x.Random.Token()
	if r := f.at.Task.Resource; r.Pattern == asl.WaitForTaskToken {
		f.token = token // $$.Task.Token exists where a token is handed out
	}
	t, e := x.newTask(f)
	f.token = ""
	if e != nil {
		x.failState(f, e)
		return
	}
	if x.mocked(f) {
		return
	}
	t.Token = token
	f.Task = t
	if e := x.refused(f); e != nil {
		f.Task = nil
		x.failState(f, e)
		return
	}
	t.ID = x.newID(f)
	x.emit(f, taskEvents(f).scheduled, x.scheduledDetails(f, t))
	x.commands = append(x.commands, x.schedule(f))
	if f.at.Task.Resource.Kind != asl.Activity {
		x.startLimits(f)
	}
}

// refused asks Check about the frame's task.
func (x *Execution) refused(f *frame) *failure {
	if x.Check == nil {
		return nil
	}
	if err := x.Check(x.schedule(f)); err != nil {
		return runtimeFailure(f, "%v", err)
	}
	return nil
}

// newTask evaluates what the task needs.
func (x *Execution) newTask(f *frame) (*pendingTask, *failure) {
	in, e := languageOf(f).input(x, f)
	if e != nil {
		return nil, e
	}
	if !in.fits() {
		return nil, dataLimit(f.name())
	}
	t := &pendingTask{Parameters: in}
	if t.Timeout, e = x.limit(f, f.at.Task.Timeout); e != nil {
		return nil, e
	}
	if t.Heartbeat, e = x.limit(f, f.at.Task.Heartbeat); e != nil {
		return nil, e
	}
	t.Role, e = x.taskRole(f)
	return t, e
}

// limit evaluates TimeoutSeconds or HeartbeatSeconds.
func (x *Execution) limit(f *frame, o asl.Operand) (seconds, *failure) {
	if !o.Given() {
		return 0, nil
	}
	n, e := x.wholeOperand(f, o)
	if e == nil && (n < 1 || n > 99999999) {
		e = runtimeFailure(f, "The %s parameter must be between 1 and 99999999: %s == %d", o.Field, sourceOf(o), n)
	}
	return seconds(n), e
}

// taskRole evaluates Credentials.RoleArn.
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-access-cross-acct-resources.html
func (x *Execution) taskRole(f *frame) (string, *failure) {
	t := f.at.Task.Credentials
	if t == nil {
		return "", nil
	}
	d, e := languageOf(f).template(x, f, t, f.Input, "Credentials")
	if e != nil {
		return "", e
	}
	o, _ := d.Value().(*jsonvalue.Object)
	v, _ := o.Get("RoleArn")
	role, ok := v.(string)
	if !ok {
		return "", runtimeFailure(f, "The Credentials field must have a RoleArn that is a string")
	}
	return role, nil
}

// schedule is the command that asks for the frame's task.
func (x *Execution) schedule(f *frame) ScheduleTask {
	t := f.Task
	c := ScheduleTask{
		Task: t.ID, State: f.name(), Resource: f.at.Task.Resource, Role: t.Role, Token: t.Token,
		Attempt: f.Attempt, Timeout: t.Timeout.duration(), Heartbeat: t.Heartbeat.duration(), Started: t.Started,
	}
	if t.Parameters != nil {
		c.Parameters = t.Parameters.Value()
	}
	if t.Submitted != nil {
		c.Submitted = t.Submitted.Value()
	}
	return c
}

// startLimits starts the timers of TimeoutSeconds and HeartbeatSeconds. An
// activity's begin when a worker takes the task:
// https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html
func (x *Execution) startLimits(f *frame) {
	if t := f.Task; t.Timeout > 0 {
		t.TimeoutTimer.At = x.now.Add(t.Timeout.duration())
		t.TimeoutTimer.ID = x.startTimer(f, t.TimeoutTimer.At)
	}
	x.startHeartbeat(f)
}

func (x *Execution) startHeartbeat(f *frame) {
	if t := f.Task; t.Heartbeat > 0 {
		t.HeartbeatTimer.At = x.now.Add(t.Heartbeat.duration())
		t.HeartbeatTimer.ID = x.startTimer(f, t.HeartbeatTimer.At)
	}
}

func (x *Execution) heartbeat(f *frame) {
	if f.Task.Heartbeat == 0 {
		return
	}
	x.cancelTimer(f.Task.HeartbeatTimer.ID)
	x.startHeartbeat(f)
}

func (x *Execution) taskStarted(f *frame, worker string) {
	if f.Task.Started {
		return
	}
	f.Task.Started = true
	d := serviceDetails(f)
	d.WorkerName = worker
	x.emit(f, taskEvents(f).started, d)
	if f.at.Task.Resource.Kind == asl.Activity {
		x.startLimits(f)
	}
}

func (x *Execution) taskSubmitted(f *frame, output jsonvalue.Value) {
	x.taskStarted(f, "")
	if f.Task.Submitted != nil {
		return
	}
	f.Task.Submitted = newData(output)
	d := serviceDetails(f)
	d.Output = f.Task.Submitted.Text()
	x.emit(f, taskSubmittedType, d)
	if f.at.Task.Resource.Pattern == asl.WaitForTaskToken {
		f.Task.Parameters = nil // only the token's answer matters now
	}
}

func (x *Execution) taskSucceeded(f *frame, output jsonvalue.Value) {
	x.taskStarted(f, "")
	result := newData(output)
	if !result.fits() {
		x.endTask(f, taskEvents(f).failed, dataLimit(f.resultName()))
		return
	}
	d := serviceDetails(f)
	d.Output = result.Text()
	x.emit(f, taskEvents(f).succeeded, d)
	x.dropTask(f)
	x.note("result", result)
	o, e := languageOf(f).output(x, f, result, true)
	if e != nil {
		x.failState(f, e)
		return
	}
	x.proceed(f, o)
}

// resultName is who AWS says returned too large a result: the function's or
// activity's ARN, the service's name.
func (f *frame) resultName() string {
	if r := f.at.Task.Resource; r.Type() != "" {
		return r.Type()
	}
	return f.at.Task.Resource.ARN
}

func (x *Execution) taskFailed(f *frame, ev TaskFailed) {
	names := taskEvents(f)
	t := names.failed
	switch {
	case ev.ScheduleFailed && names.scheduleFailed != "":
		t = names.scheduleFailed
	case ev.SubmitFailed && names.submitFailed != "":
		x.taskStarted(f, "")
		t = names.submitFailed
	default:
		x.taskStarted(f, "")
	}
	x.endTask(f, t, &failure{Error: ev.Error, Cause: ev.Cause, final: ev.Error == errRuntime})
}

// taskTimedOut ends a task whose time is over. A missed heartbeat is told as
// States.Timeout too (conformance case test_heartbeat_no_timeout); retriers and
// catchers may name it States.HeartbeatTimeout.
func (x *Execution) taskTimedOut(f *frame, why string) {
	e := &failure{Error: errTimeout}
	if why == errHeartbeat {
		e.also = errHeartbeat
	}
	x.commands = append(x.commands, CancelTask{Task: f.Task.ID, Reason: why})
	x.endTask(f, taskEvents(f).timedOut, e)
}

// endTask ends a task without success.
func (x *Execution) endTask(f *frame, t EventType, e *failure) {
	d := serviceDetails(f)
	d.Error, d.Cause = e.Error, e.Cause
	x.emit(f, t, d)
	x.dropTask(f)
	x.failState(f, e)
}
