package eventbridge

// This file defines the workers that make deliveries: how many at once, in which
// order, and when.

import (
	"context"
	"sync"
	"time"
)

// maxCouriers is how many deliveries are under way at once. Deliveries begin in
// the order in which their events were accepted.
const maxCouriers = 64

type courier struct {
	service *Service
	ctx     context.Context
	cancel  context.CancelFunc

	mu      sync.Mutex
	queue   []waiting
	running int
	closed  bool
	idle    sync.WaitGroup
}

// waiting is a delivery whose turn comes, with the hold that keeps a virtual
// clock from running ahead of it.
type waiting struct {
	*delivery
	release func()
}

func newCourier(s *Service) *courier {
	ctx, cancel := context.WithCancel(context.Background())
	return &courier{service: s, ctx: ctx, cancel: cancel}
}

// addAt makes the delivery when it is due.
func (c *courier) addAt(d *delivery, due time.Time) {
	if wait := due.Sub(c.service.Clock.Now()); wait > 0 {
		c.service.Clock.AfterFunc(wait, func() { c.add(d) })
		return
	}
	c.add(d)
}

// add makes the delivery as soon as a worker is free.
func (c *courier) add(d *delivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.queue = append(c.queue, waiting{d, c.service.Clock.Hold()})
	if c.running < maxCouriers {
		c.running++
		c.idle.Add(1)
		go c.work()
	}
}

// background runs f beside the deliveries, until it ends or the service closes.
func (c *courier) background(f func(ctx context.Context)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	release := c.service.Clock.Hold()
	c.idle.Add(1)
	go func() {
		defer c.idle.Done()
		defer release()
		f(c.ctx)
	}()
}

func (c *courier) work() {
	defer c.idle.Done()
	for {
		w, ok := c.take()
		if !ok {
			return
		}
		c.service.attempt(c.ctx, w.delivery)
		w.release()
	}
}

func (c *courier) take() (waiting, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 || c.closed {
		c.running--
		return waiting{}, false
	}
	w := c.queue[0]
	c.queue[0] = waiting{}
	c.queue = c.queue[1:]
	return w, true
}

func (c *courier) close() {
	c.mu.Lock()
	c.closed = true
	for _, w := range c.queue {
		w.release()
	}
	c.queue = nil
	c.mu.Unlock()
	c.cancel()
	c.idle.Wait()
}
