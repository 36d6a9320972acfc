package main

// This file defines how a new row becomes an announcement.

import (
	"context"

	"github.com/stepworks/stepworks/shared/feed"
	"github.com/stepworks/stepworks/shared/intake"
)

type handler struct{ book intake.Book }

func (h handler) handle(ctx context.Context, batch feed.Batch) (feed.Response, error) {
	return feed.Stream(ctx, batch, h.announce)
}

// announce leaves the jobs of direct imports out:
// their rows are announced.
func (h handler) announce(ctx context.Context, r feed.Record) error {
	if r.EventName != "INSERT" || r.Text("mode") == intake.Direct {
		return nil
	}
	return h.book.Announce(ctx, r.Change.Keys["pk"].S, r.Change.Keys["sk"].S)
}
