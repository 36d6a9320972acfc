// Package graph draws state machines: it lays the states of a machine out in
// layers, from the first at the top to the last at the bottom, and writes the
// drawing as SVG.
//
//	build.go  what is drawn: boxes for states, groups for Parallel and Map, edges
//	layer.go  which layer a box is in: cycles broken, longest path from the start
//	order.go  where it stands within the layer: few crossings
//	place.go  coordinates: straight lines where possible, nothing overlaps
//	svg.go    the drawing as text
//	outline.go  the graph as data
//
// That is the method of Sugiyama, Tagawa and Toda (1981), nested: the branches
// of a Parallel and the processor of a Map are laid out first and are then the
// content of their state's box. Drawings are deterministic, no two boxes overlap,
// and every label has a place of its own.
//
// The package is pure. It knows nothing of executions: what happened to a state
// is a [Mark] of whoever asks for the drawing. Start at [Draw].
package graph

import "github.com/stepworks/stepworks/local/internal/asl"

// Mark is what a drawing shows of one state beside its name.
type Mark struct {
	Class string // a CSS class of Style: running, succeeded, failed, caught, waiting, unseen
	Note  string // a few characters in the corner: a count, a duration
}

// Options say how to draw. The zero value draws the plain machine.
type Options struct {
	Mark func(location string) Mark   // of the state there ([asl.State].Location)
	Link func(location string) string // where a click on it leads; "" nowhere
	// Standalone puts the style into the drawing, for a file of its own. A page
	// under a strict content security policy serves [Style] itself instead.
	Standalone bool
	Title      string // for those who cannot see the drawing
}

// Draw returns the machine as an SVG element.
func Draw(m *asl.Machine, o Options) string {
	if o.Title == "" {
		o.Title = "State machine that starts at " + m.StartAt
	}
	return svg(layout(&m.Graph, true), o)
}
