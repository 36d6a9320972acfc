package stepfunctions

// This file defines the inbox that executions and map runs share: the first to
// put something in becomes the one who works it off.

import "sync"

// inbox is a queue with at most one worker.
type inbox[T any] struct {
	mu    sync.Mutex
	items []T
	busy  bool
}

// put adds an item and says whether the caller must see to a worker.
func (b *inbox[T]) put(item T) (first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items = append(b.items, item)
	first = !b.busy
	b.busy = true
	return first
}

// take empties the inbox; with nothing in it, the work is over.
func (b *inbox[T]) take() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	batch := b.items
	b.items = nil
	b.busy = len(batch) > 0
	return batch
}

// claim makes the caller the worker of an inbox that nobody knows yet.
func (b *inbox[T]) claim() { b.busy = true }

// quit ends the caller's work unless there is more.
func (b *inbox[T]) quit() (more bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.busy = len(b.items) > 0
	return b.busy
}
