package console

// This file defines what an execution's history tells: its visits of states, one
// line each, with attempts, errors and what is still being waited for.

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// visit is one stay in a state.
type visit struct {
	ID, Exit   int // of the events that begin and end it
	Name, Type string
	Depth      int
	Start, End time.Time
	Status     string // running, waiting, succeeded, caught, failed
	Attempts   int
	Error      string
	Scheduled  int    // the event that asked for the latest attempt
	MapRun     string // of a distributed map
	Child      string // the execution that it started

	events []int
	parent *visit
	failed bool // by the latest attempt
}

// Took is how long it lasted, -1 while it does.
func (v *visit) Took() time.Duration {
	if v.End.IsZero() {
		return -1
	}
	return v.End.Sub(v.Start)
}

// Retries is how often a task was tried again.
func (v *visit) Retries() int { return max(0, v.Attempts-1) }

// histories are what was read of some executions, so that a page that renews itself
// reads no more than what is new: events are only ever added.
type histories struct {
	mu     sync.Mutex
	known  map[string]*reader
	latest []string // the keys, the one used last at the end
}

// remembered is how many executions' histories are kept: one that is full takes
// about ten megabytes.
const remembered = 8

// of returns what was read of an execution, which its beginning tells from an
// earlier one of the same name.
func (h *histories) of(x doc) *reader {
	key := x.text("ExecutionArn") + " " + x.text("StartDate")
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.Index(h.latest, key); i >= 0 {
		h.latest = slices.Delete(h.latest, i, i+1)
	} else if len(h.latest) == remembered {
		delete(h.known, h.latest[0])
		h.latest = slices.Delete(h.latest, 0, 1)
	}
	if h.known == nil {
		h.known = map[string]*reader{}
	}
	if h.known[key] == nil {
		h.known[key] = &reader{of: map[int]*visit{}}
	}
	h.latest = append(h.latest, key)
	return h.known[key]
}

// history reads on in an execution's events, without what they carry, and returns
// its visits so far in the order they began, and how many events there are.
func (c *Console) history(ctx context.Context, x doc) ([]*visit, int, error) {
	r := c.histories.of(x)
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		page, err := c.ask(ctx, "states", "GetExecutionHistory", "ExecutionArn", x.text("ExecutionArn"), "MaxResults", 1000, "IncludeExecutionData", false,
			"NextToken", strconv.Itoa(r.last+1))
		for _, e := range page.list("Events") {
			r.read(e)
		}
		if err != nil || !page.has("NextToken") {
			return r.settled(x.text("Status") == "RUNNING"), r.last, err
		}
	}
}

// reader makes visits out of events.
type reader struct {
	mu     sync.Mutex
	visits []*visit
	of     map[int]*visit // by event
	last   int            // event that was read
}

// settled returns the visits, with those that the events leave open: waiting or
// running as long as the execution is, and failed with it, until it is redriven.
func (r *reader) settled(running bool) []*visit {
	visits := slices.Clone(r.visits)
	for i, v := range visits {
		now := *v // the events go on in the one that is kept
		if v.End.IsZero() && !running {
			now.Status = "failed"
		}
		visits[i] = &now
	}
	return visits
}

func (r *reader) read(e doc) {
	kind, id := e.text("type"), e.int("id")
	r.last = id
	v := r.of[e.int("previousEventId")]
	if base, ok := strings.CutSuffix(kind, "StateEntered"); ok {
		v = r.enter(v, e, base)
	} else if strings.HasSuffix(kind, "StateExited") {
		if v = owner(v, e.get("stateExitedEventDetails").text("name")); v != nil {
			v.leave(e)
		}
	} else if v != nil {
		v.note(kind, e)
	}
	if v != nil {
		v.events = append(v.events, id)
		r.of[id] = v
	}
}

func (r *reader) enter(before *visit, e doc, base string) *visit {
	for before != nil && !before.End.IsZero() {
		before = before.parent
	}
	if before != nil && before.Type != "Parallel" && before.Type != "Map" {
		before = before.parent // a catcher leads on from a state that was not left
	}
	v := &visit{ID: e.int("id"), Name: e.get("stateEnteredEventDetails").text("name"), Type: base, Start: e.time("timestamp"), Status: "running", parent: before}
	if before != nil {
		v.Depth = before.Depth + 1
	}
	if base == "Fail" {
		v.End, v.Status = v.Start, "failed"
	}
	r.visits = append(r.visits, v)
	return v
}

// owner is the visit of a name that an event belongs to, or one around it.
func owner(v *visit, name string) *visit {
	for v != nil && v.Name != name {
		v = v.parent
	}
	return v
}

func (v *visit) leave(e doc) {
	v.End, v.Exit, v.Status = e.time("timestamp"), e.int("id"), "succeeded"
	if v.failed {
		v.Status = "caught"
	}
}

// note takes what happens within a state.
func (v *visit) note(kind string, e doc) {
	details := e.get(strings.ToLower(kind[:1]) + kind[1:] + "EventDetails")
	switch {
	case strings.HasPrefix(kind, "Execution"): // of all, not of the state that ended it
	case strings.HasSuffix(kind, "Scheduled"):
		v.Attempts++
		v.Scheduled, v.failed = e.int("id"), false
		if strings.HasSuffix(details.text("resource"), ".waitForTaskToken") {
			v.Status = "waiting"
		}
	case strings.HasSuffix(kind, "Failed"), strings.HasSuffix(kind, "TimedOut"):
		v.failed, v.Error, v.Status = true, details.text("error"), "running"
		if v.Error == "" {
			v.Error = kind
		}
	case kind == "MapRunStarted":
		v.MapRun = details.text("mapRunArn")
	case strings.HasSuffix(kind, "Succeeded"):
		v.failed, v.Status = false, "running"
	}
}
