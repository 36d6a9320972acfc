package jsonpath

// This file defines reference paths, through which ResultPath writes.

import (
	"fmt"
	"slices"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Reference is a path of names and indexes from zero, starting at "$": one place
// in a document, whether it exists yet or not.
type Reference struct{ path *Path }

// ParseReference compiles a reference path. The error is a [*SyntaxError].
// https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html#amazon-states-language-reference-paths
func ParseReference(text string) (*Reference, error) {
	path, err := Parse(text)
	if err != nil {
		return nil, err
	}
	r, problem := path.Reference()
	if problem != "" {
		return nil, &SyntaxError{Text: text, Problem: problem}
	}
	return r, nil
}

// Reference returns the path as a reference path, or why it is none.
func (p *Path) Reference() (r *Reference, problem string) {
	if p.root != "$" {
		return nil, "a reference path starts with $, not with " + p.root
	}
	for i := range p.steps {
		s := &p.steps[i]
		if s.selector != nil || s.fromEnd || s.index < 0 {
			return nil, fmt.Sprintf("a reference path has names and indexes from 0 only, not %s", s)
		}
	}
	return &Reference{path: p}, ""
}

// Path returns the reference as a path to read.
func (r *Reference) Path() *Path { return r.path }

// String returns the reference path as it was given.
func (r *Reference) String() string { return r.path.text }

// SetError says why a value cannot be written where a reference points.
type SetError struct {
	Reference *Reference
	At        string // the part that cannot be entered, in bracket form
	Found     jsonvalue.Value
	Problem   string
}

func (e *SetError) Error() string {
	return fmt.Sprintf("cannot write to %q: %s %s", e.Reference, e.At, e.Problem)
}

// Set returns a copy of doc in which the place has the value v. Objects that are
// missing on the way are made; what is not on the way is shared with doc. The
// error is a [*SetError]: something on the way is neither an object nor, for an
// index, an array that has the index.
func (r *Reference) Set(doc, v jsonvalue.Value) (jsonvalue.Value, error) {
	return r.set(0, doc, true, v)
}

// set writes v below old, which step i enters; there tells whether old exists.
func (r *Reference) set(i int, old jsonvalue.Value, there bool, v jsonvalue.Value) (jsonvalue.Value, error) {
	if i == len(r.path.steps) {
		return v, nil
	}
	if s := &r.path.steps[i]; s.byIndex {
		return r.setElement(i, s.index, old, v)
	}
	o, ok := old.(*jsonvalue.Object)
	if !ok && there {
		return nil, r.fail(i, old, "is "+article(old)+", not an object")
	}
	name := r.path.steps[i].name
	member, has := o.Get(name)
	member, err := r.set(i+1, member, has, v)
	if err != nil {
		return nil, err
	}
	return o.With(name, member), nil
}

func (r *Reference) setElement(i, index int, old, v jsonvalue.Value) (jsonvalue.Value, error) {
	a, ok := old.([]any)
	if !ok {
		return nil, r.fail(i, old, "is "+article(old)+", not an array")
	}
	if index >= len(a) {
		return nil, r.fail(i, old, fmt.Sprintf("has %d elements and no index %d", len(a), index))
	}
	element, err := r.set(i+1, a[index], true, v)
	if err != nil {
		return nil, err
	}
	a = slices.Clone(a)
	a[index] = element
	return a, nil
}

func (r *Reference) fail(i int, found jsonvalue.Value, problem string) error {
	return &SetError{Reference: r, At: canonicalSteps(r.path.steps[:i]), Found: found, Problem: problem}
}

func article(v jsonvalue.Value) string {
	switch kind := jsonvalue.Kind(v); kind {
	case "null":
		return kind
	case "array", "object":
		return "an " + kind
	default:
		return "a " + kind
	}
}
