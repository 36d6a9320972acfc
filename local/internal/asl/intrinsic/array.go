package intrinsic

// This file defines the intrinsic functions on arrays and objects.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// maxRange is AWS's limit of States.ArrayRange.
const maxRange = 1000

func array(_ *call, arguments []jsonvalue.Value, _ *Env) (jsonvalue.Value, string) {
	return append([]any{}, arguments...), ""
}

// arrayPartition cuts an array into parts of equal size, the last one smaller.
func arrayPartition(_ *call, arguments []jsonvalue.Value, _ *Env) (jsonvalue.Value, string) {
	list, ok := arguments[0].([]any)
	if !ok {
		return nil, must(0, "an array", arguments[0])
	}
	size, ok := integer(arguments[1])
	if !ok || size < 1 {
		return nil, must(1, "a positive integer", arguments[1])
	}
	parts := []any{}
	for part := range slices.Chunk(list, int(min(size, int64(len(list))+1))) {
		parts = append(parts, part)
	}
	return parts, ""
}

func arrayContains(_ *call, arguments []jsonvalue.Value, _ *Env) (jsonvalue.Value, string) {
	list, ok := arguments[0].([]any)
	if !ok {
		return nil, must(0, "an array", arguments[0])
	}
	return slices.ContainsFunc(list, func(e any) bool { return jsonvalue.Equal(e, arguments[1]) }), ""
}

// arrayRange counts from the first argument up to the second, both included, in
// steps of the third.
func arrayRange(_ *call, arguments []jsonvalue.Value, _ *Env) (jsonvalue.Value, string) {
	var n [3]int64
	for i, a := range arguments {
		v, ok := integer(a)
		if !ok {
			return nil, must(i, "a number", a)
		}
		n[i] = v
	}
	first, last, step := n[0], n[1], n[2]
	if step == 0 {
		return nil, must(2, "an integer other than 0", arguments[2])
	}
	list := []any{}
	for v := first; (step > 0 && v <= last) || (step < 0 && v >= last); {
		if len(list) == maxRange {
			return nil, fmt.Sprintf("The range has more than %d elements", maxRange)
		}
		list = append(list, jsonvalue.Int(v))
		next := v + step
		if (next > v) != (step > 0) { // past the last 64-bit integer
			break
		}
		v = next
	}
	return list, ""
}

func arrayGetItem(_ *call, arguments []jsonvalue.Value, _ *Env) (jsonvalue.Value, string) {
	list, ok := arguments[0].([]any)
	if !ok {
		return nil, must(0, "an array", arguments[0])
	}
	i, ok := integer(arguments[1])
	if !ok {
		return nil, must(1, "an integer", arguments[1])
	}
	if i < 0 || i >= int64(len(list)) {
		return nil, fmt.Sprintf("The index %d is outside of the array, which has %d elements", i, len(list))
	}
	return list[i], ""
}

func arrayLength(_ *call, arguments []jsonvalue.Value, _ *Env) (jsonvalue.Value, string) {
	list, ok := arguments[0].([]any)
	if !ok {
		return nil, must(0, "an array", arguments[0])
	}
	return jsonvalue.Int(int64(len(list))), ""
}

// arrayUnique keeps the first of equal elements.
func arrayUnique(_ *call, arguments []jsonvalue.Value, _ *Env) (jsonvalue.Value, string) {
	list, ok := arguments[0].([]any)
	if !ok {
		return nil, must(0, "an array", arguments[0])
	}
	if !within(list, maxText) {
		return nil, fmt.Sprintf("The array is larger than %d bytes", maxText)
	}
	unique, seen := []any{}, make(map[string]bool, len(list))
	var key []byte
	for _, e := range list {
		key = appendKey(key[:0], e)
		if !seen[string(key)] {
			seen[string(key)] = true
			unique = append(unique, e)
		}
	}
	return unique, ""
}

// appendKey writes v so that equal values, and only those, have the same text:
// members in the order of their names, numbers by value.
func appendKey(dst []byte, v jsonvalue.Value) []byte {
	switch v := v.(type) {
	case jsonvalue.Number:
		return append(dst, numberKey(v)...)
	case []any:
		dst = append(dst, '[')
		for _, e := range v {
			dst = append(appendKey(dst, e), ',')
		}
		return append(dst, ']')
	case *jsonvalue.Object:
		names := v.Names()
		slices.Sort(names)
		dst = append(dst, '{')
		for _, name := range names {
			member, _ := v.Get(name)
			dst = append(jsonvalue.AppendString(dst, name), ':')
			dst = append(appendKey(dst, member), ',')
		}
		return append(dst, '}')
	}
	return jsonvalue.Append(dst, v)
}

func numberKey(n jsonvalue.Number) string {
	if !strings.ContainsAny(string(n), ".eE") {
		if n == "-0" {
			return "0"
		}
		return string(n)
	}
	if i, ok := n.Int64(); ok && i < 1<<53 && i > -1<<53 {
		return strconv.FormatInt(i, 10)
	}
	f, ok := n.Float64()
	if !ok {
		return string(n)
	}
	return string(jsonvalue.Float(f))
}

// jsonMerge lays the second object over the first. AWS has the shallow mode only:
// the third argument must be false.
func jsonMerge(_ *call, arguments []jsonvalue.Value, _ *Env) (jsonvalue.Value, string) {
	first, ok := arguments[0].(*jsonvalue.Object)
	if !ok {
		return nil, must(0, "an object", arguments[0])
	}
	second, ok := arguments[1].(*jsonvalue.Object)
	if !ok {
		return nil, must(1, "an object", arguments[1])
	}
	if arguments[2] != false {
		return nil, must(2, "false, since only the shallow mode is supported", arguments[2])
	}
	var b jsonvalue.Builder
	for name, v := range first.All() {
		b.Set(name, v)
	}
	for name, v := range second.All() {
		b.Set(name, v)
	}
	return b.Object(), ""
}
