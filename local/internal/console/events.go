package console

// This file defines the pages of events: what came, what it matched and why not
// the rest, and everything that followed from it.

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

type eventsPage struct {
	Events []eventRow
	Bus    string
	Buses  []string
	Total  int
}

type eventRow struct {
	journal.Entry
	Source         string
	Matched        []string
	Failed, Letter int
}

// eventsShown is how many events a page shows, the latest first.
const eventsShown = 200

func (c *Console) events(w http.ResponseWriter, r *http.Request) {
	p := eventsPage{Bus: r.URL.Query().Get("bus")}
	rows := map[uint64]*eventRow{}
	var order []*eventRow
	rule := map[uint64]*eventRow{} // a match -> its event
	for _, e := range c.entries() {
		switch e.Kind {
		case journal.EventReceived:
			if !slices.Contains(p.Buses, e.Where) {
				p.Buses = append(p.Buses, e.Where)
			}
			if p.Bus == "" || p.Bus == e.Where {
				rows[e.ID] = &eventRow{Entry: e, Source: doc{e.Detail}.text("source")}
				order = append(order, rows[e.ID])
			}
		case journal.RuleMatched:
			if row := rows[e.Cause]; row != nil {
				row.Matched = append(row.Matched, e.Name)
				rule[e.ID] = row
			}
		case journal.DeliveryFailed:
			if row := rule[e.Cause]; row != nil {
				row.Failed++
			}
		case journal.DeadLettered:
			if row := rule[e.Cause]; row != nil {
				row.Letter++
			}
		}
	}
	p.Total = len(order)
	for i := len(order) - 1; i >= max(0, len(order)-eventsShown); i-- {
		p.Events = append(p.Events, *order[i])
	}
	c.render(w, r, "events.html", "events", "Events", p, nil)
}

type eventPage struct {
	eventRow
	Body     string
	Verdicts []Verdict
	Tree     []branch
	Causes   []branch
	Again    string // entries that send it again; "" if a secret was taken out
}

// branch is a line of the causality tree.
type branch struct {
	journal.Entry
	Depth int
	Words string
	Link  string
}

func (c *Console) event(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	entries := c.entries()
	i := slices.IndexFunc(entries, func(e journal.Entry) bool { return e.ID == id && e.Kind == journal.EventReceived })
	if err != nil || i < 0 {
		c.render(w, r, "", "events", "Event", nil, errors.New("this event is gone: the journal keeps the latest 50,000 entries, and none from before a restart"))
		return
	}
	e := entries[i]
	p := eventPage{eventRow: eventRow{Entry: e, Source: doc{e.Detail}.text("source")}, Body: show(e.Detail), Tree: tree(entries, e.ID), Causes: causes(entries, e)}
	if c.Explain != nil {
		p.Verdicts, err = c.Explain(e.Where, jsonvalue.Append(nil, e.Detail))
	}
	p.Again = again(e)
	c.render(w, r, "event.html", "events", e.Name, p, err)
}

// again makes the entries for PutEvents that send an event once more.
func again(e journal.Entry) string {
	d := doc{e.Detail}
	entry := params("Source", d.text("source"), "DetailType", d.text("detail-type"), "EventBusName", e.Where,
		"Detail", jsonvalue.String(d.get("detail").v))
	text := jsonvalue.Indent([]any{entry})
	if strings.Contains(text, journal.Redacted) || strings.HasPrefix(d.text("source"), "aws.") {
		return "" // PutEvents takes none of AWS's own sources
	}
	return text
}

// treeShown bounds the tree of an event that led to much.
const treeShown = 500

// tree is everything that an entry led to, each below what caused it.
func tree(entries []journal.Entry, root uint64) []branch {
	below := map[uint64][]journal.Entry{}
	for _, e := range entries {
		if e.Cause != 0 {
			below[e.Cause] = append(below[e.Cause], e)
		}
	}
	var out []branch
	var walk func(id uint64, depth int)
	walk = func(id uint64, depth int) {
		for _, e := range below[id] {
			if len(out) == treeShown {
				return
			}
			if e.Kind != journal.StateEntered {
				out = append(out, branchOf(e, depth))
			}
			walk(e.ID, depth+1)
		}
	}
	walk(root, 0)
	return out
}

// causes leads from outside to an entry.
func causes(entries []journal.Entry, e journal.Entry) []branch {
	byID := map[uint64]journal.Entry{}
	for _, x := range entries {
		byID[x.ID] = x
	}
	var out []branch
	for cause, ok := byID[e.Cause]; ok; cause, ok = byID[cause.Cause] {
		out = append(out, branchOf(cause, 0))
	}
	slices.Reverse(out)
	return out
}

var kindWords = map[journal.Kind]string{
	journal.EventReceived: "event", journal.RuleMatched: "matched rule", journal.Delivered: "delivered to", journal.DeliveryFailed: "not delivered to",
	journal.DeadLettered: "dead letter to", journal.ExecutionStarted: "execution of", journal.ExecutionEnded: "execution ended", journal.InvocationStarted: "invocation of",
	journal.InvocationEnded: "invocation ended", journal.MessageSent: "message", journal.AlarmChanged: "alarm", journal.PermissionRefused: "permission refused", journal.ResourceChanged: "changed", journal.StateEntered: "entered",
}

func branchOf(e journal.Entry, depth int) branch {
	b := branch{Entry: e, Depth: min(depth, 12), Words: kindWords[e.Kind]}
	switch e.Kind {
	case journal.EventReceived:
		b.Link = "/events/" + strconv.FormatUint(e.ID, 10)
	case journal.ExecutionStarted, journal.ExecutionEnded:
		b.Link = "/executions/" + url.PathEscape(e.Subject)
	case journal.InvocationStarted, journal.InvocationEnded:
		b.Link = "/functions/" + url.PathEscape(e.Name)
	case journal.DeadLettered:
		b.Link = "/queues/" + url.PathEscape(lastOf(e.Subject))
	}
	if b.Name == "" || e.Kind == journal.Delivered || e.Kind == journal.DeliveryFailed || e.Kind == journal.DeadLettered {
		b.Name = lastOf(e.Subject)
	}
	return b
}
