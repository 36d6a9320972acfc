package console

// This file defines the page of an execution.

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/graph"
	"github.com/stepworks/stepworks/local/internal/journal"
)

type executionPage struct {
	executionRow
	Input, Output, Error, Cause string
	Redrive                     string // "" or why not
	Running                     bool
	Graph                       template.HTML
	Visits                      []*visit
	Page, Pages, Total, Events  int
	At                          *stay
	Waiting                     []*visit
	MapRuns                     []mapRunRow
	Children, Nested            []executionRow // of map runs; of tasks
	Calls                       []call
	TopLevel                    []string // where it can be run again from
}

// Prev and Next are the pages beside this one.
func (p executionPage) Prev() int { return p.Page - 1 }

// Next is the later one.
func (p executionPage) Next() int { return p.Page + 1 }

// stay is one visit with all that it carried.
type stay struct {
	*visit
	Input, Output, Parameters, Result, Cause string
	Variables                                string
	Log                                      []string
}

type mapRunRow struct{ ARN, Name, Status string }

// call is an invocation that the execution led to.
type call struct {
	Function, Request, Error string
	Time                     time.Time
	Took                     time.Duration
	Cold                     bool
	Lines                    []string
}

// visitsShown is how many lines of a timeline a page has.
const visitsShown = 200

func (c *Console) execution(w http.ResponseWriter, r *http.Request) {
	arn := r.PathValue("arn")
	x, err := c.ask(r.Context(), "states", "DescribeExecution", "ExecutionArn", arn)
	if err != nil {
		c.render(w, r, "", "home", "Execution", nil, errors.Join(err, errors.New("AWS keeps no executions of Express machines: see the events and log lines they led to")))
		return
	}
	p := executionPage{executionRow: executionOf(x), Input: x.text("Input"), Output: x.text("Output"), Error: x.text("Error"), Cause: x.text("Cause")}
	p.Running = p.Status == "RUNNING"
	if x.text("RedriveStatus") != "REDRIVABLE" {
		p.Redrive = x.text("RedriveStatusReason")
	}
	visits, events, err := c.history(r.Context(), x)
	p.Events, p.Total = events, len(visits)
	c.drawExecution(r.Context(), &p, visits)
	p.page(visits, r.URL.Query())
	for _, v := range visits {
		if v.Status == "waiting" {
			p.Waiting = append(p.Waiting, v)
		}
		if strconv.Itoa(v.ID) == r.URL.Query().Get("state") {
			p.At = c.stay(r.Context(), arn, v)
		}
	}
	c.children(r.Context(), &p)
	p.Nested = c.nested(r.Context(), arn)
	p.Calls = c.calls(r.Context(), arn)
	c.render(w, r, "execution.html", "home", p.Name, p, err)
}

// page takes the lines that one page shows.
func (p *executionPage) page(visits []*visit, q url.Values) {
	p.Pages = max(1, (len(visits)+visitsShown-1)/visitsShown)
	n, err := strconv.Atoi(q.Get("page"))
	if err != nil {
		n = 1
	}
	p.Page = min(max(1, n), p.Pages)
	from := (p.Page - 1) * visitsShown
	p.Visits = visits[from:min(len(visits), from+visitsShown)]
}

// drawExecution draws the machine as this execution found it.
func (c *Console) drawExecution(ctx context.Context, p *executionPage, visits []*visit) {
	d, err := c.ask(ctx, "states", "DescribeStateMachineForExecution", "ExecutionArn", p.ARN)
	if err != nil {
		return
	}
	m, err := asl.Parse(d.text("Definition"), asl.Standard)
	if err != nil {
		return
	}
	for _, s := range m.States {
		p.TopLevel = append(p.TopLevel, s.Name)
	}
	latest, times := map[string]*visit{}, map[string]int{}
	for _, v := range visits {
		latest[v.Name] = v
		times[v.Name]++
	}
	svg := graph.Draw(m, graph.Options{Title: "What the execution did in " + p.Machine,
		Mark: func(l string) graph.Mark { return markOf(latest[m.At(l).Name], times[m.At(l).Name]) },
		Link: func(l string) string {
			v := latest[m.At(l).Name]
			if v == nil {
				return ""
			}
			return "?state=" + strconv.Itoa(v.ID) + "#state"
		}})
	p.Graph = template.HTML(svg) //nolint:gosec // graph escapes every word
}

func markOf(v *visit, times int) graph.Mark {
	if v == nil {
		return graph.Mark{Class: "unseen"}
	}
	m := graph.Mark{Class: v.Status}
	switch {
	case times > 1:
		m.Note = "×" + strconv.Itoa(times)
	case v.Retries() > 0:
		m.Note = strconv.Itoa(v.Retries()) + " retries"
	case v.Took() > time.Millisecond:
		m.Note = took(v.Took())
	}
	return m
}

