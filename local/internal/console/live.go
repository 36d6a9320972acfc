package console

// This file defines what keeps a page current: server-sent events that say no
// more than that something happened. The page then asks for itself again.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
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
	last := c.Journal.Last()
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

// line is an entry of the journal as `watch` reads it.
type line struct {
	ID    uint64    `json:"id"`
	Cause uint64    `json:"cause,omitempty"`
	Time  time.Time `json:"time"`
	Kind  string    `json:"kind"`
	Words string    `json:"words"`
	Name  string    `json:"name"`
	About string    `json:"about,omitempty"`
	Error string    `json:"error,omitempty"`
}

// journal streams what happens, a line of JSON an entry, from the start or, with
// ?after=, from there on, until the client leaves.
func (c *Console) journal(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	flush, enc := http.NewResponseController(w), json.NewEncoder(w)
	last, _ := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64)
	for {
		entries, more := c.Journal.After(last, 1000)
		for _, e := range entries {
			last = e.ID
			b := branchOf(e, 0)
			if enc.Encode(line{e.ID, e.Cause, e.Time, string(e.Kind), b.Words, b.Name, e.Subject, redacted(e.Error)}) != nil {
				return
			}
		}
		if flush.Flush() != nil {
			return
		}
		if len(entries) > 0 {
			continue
		}
		select {
		case <-r.Context().Done():
			return
		case <-more:
		}
	}
}

// entries are all that the journal still has.
func (c *Console) entries() []journal.Entry {
	entries, _ := c.Journal.After(0, 1<<30)
	return entries
}
