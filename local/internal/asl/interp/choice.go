package interp

// This file defines Choice and its comparison operators.
// https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html

import (
	"cmp"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

func (x *Execution) actChoice(f *frame) {
	lang := languageOf(f)
	in, e := lang.input(x, f)
	if e != nil {
		x.failState(f, e)
		return
	}
	i, e := x.choose(f, in)
	next, part, rule := f.at.Choice.Default, PartDefault, (*asl.Rule)(nil)
	if i >= 0 {
		rule = &f.at.Choice.Rules[i]
		next, part = rule.Next, PartRule
	}
	if e == nil && next == "" {
		e = stateFailure(f, errNoChoice, "Failed to transition out of the state. The state does not point to a next state.")
	}
	var o outcome
	if e == nil {
		o, e = lang.chosen(x, f, rule)
	}
	if e == nil {
		x.observe(f, part, max(i, 0), next)
		e = x.leave(f, o, next)
	}
	if e != nil {
		x.failState(f, e)
	}
}

// choose returns the place of the first rule that holds, or -1.
func (x *Execution) choose(f *frame, in *data) (int, *failure) {
	for i := range f.at.Choice.Rules {
		if holds, e := languageOf(f).test(x, f, &f.at.Choice.Rules[i], in); holds || e != nil {
			return i, e
		}
	}
	return -1, nil
}

func (jsonPath) test(x *Execution, f *frame, r *asl.Rule, in *data) (bool, *failure) {
	return x.evaluator(f, in).test(r.Test)
}

// test decides a test. And and Or stop at the first that decides.
func (ev *evaluator) test(t *asl.Test) (bool, *failure) {
	switch t.Operator {
	case "And", "Or":
		for _, sub := range t.Tests {
			if holds, e := ev.test(sub); e != nil || holds == (t.Operator == "Or") {
				return holds, e
			}
		}
		return t.Operator == "And", nil
	case "Not":
		holds, e := ev.test(t.Tests[0])
		return !holds, e
	case "IsPresent":
		_, err := ev.get(t.Variable.JSON)
		return (err == nil) == (t.Value == true), nil
	}
	v, e := ev.compared(t.Variable)
	if e != nil {
		return false, e
	}
	if check, ok := typeTests[t.Operator]; ok {
		return check(v) == (t.Value == true), nil
	}
	with := t.Value
	if t.Path != nil {
		if with, e = ev.compared(t.Path); e != nil {
			return false, e
		}
	}
	return compare(t.Operator, v, with), nil
}

// compared evaluates Variable or the path that it is compared with.
func (ev *evaluator) compared(p *asl.Path) (jsonvalue.Value, *failure) {
	v, err := ev.get(p.JSON)
	if err != nil {
		return nil, runtimeFailure(ev.f, "Invalid path '%s': The choice state's condition path references an invalid value.", p.Text)
	}
	return v, nil
}

// typeTests are the operators that ask what a value is.
var typeTests = map[string]func(jsonvalue.Value) bool{
	"IsNull":      func(v jsonvalue.Value) bool { return v == nil },
	"IsNumeric":   func(v jsonvalue.Value) bool { _, ok := v.(jsonvalue.Number); return ok },
	"IsString":    func(v jsonvalue.Value) bool { _, ok := v.(string); return ok },
	"IsBoolean":   func(v jsonvalue.Value) bool { _, ok := v.(bool); return ok },
	"IsTimestamp": func(v jsonvalue.Value) bool { _, ok := instant(v); return ok },
}

// compare applies a comparison operator. Values of another type than the
// operator's do not match; that is no error.
func compare(op string, v, with jsonvalue.Value) bool {
	switch {
	case op == "StringMatches":
		s, ok := v.(string)
		pattern, _ := with.(string)
		return ok && wildcard(pattern, s)
	case op == "BooleanEquals":
		a, aok := v.(bool)
		b, bok := with.(bool)
		return aok && bok && a == b
	case strings.HasPrefix(op, "Numeric"):
		a, aok := v.(jsonvalue.Number)
		b, bok := with.(jsonvalue.Number)
		return aok && bok && related(op, "Numeric", a.Compare(b))
	case strings.HasPrefix(op, "Timestamp"):
		a, aok := instant(v)
		b, bok := instant(with)
		return aok && bok && related(op, "Timestamp", a.Compare(b))
	}
	a, aok := v.(string)
	b, bok := with.(string)
	return aok && bok && related(op, "String", cmp.Compare(a, b))
}

// relations are the endings of operators, with the orders that satisfy them.
var relations = map[string][]int{
	"Equals": {0}, "LessThan": {-1}, "GreaterThan": {1}, "LessThanEquals": {-1, 0}, "GreaterThanEquals": {0, 1},
}

func related(op, kind string, order int) bool {
	for _, o := range relations[op[len(kind):]] {
		if o == order {
			return true
		}
	}
	return false
}

// instant reads a timestamp: RFC 3339 with an uppercase T and Z.
func instant(v jsonvalue.Value) (time.Time, bool) {
	s, ok := v.(string)
	if !ok || strings.ContainsAny(s, "tz") {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

// wildcard matches a text against a pattern in which * is any characters and
// \ takes the meaning from * and itself. It is linear in both but for the last
// star, so that no pattern can stall an execution.
func wildcard(pattern, s string) bool {
	tokens := patternTokens(pattern)
	star, mark := -1, 0
	p, i := 0, 0
	text := []rune(s)
	for i < len(text) {
		switch {
		case p < len(tokens) && tokens[p] == anyRunes:
			star, mark = p, i
			p++
		case p < len(tokens) && tokens[p] == text[i]:
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(tokens) && tokens[p] == anyRunes {
		p++
	}
	return p == len(tokens)
}

// anyRunes stands for * among a pattern's runes.
const anyRunes = rune(-1)

func patternTokens(pattern string) []rune {
	var out []rune
	escaped := false
	for _, r := range pattern {
		switch {
		case escaped:
			out, escaped = append(out, r), false
		case r == '\\':
			escaped = true
		case r == '*':
			out = append(out, anyRunes)
		default:
			out = append(out, r)
		}
	}
	return out
}
