package intrinsic

// This file defines the intrinsic functions on numbers.

import (
	"math"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// integer rounds a number as AWS does, with Java's Math.round: halves go up, so
// -1.5 is -1 (recorded). ok is false for anything but a number that fits 64 bits.
func integer(v jsonvalue.Value) (i int64, ok bool) {
	n, ok := v.(jsonvalue.Number)
	if !ok {
		return 0, false
	}
	if i, ok := n.Int64(); ok {
		return i, true
	}
	f, ok := n.Float64()
	f = math.Floor(f + 0.5)
	return int64(f), ok && math.Abs(f) < 1<<63
}

func mathAdd(_ *call, arguments []jsonvalue.Value, _ *Env) (jsonvalue.Value, string) {
	a, ok := integer(arguments[0])
	if !ok {
		return nil, must(0, "a number", arguments[0])
	}
	b, ok := integer(arguments[1])
	if !ok {
		return nil, must(1, "a number", arguments[1])
	}
	if sum := a + b; (sum > a) == (b > 0) {
		return jsonvalue.Int(sum), ""
	}
	return nil, "The sum does not fit 64 bits"
}

// mathRandom picks an integer from the first argument up to but without the
// second. With a seed the same call always gives the same number.
func mathRandom(_ *call, arguments []jsonvalue.Value, env *Env) (jsonvalue.Value, string) {
	first, ok := integer(arguments[0])
	if !ok {
		return nil, must(0, "a number", arguments[0])
	}
	end, ok := integer(arguments[1])
	if !ok {
		return nil, must(1, "a number", arguments[1])
	}
	if end <= first {
		return nil, must(1, "greater than the first", arguments[1])
	}
	width := uint64(end) - uint64(first)
	if len(arguments) == 2 {
		return jsonvalue.Int(first + int64(env.Random()%width)), ""
	}
	seed, ok := integer(arguments[2])
	if !ok {
		return nil, must(2, "a number", arguments[2])
	}
	return jsonvalue.Int(first + int64(mix(uint64(seed))%width)), ""
}

// mix spreads a seed over 64 bits (the finisher of splitmix64). AWS's own
// generator is not documented, so its numbers for a seed cannot be foretold.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
