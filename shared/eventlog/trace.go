package eventlog

// This file defines what a list of events shows: the order in which one caused the
// other, who took how long, and who talks to whom. docs/observability.md describes the JSON.

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/report"
)

// Trace is the story of a job.
type Trace struct {
	Job         string `json:"job"`
	Execution   string `json:"execution,omitempty"`
	Correlation string `json:"correlation,omitempty"`
	Status      string `json:"status"` // open, finished, failed: of the job's tasks, as far as they were seen
	Events      []Line `json:"events"`
	Timeline    []Span `json:"timeline"`
	Graph       Graph  `json:"graph"`
	// OmittedEvents is how many were left out because they are too many to tell.
	OmittedEvents int `json:"omittedEvents,omitempty"`
}

// Line is one event.
type Line struct {
	ID         string          `json:"id"`
	Time       string          `json:"time"`
	Source     string          `json:"source"`
	DetailType string          `json:"detailType"`
	Account    string          `json:"account"`
	Job        string          `json:"job"`
	Publisher  string          `json:"publisher"`       // a node
	Cause      string          `json:"cause,omitempty"` // id of the event that this one answers
	Task       string          `json:"task,omitempty"`  // the same for all events of one task
	Detail     json.RawMessage `json:"detail,omitempty"`
}

// Span is work: from the event that asked for it to the event that it ended with.
type Span struct {
	Node   string `json:"node"`
	State  string `json:"state,omitempty"`  // of a machine
	Asked  string `json:"asked"`            // detail-type of the first event
	Said   string `json:"said,omitempty"`   // detail-type of the last; none: nobody has answered yet
	From   string `json:"from"`             // time
	To     string `json:"to,omitempty"`     // time
	Millis int64  `json:"millis"`           // EventBridge gives times in whole seconds
	Task   string `json:"task,omitempty"`   // none: beside the workflow
	Event  string `json:"event,omitempty"`  // id of the last
	Status string `json:"status,omitempty"` // of a machine's task: open, finished, failed
}

// Graph is who talks to whom.
type Graph struct {
	Nodes []Node `json:"nodes"`
	Edges []Edge `json:"edges"`
}

// Node is somebody who publishes or hears.
type Node struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"` // outside, machine, function, nobody
	Name    string `json:"name"`
	Account string `json:"account,omitempty"`
}

// Edge is events of one type from one node to another.
type Edge struct {
	From       string `json:"from"`
	To         string `json:"to"`
	DetailType string `json:"detailType"`
	Count      int    `json:"count"`
}

// The states of a task.
const (
	open     = "open"
	finished = "finished"
	failed   = "failed"
)

// Tell makes a trace of a job's events.
func Tell(job string, records []Record) Trace {
	t := teller{byID: map[string]Record{}, cause: map[string]string{}, nodes: map[string]Node{}, edges: map[Edge]int{}}
	t.order(records)
	out := Trace{Job: job, Status: open, Events: []Line{}, Timeline: []Span{}}
	for _, r := range t.records {
		if r.Job == job {
			out.Execution, out.Correlation = cmp.Or(out.Execution, r.Execution), cmp.Or(out.Correlation, r.Correlation)
		}
		out.Events = append(out.Events, Line{ID: r.ID, Time: at(r.Time), Source: r.Source, DetailType: r.DetailType, Account: r.Account, Job: r.Job,
			Publisher: t.node(publisher(r)), Cause: t.cause[r.ID], Task: r.Task, Detail: json.RawMessage(r.Detail)})
	}
	out.Timeline = t.spans()
	out.Status = status(job, t.records, out.Timeline)
	out.Graph = t.graph()
	return out
}

// status is how far the job's own tasks have come. Whether an execution has ended
// is for Step Functions to say: events do not tell.
func status(job string, records []Record, spans []Span) string {
	own := map[string]bool{}
	for _, r := range records {
		own[r.Task] = own[r.Task] || r.Job == job && r.Task != ""
	}
	result := finished
	seen := false
	for _, s := range spans {
		if s.Status == "" || !own[s.Task] {
			continue
		}
		seen = true
		if s.Status == failed || s.Status == open && result != failed {
			result = s.Status
		}
	}
	if !seen {
		return open
	}
	return result
}

// teller is a trace in the making.
type teller struct {
	records []Record // in order
	byID    map[string]Record
	cause   map[string]string // event -> the event that it answers
	nodes   map[string]Node
	edges   map[Edge]int
}

// order sorts by time and, within EventBridge's second, by what caused what.
func (t *teller) order(records []Record) {
	for _, r := range records {
		t.byID[r.ID] = r
	}
	for _, r := range records {
		t.cause[r.ID] = t.causeOf(r, records)
	}
	t.records = slices.Clone(records)
	slices.SortStableFunc(t.records, func(a, b Record) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(t.depth(a.ID), t.depth(b.ID)), cmp.Compare(a.ID, b.ID))
	})
}

