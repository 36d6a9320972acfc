package clock

// This file defines the virtual clock.

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// Virtual is a [Clock] that jumps. Make it with [NewVirtual].
type Virtual struct {
	grace time.Duration // how long, on the wall, it must be idle before it jumps

	mu     sync.Mutex
	now    time.Time
	timers timerHeap
	drive  int // how many timers are not background
	seq    uint64
	held   int
	since  time.Time     // on the wall: when it became idle
	spent  time.Duration // of grace, since the last timer was set or fired
	idle   chan struct{} // closed when nothing is left to do, for Quiet
	free   chan struct{} // closed when nobody holds it, for Advance
}

// NewVirtual returns a virtual clock that shows start. It jumps once it has been
// idle for grace on the wall clock, interruptions not counted: zero where every
// actor holds it properly, some milliseconds where clients outside the process
// take turns with it. A client that only polls does not keep it from jumping;
// work that sets a timer does, for another grace; background timers take none.
func NewVirtual(start time.Time, grace time.Duration) *Virtual {
	return &Virtual{now: start.UTC(), grace: grace}
}

// Now returns the virtual time.
func (c *Virtual) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Hold implements [Clock].
func (c *Virtual) Hold() func() {
	c.mu.Lock()
	c.hold()
	c.mu.Unlock()
	return once(c.release)
}

// AfterFunc implements [Clock].
func (c *Virtual) AfterFunc(d time.Duration, f func()) *Timer { return c.set(d, f, true) }

// Background implements [Clock].
func (c *Virtual) Background(d time.Duration, f func()) *Timer { return c.set(d, f, false) }

func (c *Virtual) set(d time.Duration, f func(), drives bool) *Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	t := &timer{at: c.now.Add(max(d, 0)), seq: c.seq, f: f, drives: drives}
	heap.Push(&c.timers, t)
	if drives {
		c.drive++
		c.spent, c.since = 0, time.Now()
	}
	c.settle()
	return &Timer{stop: func() bool { return c.remove(t) }}
}

// Skip jumps to the next timer, of the background too, and reports whether there
// was one. It waits for nobody who holds the clock.
func (c *Virtual) Skip() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.timers) == 0 {
		return false
	}
	c.jump()
	return true
}

// Advance moves on by d, firing every timer that falls due on the way, those of
// the background too; before each it waits until nobody holds the clock.
func (c *Virtual) Advance(ctx context.Context, d time.Duration) error {
	for to := c.Now().Add(d); ; {
		c.mu.Lock()
		switch {
		case c.held > 0:
			if c.free == nil {
				c.free = make(chan struct{})
			}
			free := c.free
			c.mu.Unlock()
			select {
			case <-free:
			case <-ctx.Done():
				return ctx.Err()
			}
			continue
		case len(c.timers) > 0 && !c.timers[0].at.After(to):
			c.jump()
		default:
			if to.After(c.now) {
				c.now = to
			}
			c.mu.Unlock()
			return nil
		}
		c.mu.Unlock()
	}
}

// Next returns the time of the next timer.
func (c *Virtual) Next() (at time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.timers) == 0 {
		return time.Time{}, false
	}
	return c.timers[0].at, true
}

// Quiet waits until nobody holds the clock and no timer is left but those of the
// background.
func (c *Virtual) Quiet(ctx context.Context) error {
	for {
		c.mu.Lock()
		if c.held == 0 && c.drive == 0 {
			c.mu.Unlock()
			return nil
		}
		if c.idle == nil {
			c.idle = make(chan struct{})
		}
		idle := c.idle
		c.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *Virtual) hold() {
	if c.held == 0 && c.grace > 0 {
		c.spent += time.Since(c.since)
	}
	c.held++
}

func (c *Virtual) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held--; c.held == 0 {
		c.since = time.Now()
		if c.free != nil {
			close(c.free)
			c.free = nil
		}
	}
	c.settle()
}

func (c *Virtual) remove(t *timer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.index < 0 {
		return false
	}
	heap.Remove(&c.timers, t.index)
	c.left(t)
	c.settle()
	return true
}

// settle plans the next jump, or tells who waits for quiet; c.mu is held.
func (c *Virtual) settle() {
	switch {
	case c.held > 0:
	case c.drive > 0 && c.grace == 0:
		c.jump()
	case c.drive > 0:
		time.AfterFunc(c.grace-c.spent, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.held == 0 && c.drive > 0 && c.spent+time.Since(c.since) >= c.grace {
				c.jump()
			}
		})
	case c.idle != nil:
		close(c.idle)
		c.idle = nil
	}
}

// jump moves to the next timer and fires it, and it alone: its work may stop the
// others. c.mu is held.
func (c *Virtual) jump() {
	t := heap.Pop(&c.timers).(*timer)
	c.left(t)
	if t.drives {
		c.spent, c.since = 0, time.Now()
	}
	if t.at.After(c.now) {
		c.now = t.at
	}
	c.hold()
	go func() {
		defer c.release()
		t.f()
	}()
}

// left counts a timer out; c.mu is held.
func (c *Virtual) left(t *timer) {
	if t.drives {
		c.drive--
	}
}

type timer struct {
	at     time.Time
	seq    uint64
	f      func()
	drives bool
	index  int // in the heap; -1 when it left
}

type timerHeap []*timer

func (h timerHeap) Len() int { return len(h) }

func (h timerHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].seq < h[j].seq
	}
	return h[i].at.Before(h[j].at)
}

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	t.index = len(*h)
	*h = append(*h, t)
}

func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h, t.index = old[:len(old)-1], -1
	return t
}
