package graph

// This file defines the layers: an edge leads from a layer to a lower one, those
// that lead back are turned round for the time being. Boxes are on even layers;
// the odd ones between have room for labels.

// assignLayers gives every box its layer and every edge its bends.
func (d *drawing) assignLayers() {
	out := map[*vertex][]*edge{}
	for _, e := range d.edges {
		out[e.from] = append(out[e.from], e)
	}
	sorted := d.sortByDependence(out)
	for _, v := range sorted {
		for _, e := range out[v] {
			if e.from != e.to && !e.back {
				e.to.layer = max(e.to.layer, v.layer+2)
			}
		}
	}
	d.spread(sorted)
}

// sortByDependence turns the edges round that close a cycle and returns the
// boxes so that every other edge leads forward.
func (d *drawing) sortByDependence(out map[*vertex][]*edge) []*vertex {
	const open, done = 1, 2
	mark := map[*vertex]int{}
	var last []*vertex // in reverse
	var visit func(v *vertex)
	visit = func(v *vertex) {
		mark[v] = open
		for _, e := range out[v] {
			switch mark[e.to] {
			case open:
				e.back = e.from != e.to
			case 0:
				visit(e.to)
			}
		}
		mark[v] = done
		last = append(last, v)
	}
	for _, v := range d.vertices {
		if mark[v] == 0 {
			visit(v)
		}
	}
	for i, j := 0, len(last)-1; i < j; i, j = i+1, j-1 {
		last[i], last[j] = last[j], last[i]
	}
	return last
}

// spread puts boxes and bends into their layers.
func (d *drawing) spread(sorted []*vertex) {
	deepest := 0
	for _, v := range sorted {
		if v.dot == "end" { // below everything
			for _, other := range sorted {
				if other != v {
					v.layer = max(v.layer, other.layer)
				}
			}
		}
		deepest = max(deepest, v.layer)
	}
	d.layers = make([][]*vertex, deepest+1)
	for _, v := range sorted {
		d.put(v)
	}
	for _, e := range d.edges {
		if e.from != e.to {
			d.bend(e)
		}
	}
}

func (d *drawing) put(v *vertex) {
	d.layers[v.layer] = append(d.layers[v.layer], v)
}

// bend gives an edge a vertex in every layer it passes; its label stands next to
// where it comes from.
func (d *drawing) bend(e *edge) {
	above, below := e.upper(), e.lower()
	labelled := above.layer + 1
	if e.back {
		labelled = below.layer - 1
	}
	last := above
	for layer := above.layer + 1; layer < below.layer; layer++ {
		b := &vertex{layer: layer}
		if layer == labelled && e.label != "" {
			b.label = e.label
			b.w, b.h = textWidth(clip(e.label, maxLabel), wordSize)+10, 18
		}
		d.put(b)
		e.via = append(e.via, b)
		join(last, b)
		last = b
	}
	join(last, below)
}

func join(above, below *vertex) {
	above.down = append(above.down, below)
	below.up = append(below.up, above)
}
