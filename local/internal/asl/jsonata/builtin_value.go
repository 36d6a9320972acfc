package jsonata

// This file defines the functions on arrays, objects and values of any type.

import (
	"cmp"
	"slices"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

func count(_ *run, args []any) (any, error) {
	if a, ok := args[0].(*array); ok && a.lazy > 0 {
		return float64(a.lazy), nil
	}
	items, _ := elements(args[0])
	return float64(len(items)), nil
}

func toBoolean(_ *run, args []any) (any, error) {
	if isUndefined(args[0]) {
		return undefined, nil
	}
	return boolize(args[0]), nil
}

func not(_ *run, args []any) (any, error) {
	if isUndefined(args[0]) {
		return undefined, nil
	}
	return !boolize(args[0]), nil
}

func exists(_ *run, args []any) (any, error) { return !isUndefined(args[0]), nil }

func typeOf(_ *run, args []any) (any, error) {
	if isUndefined(args[0]) {
		return undefined, nil
	}
	return typeName(args[0]), nil
}

func raise(_ *run, args []any) (any, error) {
	message, ok := args[0].(string)
	if !ok {
		message = "$error() function evaluated"
	}
	return nil, fault("D3137", 0, "", "message", message)
}

func assert(_ *run, args []any) (any, error) {
	if boolize(args[0]) {
		return undefined, nil
	}
	message, ok := args[1].(string)
	if !ok {
		message = "$assert() statement failed"
	}
	return nil, fault("D3141", 0, "", "message", message)
}

// list returns the items of an argument and the function beside it.
func listAndFunction(args []any) ([]any, *function) {
	items, _ := elements(args[0])
	f, _ := argument(args, 1).(*function)
	return items, f
}

func mapItems(r *run, args []any) (any, error) {
	if isUndefined(args[0]) {
		return undefined, nil
	}
	items, f := listAndFunction(args)
	out := sequence()
	for i, item := range items {
		v, err := r.callback(f, item, float64(i), args[0])
		if err != nil {
			return nil, err
		}
		if v = collapse(v); !isUndefined(v) {
			out.items = append(out.items, v)
		}
	}
	return out, r.grow(len(items))
}

func filterItems(r *run, args []any) (any, error) {
	if isUndefined(args[0]) {
		return undefined, nil
	}
	items, f := listAndFunction(args)
	out := sequence()
	for i, item := range items {
		v, err := r.callback(f, item, float64(i), args[0])
		if err != nil {
			return nil, err
		}
		if boolize(v) {
			out.items = append(out.items, item)
		}
	}
	return out, r.grow(len(out.items))
}

func single(r *run, args []any) (any, error) {
	if isUndefined(args[0]) {
		return undefined, nil
	}
	items, f := listAndFunction(args)
	var found []any
	for i, item := range items {
		keep := any(true)
		if f != nil {
			var err error
			if keep, err = r.callback(f, item, float64(i), args[0]); err != nil {
				return nil, err
			}
		}
		if boolize(keep) {
			found = append(found, item)
		}
		if len(found) > 1 {
			return nil, fault("D3138", 0, "")
		}
	}
	if len(found) == 0 {
		return nil, fault("D3139", 0, "")
	}
	return found[0], nil
}

func reduce(r *run, args []any) (any, error) {
	if isUndefined(args[0]) {
		return undefined, nil
	}
	items, f := listAndFunction(args)
	if f.arity < 2 {
		return nil, fault("D3050", 0, "")
	}
	total, rest := argument(args, 2), 0
	if isUndefined(total) && len(items) > 0 {
		total, rest = items[0], 1
	}
	for i := rest; i < len(items); i++ {
		v, err := r.callback(f, total, items[i], float64(i), args[0])
		if err != nil {
			return nil, err
		}
		total = collapse(v)
	}
	return total, nil
}

func zip(r *run, args []any) (any, error) {
	shortest := -1
	lists := make([][]any, len(args))
	for i, arg := range args {
		lists[i], _ = elements(arg)
		if shortest < 0 || len(lists[i]) < shortest {
			shortest = len(lists[i])
		}
	}
	out := &array{}
	for i := range max(shortest, 0) {
		row := &array{}
		for _, list := range lists {
			row.items = append(row.items, list[i])
		}
		out.items = append(out.items, row)
	}
	return out, r.grow(len(out.items) * (len(args) + 1))
}

func appendItems(r *run, args []any) (any, error) {
	out := join(args[0], args[1])
	items, _ := elements(out)
	return out, r.grow(len(items))
}

func reverse(r *run, args []any) (any, error) {
	items, ok := elements(args[0])
	if !ok || len(items) < 2 {
		return args[0], nil
	}
	out := &array{items: slices.Clone(items)}
	slices.Reverse(out.items)
	return out, r.grow(len(items))
}

func distinct(r *run, args []any) (any, error) {
	items, ok := elements(args[0])
	if !ok || len(items) < 2 {
		return args[0], nil
	}
	out := &array{sequence: isSequence(args[0])}
	seen := map[any]bool{}
	for _, item := range items {
		key, scalar := distinctKey(item)
		if scalar && seen[key] || !scalar && slices.ContainsFunc(out.items, func(o any) bool { return equal(o, item) }) {
			continue
		}
		if err := r.grow(1); err != nil {
			return nil, err
		}
		if scalar {
			seen[key] = true
		} else if r.steps += len(out.items); r.steps > r.limits.Steps {
			return nil, fault("U1001", 0, "")
		}
		out.items = append(out.items, item)
	}
	return out, nil
}

func distinctKey(v any) (key any, scalar bool) {
	if f, ok := number(v); ok {
		return f, true
	}
	switch v.(type) {
	case nil, bool, string:
		return v, true
	}
	return nil, false
}

func shuffle(r *run, args []any) (any, error) {
	items, ok := elements(args[0])
	if !ok || len(items) < 2 {
		return args[0], nil
	}
	out := &array{items: slices.Clone(items)}
	for i := len(out.items) - 1; i > 0; i-- {
		j := int(r.chance() * float64(i+1))
		out.items[i], out.items[j] = out.items[j], out.items[i]
	}
	return out, r.grow(len(items))
}

func sortItems(r *run, args []any) (any, error) {
	if isUndefined(args[0]) {
		return undefined, nil
	}
	items, f := listAndFunction(args)
	if len(items) < 2 {
		return args[0], nil
	}
	if f == nil {
		if !allOf[string](items) && !allNumbers(items) {
			return nil, fault("D3070", 0, "")
		}
		out := slices.Clone(items)
		slices.SortStableFunc(out, compareScalars)
		return &array{items: out}, r.grow(len(items))
	}
	out, err := r.mergeSort(items, f)
	return &array{items: out}, err
}

func allOf[T any](items []any) bool {
	return !slices.ContainsFunc(items, func(v any) bool { _, ok := v.(T); return !ok })
}

func allNumbers(items []any) bool {
	return !slices.ContainsFunc(items, func(v any) bool { _, ok := number(v); return !ok })
}

func compareScalars(a, b any) int {
	if s, ok := a.(string); ok {
		return compareText(s, b.(string))
	}
	f, _ := number(a)
	g, _ := number(b)
	return cmp.Compare(f, g)
}

// mergeSort calls the user's comparator ("is a to come after b?") in the order
// of a top-down merge, and is at peace with one that is not consistent.
func (r *run) mergeSort(items []any, after *function) ([]any, error) {
	if len(items) < 2 {
		return items, nil
	}
	if err := r.grow(len(items)); err != nil {
		return nil, err
	}
	middle := len(items) / 2
	left, err := r.mergeSort(items[:middle], after)
	if err != nil {
		return nil, err
	}
	right, err := r.mergeSort(items[middle:], after)
	if err != nil {
		return nil, err
	}
	out := make([]any, 0, len(items))
	for len(left) > 0 && len(right) > 0 {
		v, err := r.callback(after, left[0], right[0])
		if err != nil {
			return nil, err
		}
		if boolize(v) {
			out, right = append(out, right[0]), right[1:]
		} else {
			out, left = append(out, left[0]), left[1:]
		}
	}
	return append(append(out, left...), right...), nil
}

func keys(r *run, args []any) (any, error) {
	out, seen := sequence(), map[string]bool{}
	var collect func(v any)
	collect = func(v any) {
		if items, ok := elements(v); ok {
			for _, item := range items {
				collect(item)
			}
		}
		for name := range members(v) {
			if !seen[name] {
				seen[name] = true
				out.items = append(out.items, name)
			}
		}
	}
	collect(args[0])
	return out, r.grow(len(out.items))
}

func lookup(_ *run, args []any) (any, error) {
	name, ok := args[1].(string)
	if !ok {
		return undefined, nil
	}
	return lookupName(args[0], name), nil
}

func spread(r *run, args []any) (any, error) {
	var one func(v any) any
	one = func(v any) any {
		items, ok := elements(v)
		if !ok && !isObject(v) {
			return v
		}
		out := sequence()
		for _, item := range items {
			if more, ok := elements(one(item)); ok {
				out.items = append(out.items, more...)
			} else {
				out.items = append(out.items, item)
			}
		}
		for name, m := range members(v) {
			out.items = append(out.items, jsonvalue.NewObject(jsonvalue.Member{Name: name, Value: m}))
		}
		return out
	}
	out := one(args[0])
	if items, ok := elements(out); ok {
		return out, r.grow(len(items))
	}
	return out, nil
}

func merge(r *run, args []any) (any, error) {
	if isUndefined(args[0]) {
		return undefined, nil
	}
	items, _ := elements(args[0])
	var b jsonvalue.Builder
	for _, item := range items {
		if err := r.grow(memberCount(item)); err != nil {
			return nil, err
		}
		for name, v := range members(item) {
			b.Set(name, v)
		}
	}
	return b.Object(), nil
}

func each(r *run, args []any) (any, error) {
	f, _ := args[1].(*function)
	out := sequence()
	for name, m := range members(args[0]) {
		v, err := r.callback(f, m, name, args[0])
		if err != nil {
			return nil, err
		}
		if v = collapse(v); !isUndefined(v) {
			out.items = append(out.items, v)
		}
	}
	return out, nil
}

func sift(r *run, args []any) (any, error) {
	f, ok := args[1].(*function)
	if !ok {
		return undefined, nil
	}
	var b jsonvalue.Builder
	for name, m := range members(args[0]) {
		keep, err := r.callback(f, m, name, args[0])
		if err != nil {
			return nil, err
		}
		if boolize(keep) {
			b.Set(name, m)
		}
	}
	if b.Object().Len() == 0 {
		return undefined, nil
	}
	return b.Object(), nil
}

func clone(r *run, args []any) (any, error) {
	if isUndefined(args[0]) {
		return undefined, nil
	}
	v, defined, err := export(args[0], 0)
	if err != nil || !defined {
		return undefined, err
	}
	return v, r.grow(1)
}
