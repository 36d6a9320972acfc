// Package intrinsic evaluates the intrinsic functions of the Amazon States
// Language in JSONPath mode: States.Format('{}!', $.name) and its 17 fellows.
//
// [Parse] compiles an expression once; an [*Expr] never changes and any number of
// goroutines may share it. Names, numbers of arguments, literals and paths are
// checked there, values at [Expr.Eval]. What an expression takes from outside
// (values behind paths, random numbers, UUIDs) comes through [Env], so the same
// environment gives the same result: the package reads no clock and does no I/O.
//
// A failure of Eval is an [*Error] with the text of AWS's cause. Limits are AWS's
// (10 functions in an expression, 1,000 elements of a range, 10,000 characters to
// encode or hash); where AWS has none, texts are bounded by [maxText].
//
// https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
package intrinsic

import (
	"errors"
	"fmt"

	"github.com/stepworks/stepworks/local/internal/asl/jsonpath"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Expr is a compiled expression: the call of an intrinsic function.
type Expr struct {
	root  *call
	paths []*jsonpath.Path
}

// String returns the expression as it was given.
func (x *Expr) String() string { return x.root.text }

// Paths returns the paths that the expression reads, in the order they stand.
func (x *Expr) Paths() []*jsonpath.Path { return x.paths }

// Env is what an expression takes from outside. Each function is needed only by
// the expressions that use it.
type Env struct {
	Resolve func(p *jsonpath.Path) (jsonvalue.Value, error) // what a path leads to
	UUID    func() string                                   // a version 4 UUID
	Random  func() uint64                                   // evenly distributed; seeded by the caller
}

// Error says why a function could not be evaluated.
type Error struct {
	Function string // the whole expression as it stands in the definition
	Problem  string
	Path     *jsonpath.NotFound // set when an argument's path led nowhere
}

// Name returns the error name that a Retry or Catch matches.
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html#error-handling-error-representation
func (e *Error) Name() string {
	if e.Path != nil {
		return "States.Runtime"
	}
	return "States.IntrinsicFailure"
}

// Error returns the text that AWS shows behind "An error occurred while executing
// the state ...".
func (e *Error) Error() string {
	return fmt.Sprintf("The function '%s' had the following error: %s", e.Function, e.Problem)
}

// Eval computes the expression. The error is an [*Error], or one that env.Resolve
// returned and that is no [*jsonpath.NotFound].
func (x *Expr) Eval(env Env) (jsonvalue.Value, error) {
	v, err := x.root.eval(&env)
	var failed *Error
	if errors.As(err, &failed) {
		failed.Function = x.root.text
	}
	return v, err
}

// argument is a literal, a path or another call.
type argument struct {
	literal jsonvalue.Value
	pieces  []string // of a text literal: what stands around its {}
	path    *jsonpath.Path
	call    *call
}

// call is one function with its arguments.
type call struct {
	text      string
	function  *function
	arguments []argument
}

// smallCall is how many arguments are kept on the stack.
const smallCall = 4

func (c *call) eval(env *Env) (jsonvalue.Value, error) {
	var small [smallCall]jsonvalue.Value
	values := small[:0]
	for i := range c.arguments {
		v, err := c.argument(&c.arguments[i], env)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	result, problem := c.function.eval(c, values, env)
	if problem != "" {
		return nil, &Error{Problem: problem}
	}
	return result, nil
}

func (c *call) argument(a *argument, env *Env) (jsonvalue.Value, error) {
	switch {
	case a.call != nil:
		return a.call.eval(env)
	case a.path == nil:
		return a.literal, nil
	}
	v, err := env.Resolve(a.path)
	if err == nil {
		return v, nil
	}
	var missing *jsonpath.NotFound
	if errors.As(err, &missing) {
		return nil, &Error{Path: missing, Problem: fmt.Sprintf(
			"The JsonPath argument for the field '%s' could not be found in the input '%s'", a.path, jsonvalue.String(missing.Document))}
	}
	return nil, err
}
