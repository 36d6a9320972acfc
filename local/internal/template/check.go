package template

// This file defines how trees and values are held against the table: unknown
// properties, wrong kinds and what is missing are reported before anything is
// made, and values take the kind that their property has.

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// checkShape reports what of n does not fit. A call fits any shape: what it comes
// to is checked by [convert] when it is known.
func checkShape(n *Node, s *shape, of, path string, f *faults) {
	if n.Kind == Call || n.refused || s.kind == "json" {
		return
	}
	switch s.kind {
	case "object":
		checkObject(n, s, of, path, f)
	case "list":
		if n.Kind != List {
			f.add(n.At, path, "a list is needed here, not %s", n.kindName())
			return
		}
		for i, item := range n.Items {
			checkShape(item, s.element, of, join(path, itoa(i)), f)
		}
	case "map":
		if n.Kind != Map {
			f.add(n.At, path, "a map is needed here, not %s", n.kindName())
			return
		}
		for _, e := range n.Entries {
			checkShape(e.Value, s.element, of, join(path, e.Name), f)
		}
	default:
		if n.Kind != Scalar || n.Value == nil {
			f.add(n.At, path, "%s is needed here, not %s", article(s.kind), n.kindName())
		} else if _, ok := convertScalar(n.Value, s.kind); !ok {
			shown, _ := n.Text()
			if dynamicReference.MatchString(shown) {
				return
			}
			f.add(n.At, path, "%s is needed here, not %q", article(s.kind), shown)
		}
	}
}

func article(kind string) string {
	if kind == "integer" {
		return "an integer"
	}
	return "a " + kind
}

func checkObject(n *Node, s *shape, of, path string, f *faults) {
	if n.Kind != Map {
		f.add(n.At, path, "a map is needed here, not %s", n.kindName())
		return
	}
	for _, e := range n.Entries {
		p := s.field(e.Name)
		if p == nil {
			f.add(e.At, join(path, e.Name), "%s has no supported property %s%s", of, e.Name, meant(e.Name, s.names()))
			continue
		}
		checkShape(e.Value, p.shape, of, join(path, e.Name), f)
	}
	for _, p := range s.fields {
		if p.Required && n.Get(p.Name) == nil {
			f.add(n.At, path, "the required property %s is missing", p.Name)
		}
	}
}

// convert gives a value the kind that its property has, as CloudFormation does:
// "30" becomes the number 30 where an integer is needed.
func convert(v jsonvalue.Value, s *shape, n *Node, path string, f *faults) jsonvalue.Value {
	switch s.kind {
	case "json":
		return v
	case "object", "map":
		o, ok := v.(*jsonvalue.Object)
		if !ok {
			f.add(n.At, path, "a map is needed here, not %s", describe(v))
			return v
		}
		return convertMembers(o, s, n, path, f)
	case "list":
		items, ok := v.([]any)
		if !ok {
			f.add(n.At, path, "a list is needed here, not %s", describe(v))
			return v
		}
		out := make([]any, len(items))
		for i, item := range items {
			out[i] = convert(item, s.element, n.item(i), join(path, itoa(i)), f)
		}
		return out
	}
	if text, ok := v.(string); ok && dynamicReference.MatchString(text) {
		return v // what it comes to is told later
	}
	c, ok := convertScalar(v, s.kind)
	if !ok {
		f.add(n.At, path, "%s is needed here, not %s", article(s.kind), describe(v))
	}
	return c
}

func convertMembers(o *jsonvalue.Object, s *shape, n *Node, path string, f *faults) jsonvalue.Value {
	var b jsonvalue.Builder
	for name, member := range o.All() {
		inner := s.element
		if s.kind == "object" {
			p := s.field(name)
			if p == nil {
				f.add(n.At, join(path, name), "there is no supported property %s%s", name, meant(name, s.names()))
				continue
			}
			inner = p.shape
		}
		b.Set(name, convert(member, inner, n.member(name), join(path, name), f))
	}
	return b.Object()
}

// item and member find the node that a value came from, as near as possible.
func (n *Node) item(i int) *Node {
	if n.Kind == List && i < len(n.Items) {
		return n.Items[i]
	}
	return n
}

func (n *Node) member(name string) *Node {
	if m := n.Get(name); m != nil {
		return m
	}
	return n
}

// convertScalar gives a scalar the kind; ok is false if it cannot have it.
func convertScalar(v jsonvalue.Value, kind string) (jsonvalue.Value, bool) {
	s, ok := scalarText(v)
	if !ok {
		return v, false
	}
	switch kind {
	case "string":
		return s, true
	case "boolean":
		b, err := strconv.ParseBool(strings.ToLower(s))
		return b, err == nil && slices.Contains([]string{"true", "false"}, strings.ToLower(s))
	}
	if !jsonNumber.MatchString(s) {
		return v, false
	}
	number := jsonvalue.Number(s)
	if kind == "integer" {
		f, ok := number.Float64()
		if !ok || f != math.Trunc(f) {
			return v, false
		}
		if i, ok := number.Int64(); ok {
			return jsonvalue.Int(i), true
		}
		return v, false
	}
	return number, true
}
