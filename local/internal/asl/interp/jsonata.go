package interp

// This file defines the input and output processing of states in JSONata:
// Arguments, Output, Assign and the single fields, with $states.
// https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/jsonata"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// jsonAta is the processing of states whose query language is JSONata.
type jsonAta struct{}

// queryFailure is States.QueryEvaluationError of a field.
func queryFailure(f *frame, location, format string, args ...any) *failure {
	e := stateFailure(f, errQuery, format, args...)
	e.location = location
	e.follows = f.BeforeID
	if f.Prev != f.EnteredID {
		e.follows = f.Prev
	}
	return e
}

// chained makes EvaluationFailed follow the frame's last event. AWS links it so
// where a value is refused (conformance case test_wait_timestamp_jsonata[NO_T]),
// but to what came before the state where an expression fails as the state is
// entered (test_undefined_reference[BASE_UNDEFINED_OUTPUT_MULTIPLE_STATES]).
func chained(f *frame, e *failure) *failure {
	e.follows = f.Prev
	return e
}

// tellEvaluation records that an expression failed, before anything comes of it.
func (x *Execution) tellEvaluation(f *frame, e *failure) {
	if e.location == "" {
		return
	}
	f.Prev = e.follows
	x.emit(f, evaluationFailed, Details{Error: e.Error, Cause: e.Cause, State: f.name(), Location: e.location})
}

// states is what $states holds besides the input and the context.
type states struct {
	result, errorOutput *data
	item                *item
}

// query evaluates the expressions of one field.
type query struct {
	x   *Execution
	f   *frame
	env jsonata.Env
}

func (x *Execution) query(f *frame, s states) *query {
	var b jsonvalue.Builder
	b.Set("input", f.Input.Value())
	if s.result != nil {
		b.Set("result", s.result.Value())
	}
	if s.errorOutput != nil {
		b.Set("errorOutput", s.errorOutput.Value())
	}
	b.Set("context", x.contextOf(f, s.item))
	q := &query{x: x, f: f}
	bindings := map[string]jsonvalue.Value{}
	for name, v := range f.scope().All() {
		bindings[name] = v
	}
	bindings["states"] = b.Object()
	q.env = jsonata.Env{Bindings: bindings, Functions: dialect(x.Random), Now: x.now, Random: x.Random.Float64}
	return q
}

// value evaluates a template; location names the field in causes.
func (q *query) value(t *asl.Template, location string) (jsonvalue.Value, *failure) {
	switch {
	case t.IsObject():
		var b jsonvalue.Builder
		for _, m := range t.Members {
			v, e := q.value(m.Value, location+"/"+m.Field)
			if e != nil {
				return nil, e
			}
			b.Set(m.Name, v)
		}
		return b.Object(), nil
	case t.IsArray():
		array := make([]any, len(t.Items))
		for i, item := range t.Items {
			v, e := q.value(item, location+"["+strconv.Itoa(i)+"]")
			if e != nil {
				return nil, e
			}
			array[i] = v
		}
		return array, nil
	case t.JSONata == nil:
		return t.Literal, nil
	}
	v, defined, err := t.JSONata.EvalWithoutInput(q.env)
	switch {
	case err != nil:
		return nil, queryFailure(q.f, location, "The JSONata expression '%s' specified for the field '%s' threw an error during evaluation. %s",
			t.Query, location, reason(err))
	case !defined:
		return nil, queryFailure(q.f, location, "The JSONata expression '%s' specified for the field '%s' returned nothing (undefined).",
			t.Query, location)
	}
	return v, nil
}

func reason(err error) string {
	if e := (*jsonata.Error)(nil); errors.As(err, &e) {
		return e.Code + ": " + e.Message
	}
	return err.Error()
}

// unexpected is the failure of an expression whose result is of the wrong type.
func unexpected(f *frame, t *asl.Template, location, want string, v jsonvalue.Value) *failure {
	if t == nil || t.JSONata == nil {
		return queryFailure(f, location, "The field '%s' has an unexpected type. Expected '%s', but was '%s' for value: %s",
			location, want, jsonvalue.Kind(v), jsonvalue.String(v))
	}
	return queryFailure(f, location, "The JSONata expression '%s' specified for the field '%s' returned an unexpected result type. "+
		"Expected '%s', but was '%s' for value: %s", t.Query, location, want, jsonvalue.Kind(v), jsonvalue.String(v))
}

// input is Arguments, or the state's input.
func (jsonAta) input(x *Execution, f *frame) (*data, *failure) {
	if f.at.Arguments == nil {
		return f.Input, nil
	}
	v, e := x.query(f, states{}).value(f.at.Arguments, "Arguments")
	if e != nil {
		return nil, e
	}
	in := newData(v)
	x.note("afterArguments", in)
	return in, nil
}

