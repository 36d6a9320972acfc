package template

// This file defines the order in which resources can be made: each behind what it
// needs, else as they stand in the template.

import (
	"slices"
	"strings"
)

// inOrder returns the resources in order and reports circles by their names.
func inOrder(resources []*Resource, f *faults) []*Resource {
	done := map[string]bool{}
	ordered := make([]*Resource, 0, len(resources))
	waiting := slices.Clone(resources)
	for len(waiting) > 0 {
		i := slices.IndexFunc(waiting, func(r *Resource) bool {
			return !slices.ContainsFunc(r.Needs, func(id string) bool { return !done[id] })
		})
		if i < 0 {
			reportCircle(waiting, f)
			return resources
		}
		done[waiting[i].LogicalID] = true
		ordered = append(ordered, waiting[i])
		waiting = slices.Delete(waiting, i, i+1)
	}
	return ordered
}

// reportCircle names one circle among resources none of which can be first.
func reportCircle(waiting []*Resource, f *faults) {
	byID := map[string]*Resource{}
	for _, r := range waiting {
		byID[r.LogicalID] = r
	}
	var trail []string
	for r := waiting[0]; ; {
		if i := slices.Index(trail, r.LogicalID); i >= 0 {
			circle := append(trail[i:], r.LogicalID)
			f.add(r.At, r.path, "the resources need each other in a circle: %s; build one of the names with Fn::Sub instead of a reference", strings.Join(circle, " -> "))
			return
		}
		trail = append(trail, r.LogicalID)
		next := slices.IndexFunc(r.Needs, func(id string) bool { return byID[id] != nil })
		r = byID[r.Needs[next]]
	}
}
