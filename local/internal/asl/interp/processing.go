package interp

// This file defines the input and output processing of a state, in the order
// of the specification, for states in JSONPath. What is asked of a query
// language is the interface at the top; jsonata.go has its other implementation.
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-input-output-filtering.html

import (
	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// outcome is what a state leaves behind.
type outcome struct {
	output   *data
	assigned []assignment
}

// language is what a query language does for the state that a frame stands in.
type language interface {
	// input makes what the state works with out of its raw input: InputPath and
	// Parameters, or Arguments.
	input(x *Execution, f *frame) (*data, *failure)
	// output makes the state's outcome. hasResult tells whether the state made a
	// result of its own; without one, result is its input.
	output(x *Execution, f *frame, result *data, hasResult bool) (outcome, *failure)
	// caught makes the outcome of a state that failed and was caught.
	caught(x *Execution, f *frame, c asl.Catcher, errorOutput *jsonvalue.Object) (outcome, *failure)
	// chosen makes the outcome of a Choice by a rule; nil: by its Default.
	chosen(x *Execution, f *frame, r *asl.Rule) (outcome, *failure)
	// test decides a rule of a Choice. input is its effective input.
	test(x *Execution, f *frame, r *asl.Rule, input *data) (bool, *failure)
	// template evaluates a template whose $ is root.
	template(x *Execution, f *frame, t *asl.Template, root *data, field string) (*data, *failure)
	// operand evaluates a field that is not a literal.
	operand(x *Execution, f *frame, o asl.Operand) (jsonvalue.Value, *failure)
	// items returns what a Map goes over.
	items(x *Execution, f *frame) ([]jsonvalue.Value, *failure)
	// selected evaluates ItemSelector for one of them.
	selected(x *Execution, f *frame, it *item) (*data, *failure)
}

// languages has the evaluator of each query language.
var languages = map[asl.QueryLanguage]language{asl.JSONPath: jsonPath{}, asl.JSONata: jsonAta{}}

func languageOf(f *frame) language { return languages[f.at.Language] }

// jsonPath is the processing of states whose query language is JSONPath.
type jsonPath struct{}

// input: raw input, InputPath, Parameters.
func (l jsonPath) input(x *Execution, f *frame) (*data, *failure) {
	in, e := l.inputPath(x, f)
	if e == nil && f.at.Parameters != nil {
		in, e = l.template(x, f, f.at.Parameters, in, "Parameters")
	}
	if t := f.at.Type; t == asl.TypeTask || t == asl.TypePass {
		x.note("afterParameters", in)
	}
	return in, e
}

func (l jsonPath) inputPath(x *Execution, f *frame) (*data, *failure) {
	in, e := x.applyPath(f, f.at.InputPath, f.Input)
	x.note("afterInputPath", in)
	return in, e
}

// output: result, ResultSelector, ResultPath into the raw input, OutputPath;
// Assign sees the result after ResultSelector, and the variables as they were.
func (l jsonPath) output(x *Execution, f *frame, result *data, hasResult bool) (outcome, *failure) {
	var e *failure
	if f.at.ResultSelector != nil {
		if result, e = l.template(x, f, f.at.ResultSelector, result, "ResultSelector"); e != nil {
			return outcome{}, e
		}
	}
	assigned, e := l.assign(x, f, f.at.Assign, result)
	if e != nil {
		return outcome{}, e
	}
	out := result
	if hasResult {
		x.note("afterResultSelector", result)
		if out, e = x.applyResultPath(f, f.at.ResultPath, result); e != nil {
			return outcome{}, e
		}
		x.note("afterResultPath", out)
	}
	out, e = x.applyPath(f, f.at.OutputPath, out)
	return outcome{out, assigned}, e
}

// caught: the error output, the catcher's ResultPath into the raw input, no
// OutputPath (conformance case test_raise_exception_catch_output_path).
func (l jsonPath) caught(x *Execution, f *frame, c asl.Catcher, errorOutput *jsonvalue.Object) (outcome, *failure) {
	result := newData(errorOutput)
	assigned, e := l.assign(x, f, c.Assign, result)
	if e != nil {
		return outcome{}, e
	}
	out, e := x.applyResultPath(f, c.ResultPath, result)
	return outcome{out, assigned}, e
}

// chosen: InputPath, OutputPath; the Assign of the rule, or that of the state
// when no rule was taken.
func (l jsonPath) chosen(x *Execution, f *frame, r *asl.Rule) (outcome, *failure) {
	in, e := l.inputPath(x, f)
	if e != nil {
		return outcome{}, e
	}
	assign := f.at.Assign
	if r != nil {
		assign = r.Assign
	}
	assigned, e := l.assign(x, f, assign, in)
	if e != nil {
		return outcome{}, e
	}
	out, e := x.applyPath(f, f.at.OutputPath, in)
	return outcome{out, assigned}, e
}

func (l jsonPath) assign(x *Execution, f *frame, t *asl.Template, root *data) ([]assignment, *failure) {
	if t == nil {
		return nil, nil
	}
	d, e := l.template(x, f, t, root, "Assign")
	if e != nil {
		return nil, e
	}
	var as []assignment
	for name, v := range d.Value().(*jsonvalue.Object).All() {
		as = append(as, assignment{name, newData(v)})
	}
	return as, nil
}

func (jsonPath) template(x *Execution, f *frame, t *asl.Template, root *data, _ string) (*data, *failure) {
	v, e := x.evaluator(f, root).template(t)
	if e != nil {
		return nil, e
	}
	return newData(v), nil
}

func (jsonPath) operand(x *Execution, f *frame, o asl.Operand) (jsonvalue.Value, *failure) {
	return x.evaluator(f, f.Input).operand(o)
}

func (l jsonPath) items(x *Execution, f *frame) ([]jsonvalue.Value, *failure) {
	in, e := l.inputPath(x, f)
	if e != nil {
		return nil, e
	}
	path := f.at.Map.ItemsPath
	v := in.Value()
	text := "$"
	if path != nil && !path.Null {
		text = path.Text
		if v, e = x.evaluator(f, in).path(path); e != nil {
			return nil, e
		}
	}
	items, ok := v.([]any)
	if !ok {
		return nil, runtimeFailure(f, "Reference path \"%s\" must point to array.", text)
	}
	return items, nil
}

// applyPath applies InputPath or OutputPath: absent is everything, null is {}.
func (x *Execution) applyPath(f *frame, p *asl.Path, d *data) (*data, *failure) {
	switch {
	case p == nil || p.Text == "$":
		return d, nil
	case p.Null:
		return newData(emptyObject), nil
	}
	v, e := x.evaluator(f, d).path(p)
	if e != nil {
		return nil, e
	}
	return newData(v), nil
}

// applyResultPath puts a result into the raw input: absent replaces it, null
// drops the result.
func (x *Execution) applyResultPath(f *frame, p *asl.Path, result *data) (*data, *failure) {
	switch {
	case p == nil || p.Text == "$":
		return result, nil
	case p.Null:
		return f.Input, nil
	}
	v, err := p.Reference.Set(f.Input.Value(), result.Value())
	if err != nil {
		return nil, stateFailure(f, errResultPath, "%v", err)
	}
	return newData(v), nil
}