// output is Output, or the result. Assign sees the same.
func (l jsonAta) output(x *Execution, f *frame, result *data, hasResult bool) (outcome, *failure) {
	s := states{}
	switch f.at.Type {
	case asl.TypeTask, asl.TypeParallel, asl.TypeMap:
		if hasResult {
			s.result = result
		}
	}
	return l.outcome(x, f, s, f.at.Assign, f.at.Output, result, "")
}

// outcome evaluates an Assign and an Output; without one the output is standard.
func (jsonAta) outcome(x *Execution, f *frame, s states, assign, output *asl.Template, standard *data, within string) (outcome, *failure) {
	o := outcome{output: standard}
	if assign == nil && output == nil {
		return o, nil
	}
	q := x.query(f, s)
	if assign != nil {
		v, e := q.value(assign, within+"Assign")
		if e != nil {
			return outcome{}, e
		}
		made, ok := v.(*jsonvalue.Object)
		if !ok {
			return outcome{}, unexpected(f, assign, within+"Assign", "object", v)
		}
		for name, v := range made.All() {
			o.assigned = append(o.assigned, assignment{name, newData(v)})
		}
	}
	if output != nil {
		v, e := q.value(output, within+"Output")
		if e != nil {
			return outcome{}, e
		}
		o.output = newData(v)
	}
	return o, nil
}

// caught: Output of the catcher, or the error output.
func (l jsonAta) caught(x *Execution, f *frame, c asl.Catcher, errorOutput *jsonvalue.Object) (outcome, *failure) {
	d := newData(errorOutput)
	return l.outcome(x, f, states{errorOutput: d}, c.Assign, c.Output, d, fmt.Sprintf("Catch[%d]/", catcherIndex(f, c)))
}

func catcherIndex(f *frame, c asl.Catcher) int {
	for i := range f.at.Catch {
		if len(c.ErrorEquals) > 0 && &f.at.Catch[i].ErrorEquals[0] == &c.ErrorEquals[0] {
			return i
		}
	}
	return 0
}

// chosen: Assign and Output of the rule, or those of the state by its Default.
func (l jsonAta) chosen(x *Execution, f *frame, r *asl.Rule) (outcome, *failure) {
	if r == nil {
		return l.outcome(x, f, states{}, f.at.Assign, f.at.Output, f.Input, "")
	}
	return l.outcome(x, f, states{}, r.Assign, r.Output, f.Input, fmt.Sprintf("Choices[%d]/", ruleIndex(f, r)))
}

func ruleIndex(f *frame, r *asl.Rule) int {
	for i := range f.at.Choice.Rules {
		if &f.at.Choice.Rules[i] == r {
			return i
		}
	}
	return 0
}

func (jsonAta) test(x *Execution, f *frame, r *asl.Rule, _ *data) (bool, *failure) {
	location := fmt.Sprintf("Choices[%d]/Condition", ruleIndex(f, r))
	v, e := x.query(f, states{}).value(r.Condition, location)
	if e != nil {
		return false, e
	}
	holds, ok := v.(bool)
	if !ok {
		return false, unexpected(f, r.Condition, location, "boolean", v)
	}
	return holds, nil
}

func (jsonAta) template(x *Execution, f *frame, t *asl.Template, _ *data, field string) (*data, *failure) {
	if field == "Parameters" { // of ItemReader, ItemBatcher and ResultWriter
		field = "Arguments"
	}
	v, e := x.query(f, states{}).value(t, field)
	if e != nil {
		return nil, e
	}
	return newData(v), nil
}

// textual are the operands that are strings; the others are numbers.
var textual = map[string]bool{"Timestamp": true, "Error": true, "Cause": true}

func (jsonAta) operand(x *Execution, f *frame, o asl.Operand) (jsonvalue.Value, *failure) {
	if o.JSONata == nil {
		return o.Literal, nil
	}
	v, e := x.query(f, states{}).value(o.JSONata, o.Field)
	if e != nil {
		return nil, e
	}
	switch v.(type) {
	case string:
		if textual[o.Field] {
			return v, nil
		}
	case jsonvalue.Number:
		if !textual[o.Field] {
			return v, nil
		}
	}
	want := "number"
	if textual[o.Field] {
		want = "string"
	}
	return nil, unexpected(f, o.JSONata, o.Field, want, v)
}

// items is Items, or the input: an array.
// https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
func (jsonAta) items(x *Execution, f *frame) ([]jsonvalue.Value, *failure) {
	v := f.Input.Value()
	if t := f.at.Map.Items; t != nil {
		var e *failure
		if v, e = x.query(f, states{}).value(t, "Items"); e != nil {
			return nil, e
		}
	}
	items, ok := v.([]any)
	if !ok {
		return nil, unexpected(f, f.at.Map.Items, "Items", "array", v)
	}
	return items, nil
}

func (jsonAta) selected(x *Execution, f *frame, it *item) (*data, *failure) {
	v, e := x.query(f, states{item: it}).value(f.at.Map.ItemSelector, "ItemSelector")
	if e != nil {
		return nil, e
	}
	return newData(v), nil
}
