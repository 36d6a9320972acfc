package expr

// This file defines document paths and projections.

import (
	"strconv"
	"strings"
)

// Step is one step of a path: a name, or a place in a list when Name is "".
type Step struct {
	Name  string
	Index int
}

// Path leads to a value within an item. It has at least one step, a name.
type Path []Step

// String prints a path as AWS's errors do: [a, [1], b].
func (p Path) String() string {
	var b strings.Builder
	b.WriteByte('[')
	for i, s := range p {
		if i > 0 {
			b.WriteString(", ")
		}
		if s.Name == "" {
			b.WriteString("[" + strconv.Itoa(s.Index) + "]")
		} else {
			b.WriteString(s.Name)
		}
	}
	b.WriteByte(']')
	return b.String()
}

// resolve puts in what a path's aliases stand for.
func (s *Scope) resolve(n *node) Path {
	path := make(Path, len(n.elements))
	for i, e := range n.elements {
		path[i] = Step{Name: e.name, Index: e.index}
		if name, ok := s.names[e.name]; ok && e.name[0] == '#' {
			path[i].Name = name
		}
	}
	return path
}

// Get returns the value at the path, nil if there is none.
func (p Path) Get(item *Map) Value {
	v, ok := item.Get(p[0].Name)
	if !ok {
		return nil
	}
	for _, s := range p[1:] {
		if v = s.in(v); v == nil {
			return nil
		}
	}
	return v
}

func (s Step) in(v Value) Value {
	switch v := v.(type) {
	case *Map:
		if s.Name != "" {
			inner, _ := v.Get(s.Name)
			return inner
		}
	case List:
		if s.Name == "" && s.Index < len(v) {
			return v[s.Index]
		}
	}
	return nil
}

type collision int

const (
	apart    collision = iota
	overlap            // one path leads to or into the other
	conflict           // one takes for a list what the other takes for a map
)

func collide(p, q Path) collision {
	for i := range min(len(p), len(q)) {
		if p[i] != q[i] {
			if (p[i].Name == "") != (q[i].Name == "") {
				return conflict
			}
			return apart
		}
	}
	return overlap
}

// Projection picks parts of an item.
type Projection struct{ paths []Path }

// NewProjection returns the projection onto these paths.
func NewProjection(paths ...Path) *Projection { return &Projection{paths: paths} }

// Paths returns what is picked.
func (p *Projection) Paths() []Path { return p.paths }

// Of returns the picked parts. Of a list the picked elements alone remain, in
// their order, without gaps.
func (p *Projection) Of(item *Map) *Map {
	out := &Map{}
	for name, v := range item.All() {
		if picked := pick(v, p.paths, 0, Step{Name: name}); picked != nil {
			out.Put(name, picked)
		}
	}
	return out
}

// pick returns what of v the paths pick that lead through step at depth.
func pick(v Value, paths []Path, depth int, step Step) Value {
	var inner []Path
	for _, p := range paths {
		if p[depth] == step {
			if len(p) == depth+1 {
				return v
			}
			inner = append(inner, p)
		}
	}
	if inner == nil {
		return nil
	}
	switch v := v.(type) {
	case *Map:
		out := &Map{}
		for name, x := range v.All() {
			if picked := pick(x, inner, depth+1, Step{Name: name}); picked != nil {
				out.Put(name, picked)
			}
		}
		if out.Len() > 0 {
			return out
		}
	case List:
		var out List
		for i, x := range v {
			if picked := pick(x, inner, depth+1, Step{Index: i}); picked != nil {
				out = append(out, picked)
			}
		}
		if out != nil {
			return out
		}
	}
	return nil
}
