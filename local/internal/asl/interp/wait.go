package interp

// This file defines Wait.
// https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html

import (
	"time"

	"github.com/stepworks/stepworks/local/internal/asl"
)

// maxWait is the longest delay of a Wait state: AWS refuses 99,999,999 seconds
// beyond the present year count (conformance case
// test_timestamp_too_far_in_future_boundary: 24,855 days are taken, 24,856 not,
// which is where a signed 32-bit number of seconds ends).
const maxWait = (1<<31 - 1) * time.Second

func (x *Execution) actWait(f *frame) {
	at, e := x.wakeTime(f)
	if e == nil && at.Sub(x.now) > maxWait {
		e = runtimeFailure(f, "Wait state delay is too long.")
	}
	if e != nil {
		x.failState(f, e)
		return
	}
	if !at.After(x.now) {
		x.passOn(f)
		return
	}
	f.Timer = &pendingTimer{At: at}
	f.Timer.ID = x.startTimer(f, at)
}

// wakeTime is when the state ends.
func (x *Execution) wakeTime(f *frame) (time.Time, *failure) {
	if op := f.at.Wait.Seconds; op.Given() {
		return x.secondsFromNow(f, op)
	}
	op := f.at.Wait.Timestamp
	v, e := languageOf(f).operand(x, f, op)
	if e != nil {
		return time.Time{}, e
	}
	text, _ := v.(string)
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil && f.at.Language == asl.JSONata {
		return at, chained(f, queryFailure(f, op.Field, "The %s field cannot be parsed as an ISO-8601 extended offset date-time format string: %s", op.Field, plain(v)))
	}
	if err != nil {
		return at, runtimeFailure(f, "The %s parameter does not reference a valid ISO-8601 extended offset date-time format string: %s == %s",
			op.Field, sourceOf(op), plain(v))
	}
	return at, nil
}

func (x *Execution) secondsFromNow(f *frame, op asl.Operand) (time.Time, *failure) {
	v, e := languageOf(f).operand(x, f, op)
	if e != nil {
		return time.Time{}, e
	}
	n, ok := numeric(v)
	seconds, whole := n.Int64()
	switch {
	case !ok || !whole:
		return time.Time{}, runtimeFailure(f, "The %s parameter cannot be parsed as a long value: %s == %s", op.Field, sourceOf(op), plain(v))
	case seconds < 0:
		return time.Time{}, runtimeFailure(f, "The %s parameter references a negative value: %s == %s", op.Field, sourceOf(op), plain(v))
	}
	return x.now.Add(time.Duration(min(seconds, int64(2*maxWait/time.Second))) * time.Second), nil
}
