package console

// This file defines the first page: machines and what became of their
// executions, what failed last, what this would cost, and sample events to send.

import (
	"context"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/journal"
)

type homePage struct {
	Machines  []machineRow
	Failed    []executionRow
	Latest    []executionRow
	Samples   []sample
	Counts    counts
	Functions int
}

type machineRow struct {
	Name, ARN, Type            string
	Running, Succeeded, Failed int
	More                       bool
	Recent                     []executionRow
}

type executionRow struct {
	ARN, Name, Machine, Status string
	Start                      time.Time
	Took                       time.Duration
}

type sample struct{ Name, Text string }

// counts are what happened since the start, and what AWS would charge for it.
type counts struct {
	Events, Transitions, Invocations, Refused, Dead int
	Cost                                            float64
}

// recentExecutions is how many executions of each machine the page looks at.
const recentExecutions = 100

func (c *Console) home(w http.ResponseWriter, r *http.Request) {
	p := homePage{Samples: c.samples(), Counts: countAll(c.entries())}
	machines, err := c.all(r.Context(), "states", "ListStateMachines", "StateMachines", "NextToken")
	for _, m := range machines {
		row := machineRow{Name: m.text("Name"), ARN: m.text("StateMachineArn"), Type: m.text("Type")}
		c.count(r.Context(), &row)
		p.Machines = append(p.Machines, row)
		p.Latest = append(p.Latest, row.Recent...)
	}
	slices.SortFunc(p.Machines, func(a, b machineRow) int { return strings.Compare(a.Name, b.Name) })
	slices.SortStableFunc(p.Latest, func(a, b executionRow) int { return b.Start.Compare(a.Start) })
	for _, x := range p.Latest {
		if statusClass(x.Status) == "bad" && len(p.Failed) < 8 {
			p.Failed = append(p.Failed, x)
		}
	}
	p.Latest = p.Latest[:min(len(p.Latest), 15)]
	if functions, err := c.all(r.Context(), "lambda", "ListFunctions", "Functions", "NextMarker"); err == nil {
		p.Functions = len(functions)
	}
	c.render(w, r, "home.html", "home", "Home", p, err)
}

func (c *Console) count(ctx context.Context, row *machineRow) {
	if row.Type == "EXPRESS" {
		return // AWS lists none of those
	}
	page, err := c.ask(ctx, "states", "ListExecutions", "StateMachineArn", row.ARN, "MaxResults", recentExecutions)
	if err != nil {
		return // deleted meanwhile
	}
	row.More = page.has("NextToken")
	for _, x := range page.list("Executions") {
		e := executionOf(x)
		row.Recent = append(row.Recent, e)
		switch statusClass(e.Status) {
		case "good":
			row.Succeeded++
		case "bad":
			row.Failed++
		case "busy":
			row.Running++
		}
	}
}

func executionOf(x doc) executionRow {
	e := executionRow{ARN: x.text("ExecutionArn"), Name: x.text("Name"), Machine: lastOf(x.text("StateMachineArn")), Status: x.text("Status"), Start: x.time("StartDate"), Took: -1}
	if stop := x.time("StopDate"); !stop.IsZero() {
		e.Took = stop.Sub(e.Start)
	}
	return e
}

// Prices in us-east-1, without the free tier: https://aws.amazon.com/step-functions/pricing/,
// https://aws.amazon.com/lambda/pricing/ (arm64, 128 MB), https://aws.amazon.com/eventbridge/pricing/
const (
	perTransition = 25e-6
	perRequest    = 0.2e-6
	perSecond     = 0.0000133334 / 8
	perEvent      = 1e-6
)

func countAll(entries []journal.Entry) counts {
	var n counts
	for _, e := range entries {
		switch e.Kind {
		case journal.EventReceived:
			n.Events++
			n.Cost += perEvent
		case journal.StateEntered:
			n.Transitions++
			n.Cost += perTransition
		case journal.InvocationEnded:
			n.Invocations++
			n.Cost += perRequest + perSecond*durationOf(e).Seconds()
		case journal.PermissionRefused:
			n.Refused++
		case journal.DeadLettered:
			n.Dead++
		}
	}
	return n
}

func durationOf(e journal.Entry) time.Duration {
	return time.Duration(float64(doc{e.Detail}.float("durationMs")) * float64(time.Millisecond))
}

// samples are the files of events that the project has.
func (c *Console) samples() []sample {
	if c.Samples == nil {
		return nil
	}
	var out []sample
	names, _ := fs.Glob(c.Samples, "*.json")
	for _, name := range names {
		if text, err := fs.ReadFile(c.Samples, name); err == nil {
			out = append(out, sample{strings.TrimSuffix(path.Base(name), ".json"), string(text)})
		}
	}
	slices.SortFunc(out, func(a, b sample) int { return strings.Compare(a.Name, b.Name) })
	return out
}
