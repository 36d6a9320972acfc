package graph

// This file defines the graph of a machine as data, for programs that draw or
// look at it themselves.

import "github.com/stepworks/stepworks/local/internal/asl"

// Outline is a machine's states and what leads from one to another.
type Outline struct {
	States      []OutlineState `json:"states"`
	Transitions []Transition   `json:"transitions"`
}

// OutlineState is a state, under its place in the definition.
type OutlineState struct {
	Location string `json:"location"`
	Name     string `json:"name"`
	Type     string `json:"type"`
	Does     string `json:"does,omitempty"` // as the drawing words it
}

// Transition leads from one location to another. From is "start" for the machine's
// first state, To is "end" for those that end it well; "branch" leads from a
// Parallel or Map to the first state of what it runs.
type Transition struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Kind  string `json:"kind"` // next, choice, default, catch, branch
	Label string `json:"label,omitempty"`
}

// OutlineOf returns what [Draw] would draw, in the definition's order.
func OutlineOf(m *asl.Machine) Outline {
	var o Outline
	o.add(build(&m.Graph, true))
	return o
}

func (o *Outline) add(d *drawing) {
	for _, v := range d.vertices {
		if v.state == nil {
			continue
		}
		o.States = append(o.States, OutlineState{v.state.Location, v.state.Name, string(v.state.Type), v.words})
		for i, g := range graphsIn(v.state) {
			o.Transitions = append(o.Transitions, Transition{From: v.state.Location, To: startOf(g), Kind: "branch"})
			o.add(v.inner[i])
		}
	}
	for _, e := range d.edges {
		o.Transitions = append(o.Transitions, Transition{e.from.location(), e.to.location(), e.kind, e.label})
	}
}

func (v *vertex) location() string {
	if v.state == nil {
		return v.dot
	}
	return v.state.Location
}

// graphsIn are those that a state runs.
func graphsIn(s *asl.State) []*asl.Graph {
	switch {
	case s.Parallel != nil:
		return s.Parallel.Branches
	case s.Map != nil:
		return []*asl.Graph{s.Map.Processor}
	}
	return nil
}

func startOf(g *asl.Graph) string {
	for _, s := range g.States {
		if s.Name == g.StartAt {
			return s.Location
		}
	}
	return "" // a definition that was validated has its first state
}
