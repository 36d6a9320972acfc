package expr

// This file defines what of several faults is reported.

import "slices"

// fault is a kind of fault. AWS looks through the whole expression for one kind
// after the other, in this order, and reports the first it finds. The order is
// that of recorded answers.
type fault int

const (
	faultParentheses fault = iota
	faultFunction
	faultMisplaced
	faultReserved
	faultSections
	faultUndefined
	faultOverlap
	faultConflict
	faultUpdateType
	faultCount
	faultNotPath
	faultType
	faultBounds
	faultDistinct
	faultKinds
)

type faults [faultKinds]error

// note keeps the first fault of each kind.
func (f *faults) note(kind fault, format string, args ...any) {
	if f[kind] == nil {
		f[kind] = errorf(format, args...)
	}
}

// first returns the fault that AWS reports, or nil.
func (f *faults) first() error {
	if i := slices.IndexFunc(f[:], func(err error) bool { return err != nil }); i >= 0 {
		return f[i]
	}
	return nil
}
