package jsonpath

// This file defines path functions: $.items.length().

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// call is a path function at the end of a path, or before further steps. Where
// the path starts with "..", as in $..price.sum(), the function gets all its
// matches at once; that path is then in over.
type call struct {
	name      string
	arguments []operand
	over      *Path
	invoke    function
}

// function computes a call from the value it stands behind and its arguments;
// the problem says why it cannot.
type function func(v jsonvalue.Value, arguments []jsonvalue.Value) (result jsonvalue.Value, problem string)

// functions are Jayway's: https://github.com/json-path/JsonPath#functions
var functions = map[string]function{
	"length": length,
	"size":   length,
	"keys":   keys,
	"min":    aggregate(func(n []float64) float64 { return fold(n, math.Min) }),
	"max":    aggregate(func(n []float64) float64 { return fold(n, math.Max) }),
	"sum":    aggregate(sum),
	"avg":    aggregate(func(n []float64) float64 { return sum(n) / float64(len(n)) }),
	"stddev": aggregate(deviation),
	"concat": concat,
	"append": appendTo,
	"first":  func(v jsonvalue.Value, _ []jsonvalue.Value) (jsonvalue.Value, string) { return at(v, 0) },
	"last":   func(v jsonvalue.Value, _ []jsonvalue.Value) (jsonvalue.Value, string) { return at(v, -1) },
	"index":  index,
}

const emptyAggregate = "Aggregation function attempted to calculate value using empty array"

func (*call) definite() bool { return true }

func (c *call) String() string {
	texts := make([]string, len(c.arguments))
	for i, a := range c.arguments {
		texts[i] = a.String()
	}
	over := ""
	if c.over != nil {
		over = strings.TrimPrefix(c.over.Canonical(), c.over.root)
	}
	return over + "." + c.name + "(" + strings.Join(texts, ",") + ")"
}

func (c *call) apply(e *evaluation, i int, v jsonvalue.Value) error {
	if c.over != nil {
		v, _ = e.value(c.over, v)
	}
	var arguments []jsonvalue.Value
	for _, a := range c.arguments {
		if t := a.term(e, v); !t.absent {
			arguments = append(arguments, t.value)
		}
	}
	cost := 1 + breadth(v)
	for _, a := range arguments {
		cost += 1 + breadth(a)
	}
	if e.failed != nil || !e.charge(cost) {
		return e.failed
	}
	result, problem := c.invoke(v, arguments)
	if !e.charge(term{value: result}.weight()) {
		return e.failed
	}
	if problem == "" {
		return e.walk(i+1, result)
	}
	if e.lenient {
		return nil
	}
	return &NotFound{Path: e.path, Document: e.start, Problem: problem}
}

// breadth is how many values stand directly in v.
func breadth(v jsonvalue.Value) int {
	switch v := v.(type) {
	case []any:
		return len(v)
	case *jsonvalue.Object:
		return v.Len()
	}
	return 0
}

func length(v jsonvalue.Value, arguments []jsonvalue.Value) (jsonvalue.Value, string) {
	if len(arguments) > 0 {
		v = arguments[0]
	}
	switch v.(type) {
	case []any, *jsonvalue.Object:
		return jsonvalue.Int(int64(breadth(v))), ""
	}
	return nil, ""
}

func keys(v jsonvalue.Value, _ []jsonvalue.Value) (jsonvalue.Value, string) {
	o, ok := v.(*jsonvalue.Object)
	if !ok {
		return nil, ""
	}
	list := make([]any, 0, o.Len())
	for name := range o.All() {
		list = append(list, name)
	}
	return list, ""
}

// aggregate makes a function of the numbers in an array and in the arguments.
// Its result is a Java double: 10.0, not 10.
func aggregate(compute func([]float64) float64) function {
	return func(v jsonvalue.Value, arguments []jsonvalue.Value) (jsonvalue.Value, string) {
		var numbers []float64
		for _, part := range append([]jsonvalue.Value{v}, arguments...) {
			numbers = appendNumbers(numbers, part)
		}
		for _, part := range arguments {
			if n, ok := part.(jsonvalue.Number); ok {
				f, _ := n.Float64()
				numbers = append(numbers, f)
			}
		}
		if len(numbers) == 0 {
			return nil, emptyAggregate
		}
		result := compute(numbers)
		if math.IsNaN(result) || math.IsInf(result, 0) {
			return nil, fmt.Sprintf("the result %v is no JSON number", result)
		}
		return javaDouble(result), ""
	}
}

func appendNumbers(numbers []float64, v jsonvalue.Value) []float64 {
	list, _ := v.([]any)
	for _, e := range list {
		if n, ok := e.(jsonvalue.Number); ok {
			f, _ := n.Float64()
			numbers = append(numbers, f)
		}
	}
	return numbers
}

func sum(numbers []float64) float64 {
	return fold(numbers, func(a, b float64) float64 { return a + b })
}

func fold(numbers []float64, combine func(a, b float64) float64) float64 {
	result := numbers[0]
	for _, n := range numbers[1:] {
		result = combine(result, n)
	}
	return result
}

func deviation(numbers []float64) float64 {
	count, squares := float64(len(numbers)), 0.0
	for _, n := range numbers {
		squares += n * n
	}
	mean := sum(numbers) / count
	return math.Sqrt(max(squares/count-mean*mean, 0))
}

// javaDouble writes a double as Java does: 10.0, 1.0E10.
func javaDouble(f float64) jsonvalue.Number {
	if a := math.Abs(f); a == 0 || a >= 1e-3 && a < 1e7 {
		text := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(text, ".") {
			text += ".0"
		}
		return jsonvalue.Number(text)
	}
	digits, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	if !strings.Contains(digits, ".") {
		digits += ".0"
	}
	n, _ := strconv.Atoi(exponent)
	return jsonvalue.Number(digits + "E" + strconv.Itoa(n))
}

func concat(v jsonvalue.Value, arguments []jsonvalue.Value) (jsonvalue.Value, string) {
	var b strings.Builder
	list, _ := v.([]any)
	for _, e := range list {
		if s, ok := e.(string); ok {
			b.WriteString(s)
		}
	}
	for _, a := range arguments {
		list, ok := a.([]any)
		if !ok {
			list = []any{a}
		}
		for _, e := range list {
			if e != nil {
				b.WriteString(Plain(e))
			}
		}
	}
	return b.String(), ""
}

func appendTo(v jsonvalue.Value, arguments []jsonvalue.Value) (jsonvalue.Value, string) {
	list, ok := v.([]any)
	if !ok {
		return v, ""
	}
	return append(list[:len(list):len(list)], arguments...), ""
}

func at(v jsonvalue.Value, i int) (jsonvalue.Value, string) {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil, emptyAggregate
	}
	if e, ok := element(list, i); ok {
		return e, ""
	}
	return nil, fmt.Sprintf("Index %d out of bounds for length %d", i, len(list))
}

func index(v jsonvalue.Value, arguments []jsonvalue.Value) (jsonvalue.Value, string) {
	if len(arguments) == 1 {
		if n, ok := arguments[0].(jsonvalue.Number); ok {
			if i, ok := n.Int64(); ok && i == int64(int32(i)) {
				return at(v, int(i))
			}
		}
	}
	return nil, "index() takes one whole number"
}
