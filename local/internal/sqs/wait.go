package sqs

// This file defines waiting for messages: long polls are woken by a send or by a
// message falling due, and end on the wall clock.

import (
	"context"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
)

// waiting is who waits on one queue.
type waiting struct {
	mu      sync.Mutex
	changed chan struct{}
}

func (s *Service) waiter(name string) *waiting {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.queues[name]
	if w == nil {
		w = &waiting{changed: make(chan struct{})}
		s.queues[name] = w
	}
	return w
}

// news returns a channel that is closed at the next wake.
func (w *waiting) news() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// wake tells all who wait on the queue to look again.
func (s *Service) wake(name string) {
	w := s.waiter(name)
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.changed)
	w.changed = make(chan struct{})
	if s.Arrived != nil {
		s.Arrived(s.arn(name))
	}
}

// waitFor waits for news, for the time next on the injected clock, or until the
// poll ends; it reports whether looking again may help.
func (s *Service) waitFor(ctx context.Context, news <-chan struct{}, next time.Time, rest time.Duration) bool {
	due := make(chan struct{})
	if !next.IsZero() {
		timer := s.Clock.AfterFunc(next.Sub(s.Clock.Now()), func() { close(due) })
		defer timer.Stop()
	}
	awswire.Waiting(ctx)
	end := time.NewTimer(rest)
	defer end.Stop()
	select {
	case <-news:
		return true
	case <-due:
		return true
	case <-end.C:
		return false
	case <-ctx.Done():
		return false
	}
}
