package interp

// This file defines workflow variables and their scopes: a branch or iteration
// sees the variables around it and assigns its own.
// https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html

import (
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// assignment is one member of Assign, evaluated.
type assignment struct {
	name  string
	value *data
}

// The limits of variables: one, all that one state assigns, all of a scope.
// https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html#variable-limits
const (
	maxAssigned  = 256 * 1024
	maxVariables = 10 << 20
)

// assign gives variables of the frame's scope their values. All are evaluated
// before any is assigned.
func (f *frame) assign(as []assignment) *failure {
	if len(as) == 0 {
		return nil
	}
	size := 0
	for _, a := range as {
		if size <= maxAssigned && a.value.fits() {
			size += len(a.value.Text())
		} else {
			size = maxAssigned + 1
		}
		if f.parent != nil && f.parent.variable(a.name) != nil {
			return runtimeFailure(f, "Variable '%s' belongs to an outer scope and cannot be assigned here.", a.name)
		}
	}
	if size > maxAssigned {
		return runtimeFailure(f, "The size of the variables that the state assigns exceeds the limit of 256 KiB.")
	}
	if f.Variables == nil {
		f.Variables = map[string]*data{}
	}
	for _, a := range as {
		f.Variables[a.name] = a.value
	}
	total := 0
	for _, v := range f.Variables {
		total += len(v.Text())
	}
	if total > maxVariables {
		return runtimeFailure(f, "The size of all variables exceeds the limit of 10 MiB.")
	}
	return nil
}

// variable looks a variable up in the frame's scope and those around it.
func (f *frame) variable(name string) *data {
	for ; f != nil; f = f.parent {
		if v, ok := f.Variables[name]; ok {
			return v
		}
	}
	return nil
}

// scope returns all variables that a frame sees, as an object.
func (f *frame) scope() *jsonvalue.Object {
	var b jsonvalue.Builder
	for _, s := range f.path() {
		for _, name := range sortedNames(s.Variables) {
			b.Set(name, s.Variables[name].Value())
		}
	}
	return b.Object()
}

// path lists the frames from the root to this one.
func (f *frame) path() []*frame {
	if f == nil {
		return nil
	}
	return append(f.parent.path(), f)
}

// texts is the form in which history events tell assignments.
func texts(as []assignment) map[string]string {
	if len(as) == 0 {
		return nil
	}
	m := make(map[string]string, len(as))
	for _, a := range as {
		m[a.name] = a.value.Text()
	}
	return m
}
