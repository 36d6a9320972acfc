package console

// This file defines what keeps a page current: server-sent events that say no
// more than that something happened. The page then asks for itself again.

import (
	"fmt"
	"net/http"
	"time"

	"github.com/stepworks/stepworks/local/internal/journal"
)

const (
	liveEvery = 400 * time.Millisecond // so that a busy minute is no storm
	liveBeat  = 20 * time.Second       // so that a lost browser is noticed
)

func (c *Console) live(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w)
	last := uint64(0)
	for _, e := range c.entries() {
		last = e.ID
	}
	for first := true; ; first = false {
		entries, more := c.Journal.After(last, 10_000)
		if n := len(entries); n > 0 {
			last = entries[n-1].ID
		}
		if first || len(entries) > 0 {
			_, _ = fmt.Fprintf(w, "id: %d\ndata: %d\n\n", last, last)
		} else {
			_, _ = fmt.Fprint(w, ": \n\n")
		}
		if flush.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(liveBeat):
		case <-more:
			time.Sleep(liveEvery)
		}
	}
}

// entries are all that the journal still has.
func (c *Console) entries() []journal.Entry {
	entries, _ := c.Journal.After(0, 1<<30)
	return entries
}
