package jsonata

// This file defines the functions on numbers.

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// aggregate makes a function of an array of numbers.
func aggregate(of func([]float64) any) native {
	return func(_ *run, args []any) (any, error) {
		if isUndefined(args[0]) {
			return undefined, nil
		}
		items, _ := elements(args[0])
		numbers := make([]float64, len(items))
		for i, item := range items {
			f, ok, err := finite(item)
			if err != nil || !ok {
				return undefined, err
			}
			numbers[i] = f
		}
		return of(numbers), nil
	}
}

func sum(numbers []float64) any {
	total := 0.0
	for _, f := range numbers {
		total += f
	}
	return total
}

func average(numbers []float64) any {
	if len(numbers) == 0 {
		return undefined
	}
	return sum(numbers).(float64) / float64(len(numbers))
}

func highest(numbers []float64) any { return pick(numbers, math.Max) }
func lowest(numbers []float64) any  { return pick(numbers, math.Min) }

func pick(numbers []float64, better func(a, b float64) float64) any {
	if len(numbers) == 0 {
		return undefined
	}
	best := numbers[0]
	for _, f := range numbers {
		best = better(best, f)
	}
	return best
}

func floor(f float64) float64 { return math.Floor(f) }
func ceil(f float64) float64  { return math.Ceil(f) }
func abs(f float64) float64   { return math.Abs(f) }

func numeric(of func(float64) float64) native {
	return func(_ *run, args []any) (any, error) {
		f, ok := number(args[0])
		if !ok {
			return undefined, nil
		}
		return of(f), nil
	}
}

// round rounds half to even, at a decimal place.
func round(_ *run, args []any) (any, error) {
	f, ok := number(args[0])
	if !ok {
		return undefined, nil
	}
	places, _ := number(argument(args, 1))
	return roundTo(f, int(max(-400, min(400, places)))), nil
}

// roundTo shifts in decimal notation, where 1.005 is what it says.
func roundTo(f float64, places int) float64 {
	if places == 0 {
		return math.RoundToEven(f) + 0
	}
	shifted := shift(f, places)
	if math.IsInf(shifted, 0) {
		return f
	}
	return shift(math.RoundToEven(shifted), -places) + 0
}

// shift is f times 10 to the power of by, as the text of f says it.
func shift(f float64, by int) float64 {
	text := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exponent, ok := strings.Cut(text, "e")
	if !ok {
		return f
	}
	e, _ := strconv.Atoi(exponent)
	out, _ := strconv.ParseFloat(mantissa+"e"+strconv.Itoa(e+by), 64)
	return out
}

func sqrt(_ *run, args []any) (any, error) {
	f, ok := number(args[0])
	switch {
	case !ok:
		return undefined, nil
	case f < 0:
		return nil, fault("D3060", 0, "sqrt", "value", formatNumber(f))
	}
	return math.Sqrt(f), nil
}

func power(_ *run, args []any) (any, error) {
	f, ok := number(args[0])
	g, also := number(args[1])
	if !ok || !also {
		return undefined, nil
	}
	p := math.Pow(f, g)
	if math.IsInf(p, 0) || math.IsNaN(p) {
		return nil, fault("D3061", 0, "power", "value", formatNumber(f), "exp", formatNumber(g))
	}
	return p, nil
}

func (r *run) chance() float64 {
	if r.env.Random == nil {
		return 0
	}
	return r.env.Random()
}

func random(r *run, _ []any) (any, error) { return r.chance(), nil }

var (
	decimal = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([Ee][-+]?[0-9]+)?$`)
	based   = regexp.MustCompile(`^(0[xX][0-9A-Fa-f]+|0[oO][0-7]+|0[bB][01]+)$`)
)

func toNumber(_ *run, args []any) (any, error) {
	switch v := args[0].(type) {
	case none:
		return undefined, nil
	case bool:
		if v {
			return 1.0, nil
		}
		return 0.0, nil
	case string:
		if decimal.MatchString(v) {
			if f, err := strconv.ParseFloat(v, 64); err == nil {
				return f, nil
			}
		}
		if based.MatchString(v) {
			if n, ok := new(big.Int).SetString(v, 0); ok {
				f, _ := new(big.Float).SetInt(n).Float64()
				return f, nil
			}
		}
		return nil, fault("D3030", 0, "number", "value", quote(v))
	}
	f, _ := number(args[0])
	return f, nil
}

func formatBase(_ *run, args []any) (any, error) {
	f, ok := number(args[0])
	if !ok {
		return undefined, nil
	}
	radix := 10.0
	if given, ok := number(argument(args, 1)); ok {
		radix = roundTo(given, 0)
	}
	if radix < 2 || radix > 36 {
		return nil, fault("D3100", 0, "formatBase", "value", formatNumber(radix))
	}
	n, _ := big.NewFloat(roundTo(f, 0)).Int(nil)
	return n.Text(int(radix)), nil
}
