package interp

// This file defines the evaluation of JSONPath expressions: paths, intrinsic
// functions and payload templates.

import (
	"errors"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/intrinsic"
	"github.com/stepworks/stepworks/local/internal/asl/jsonpath"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// evaluator evaluates expressions of the state that a frame stands in.
type evaluator struct {
	x    *Execution
	f    *frame
	root *data // what $ is
	item *item // $$.Map.Item, in ItemSelector
}

// item is one element that a Map goes over.
type item struct {
	index int
	value jsonvalue.Value
}

func (x *Execution) evaluator(f *frame, root *data) *evaluator {
	return &evaluator{x: x, f: f, root: root}
}

// document returns what a path looks into: the root, the context object or a
// variable.
func (ev *evaluator) document(root string) (jsonvalue.Value, error) {
	switch root {
	case "$":
		return ev.root.Value(), nil
	case "$$":
		return ev.x.contextOf(ev.f, ev.item), nil
	}
	if v := ev.f.variable(root[1:]); v != nil {
		return v.Value(), nil
	}
	return nil, errors.New("The variable '" + root + "' is not defined.") //nolint:staticcheck // told as a sentence
}

// get evaluates one path.
func (ev *evaluator) get(p *jsonpath.Path) (jsonvalue.Value, error) {
	doc, err := ev.document(p.Root())
	if err != nil {
		return nil, err
	}
	return p.Get(doc)
}

// path evaluates the path of a path field.
func (ev *evaluator) path(p *asl.Path) (jsonvalue.Value, *failure) {
	if p.Call != nil {
		return ev.call(p)
	}
	v, err := ev.get(p.JSON)
	if err != nil {
		return nil, runtimeFailure(ev.f, "Invalid path '%s' : %v", p.Text, err)
	}
	return v, nil
}

// call evaluates an intrinsic function. That a path in it leads nowhere is
// States.Runtime, as in all templates; a function that fails can be caught.
func (ev *evaluator) call(p *asl.Path) (jsonvalue.Value, *failure) {
	r := ev.x.Random
	v, err := p.Call.Eval(intrinsic.Env{Resolve: ev.get, UUID: r.UUID, Random: r.Uint64})
	if err == nil {
		return v, nil
	}
	if failed := (*intrinsic.Error)(nil); errors.As(err, &failed) && failed.Path == nil {
		return nil, stateFailure(ev.f, errIntrinsic, "%v", err)
	}
	return nil, runtimeFailure(ev.f, "%v", err)
}

// template evaluates a payload template.
func (ev *evaluator) template(t *asl.Template) (jsonvalue.Value, *failure) {
	switch {
	case t.IsObject():
		return ev.object(t)
	case t.IsArray():
		array := make([]any, len(t.Items))
		for i, e := range t.Items {
			v, e := ev.template(e)
			if e != nil {
				return nil, e
			}
			array[i] = v
		}
		return array, nil
	}
	return t.Literal, nil
}

func (ev *evaluator) object(t *asl.Template) (jsonvalue.Value, *failure) {
	var b jsonvalue.Builder
	for i := range t.Members {
		m := &t.Members[i]
		v, e := ev.member(m)
		if e != nil {
			return nil, e
		}
		b.Set(m.Name, v)
	}
	return b.Object(), nil
}

func (ev *evaluator) member(m *asl.TemplateMember) (jsonvalue.Value, *failure) {
	expr := m.Value.Expr
	switch {
	case expr == nil:
		return ev.template(m.Value)
	case expr.Call != nil:
		return ev.call(expr)
	}
	v, err := ev.get(expr.JSON)
	if err == nil {
		return v, nil
	}
	doc, docErr := ev.document(expr.JSON.Root())
	if docErr != nil {
		return nil, runtimeFailure(ev.f, "%v", docErr)
	}
	return nil, runtimeFailure(ev.f, "The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'",
		expr.Text, m.Field, jsonvalue.String(doc))
}

// operand evaluates a field that may be given by its ...Path sibling.
func (ev *evaluator) operand(o asl.Operand) (jsonvalue.Value, *failure) {
	if o.Path == nil {
		return o.Literal, nil
	}
	if o.Path.Call != nil {
		return ev.call(o.Path)
	}
	v, err := ev.get(o.Path.JSON)
	if err != nil {
		return nil, runtimeFailure(ev.f, "The %s parameter does not reference an input value: %s", o.Field, o.Path.Text)
	}
	return v, nil
}

// wholeOperand evaluates an operand that is an integer, or a text that spells
// one.
func (x *Execution) wholeOperand(f *frame, o asl.Operand) (int64, *failure) {
	v, e := languageOf(f).operand(x, f, o)
	if e != nil {
		return 0, e
	}
	if n, ok := numeric(v); ok {
		if i, ok := n.Int64(); ok {
			return i, nil
		}
	}
	return 0, runtimeFailure(f, "The %s field refers to value \"%s\" which is not a valid integer: %s", o.Field, plain(v), sourceOf(o))
}

// floatOperand evaluates an operand that is a number, or a text that spells one.
func (x *Execution) floatOperand(f *frame, o asl.Operand) (float64, *failure) {
	v, e := languageOf(f).operand(x, f, o)
	if e != nil {
		return 0, e
	}
	if n, ok := numeric(v); ok {
		if fl, ok := n.Float64(); ok {
			return fl, nil
		}
	}
	return 0, runtimeFailure(f, "The %s field refers to value \"%s\" which is not a valid float: %s", o.Field, plain(v), sourceOf(o))
}

// numeric reads a number; AWS takes "2" for 2 in path fields (conformance case
// MAP_STATE_REFERENCE_IN_MAX_CONCURRENCY_PATH).
func numeric(v jsonvalue.Value) (jsonvalue.Number, bool) {
	switch v := v.(type) {
	case jsonvalue.Number:
		return v, true
	case string:
		if parsed, err := jsonvalue.Parse([]byte(v)); err == nil {
			n, ok := parsed.(jsonvalue.Number)
			return n, ok
		}
	}
	return "", false
}

// plain is a value as causes quote it: a string without its quotes.
func plain(v jsonvalue.Value) string {
	if s, ok := v.(string); ok {
		return s
	}
	return jsonvalue.String(v)
}

func sourceOf(o asl.Operand) string {
	if o.Path != nil {
		return o.Path.Text
	}
	return plain(o.Literal)
}