// stay reads what a visit carried: its first event, its last, and those between
// that it is the owner of.
func (c *Console) stay(ctx context.Context, arn string, v *visit) *stay {
	s := &stay{visit: v}
	for _, id := range v.events[:min(len(v.events), 40)] {
		e, err := c.eventAt(ctx, arn, id)
		if err != nil {
			continue
		}
		kind := e.text("type")
		d := e.get(strings.ToLower(kind[:1]) + kind[1:] + "EventDetails")
		switch {
		case strings.HasSuffix(kind, "StateEntered"):
			s.Input = e.get("stateEnteredEventDetails").text("input")
		case strings.HasSuffix(kind, "StateExited"):
			d = e.get("stateExitedEventDetails")
			s.Output = d.text("output")
			if vars := d.get("assignedVariables"); vars.v != nil {
				s.Variables = show(vars)
			}
		default:
			s.between(kind, d)
			s.Log = append(s.Log, e.time("timestamp").Format("15:04:05.000")+"  "+kind+sep(d.text("error"))+sep(d.text("resource")))
		}
	}
	return s
}

func sep(s string) string {
	if s == "" {
		return ""
	}
	if _, function, ok := strings.Cut(s, ":function:"); ok {
		return "  " + function // with its alias
	}
	return "  " + lastOf(s)
}

func (s *stay) between(kind string, d doc) {
	for _, name := range []string{"parameters", "input"} {
		if strings.HasSuffix(kind, "Scheduled") && d.has(name) {
			s.Parameters = d.text(name)
		}
	}
	if d.has("output") {
		s.Result = d.text("output")
	}
	if d.has("cause") {
		s.Cause = d.text("cause")
	}
}

func (c *Console) eventAt(ctx context.Context, arn string, id int) (doc, error) {
	page, err := c.ask(ctx, "states", "GetExecutionHistory", "ExecutionArn", arn, "MaxResults", 1, "NextToken", strconv.Itoa(id))
	if events := page.list("Events"); len(events) > 0 {
		return events[0], err
	}
	return doc{}, errors.Join(err, errors.New("no such event"))
}

// children are the map runs of an execution.
func (c *Console) children(ctx context.Context, p *executionPage) {
	runs, err := c.all(ctx, "states", "ListMapRuns", "MapRuns", "NextToken", "ExecutionArn", p.ARN)
	if err != nil {
		return
	}
	for _, m := range runs {
		row := mapRunRow{ARN: m.text("MapRunArn"), Name: lastOf(m.text("MapRunArn"))}
		if d, err := c.ask(ctx, "states", "DescribeMapRun", "MapRunArn", row.ARN); err == nil {
			row.Status = d.text("Status")
		}
		p.MapRuns = append(p.MapRuns, row)
		if x, err := c.ask(ctx, "states", "ListExecutions", "MapRunArn", row.ARN, "MaxResults", recentExecutions); err == nil {
			for _, child := range x.list("Executions") {
				p.Children = append(p.Children, executionOf(child))
			}
		}
	}
}

// nested are the executions that an execution's tasks started.
func (c *Console) nested(ctx context.Context, arn string) []executionRow {
	var own uint64
	var rows []executionRow
	for _, e := range c.entries() {
		switch {
		case e.Kind == journal.ExecutionStarted && e.Subject == arn:
			own = e.ID
		case e.Kind == journal.ExecutionStarted && own != 0 && e.Cause == own && len(rows) < recentExecutions:
			if x, err := c.ask(ctx, "states", "DescribeExecution", "ExecutionArn", e.Subject); err == nil && !x.has("MapRunArn") {
				rows = append(rows, executionOf(x))
			}
		}
	}
	return rows
}

// callsShown is how many invocations a page shows, the latest.
const callsShown = 12

// calls are the invocations that an execution led to, with their log lines.
func (c *Console) calls(ctx context.Context, arn string) []call {
	entries := c.entries()
	within := map[uint64]bool{}
	var calls []call
	for _, e := range entries {
		if e.Subject == arn || within[e.Cause] && e.Kind != journal.ExecutionStarted && e.Kind != journal.EventReceived {
			within[e.ID] = true
		}
		if within[e.ID] && e.Kind == journal.InvocationEnded {
			d := doc{e.Detail}
			calls = append(calls, call{Function: e.Name, Request: d.text("requestId"), Error: e.Error, Time: e.Time, Took: durationOf(e), Cold: d.get("cold").v == true})
		}
	}
	calls = calls[max(0, len(calls)-callsShown):]
	for i := range calls {
		calls[i].Lines = c.lines(ctx, calls[i].Function, calls[i].Request)
	}
	return calls
}

const linesShown = 200

// lines are what a function logged, in one invocation or lately.
func (c *Console) lines(ctx context.Context, function, request string) []string {
	asked := []any{"LogGroupName", c.logGroup(ctx, function), "Limit", linesShown}
	if request != "" {
		asked = append(asked, "FilterPattern", `"`+request+`"`)
	}
	page, err := c.ask(ctx, "logs", "FilterLogEvents", asked...)
	if err != nil {
		return nil
	}
	var lines []string
	for _, e := range page.list("Events") {
		lines = append(lines, redacted(strings.TrimRight(e.text("Message"), "\n")))
	}
	return lines
}

func (c *Console) logGroup(ctx context.Context, function string) string {
	f, err := c.ask(ctx, "lambda", "GetFunctionConfiguration", "FunctionName", function)
	if group := f.get("LoggingConfig").text("LogGroup"); err == nil && group != "" {
		return group
	}
	return "/aws/lambda/" + function
}
