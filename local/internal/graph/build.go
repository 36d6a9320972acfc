package graph

// This file defines what is drawn: a box for every state, with what it does in a
// few words, and an edge for every transition.

import (
	"strings"

	"github.com/stepworks/stepworks/local/internal/asl"
)

// vertex is something that takes up room in a layer: the box of a state, the dot
// at the start or the end, a bend of a long edge, or the label of one.
type vertex struct {
	state    *asl.State // of a box
	dot      string     // "start" or "end"
	label    string     // of an edge, at this bend
	words    string     // what the state does
	inner    []*drawing // branches of a Parallel, the processor of a Map
	w, h     float64
	x, y     float64 // centre, top
	layer    int
	order    int // within the layer
	up, down []*vertex
}

func (v *vertex) bend() bool { return v.state == nil && v.dot == "" }

// edge is a transition. Its ends are boxes or dots; via are its bends, from the
// upper end to the lower.
type edge struct {
	from, to *vertex
	kind     string // "next", "choice", "default", "catch"
	label    string
	back     bool // it leads upwards
	via      []*vertex
}

func (e *edge) upper() *vertex {
	if e.back {
		return e.to
	}
	return e.from
}

func (e *edge) lower() *vertex {
	if e.back {
		return e.from
	}
	return e.to
}

// drawing is a graph with its layout.
type drawing struct {
	vertices []*vertex // boxes and dots
	edges    []*edge
	layers   [][]*vertex // bends too
	w, h     float64
}

const (
	boxHeight   = 46
	minWidth    = 132
	groupPad    = 16
	groupHeader = 44
	dotSize     = 18
)

func layout(g *asl.Graph, top bool) *drawing {
	d := build(g, top)
	d.assignLayers()
	d.assignOrder()
	d.assignPlaces()
	return d
}

func build(g *asl.Graph, top bool) *drawing {
	d := &drawing{}
	byName := map[string]*vertex{}
	if top {
		d.vertices = append(d.vertices, &vertex{dot: "start", w: dotSize, h: dotSize})
	}
	for _, s := range g.States {
		v := box(s)
		byName[s.Name] = v
		d.vertices = append(d.vertices, v)
	}
	if top {
		d.connect(d.vertices[0], byName[g.StartAt], "next", "")
	}
	for _, s := range g.States {
		d.transitions(s, byName)
	}
	if top {
		d.finish()
	}
	return d
}

// finish leads every state that ends the machine well to one dot.
func (d *drawing) finish() {
	end := &vertex{dot: "end", w: dotSize, h: dotSize}
	for _, v := range d.vertices {
		if v.state != nil && (v.state.End || v.state.Type == asl.TypeSucceed) {
			d.connect(v, end, "next", "")
		}
	}
	if len(d.edges) > 0 && d.edges[len(d.edges)-1].to == end {
		d.vertices = append(d.vertices, end)
	}
}

func box(s *asl.State) *vertex {
	v := &vertex{state: s, words: words(s), h: boxHeight}
	v.w = max(minWidth, textWidth(clip(s.Name, maxName), nameSize)+40, textWidth(v.words, wordSize)+40)
	for _, g := range graphsIn(s) {
		v.inner = append(v.inner, layout(g, false))
	}
	if v.inner == nil {
		return v
	}
	w, h := float64(groupPad), 0.0
	for _, d := range v.inner {
		w += d.w + groupPad
		h = max(h, d.h)
	}
	v.w, v.h = max(v.w, w), groupHeader+h+groupPad
	return v
}

// transitions adds what leaves a state, as the definition has it.
func (d *drawing) transitions(s *asl.State, byName map[string]*vertex) {
	from := byName[s.Name]
	if s.Next != "" {
		d.connect(from, byName[s.Next], "next", "")
	}
	if s.Choice != nil {
		for _, r := range s.Choice.Rules {
			d.connect(from, byName[r.Next], "choice", condition(r))
		}
		if s.Choice.Default != "" {
			d.connect(from, byName[s.Choice.Default], "default", "otherwise")
		}
	}
	for _, c := range s.Catch {
		label := strings.Join(c.ErrorEquals, ", ")
		if label == "States.ALL" {
			label = "" // a dashed line says enough
		}
		d.connect(from, byName[c.Next], "catch", label)
	}
}

// connect adds an edge, or a label to the one that is there.
func (d *drawing) connect(from, to *vertex, kind, label string) {
	if from == nil || to == nil {
		return // a definition that was validated has no such transition
	}
	for _, e := range d.edges {
		if e.from == from && e.to == to && e.kind == kind {
			if label != "" && e.label != "" {
				label = e.label + " or " + label
			}
			e.label = label
			return
		}
	}
	d.edges = append(d.edges, &edge{from: from, to: to, kind: kind, label: label})
}
