package interp

// This file defines observations: which parts of a definition an execution
// made use of, for whoever counts coverage.

// Part says what part of a state was used.
type Part string

// The parts that can be told apart.
const (
	PartState   Part = "state"      // the state was entered
	PartNext    Part = "transition" // it was left by Next, or by End
	PartRule    Part = "rule"       // it was left by the rule at Index of Choices
	PartDefault Part = "default"    // it was left by Default
	PartRetrier Part = "retrier"    // the retrier at Index of Retry gave another attempt
	PartCatcher Part = "catcher"    // it was left by the catcher at Index of Catch
)

// Observation is one use of a part of the definition.
type Observation struct {
	Location string // of the state
	Part     Part
	Index    int
	Next     string // the state that comes next; "" where the graph ends
}

func (x *Execution) observe(f *frame, part Part, index int, next string) {
	if x.Observe != nil {
		x.Observe(Observation{f.Location, part, index, next})
	}
}
