package graph

// This file defines coordinates. Within a layer the order is fixed and so is the
// room between neighbours; where that allows it, each vertex stands in the middle
// of those it is connected to. The nearest such placement is an isotonic
// regression, which pooling neighbours that press against each other solves
// exactly (Ayer et al., 1955).

import "math"

const (
	boxGap   = 26
	bendGap  = 14
	layerGap = 17
	placings = 20
	straight = 16 // how much more a bend wants its edge straight than a box does
)

func (d *drawing) assignPlaces() {
	d.vertical()
	for _, layer := range d.layers {
		x := 0.0
		for i, v := range layer {
			if i > 0 {
				x += separation(layer[i-1], v)
			}
			v.x = x
		}
	}
	for i := range placings {
		for j := range d.layers {
			k := j
			if i%2 == 1 {
				k = len(d.layers) - 1 - j
			}
			d.settle(d.layers[k], i%2 == 0, i >= placings-2)
		}
	}
	d.normalise()
}

func separation(a, b *vertex) float64 {
	gap := float64(boxGap)
	if a.bend() || b.bend() {
		gap = bendGap
	}
	return a.w/2 + gap + b.w/2
}

// settle moves a layer's vertices towards their neighbours above, below, or both.
func (d *drawing) settle(layer []*vertex, downwards, both bool) {
	wanted, weight, offset := make([]float64, len(layer)), make([]float64, len(layer)), 0.0
	offsets := make([]float64, len(layer))
	for i, v := range layer {
		if i > 0 {
			offset += separation(layer[i-1], v)
		}
		offsets[i] = offset
		x, w := v.wish(downwards, both)
		wanted[i], weight[i] = x-offset, w
	}
	for i, x := range isotonic(wanted, weight) {
		layer[i].x = x + offsets[i]
	}
}

// wish is where a vertex would like to stand, and how much.
func (v *vertex) wish(downwards, both bool) (x, weight float64) {
	sum := 0.0
	add := func(vs []*vertex) {
		for _, n := range vs {
			w := 1.0
			if v.bend() && n.bend() {
				w = straight
			}
			sum, weight = sum+w*n.x, weight+w
		}
	}
	if downwards || both {
		add(v.up)
	}
	if !downwards || both {
		add(v.down)
	}
	if weight == 0 {
		return v.x, 0.2
	}
	return sum / weight, weight
}

// isotonic returns the non-decreasing sequence nearest to a, by weighted squares.
func isotonic(a, weight []float64) []float64 {
	type block struct {
		mean, weight float64
		n            int
	}
	var blocks []block
	for i := range a {
		blocks = append(blocks, block{a[i], weight[i], 1})
		for k := len(blocks) - 1; k > 0 && blocks[k-1].mean > blocks[k].mean; k-- {
			l, r := blocks[k-1], blocks[k]
			w := l.weight + r.weight
			blocks = append(blocks[:k-1], block{(l.mean*l.weight + r.mean*r.weight) / w, w, l.n + r.n})
		}
	}
	out := make([]float64, 0, len(a))
	for _, b := range blocks {
		for range b.n {
			out = append(out, b.mean)
		}
	}
	return out
}

// vertical gives layers their heights and vertices their tops.
func (d *drawing) vertical() {
	y := 0.0
	for _, layer := range d.layers {
		h := 0.0
		for _, v := range layer {
			h = max(h, v.h)
		}
		for _, v := range layer {
			v.y = y
			if v.bend() {
				v.h = h
			}
		}
		y += h + layerGap
	}
	d.h = max(0, y-layerGap)
}

// normalise moves everything to begin at 0, on whole pixels, and measures it.
func (d *drawing) normalise() {
	left, right := math.Inf(1), math.Inf(-1)
	for _, layer := range d.layers {
		for _, v := range layer {
			left, right = min(left, v.x-v.w/2), max(right, v.x+v.w/2)
		}
	}
	for _, e := range d.edges {
		if e.from == e.to { // a loop at the right of its box
			right = max(right, e.from.x+e.from.w/2+loopWidth)
		}
	}
	for _, layer := range d.layers {
		for _, v := range layer {
			v.x = math.Round(v.x - left)
		}
	}
	d.w = math.Ceil(right-left) + 1
}
