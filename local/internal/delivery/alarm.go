package delivery

// This file defines timers by name, as schedules need them.

import (
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/clock"
)

// Alarms are timers by name. Make them with [NewAlarms].
type Alarms struct {
	clock clock.Clock

	mu     sync.Mutex
	timers map[string]*clock.Timer
	closed bool
}

// NewAlarms returns a set without alarms.
func NewAlarms(c clock.Clock) *Alarms {
	return &Alarms{clock: c, timers: map[string]*clock.Timer{}}
}

// Set calls f at a time, in place of what was set by this name before. A schedule
// does not drive a virtual clock: a daily one would make years go by.
func (a *Alarms) Set(name string, at time.Time, f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.timers[name].Stop()
	if !a.closed {
		a.timers[name] = a.clock.Background(at.Sub(a.clock.Now()), f)
	}
}

// Clear takes an alarm back.
func (a *Alarms) Clear(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.timers[name].Stop()
	delete(a.timers, name)
}

// Close takes all alarms back; none is set any more.
func (a *Alarms) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for _, timer := range a.timers {
		timer.Stop()
	}
}
