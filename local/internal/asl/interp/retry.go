package interp

// This file defines what becomes of a state that failed: another attempt, a
// catcher, or the failure of what is around it.

import (
	"math"
	"slices"
	"time"

	"github.com/stepworks/stepworks/local/internal/asl"
)

// failState decides about a failure: Retry first, then Catch, then the frame
// above. https://states-language.net/spec.html#errors
func (x *Execution) failState(f *frame, e *failure) {
	x.tellEvaluation(f, e)
	if e.final {
		x.fail(f, *e)
		return
	}
	if x.retry(f, e) {
		return
	}
	if t, ok := failedTypes[f.at.Type]; ok {
		x.emit(f, t, Details{})
	}
	if x.catch(f, e) {
		return
	}
	x.failFrame(f, e)
}

// failFrame ends a frame without success: the root's failure is the
// execution's, another's is that of the state above.
func (x *Execution) failFrame(f *frame, e *failure) {
	if f.parent == nil {
		x.fail(f, *e)
		return
	}
	x.childFailed(f, e)
}

// retry starts the delay of the first retrier that matches and has attempts
// left, if there is one. Attempts are counted by retrier and state entered.
func (x *Execution) retry(f *frame, e *failure) bool {
	for i, r := range f.at.Retry {
		if !matches(r.ErrorEquals, e) {
			continue
		}
		if f.Spent == nil {
			f.Spent = make([]int, len(f.at.Retry))
		}
		if int64(f.Spent[i]) >= r.MaxAttempts {
			return false
		}
		delay := x.delay(r, f.Spent[i])
		if x.probe != nil {
			x.probeRetried(i, e, delay)
			return true
		}
		x.observe(f, PartRetrier, i, f.name())
		at := x.now.Add(delay)
		f.Spent[i]++
		f.Fan, f.MapRun = nil, nil
		f.Timer = &pendingTimer{At: at, Retry: true}
		f.Timer.ID = x.startTimer(f, at)
		return true
	}
	return false
}

// delay is how long a retrier waits after so many attempts:
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
func (x *Execution) delay(r asl.Retrier, spent int) time.Duration {
	seconds := float64(r.IntervalSeconds) * math.Pow(r.BackoffRate, float64(spent))
	if r.MaxDelaySeconds > 0 {
		seconds = min(seconds, float64(r.MaxDelaySeconds))
	}
	if r.Jitter {
		seconds *= x.Random.Float64()
	}
	return time.Duration(min(seconds, maxDelay.Seconds()) * float64(time.Second))
}

// maxDelay bounds a delay: no execution lasts longer than a year.
const maxDelay = 366 * 24 * time.Hour

// catch lets the first catcher that matches have the failure.
func (x *Execution) catch(f *frame, e *failure) bool {
	for i, c := range f.at.Catch {
		if !matches(c.ErrorEquals, e) {
			continue
		}
		o, broken := languageOf(f).caught(x, f, c, object("Error", e.Error, "Cause", e.Cause))
		if broken != nil {
			x.tellEvaluation(f, broken)
			x.fail(f, *broken)
			return true
		}
		f.Fan, f.MapRun = nil, nil
		x.probeCaught(i, e)
		x.observe(f, PartCatcher, i, c.Next)
		if broken := x.leave(f, o, c.Next); broken != nil {
			x.fail(f, *broken)
		}
		return true
	}
	return false
}

// matches reports whether a retrier or catcher that names these errors has the
// one that happened. States.TaskFailed stands for all but timeouts.
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
func matches(names []string, e *failure) bool {
	return slices.Contains(names, e.Error) ||
		slices.Contains(names, errAll) ||
		slices.Contains(names, errTaskFailed) && e.Error != errTimeout ||
		e.also != "" && slices.Contains(names, e.also)
}