// causeOf finds the event that r answers: by its id, or, where the publisher did
// not say it, by its type and the task. What a machine says first comes of the
// event that began everything.
func (t *teller) causeOf(r Record, records []Record) string {
	if r.Incoming == nil {
		if began, ok := t.byID[r.Correlation]; ok && began.ID != r.ID && began.Job != r.Job {
			return began.ID
		}
		return ""
	}
	if _, ok := t.byID[r.Incoming.ID]; ok && r.Incoming.ID != r.ID {
		return r.Incoming.ID
	}
	for _, other := range records {
		if other.DetailType == r.Incoming.DetailType && other.Task == r.Task && other.Job == r.Job && other.ID != r.ID {
			return other.ID
		}
	}
	return ""
}

// depth is how many causes an event has, one behind the other. Events can claim
// anything, a circle too.
func (t *teller) depth(id string) int {
	n := 0
	for cause := t.cause[id]; cause != "" && n <= len(t.cause); cause = t.cause[cause] {
		n++
	}
	return n
}

// spans are the tasks of machines and the work of functions, in the order in
// which they began.
func (t *teller) spans() []Span {
	spans := []Span{}
	for _, r := range t.records {
		if r.Function == "" && r.Task != "" {
			spans = append(spans, t.task(r))
		}
		if r.Function != "" {
			s := Span{Node: t.node(publisher(r)), Asked: r.Incoming.DetailType, Said: r.DetailType, From: at(r.Time), To: at(r.Time), Task: r.Task, Event: r.ID}
			if cause, ok := t.byID[t.cause[r.ID]]; ok {
				s.From, s.Millis = at(cause.Time), r.Time.Sub(cause.Time).Milliseconds()
			}
			spans = append(spans, s)
		}
	}
	slices.SortStableFunc(spans, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	return spans
}

// task is the span of a machine's task: to its first answer.
func (t *teller) task(asked Record) Span {
	s := Span{Node: t.node(publisher(asked)), State: asked.StateName, Asked: asked.DetailType, From: at(asked.Time), Task: asked.Task, Status: open}
	for _, r := range t.records {
		if r.Task == asked.Task && answers(r) {
			s.Said, s.To, s.Millis, s.Event, s.Status = r.DetailType, at(r.Time), r.Time.Sub(asked.Time).Milliseconds(), r.ID, finished
			if r.DetailType == contract.TaskFailed {
				s.Status = failed
			}
			break
		}
	}
	return s
}

func answers(r Record) bool {
	return r.Task != "" && (r.DetailType == contract.TaskFinished || r.DetailType == contract.TaskFailed)
}

// graph draws an edge for every event that somebody answered, and to nobody for
// the others.
func (t *teller) graph() Graph {
	heard := map[string]bool{} // events with an edge, and with an edge to whom
	for _, r := range t.records {
		if cause, ok := t.byID[t.cause[r.ID]]; ok {
			t.draw(publisher(cause), publisher(r), cause, heard)
		}
		if answers(r) {
			t.draw(publisher(r), machine(r), r, heard)
		}
	}
	for _, r := range t.records {
		if !heard[r.ID] {
			t.draw(publisher(r), Node{ID: "nobody:" + r.DetailType, Kind: "nobody", Name: r.DetailType}, r, heard)
		}
	}
	g := Graph{Nodes: []Node{}, Edges: []Edge{}}
	for _, n := range t.nodes {
		g.Nodes = append(g.Nodes, n)
	}
	for e, n := range t.edges {
		e.Count = n
		g.Edges = append(g.Edges, e)
	}
	slices.SortFunc(g.Nodes, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(g.Edges, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.DetailType, b.DetailType))
	})
	return g
}

// draw counts an event once on each edge that it takes.
func (t *teller) draw(from, to Node, r Record, heard map[string]bool) {
	e := Edge{From: t.node(from), To: t.node(to), DetailType: r.DetailType}
	once := r.ID + " " + e.To
	if !heard[once] {
		t.edges[e]++
	}
	heard[once], heard[r.ID] = true, true
}

// node notes a node and returns its id.
func (t *teller) node(n Node) string {
	t.nodes[n.ID] = n
	return n.ID
}

// publisher is who an event came from: a function says so, a machine names its
// execution, and the rest came from outside.
func publisher(r Record) Node {
	switch {
	case r.Function != "":
		return Node{ID: "function:" + r.Account + ":" + r.Function, Kind: "function", Name: r.Function, Account: r.Account}
	case r.StateMachine != "":
		return machine(r)
	}
	return Node{ID: "outside:" + r.Account + ":" + r.Source, Kind: "outside", Name: r.Source, Account: r.Account}
}

// machine is the machine of r's execution, in its own account.
func machine(r Record) Node {
	account := r.Account
	if job, err := report.JobOf(r.Execution); err == nil {
		account = job.Account
	}
	return Node{ID: "machine:" + account + ":" + r.StateMachine, Kind: "machine", Name: r.StateMachine, Account: account}
}
