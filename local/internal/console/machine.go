package console

// This file defines the page of a machine.

import (
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/graph"
	"github.com/stepworks/stepworks/local/internal/journal"
)

type machinePage struct {
	Name, ARN, Type, Role, Definition string
	Graph                             template.HTML
	Seen, States                      int
	Executions                        []executionRow
	More                              bool
	Filter                            string
}

func (c *Console) machine(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	arn := "arn:aws:states:" + c.Region + ":" + c.Account + ":stateMachine:" + name
	m, err := c.ask(r.Context(), "states", "DescribeStateMachine", "StateMachineArn", arn)
	if err != nil {
		c.render(w, r, "", "home", name, nil, err)
		return
	}
	p := machinePage{Name: name, ARN: arn, Type: m.text("Type"), Role: lastOf(m.text("RoleArn")), Definition: m.text("Definition"), Filter: r.URL.Query().Get("status")}
	c.drawMachine(&p)
	if p.Type != "EXPRESS" {
		asked := []any{"StateMachineArn", arn, "MaxResults", recentExecutions}
		if p.Filter != "" {
			asked = append(asked, "StatusFilter", p.Filter)
		}
		page, listErr := c.ask(r.Context(), "states", "ListExecutions", asked...)
		for _, x := range page.list("Executions") {
			p.Executions = append(p.Executions, executionOf(x))
		}
		p.More, err = page.has("NextToken"), listErr
	}
	c.render(w, r, "machine.html", "home", name, p, err)
}

// drawMachine draws the graph with what the journal saw at each state.
func (c *Console) drawMachine(p *machinePage) {
	m, err := asl.Parse(p.Definition, asl.MachineType(p.Type))
	if err != nil {
		return
	}
	entered, ended := c.visitsOf(p.Name)
	total := 0
	eachState(&m.Graph, func(s *asl.State) {
		total++
		if entered[s.Name] > 0 {
			p.Seen++
		}
	})
	p.States = total
	svg := graph.Draw(m, graph.Options{Title: "The state machine " + p.Name, Mark: func(location string) graph.Mark {
		name := m.At(location).Name
		switch n := entered[name]; {
		case n == 0 && p.Seen > 0:
			return graph.Mark{Class: "unseen"}
		case n == 0:
			return graph.Mark{}
		case ended[name] > 0:
			return graph.Mark{Class: "failed", Note: strconv.Itoa(ended[name]) + " of " + strconv.Itoa(n)}
		default:
			return graph.Mark{Class: "succeeded", Note: strconv.Itoa(n)}
		}
	}})
	p.Graph = template.HTML(svg) //nolint:gosec // graph escapes every word
}

// visitsOf counts how often each state of a machine was entered, and how often a
// failed execution entered it last.
func (c *Console) visitsOf(machine string) (entered, ended map[string]int) {
	entered, ended = map[string]int{}, map[string]int{}
	last := map[string]string{}
	of := ":" + machine + ":"
	for _, e := range c.entries() {
		switch {
		case e.Kind == journal.StateEntered && strings.Contains(e.Subject, of):
			entered[e.Name]++
			last[e.Subject] = e.Name
		case e.Kind == journal.ExecutionEnded && strings.Contains(e.Subject, of) && e.Name != "SUCCEEDED":
			ended[last[e.Subject]]++
		}
	}
	return entered, ended
}

func eachState(g *asl.Graph, do func(*asl.State)) {
	for _, s := range g.States {
		do(s)
		if s.Parallel != nil {
			for _, b := range s.Parallel.Branches {
				eachState(b, do)
			}
		}
		if s.Map != nil {
			eachState(s.Map.Processor, do)
		}
	}
}
