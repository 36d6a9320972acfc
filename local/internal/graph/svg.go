package graph

// This file defines the drawing as SVG.

import (
	_ "embed"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/asl"
)

// Style is the drawing's style sheet, for a page that shows drawings.
//
//go:embed style.css
var Style string

const (
	margin    = 12
	loopWidth = 34
	markers   = `<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0 8 4 0 8z"/></marker></defs>`
)

func svg(d *drawing, o Options) string {
	p := &pen{Options: o}
	w, h := d.w+2*margin, d.h+2*margin
	p.printf(`<svg class="graph" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" width="%s" height="%s" role="group" aria-label="%s">`, num(w), num(h), num(w), num(h), esc(o.Title))
	p.printf("\n<title>%s</title>\n%s\n", esc(o.Title), markers)
	if o.Standalone {
		p.printf("<style>%s</style>\n<rect class=\"paper\" width=\"%s\" height=\"%s\"/>\n", Style, num(w), num(h))
	}
	p.drawing(d, margin, margin)
	p.printf("</svg>\n")
	return p.String()
}

type pen struct {
	strings.Builder
	Options
}

func (p *pen) printf(format string, args ...any) { _, _ = fmt.Fprintf(&p.Builder, format, args...) }

func num(x float64) string { return fmt.Sprint(math.Round(x*10) / 10) }

func esc(s string) string { return html.EscapeString(printable(s)) }

// printable drops what XML cannot carry.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\n' && r != '\t' || r == 0xfffe || r == 0xffff {
			return '�'
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
}

// drawing draws at an offset: lines first, so that boxes lie over them.
func (p *pen) drawing(d *drawing, dx, dy float64) {
	ports := d.ports()
	for _, e := range d.edges {
		p.edge(e, ports, dx, dy)
	}
	for _, e := range d.edges {
		p.label(e, dx, dy)
	}
	for _, v := range d.vertices {
		if v.dot != "" {
			p.printf("<circle class=\"dot %s\" cx=\"%s\" cy=\"%s\" r=\"%d\"/>\n", v.dot, num(v.x+dx), num(v.y+dy+dotSize/2), dotSize/2-1)
			continue
		}
		p.box(v, dx, dy)
	}
}

func (p *pen) box(v *vertex, dx, dy float64) {
	s := v.state
	var mark Mark
	if p.Mark != nil {
		mark = p.Mark(s.Location)
	}
	link := ""
	if p.Link != nil {
		link = p.Link(s.Location)
	}
	if link != "" {
		p.printf(`<a href="%s">`, esc(link))
	}
	x, y := v.x-v.w/2+dx, v.y+dy
	p.printf(`<g class="%s" data-state="%s"><title>%s</title>`, classes(v, mark), esc(s.Location), esc(about(v, mark)))
	p.printf(`<rect class="box" x="%s" y="%s" width="%s" height="%s" rx="%d"/>`, num(x), num(y), num(v.w), num(v.h), radius(s))
	if s.Map != nil && s.Map.Distributed {
		p.printf(`<rect class="inset" x="%s" y="%s" width="%s" height="%s" rx="6"/>`, num(x+4), num(y+4), num(v.w-8), num(v.h-8))
	}
	p.printf(`<rect class="stripe" x="%s" y="%s" width="4" height="%s" rx="2"/>`, num(x+8), num(y+12), num(min(v.h, boxHeight)-24))
	p.printf(`<text class="name" x="%s" y="%s">%s</text><text class="words" x="%s" y="%s">%s</text>`,
		num(x+20), num(y+20), esc(clip(s.Name, maxName)), num(x+20), num(y+35), esc(v.words))
	if mark.Note != "" {
		p.printf(`<text class="note" x="%s" y="%s">%s</text>`, num(x+v.w-4), num(y-4), esc(mark.Note))
	}
	p.printf("</g>")
	if link != "" {
		p.printf("</a>")
	}
	p.printf("\n")
	at := x + groupPad
	if len(v.inner) == 1 {
		at = x + (v.w-v.inner[0].w)/2
	}
	for _, d := range v.inner {
		p.drawing(d, at, y+groupHeader)
		at += d.w + groupPad
	}
}

