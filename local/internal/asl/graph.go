package asl

// This file defines the validation of transitions: every target is a state of
// the same graph, every state is the target of something, and some state ends
// the graph.

import (
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// transition is one place that names a state.
type transition struct {
	to string
	at *place
}

func (s *schema) transitions(kind object, graph, members *jsonvalue.Object, at *place) {
	targets, lost := map[string]bool{}, false
	follow := func(v jsonvalue.Value, at *place) {
		to, ok := v.(string)
		if !ok {
			return
		}
		if !members.Has(to) {
			s.fault(CodeTransition, at, "Missing 'Next' target: %s", to)
			lost = true
		}
		targets[to] = true
	}
	start, hasStart := graph.Get("StartAt")
	follow(start, at.at("StartAt"))
	ends := false
	for name, v := range members.All() {
		state, _ := v.(*jsonvalue.Object)
		ends = ends || terminal(state)
		for _, t := range outgoing(state, at.at("States").at(name)) {
			follow(t.to, t.at)
		}
	}
	if !hasStart {
		return // then nothing can be said of what is reachable
	}
	for name := range members.All() {
		if !targets[name] {
			s.fault(CodeTransition, at.at("States").at(name), "State \"%s\" is not reachable.", name)
		}
	}
	if !ends && !lost {
		s.noEnd(kind, at)
	}
}

// noEnd tells of a graph without an end; of the machine AWS tells no place.
func (s *schema) noEnd(kind object, at *place) {
	f := Fault{Code: CodeNoEnd, Message: "Workflow has no terminal state"}
	if kind != inMachine {
		f.Location = at.location()
	}
	s.add(f, at)
}

// terminal reports whether a graph can end in the state. A state without any
// transition is another fault, so it counts as an end here.
func terminal(state *jsonvalue.Object) bool {
	switch v, _ := state.Get("Type"); v {
	case string(TypeSucceed), string(TypeFail):
		return true
	case string(TypeChoice):
		return false
	}
	end, _ := state.Get("End")
	return end == true || !state.Has("Next")
}

// outgoing lists a state's transitions.
func outgoing(state *jsonvalue.Object, at *place) []transition {
	var out []transition
	add := func(o *jsonvalue.Object, name string, at *place) {
		if v, ok := o.Get(name); ok {
			if to, ok := v.(string); ok {
				out = append(out, transition{to, at.at(name)})
			}
		}
	}
	add(state, "Next", at)
	for _, name := range []string{"Choices", "Catch"} {
		v, _ := state.Get(name)
		a, _ := v.([]any)
		for i, e := range a {
			o, _ := e.(*jsonvalue.Object)
			add(o, "Next", at.at(name).item(i))
		}
	}
	add(state, "Default", at)
	return out
}
