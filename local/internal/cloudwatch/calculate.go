package cloudwatch

// This file defines what metric math comes to. A value is a number, a time
// series, or a list of them; a missing point is NaN, and what is calculated from
// one is missing too, save where a function says otherwise.

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// operand is the value of a formula: a number unless series is set. A list is
// more than one series, or one that stands for a list.
type operand struct {
	number float64
	series [][]float64
	labels []string
	list   bool
}

func number(x float64) operand { return operand{number: x} }

func timeSeries(values []float64) operand { return operand{series: [][]float64{values}} }

func (o operand) isNumber() bool { return o.series == nil }

// calculator evaluates the queries of one request over one grid of slots.
type calculator struct {
	queries  map[string]*dataQuery
	order    []string // of ids, as in the request
	values   map[string]operand
	n        int
	period   float64
	underway map[string]bool
}

func (c *calculator) query(id string) (operand, error) {
	if v, ok := c.values[id]; ok {
		return v, nil
	}
	q := c.queries[id]
	if q == nil || q.formula == nil {
		return operand{}, fmt.Errorf("there is no query %q", id)
	}
	if c.underway[id] {
		return operand{}, fmt.Errorf("the expression of %s refers to itself", id)
	}
	c.underway[id] = true
	defer delete(c.underway, id)
	v, err := c.eval(q.formula)
	if err == nil {
		c.values[id] = v
	}
	return v, err
}

func (c *calculator) eval(f *formula) (operand, error) {
	switch f.op {
	case "number":
		return number(f.number), nil
	case "id":
		return c.query(f.text)
	case "METRICS":
		return c.metrics(f)
	case "string", "word":
		return operand{}, fmt.Errorf("%q has no value", f.text)
	}
	var args []operand
	for _, a := range f.args {
		if a.op == "word" && f.op == "FILL" {
			args = append(args, number(0))
			continue
		}
		v, err := c.eval(a)
		if err != nil {
			return v, err
		}
		args = append(args, v)
	}
	if fn, ok := functions[f.op]; ok {
		return fn.do(c, f, args)
	}
	if f.op == "list" {
		return joined(args)
	}
	return c.each(func(x []float64) float64 { return arithmetic(f.op, x[0], x[1]) }, args...)
}

// metrics is METRICS(), or METRICS("part of the id").
func (c *calculator) metrics(f *formula) (operand, error) {
	part := ""
	if len(f.args) == 1 {
		if f.args[0].op != "string" {
			return operand{}, fmt.Errorf("METRICS takes a string")
		}
		part = f.args[0].text
	}
	all := operand{series: [][]float64{}, list: true}
	for _, id := range c.order {
		if q := c.queries[id]; q.MetricStat != nil && strings.Contains(id, part) {
			all.series = append(all.series, c.values[id].series...)
			all.labels = append(all.labels, q.label())
		}
	}
	return all, nil
}

func joined(args []operand) (operand, error) {
	all := operand{series: [][]float64{}, list: true}
	for _, a := range args {
		if a.isNumber() {
			return all, fmt.Errorf("a list holds time series, not numbers")
		}
		all.series = append(all.series, a.series...)
	}
	return all, nil
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// arithmetic is one operator on two points. Division by zero leaves a point
// missing, as there is no number for it.
func arithmetic(op string, a, b float64) float64 {
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.NaN()
	}
	x := math.NaN()
	switch op {
	case "+":
		x = a + b
	case "-":
		x = a - b
	case "*":
		x = a * b
	case "/":
		x = a / b
	case "^":
		x = math.Pow(a, b)
	case "<":
		x = truth(a < b)
	case ">":
		x = truth(a > b)
	case "<=":
		x = truth(a <= b)
	case ">=":
		x = truth(a >= b)
	case "==":
		x = truth(a == b)
	case "!=":
		x = truth(a != b)
	case "AND", "&&":
		x = truth(a != 0 && b != 0)
	case "OR", "||":
		x = truth(a != 0 || b != 0)
	}
	if math.IsInf(x, 0) {
		return math.NaN()
	}
	return x
}

// each applies f point by point; numbers count for every point, one series for
// every one of a list.
func (c *calculator) each(f func([]float64) float64, args ...operand) (operand, error) {
	width, list := -1, false
	for _, a := range args {
		if a.isNumber() {
			continue
		}
		if w := len(a.series); width >= 0 && w != width && w != 1 && width != 1 {
			return operand{}, fmt.Errorf("lists of %d and %d time series cannot be combined", width, w)
		}
		width, list = max(width, len(a.series)), list || a.list
	}
	at := func(series, i int) []float64 {
		x := make([]float64, len(args))
		for k, a := range args {
			switch {
			case a.isNumber():
				x[k] = a.number
			case len(a.series) == 1:
				x[k] = a.series[0][i]
			default:
				x[k] = a.series[series][i]
			}
		}
		return x
	}
	if width < 0 {
		return number(f(at(0, 0))), nil
	}
	out := operand{series: make([][]float64, width), list: list}
	for s := range out.series {
		out.series[s] = make([]float64, c.n)
		for i := range out.series[s] {
			out.series[s][i] = f(at(s, i))
		}
	}
	return out, nil
}

type function struct {
	least, most int
	do          func(c *calculator, f *formula, args []operand) (operand, error)
}

// functions is the table of those offered.
var functions map[string]function

