package simulate

// This file defines coverage: which parts of a definition the runs took.

import (
	"fmt"
	"strings"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
)

// Coverage is what the runs of a machine took of its definition.
type Coverage struct {
	Total   int      // states, transitions, choice rules, defaults, retriers and catchers
	Missing []string // those never taken, as locations: "/States/Pay/Retry[1]"
}

// Percent is how much was taken.
func (c Coverage) Percent() float64 {
	if c.Total == 0 {
		return 100
	}
	return 100 * float64(c.Total-len(c.Missing)) / float64(c.Total)
}

func (c Coverage) String() string {
	if len(c.Missing) == 0 {
		return fmt.Sprintf("%d of %d places taken", c.Total, c.Total)
	}
	return fmt.Sprintf("%d of %d places taken; never: %s", c.Total-len(c.Missing), c.Total, strings.Join(c.Missing, ", "))
}

// Coverage sums up all runs of the machine so far. A retrier that forbids retries
// (MaxAttempts 0) counts as no place: there is nothing to take.
func (m *Machine) Coverage() Coverage {
	var c Coverage
	for _, place := range places(&m.machine.Graph) {
		c.Total++
		if m.taken[place] == 0 {
			c.Missing = append(c.Missing, place)
		}
	}
	return c
}

// placeOf is the location of what was observed. A state that ends its graph has
// no transition.
func placeOf(o interp.Observation) string {
	switch o.Part {
	case interp.PartNext:
		return o.Location + "/Next"
	case interp.PartRule:
		return fmt.Sprintf("%s/Choices[%d]", o.Location, o.Index)
	case interp.PartDefault:
		return o.Location + "/Default"
	case interp.PartRetrier:
		return fmt.Sprintf("%s/Retry[%d]", o.Location, o.Index)
	case interp.PartCatcher:
		return fmt.Sprintf("%s/Catch[%d]", o.Location, o.Index)
	}
	return o.Location
}

// places lists what can be taken, in the order of the definition.
func places(g *asl.Graph) []string {
	var all []string
	for _, s := range g.States {
		all = append(all, s.Location)
		if s.Next != "" {
			all = append(all, s.Location+"/Next")
		}
		if s.Choice != nil {
			all = append(all, choicePlaces(s)...)
		}
		for i, r := range s.Retry {
			if r.MaxAttempts > 0 {
				all = append(all, fmt.Sprintf("%s/Retry[%d]", s.Location, i))
			}
		}
		for i := range s.Catch {
			all = append(all, fmt.Sprintf("%s/Catch[%d]", s.Location, i))
		}
		if s.Parallel != nil {
			for _, b := range s.Parallel.Branches {
				all = append(all, places(b)...)
			}
		}
		if s.Map != nil {
			all = append(all, places(s.Map.Processor)...)
		}
	}
	return all
}

func choicePlaces(s *asl.State) []string {
	var all []string
	for i := range s.Choice.Rules {
		all = append(all, fmt.Sprintf("%s/Choices[%d]", s.Location, i))
	}
	if s.Choice.Default != "" {
		all = append(all, s.Location+"/Default")
	}
	return all
}
