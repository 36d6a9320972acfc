package graph

// This file defines the order within layers: each vertex near the middle of its
// neighbours, sweep after sweep, and of all sweeps the one with fewest crossings.

import (
	"cmp"
	"slices"
)

const sweeps = 24

func (d *drawing) assignOrder() {
	d.number()
	best, fewest := d.snapshot(), d.crossings()
	for i := range sweeps {
		if fewest == 0 {
			break
		}
		d.sweep(i%2 == 0)
		if n := d.crossings(); n < fewest {
			best, fewest = d.snapshot(), n
		}
	}
	d.layers = best
	d.number()
}

func (d *drawing) number() {
	for _, layer := range d.layers {
		for i, v := range layer {
			v.order = i
		}
	}
}

func (d *drawing) snapshot() [][]*vertex {
	out := make([][]*vertex, len(d.layers))
	for i, layer := range d.layers {
		out[i] = slices.Clone(layer)
	}
	return out
}

// sweep sorts the layers, downwards by what is above or upwards by what is below.
func (d *drawing) sweep(downwards bool) {
	for i := range d.layers {
		layer := d.layers[i]
		if !downwards {
			layer = d.layers[len(d.layers)-1-i]
		}
		middle := map[*vertex]float64{}
		for _, v := range layer {
			neighbours := v.down
			if downwards {
				neighbours = v.up
			}
			middle[v] = float64(v.order)
			if len(neighbours) > 0 {
				middle[v] = meanOrder(neighbours)
			}
		}
		slices.SortStableFunc(layer, func(a, b *vertex) int { return cmp.Compare(middle[a], middle[b]) })
		for j, v := range layer {
			v.order = j
		}
	}
}

func meanOrder(vs []*vertex) float64 {
	sum := 0
	for _, v := range vs {
		sum += v.order
	}
	return float64(sum) / float64(len(vs))
}

// crossings counts them, between every layer and the next.
func (d *drawing) crossings() int {
	n := 0
	for _, layer := range d.layers {
		var ends []int // of the edges to the next layer, by where they start
		for _, v := range layer {
			orders := make([]int, len(v.down))
			for i, w := range v.down {
				orders[i] = w.order
			}
			slices.Sort(orders)
			ends = append(ends, orders...)
		}
		n += inversions(ends)
	}
	return n
}

// inversions counts the pairs that stand in the wrong order, by merging.
func inversions(a []int) int {
	if len(a) < 2 {
		return 0
	}
	left, right := slices.Clone(a[:len(a)/2]), slices.Clone(a[len(a)/2:])
	n := inversions(left) + inversions(right)
	for k, i, j := 0, 0, 0; k < len(a); k++ {
		if j == len(right) || i < len(left) && left[i] <= right[j] {
			a[k], i = left[i], i+1
			continue
		}
		a[k], j = right[j], j+1
		n += len(left) - i
	}
	return n
}