func classes(v *vertex, m Mark) string {
	c := "state " + strings.ToLower(string(v.state.Type))
	if v.inner != nil {
		c += " frame"
	}
	if m.Class != "" {
		c += " " + m.Class
	}
	return c
}

func about(v *vertex, m Mark) string {
	text := v.state.Name + ": " + v.words
	if m.Class != "" {
		text += ", " + m.Class
	}
	if m.Note != "" {
		text += " " + m.Note
	}
	if v.state.Comment != "" {
		text += "\n" + v.state.Comment
	}
	return text
}

func radius(s *asl.State) int {
	if s.Type == asl.TypeChoice {
		return 22
	}
	return 9
}

// ports are where edges touch a box: beside each other, in the order of where
// they lead.
func (d *drawing) ports() map[*edge][2]float64 {
	leaving, arriving := map[*vertex][]*edge{}, map[*vertex][]*edge{}
	for _, e := range d.edges {
		if e.from != e.to {
			leaving[e.upper()] = append(leaving[e.upper()], e)
			arriving[e.lower()] = append(arriving[e.lower()], e)
		}
	}
	ports := map[*edge][2]float64{}
	for _, v := range d.vertices {
		for side, edges := range [][]*edge{leaving[v], arriving[v]} {
			slices.SortStableFunc(edges, func(a, b *edge) int { return int(a.beside(side) - b.beside(side)) })
			for i, e := range edges {
				at := ports[e]
				at[side] = v.x + (float64(i)-float64(len(edges)-1)/2)*min(16, v.w/2/float64(len(edges)))
				ports[e] = at
			}
		}
	}
	return ports
}

// beside is where an edge is next to its upper (0) or lower (1) end.
func (e *edge) beside(side int) float64 {
	switch {
	case len(e.via) == 0 && side == 0:
		return e.lower().x
	case len(e.via) == 0:
		return e.upper().x
	case side == 0:
		return e.via[0].x
	}
	return e.via[len(e.via)-1].x
}

// edge draws an edge: straight through layers, in curves between them.
func (p *pen) edge(e *edge, ports map[*edge][2]float64, dx, dy float64) {
	var path strings.Builder
	if e.from == e.to {
		x, y := e.from.x+e.from.w/2+dx, e.from.y+dy
		_, _ = fmt.Fprintf(&path, "M%s %sc30 -4 30 26 2 22", num(x), num(y+12))
		p.printf("<path class=\"edge %s\" d=\"%s\" marker-end=\"url(#arrow)\"/>\n", e.kind, path.String())
		return
	}
	x, y := ports[e][0]+dx, e.upper().y+e.upper().h+dy
	_, _ = fmt.Fprintf(&path, "M%s %s", num(x), num(y))
	curve := func(tx, ty float64) {
		middle := (y + ty) / 2
		_, _ = fmt.Fprintf(&path, "C%s %s %s %s %s %s", num(x), num(middle), num(tx), num(middle), num(tx), num(ty))
		x, y = tx, ty
	}
	for _, b := range e.via {
		curve(b.x+dx, b.y+dy)
		if y = b.y + b.h + dy; b.h > 0 {
			_, _ = fmt.Fprintf(&path, "V%s", num(y))
		}
	}
	curve(ports[e][1]+dx, e.lower().y+dy)
	marker := "marker-end"
	if e.back {
		marker = "marker-start"
	}
	p.printf("<path class=\"edge %s\" d=\"%s\" %s=\"url(#arrow)\"/>\n", e.kind, path.String(), marker)
}

func (p *pen) label(e *edge, dx, dy float64) {
	for _, b := range e.via {
		if b.label == "" {
			continue
		}
		p.printf("<g class=\"label %s\"><title>%s</title><rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"18\" rx=\"4\"/><text x=\"%s\" y=\"%s\">%s</text></g>\n", e.kind, esc(b.label),
			num(b.x-b.w/2+dx), num(b.y+dy), num(b.w), num(b.x+dx), num(b.y+13+dy), esc(clip(b.label, maxLabel)))
	}
}
