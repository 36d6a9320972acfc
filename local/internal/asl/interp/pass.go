package interp

// This file defines Pass, Succeed and Fail, which end as soon as they begin.

import "github.com/stepworks/stepworks/local/internal/asl"

func (x *Execution) actPass(f *frame) {
	lang := languageOf(f)
	var result *data
	var e *failure
	if f.at.Pass.HasResult { // then InputPath and Parameters are not even looked at
		result = newData(f.at.Pass.Result)
		x.note("result", result)
	} else {
		result, e = lang.input(x, f)
	}
	var o outcome
	if e == nil {
		o, e = lang.output(x, f, result, true)
	}
	if e != nil {
		x.failState(f, e)
		return
	}
	x.proceed(f, o)
}

// passOn leaves a state that makes nothing of its input: Succeed, and Wait when its
// time is over.
func (x *Execution) passOn(f *frame) {
	lang := languageOf(f)
	in, e := lang.input(x, f)
	var o outcome
	if e == nil {
		o, e = lang.output(x, f, in, false)
	}
	if e != nil {
		x.failState(f, e)
		return
	}
	x.proceed(f, o)
}

// actFail ends the frame with the error that the state gives, by text or path.
// Not even States.Runtime names the Fail state's own error.
func (x *Execution) actFail(f *frame) {
	x.note("afterInputPath", f.Input)
	name, e := x.textOperand(f, f.at.Fail.Error)
	if e != nil {
		x.failState(f, e)
		return
	}
	cause, e := x.textOperand(f, f.at.Fail.Cause)
	if e != nil {
		x.failState(f, e)
		return
	}
	x.failFrame(f, &failure{Error: name, Cause: cause})
}

// textOperand evaluates an operand that is a string; absent is "".
func (x *Execution) textOperand(f *frame, o asl.Operand) (string, *failure) {
	if !o.Given() {
		return "", nil
	}
	v, e := languageOf(f).operand(x, f, o)
	if e != nil {
		return "", e
	}
	s, ok := v.(string)
	if !ok {
		return "", runtimeFailure(f, "The %s field refers to value \"%s\" which is not a string: %s", o.Field, plain(v), sourceOf(o))
	}
	return s, nil
}
