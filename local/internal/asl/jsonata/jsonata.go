// Package jsonata evaluates JSONata 2.0.6, the query language of Step Functions'
// newer state machines, over ordered JSON values.
//
// It guarantees that an [Expr] never changes and may be used by many goroutines
// at once, that evaluation ends ([Limits]) without a panic whatever the text and
// the input, and that every error carries the code of the language's reference.
// Numbers are doubles, printed as JavaScript prints them; objects keep the order
// of their members; "nothing" stays apart from null.
//
// It is pure: time and chance come from [Env]. It does not know Step Functions'
// dialect ($states, $partition, ...), which package asl/interp adds through
// Env.Functions, and leaves out $eval, which AWS refuses. Regular expressions run
// on Go's engine: look-around and back-references are refused when compiled.
// The operators ?: and ?? of JSONata 2.1 are syntax errors, as on AWS:
// https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
//
// Start at [Compile]. The way of an expression is lex, parse, resolve, eval.
package jsonata

import (
	"math"
	"time"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Expr is a compiled expression.
type Expr struct {
	parsed, root *node
}

// Compile reads an expression. The error is an [*Error].
func Compile(text string) (*Expr, error) {
	parsed, err := parse(text)
	if err != nil {
		return nil, err
	}
	root, err := resolve(parsed)
	if err != nil {
		return nil, err
	}
	finish(root)
	return &Expr{parsed, root}, nil
}

// String writes the expression anew: fully bracketed, and meaning the same.
func (e *Expr) String() string { return printNode(e.parsed) }

// Env is what an expression may know besides its input.
type Env struct {
	Bindings  map[string]jsonvalue.Value // $name
	Functions map[string]Function        // $name(...), before the built-in ones
	Now       time.Time                  // of $now and $millis
	Random    func() float64             // of $random and $shuffle, in [0, 1)
	Limits    Limits
}

// Function is one of the host's. Signature is in the notation of the language
// ("<n-n:n>"). An absent argument is nil with defined false.
type Function struct {
	Signature string
	Call      func(args []Argument) (result jsonvalue.Value, defined bool, err error)
}

// Argument is a value, or nothing.
type Argument struct {
	Value   jsonvalue.Value
	Defined bool
}

// Limits bounds an evaluation; a zero field means the default.
type Limits struct {
	Depth int // of nested evaluations
	Steps int // evaluations of any part of the expression
	Size  int // values and bytes of strings made
}

// The defaults let an expression work for about a second.
const (
	defaultDepth = 3000
	defaultSteps = 10_000_000
	defaultSize  = 20_000_000
)

func (l Limits) orDefault() Limits {
	for _, f := range []struct {
		field *int
		value int
	}{{&l.Depth, defaultDepth}, {&l.Steps, defaultSteps}, {&l.Size, defaultSize}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return l
}

// Eval evaluates the expression with input as $. A result that is undefined, or
// a function, has defined false. The error is an [*Error], or one of a host's Function.
func (e *Expr) Eval(input jsonvalue.Value, env Env) (result jsonvalue.Value, defined bool, err error) {
	return e.evaluate(input, env)
}

// EvalWithoutInput is Eval where $ is undefined.
func (e *Expr) EvalWithoutInput(env Env) (result jsonvalue.Value, defined bool, err error) {
	return e.evaluate(undefined, env)
}

func (e *Expr) evaluate(input any, env Env) (jsonvalue.Value, bool, error) {
	r := run{env: &env, limits: env.Limits.orDefault(), root: input}
	if items, ok := input.([]any); ok {
		r.root = &array{items: []any{items}, sequence: true, outer: true}
	}
	v, err := r.eval(e.root, r.root, &scope{})
	if err != nil {
		return nil, false, err
	}
	return export(v, 0)
}

// export turns a result into a plain value. Functions are left out of objects
// and null in arrays, as JSON.stringify has it.
func export(v any, depth int) (out jsonvalue.Value, defined bool, err error) {
	if depth > jsonvalue.MaxDepth {
		return nil, false, fault("U1001", 0, "")
	}
	switch v := v.(type) {
	case none, *function:
		return nil, false, nil
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, false, fault("D1001", 0, "", "value", formatNumber(v))
		}
		return jsonvalue.Number(formatNumber(v)), true, nil
	case jsonvalue.Number:
		if plainInteger(string(v)) {
			return v, true, nil
		}
		f, _ := number(v)
		return export(f, depth)
	}
	if items, ok := elements(v); ok {
		return exportArray(items, depth)
	}
	if isObject(v) {
		return exportObject(v, depth)
	}
	return v, true, nil
}

// plainInteger tells of a number that is already spelt as JavaScript would.
func plainInteger(s string) bool {
	if len(s) > 15 || s == "-0" {
		return false
	}
	for i := range len(s) {
		if (s[i] < '0' || s[i] > '9') && (s[i] != '-' || i > 0) {
			return false
		}
	}
	return true
}

func exportArray(items []any, depth int) (jsonvalue.Value, bool, error) {
	out := make([]any, len(items))
	for i, item := range items {
		v, _, err := export(item, depth+1)
		if err != nil {
			return nil, false, err
		}
		out[i] = v
	}
	return out, true, nil
}

func exportObject(o any, depth int) (jsonvalue.Value, bool, error) {
	var b jsonvalue.Builder
	for name, member := range members(o) {
		v, defined, err := export(member, depth+1)
		if err != nil {
			return nil, false, err
		}
		if defined {
			b.Set(name, v)
		}
	}
	return b.Object(), true, nil
}
