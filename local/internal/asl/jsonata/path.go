package jsonata

// This file defines paths: steps over sequences, filters, positional and focus
// variables, order-by.

import (
	"cmp"
	"math"
	"slices"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

func (r *run) path(n *node, in any, s *scope) (any, error) {
	if n.straight {
		if v, done := r.straight(n, in, s); done {
			return v, nil
		}
	}
	items, ok := elements(in)
	if !ok || n.items[0].kind == kVariable {
		items = []any{in}
	}
	w := walk{run: r, scope: s, items: items}
	if err := w.steps(n); err != nil {
		return nil, err
	}
	return w.end(n)
}

// straight goes a path of plain names from object to object, which needs no
// sequences. It gives up where it meets anything else.
func (r *run) straight(n *node, in any, s *scope) (any, bool) {
	v := in
	for i, step := range n.items {
		if step.kind == kVariable {
			v = r.variable(step, in, s)
		} else {
			o, ok := v.(*jsonvalue.Object)
			if !ok {
				return nil, false
			}
			if v, ok = o.Get(step.text); !ok {
				return undefined, true
			}
		}
		if _, made := v.(*array); made {
			return nil, false
		}
		if i == len(n.items)-1 {
			return v, true
		}
	}
	return nil, false
}

// walk is the evaluation of one path.
type walk struct {
	*run
	scope  *scope
	items  []any  // the input of the next step
	result *array // what the last step yielded; nil: nothing
	plain  any    // ... where it is an array of the input, untouched
	tuples *array // once a step binds something, what is carried along
	bound  bool
}

func (w *walk) steps(n *node) error {
	for i, step := range n.items {
		if step.tuple {
			w.bound = true
		}
		var err error
		switch {
		case i == 0 && step.cons:
			var v any
			if v, err = w.eval(step, seqOf(w.items), w.scope); err == nil {
				w.set(v)
			}
		case w.bound:
			err = w.tupleStep(step)
		default:
			err = w.step(step, i == len(n.items)-1)
		}
		if err != nil {
			return err
		}
		if !w.bound && len(w.current()) == 0 {
			return nil
		}
		if step.focus == "" {
			w.items = w.current()
		}
	}
	return nil
}

func seqOf(items []any) any { return sequence(items...) }

func (w *walk) set(v any) {
	w.plain, w.result = nil, nil
	switch v := v.(type) {
	case *array:
		w.result = v
	case []any:
		w.plain = v
	case none:
	default:
		w.result = sequence(v)
	}
}

func (w *walk) current() []any {
	switch {
	case w.plain != nil:
		return w.plain.([]any)
	case w.result != nil:
		return w.result.list()
	}
	return nil
}

// end is the value of the path.
func (w *walk) end(n *node) (any, error) {
	out := any(undefined)
	switch {
	case w.bound && n.tuple:
		out = w.tuples
	case w.bound:
		seq := sequence()
		for _, t := range w.tuples.items {
			seq.items = append(seq.items, t.(*tuple).at)
		}
		out = seq
	case w.plain != nil:
		out = w.plain
	case w.result != nil:
		out = w.result
	}
	if n.keepOne {
		out = keepOne(out)
	}
	if n.group == nil {
		return out, nil
	}
	if w.bound {
		out = w.tuples
	}
	return w.object(n.group, out, w.scope)
}

func keepOne(v any) any {
	a, ok := v.(*array)
	switch {
	case !ok:
		return v
	case a.cons && !a.sequence:
		a = sequence(a)
	}
	a.keep = true
	return a
}

// step evaluates a step for each item. Arrays it yields are flattened into the
// sequence, but a single one that is the last step's stays what it is.
func (w *walk) step(n *node, isLast bool) error {
	if n.kind == kSort {
		v, err := w.eval(n, seqOf(w.items), w.scope)
		if err == nil {
			v, err = w.stages(n.stages, v)
		}
		w.set(v)
		return err
	}
	found := make([]any, 0, len(w.items))
	for _, item := range w.items {
		v, err := w.one(n, item)
		if err != nil {
			return err
		}
		if !isUndefined(v) {
			found = append(found, v)
		}
	}
	if isLast && len(found) == 1 && isArray(found[0]) && !isSequence(found[0]) {
		w.set(found[0])
		return nil
	}
	out := sequence()
	for _, v := range found {
		a, made := v.(*array)
		more, ok := elements(v)
		if !ok || made && a.cons {
			out.items = append(out.items, v)
		} else {
			out.items = append(out.items, more...)
		}
	}
	w.plain, w.result = nil, out
	return w.grow(len(out.items))
}

// one evaluates a step for one item, without its filters' results unwrapped.
func (w *walk) one(n *node, item any) (v any, err error) {
	if n.kind == kName && !n.keepArray && len(n.stages) == 0 {
		v = lookupName(item, n.text)
		if !isSequence(v) {
			return v, nil
		}
	}
	if v, err = w.eval(n, item, w.scope); err != nil {
		return nil, err
	}
	for _, st := range n.stages {
		if v, err = w.filter(st.filter, v, w.scope); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// tupleStep is step where bindings are carried along.
func (w *walk) tupleStep(n *node) (err error) {
	var out *array
	if n.kind == kSort {
		out, err = w.tupleSort(n)
	} else {
		out, err = w.tupleEach(n)
	}
	if err != nil {
		return err
	}
	v, err := w.stages(n.stages, out)
	if err != nil {
		return err
	}
	w.tuples = v.(*array)
	return w.grow(len(w.tuples.items))
}

func (w *walk) tupleEach(n *node) (*array, error) {
	from := w.tuples
	if from == nil {
		from = &array{}
		for _, item := range w.items {
			from.items = append(from.items, &tuple{at: item})
		}
	}
	out := &array{sequence: true, tuples: true}
	for _, f := range from.items {
		t := f.(*tuple)
		v, err := w.eval(n, t.at, w.scope.within(t))
		if err != nil {
			return nil, err
		}
		if isUndefined(v) {
			continue
		}
		found, ok := elements(v)
		if !ok {
			found = []any{v}
		}
		if err := w.grow(len(found)); err != nil {
			return nil, err
		}
		for i, item := range found {
			out.items = append(out.items, t.step(n, item, i))
		}
	}
	return out, nil
}

// step is the tuple of an item that a step found from t.
func (t *tuple) step(n *node, item any, position int) *tuple {
	next := &tuple{at: t.at, vars: slices.Clone(t.vars)}
	if inner, ok := item.(*tuple); ok {
		next.at = inner.at
		for _, v := range inner.vars {
			next.set(v.name, v.value)
		}
		return next
	}
	if n.focus != "" {
		next.set(n.focus, item)
	} else {
		next.at = item
	}
	if n.index != "" {
		next.set(n.index, float64(position))
	}
	if n.ancestor != nil {
		next.set(*n.ancestor.label, t.at)
	}
	return next
}

func (w *walk) tupleSort(n *node) (*array, error) {
	if w.tuples != nil {
		v, err := w.sort(n, w.tuples, w.scope)
		if err != nil {
			return nil, err
		}
		items, _ := elements(v)
		return &array{items: items, sequence: true, tuples: true}, nil
	}
	v, err := w.sort(n, seqOf(w.items), w.scope)
	if err != nil {
		return nil, err
	}
	items, _ := elements(v)
	out := &array{sequence: true, tuples: true}
	for i, item := range items {
		t := &tuple{at: item}
		if n.index != "" {
			t.set(n.index, float64(i))
		}
		out.items = append(out.items, t)
	}
	return out, nil
}

func (w *walk) stages(stages []stage, v any) (_ any, err error) {
	for _, st := range stages {
		if st.filter != nil {
			if v, err = w.filter(st.filter, v, w.scope); err != nil {
				return nil, err
			}
			continue
		}
		items, _ := elements(v)
		for i, item := range items {
			if t, ok := item.(*tuple); ok {
				t.set(st.index, float64(i))
			}
		}
	}
	return v, nil
}

// filter keeps the items for which by is true, or whose positions it yields.
func (r *run) filter(by *node, v any, s *scope) (any, error) {
	items, ok := elements(v)
	if !ok {
		if isUndefined(v) {
			return sequence(), nil
		}
		items = []any{v}
	}
	a, _ := v.(*array)
	out := &array{sequence: true, tuples: a != nil && a.tuples}
	if f, ok := by.value.(float64); ok && by.kind == kConstant {
		if i := position(f, len(items)); i >= 0 && i < len(items) {
			if isArray(items[i]) {
				return items[i], nil
			}
			out.items = append(out.items, items[i])
		}
		return out, nil
	}
	for i, item := range items {
		context, inner := item, s
		if t, ok := item.(*tuple); ok {
			context, inner = t.at, s.within(t)
		}
		test, err := r.eval(by, context, inner)
		if err != nil {
			return nil, err
		}
		keep, err := selects(test, i, len(items))
		if err != nil {
			return nil, err
		}
		for range keep {
			out.items = append(out.items, item)
		}
	}
	return out, nil
}

func position(f float64, n int) int {
	f = math.Floor(f)
	if f < 0 {
		f += float64(n)
	}
	if f < 0 || f > float64(n) {
		return -1
	}
	return int(f)
}

// selects tells how often a filter's result takes the item at position i.
func selects(test any, i, n int) (times int, err error) {
	f, ok, err := finite(test)
	if err != nil {
		return 0, err
	}
	if ok {
		if position(f, n) == i {
			times = 1
		}
		return times, nil
	}
	if a, made := test.(*array); made && a.lazy > 0 {
		return rangeSelects(a, i, n), nil
	}
	if items, ok := elements(test); ok {
		numbers := true
		for _, item := range items {
			f, ok := number(item)
			numbers = numbers && ok
			if ok && position(f, n) == i {
				times++
			}
		}
		if numbers {
			return times, nil
		}
	}
	if boolize(test) {
		return 1, nil
	}
	return 0, nil
}

// rangeSelects is selects for a range, without making its items.
func rangeSelects(a *array, i, n int) (times int) {
	for _, p := range []int{i, i - n} {
		if p >= a.low && p < a.low+a.lazy {
			times++
		}
	}
	return times
}

func (r *run) sortStep(n *node, in any, s *scope) (any, error) { return r.sort(n, in, s) }

// sort orders by the terms of an order-by.
func (r *run) sort(n *node, in any, s *scope) (any, error) {
	items, _ := elements(in)
	if len(items) < 2 {
		return in, nil
	}
	keys := make([][]any, len(items))
	for i, item := range items {
		context, inner := item, s
		if t, ok := item.(*tuple); ok {
			context, inner = t.at, s.within(t)
		}
		for _, t := range n.terms {
			k, err := r.eval(t.by, context, inner)
			if err != nil {
				return nil, err
			}
			keys[i] = append(keys[i], k)
		}
	}
	order := make([]int, len(items))
	for i := range order {
		order[i] = i
	}
	var problem error
	slices.SortStableFunc(order, func(i, j int) int {
		c, err := compareKeys(n, keys[i], keys[j])
		if err != nil && problem == nil {
			problem = err
		}
		return c
	})
	if problem != nil {
		return nil, problem
	}
	out := make([]any, len(items))
	for i, from := range order {
		out[i] = items[from]
	}
	return &array{items: out}, r.grow(len(out))
}

func compareKeys(n *node, as, bs []any) (int, error) {
	for i, t := range n.terms {
		c, err := compareKey(n, as[i], bs[i])
		if err != nil {
			return 0, err
		}
		if t.descending && !isUndefined(as[i]) && !isUndefined(bs[i]) {
			c = -c
		}
		if c != 0 {
			return c, nil
		}
	}
	return 0, nil
}

// compareKey orders what is missing last.
func compareKey(n *node, a, b any) (int, error) {
	switch {
	case isUndefined(a) && isUndefined(b):
		return 0, nil
	case isUndefined(a):
		return 1, nil
	case isUndefined(b):
		return -1, nil
	}
	f, aNumber := number(a)
	g, bNumber := number(b)
	s, aString := a.(string)
	t, bString := b.(string)
	switch {
	case !aNumber && !aString || !bNumber && !bString:
		return 0, fault("T2008", n.pos, "", "value", show(a))
	case aNumber != bNumber:
		return 0, fault("T2007", n.pos, "", "value", show(a), "value2", show(b))
	case aNumber:
		return cmp.Compare(f, g), nil
	}
	return compareText(s, t), nil
}
