package interp

// This file defines the functions that Step Functions adds to JSONata.
// https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-functions-provided-by-sfn

import (
	"crypto/md5"  //nolint:gosec // the user's choice
	"crypto/sha1" //nolint:gosec // the user's choice
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"math"

	"github.com/stepworks/stepworks/local/internal/asl/jsonata"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// dialect returns the functions; those of chance draw from r.
func dialect(r *random) map[string]jsonata.Function {
	return map[string]jsonata.Function{
		"partition": {Signature: "<an:a>", Call: partition},
		"range":     {Signature: "<nnn:a>", Call: rangeOf},
		"hash":      {Signature: "<s-s:s>", Call: digest},
		"parse":     {Signature: "<s-:x>", Call: parseJSON},
		"uuid": {Signature: "<:s>", Call: func([]jsonata.Argument) (jsonvalue.Value, bool, error) {
			return r.UUID(), true, nil
		}},
		"random": {Signature: "<n?:n>", Call: func(args []jsonata.Argument) (jsonvalue.Value, bool, error) {
			if !args[0].Defined {
				return jsonvalue.Float(r.Float64()), true, nil
			}
			return jsonvalue.Float(seeded(args[0].Value)), true, nil
		}},
	}
}

// seeded is a number in [0, 1) that the seed alone decides.
func seeded(seed jsonvalue.Value) float64 {
	return newRandom(sha256.Sum256([]byte(jsonvalue.String(seed)))).Float64()
}

func allDefined(args []jsonata.Argument) bool {
	for _, a := range args {
		if !a.Defined {
			return false
		}
	}
	return true
}

func double(a jsonata.Argument) float64 {
	n, _ := a.Value.(jsonvalue.Number)
	f, _ := n.Float64()
	return f
}

// partition cuts an array into arrays of a size.
func partition(args []jsonata.Argument) (jsonvalue.Value, bool, error) {
	if !allDefined(args) {
		return nil, false, nil
	}
	items, _ := args[0].Value.([]any)
	size := math.Trunc(double(args[1]))
	if !(size >= 1) {
		return nil, false, fmt.Errorf("the second argument of the partition function must be a positive number; it is %s", jsonvalue.String(args[1].Value))
	}
	n := int(min(size, float64(len(items)+1)))
	out := []any{}
	for from := 0; from < len(items); from += n {
		out = append(out, items[from:min(from+n, len(items))])
	}
	return out, true, nil
}

// maxRange is how many elements a range has at most, as with States.ArrayRange.
// https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
const maxRange = 1000

// rangeOf counts from the first number to the second, in steps of the third.
func rangeOf(args []jsonata.Argument) (jsonvalue.Value, bool, error) {
	if !allDefined(args) {
		return nil, false, nil
	}
	from, to, step := math.Trunc(double(args[0])), math.Trunc(double(args[1])), math.Trunc(double(args[2]))
	if step == 0 {
		return nil, false, fmt.Errorf("the third argument of the range function must not be 0")
	}
	count := math.Floor((to-from)/step) + 1
	if count > maxRange {
		return nil, false, fmt.Errorf("the range function makes at most %d elements; these would be %.0f", maxRange, count)
	}
	out := []any{}
	for i := 0; float64(i) < count; i++ {
		out = append(out, jsonvalue.Float(from+float64(i)*step))
	}
	return out, true, nil
}

var digests = map[string]func() hash.Hash{
	"MD5": md5.New, "SHA-1": sha1.New, "SHA-256": sha256.New, "SHA-384": sha512.New384, "SHA-512": sha512.New,
}

func digest(args []jsonata.Argument) (jsonvalue.Value, bool, error) {
	if !allDefined(args) {
		return nil, false, nil
	}
	algorithm, _ := args[1].Value.(string)
	newHash, ok := digests[algorithm]
	if !ok {
		return nil, false, fmt.Errorf("the hash function knows MD5, SHA-1, SHA-256, SHA-384 and SHA-512, not %q", algorithm)
	}
	h := newHash()
	text, _ := args[0].Value.(string)
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil)), true, nil
}

func parseJSON(args []jsonata.Argument) (jsonvalue.Value, bool, error) {
	if !allDefined(args) {
		return nil, false, nil
	}
	text, _ := args[0].Value.(string)
	v, err := jsonvalue.Parse([]byte(text))
	if err != nil {
		return nil, false, fmt.Errorf("the parse function was given text that is not JSON: %w", err)
	}
	return v, true, nil
}
