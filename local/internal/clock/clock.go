// Package clock injects time: real, scaled, or virtual.
//
//	clock     Now moves             for
//	Real      with the wall         make up
//	Scaled    n times as fast       watching a long workflow
//	Virtual   from timer to timer   tests, make run: a 24-hour wait takes milliseconds
//
// A virtual clock stands still while somebody holds it and jumps to its next
// timer when nobody does. Whatever works (an invocation, a request, an event on
// its way, a callback of a timer) holds the clock; whatever only waits (a long
// poll, a Wait state) does not. So virtual time is deterministic as long as
// every piece of work takes over the hold of the piece that caused it before
// that one lets go.
//
// It guarantees that timers fire in the order of their times, and at equal times
// in the order they were set. It does not govern signatures, presigned URLs and
// invocation deadlines: those stay on the wall clock. Start at [Clock].
package clock

import (
	"sync/atomic"
	"time"
)

// Clock tells the time and wakes people.
type Clock interface {
	// Now is the current time, in UTC.
	Now() time.Time
	// AfterFunc calls f once, in its own goroutine and with the clock held,
	// when d has passed. A d of zero or less means as soon as possible.
	AfterFunc(d time.Duration, f func()) *Timer
	// Background is AfterFunc for what would otherwise drive a virtual clock on
	// and on, or far ahead: recurring schedules, expiry. It is called in its turn
	// when the clock comes by, but the clock does not move for it alone.
	Background(d time.Duration, f func()) *Timer
	// Hold keeps a virtual clock from jumping until release is called, once or
	// more often.
	Hold() (release func())
}

// Timer is a pending call of AfterFunc.
type Timer struct{ stop func() bool }

// Stop prevents the call; it reports whether it was still to come. A nil Timer
// has nothing to stop.
func (t *Timer) Stop() bool { return t != nil && t.stop() }

// Real returns the wall clock.
func Real() Clock { return &scaled{start: time.Now(), factor: 1} }

// Scaled returns a clock that starts now and runs factor times as fast as the wall.
func Scaled(factor float64) Clock { return &scaled{start: time.Now(), factor: factor} }

type scaled struct {
	start  time.Time
	factor float64
}

func (c *scaled) Now() time.Time {
	if c.factor == 1 {
		return time.Now().UTC()
	}
	return c.start.Add(time.Duration(float64(time.Since(c.start)) * c.factor)).UTC()
}

func (c *scaled) AfterFunc(d time.Duration, f func()) *Timer {
	t := time.AfterFunc(time.Duration(float64(d)/c.factor), f)
	return &Timer{stop: t.Stop}
}

func (c *scaled) Background(d time.Duration, f func()) *Timer { return c.AfterFunc(d, f) }

func (c *scaled) Hold() func() { return func() {} }

// once makes a release safe to call twice.
func once(f func()) func() {
	var done atomic.Bool
	return func() {
		if done.CompareAndSwap(false, true) {
			f()
		}
	}
}