func init() { // breaks the circle functions -> eval -> functions
	functions = map[string]function{
		"SUM":             reducer(sum),
		"AVG":             reducer(func(x []float64) float64 { return sum(x) / float64(len(x)) }),
		"MAX":             reducer(slices.Max[[]float64]),
		"MIN":             reducer(slices.Min[[]float64]),
		"STDDEV":          reducer(deviation),
		"DATAPOINT_COUNT": reducer(func(x []float64) float64 { return float64(len(x)) }),
		"ABS":             pointwise(math.Abs),
		"CEIL":            pointwise(math.Ceil),
		"FLOOR":           pointwise(math.Floor),
		"LOG":             pointwise(math.Log),
		"LOG10":           pointwise(math.Log10),
		"DIFF":            overTime(func(before, x, _ float64) float64 { return x - before }),
		"RATE":            overTime(func(before, x, seconds float64) float64 { return (x - before) / seconds }),
		"RUNNING_SUM":     {1, 1, runningSum},
		"FILL":            {2, 2, fill},
		"IF":              {2, 3, choose},
		"METRICS":         {0, 1, nil}, // eval knows it
		"PERIOD":          {1, 1, func(c *calculator, _ *formula, _ []operand) (operand, error) { return number(c.period), nil }},
		"TIME_SERIES":     {1, 1, asSeries},
	}
}

// asSeries is TIME_SERIES: a number at every point.
func asSeries(c *calculator, f *formula, args []operand) (operand, error) {
	if !args[0].isNumber() {
		return operand{}, fmt.Errorf("%s takes a number", f.op)
	}
	return timeSeries(c.constant(args[0].number)), nil
}

func (c *calculator) constant(x float64) []float64 { return slices.Repeat([]float64{x}, c.n) }

func sum(x []float64) float64 {
	total := 0.0
	for _, v := range x {
		total += v
	}
	return total
}

func deviation(x []float64) float64 {
	mean, total := sum(x)/float64(len(x)), 0.0
	for _, v := range x {
		total += (v - mean) * (v - mean)
	}
	return math.Sqrt(total / float64(len(x)))
}

// reducer makes one number of a time series, and one time series of a list:
// point by point, over those that are there.
func reducer(f func([]float64) float64) function {
	some := func(x []float64) float64 {
		x = slices.DeleteFunc(slices.Clone(x), math.IsNaN)
		if len(x) == 0 {
			return math.NaN()
		}
		return f(x)
	}
	return function{1, 1, func(c *calculator, _ *formula, args []operand) (operand, error) {
		switch a := args[0]; {
		case a.isNumber():
			return a, nil
		case !a.list:
			return number(some(a.series[0])), nil
		default:
			out := make([]float64, c.n)
			for i := range out {
				column := make([]float64, len(a.series))
				for k, s := range a.series {
					column[k] = s[i]
				}
				out[i] = some(column)
			}
			return timeSeries(out), nil
		}
	}}
}

func pointwise(f func(float64) float64) function {
	return function{1, 1, func(c *calculator, _ *formula, args []operand) (operand, error) {
		return c.each(func(x []float64) float64 { return f(x[0]) }, args[0])
	}}
}

// alongTime applies f to every series of an operand.
func alongTime(name string, a operand, f func([]float64) []float64) (operand, error) {
	if a.isNumber() {
		return a, fmt.Errorf("%s takes a time series", name)
	}
	out := operand{list: a.list, labels: a.labels, series: make([][]float64, len(a.series))}
	for i, s := range a.series {
		out.series[i] = f(s)
	}
	return out, nil
}

// overTime compares each point with the one before it that is there.
func overTime(f func(before, x, seconds float64) float64) function {
	return function{1, 1, func(c *calculator, fm *formula, args []operand) (operand, error) {
		return alongTime(fm.op, args[0], func(s []float64) []float64 {
			out, last := c.constant(math.NaN()), -1
			for i, x := range s {
				if math.IsNaN(x) {
					continue
				}
				if last >= 0 {
					out[i] = f(s[last], x, float64(i-last)*c.period)
				}
				last = i
			}
			return out
		})
	}}
}

func runningSum(_ *calculator, f *formula, args []operand) (operand, error) {
	return alongTime(f.op, args[0], func(s []float64) []float64 {
		out, total := slices.Clone(s), 0.0
		for i, x := range s {
			if !math.IsNaN(x) {
				total += x
			}
			out[i] = total
		}
		return out
	})
}

// fill is FILL(series, number | series | REPEAT | LINEAR).
func fill(c *calculator, f *formula, args []operand) (operand, error) {
	switch word := f.args[1]; {
	case word.op != "word":
		return c.each(func(x []float64) float64 {
			if math.IsNaN(x[0]) {
				return x[1]
			}
			return x[0]
		}, args[0], args[1])
	case word.text == "REPEAT":
		return alongTime(f.op, args[0], repeat)
	case word.text == "LINEAR":
		return alongTime(f.op, args[0], linear)
	default:
		return operand{}, fmt.Errorf("FILL takes a number, a time series, REPEAT or LINEAR, not %s", word.text)
	}
}

func repeat(s []float64) []float64 {
	out := slices.Clone(s)
	for i := 1; i < len(out); i++ {
		if math.IsNaN(out[i]) {
			out[i] = out[i-1]
		}
	}
	return out
}

// linear fills gaps on the line between their ends; what has no end stays open.
func linear(s []float64) []float64 {
	out, last := slices.Clone(s), -1
	for i, x := range s {
		if math.IsNaN(x) {
			continue
		}
		for k := last + 1; last >= 0 && k < i; k++ {
			out[k] = s[last] + (x-s[last])*float64(k-last)/float64(i-last)
		}
		last = i
	}
	return out
}

// choose is IF(condition, then, else); without an else, or a condition, a point
// is missing.
func choose(c *calculator, _ *formula, args []operand) (operand, error) {
	if len(args) == 2 {
		args = append(args, number(math.NaN()))
	}
	return c.each(func(x []float64) float64 {
		switch {
		case math.IsNaN(x[0]):
			return math.NaN()
		case x[0] != 0:
			return x[1]
		}
		return x[2]
	}, args...)
}
