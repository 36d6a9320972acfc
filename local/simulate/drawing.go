package simulate

// This file defines drawing a machine, with what its runs took.

import (
	"strconv"

	"github.com/stepworks/stepworks/local/internal/graph"
)

// Drawing returns the machine as SVG. Once it has run, each state tells how often
// it was taken, and those that never were are pale.
func (m *Machine) Drawing(title string) string {
	return graph.Draw(m.machine, graph.Options{Standalone: true, Title: title, Mark: m.mark})
}

// Outline returns the machine's graph as data: states, and transitions between
// their locations, as `local graph --json` prints it.
func (m *Machine) Outline() graph.Outline { return graph.OutlineOf(m.machine) }

func (m *Machine) mark(location string) graph.Mark {
	if n := m.taken[location]; n > 0 {
		return graph.Mark{Class: "succeeded", Note: strconv.Itoa(n)}
	}
	if len(m.taken) > 0 {
		return graph.Mark{Class: "unseen"}
	}
	return graph.Mark{}
}
