// Package asl reads the Amazon States Language.
//
// [Parse] turns the text of a definition into an immutable [Machine] or reports
// all that is wrong with it at once, in the codes and words of AWS's
// ValidateStateMachineDefinition. What the language has and this package does
// not support is such a fault too, never ignored.
//
// The package is pure: no I/O, no clock. What a machine does is the business of
// package interp below it.
package asl

// Machine is a state machine's definition. It never changes once parsed, so
// any number of executions share one.
type Machine struct {
	text string
}

// Text returns the definition as it was given.
func (m *Machine) Text() string { return m.text }
