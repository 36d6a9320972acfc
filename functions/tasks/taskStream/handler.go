package main

// This file defines how a new row becomes an announcement.

import (
	"context"

	"github.com/stepworks/stepworks/shared/feed"
	"github.com/stepworks/stepworks/shared/task"
)

type handler struct{ book task.Book }

func (h handler) handle(ctx context.Context, batch feed.Batch) (feed.Response, error) {
	return feed.Stream(ctx, batch, h.announce)
}

// announce leaves sub-tasks out, as the mapping's filter does: each of them would
// start its task's execution a second time.
func (h handler) announce(ctx context.Context, r feed.Record) error {
	pk, sk := r.Change.Keys["pk"].S, r.Change.Keys["sk"].S
	if r.EventName != "INSERT" || task.IsSub(sk) {
		return nil
	}
	return h.book.Announce(ctx, pk, sk)
}
