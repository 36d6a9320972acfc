package jsonata

// This file defines evaluation: what each kind of node yields.

import "github.com/stepworks/stepworks/local/internal/jsonvalue"

// run is one evaluation of an expression.
type run struct {
	env                *Env
	limits             Limits
	root               any
	depth, steps, size int
}

// scope is a frame of variables.
type scope struct {
	outer *scope
	vars  []binding
}

func (s *scope) bind(name string, v any) {
	for i := range s.vars {
		if s.vars[i].name == name {
			s.vars[i].value = v
			return
		}
	}
	s.vars = append(s.vars, binding{name, v})
}

func (s *scope) within(t *tuple) *scope { return &scope{outer: s, vars: t.vars} }

func (r *run) lookup(name string, s *scope) any {
	for ; s != nil; s = s.outer {
		for i := range s.vars {
			if s.vars[i].name == name {
				return s.vars[i].value
			}
		}
	}
	if name == "$" {
		return r.root
	}
	if v, ok := r.env.Bindings[name]; ok {
		return v
	}
	if f, ok := r.env.Functions[name]; ok {
		return hostFunction(name, f)
	}
	if f, ok := builtins[name]; ok {
		return f
	}
	return undefined
}

// grow charges n values or bytes that are about to be made.
func (r *run) grow(n int) error {
	if r.size += n; r.size > r.limits.Size || n < 0 {
		return fault("U1003", 0, "", "value", formatNumber(float64(r.limits.Size)))
	}
	return nil
}

func (r *run) enter(n *node) error {
	r.depth++
	r.steps++
	if r.depth > r.limits.Depth {
		return fault("U1001", n.pos, "")
	}
	if r.steps > r.limits.Steps {
		e := fault("U1002", n.pos, "")
		e.Code = "U1001"
		return e
	}
	return nil
}

// eval yields what n is worth where in is the context.
func (r *run) eval(n *node, in any, s *scope) (any, error) {
	if n.kind == kConstant && len(n.predicates) == 0 && n.group == nil {
		return n.value, nil
	}
	if err := r.enter(n); err != nil {
		return nil, err
	}
	v, err := r.kind(n, in, s)
	if err == nil {
		v, err = r.finish(n, v, s)
	}
	r.depth--
	return v, err
}

// finish applies what stands behind n, and unwraps a sequence.
func (r *run) finish(n *node, v any, s *scope) (_ any, err error) {
	for _, p := range n.predicates {
		if v, err = r.filter(p.filter, v, s); err != nil {
			return nil, err
		}
	}
	if n.group != nil && n.kind != kPath {
		if v, err = r.object(n.group, v, s); err != nil {
			return nil, err
		}
	}
	a, ok := v.(*array)
	if !ok || !a.sequence || a.tuples {
		return v, nil
	}
	if n.keepArray {
		a.keep = true
	}
	switch items := a.items; {
	case a.lazy > 0:
	case len(items) == 0:
		return undefined, nil
	case len(items) == 1 && !a.keep:
		return items[0], nil
	}
	return a, nil
}

func (r *run) kind(n *node, in any, s *scope) (any, error) {
	switch n.kind {
	case kConstant, kString, kRegex:
		return n.value, nil
	case kPath:
		return r.path(n, in, s)
	case kName:
		return lookupName(in, n.text), nil
	case kVariable:
		return r.variable(n, in, s), nil
	case kBinary:
		return r.binary(n, in, s)
	case kCall:
		return r.call(n, in, s, nil)
	case kBlock:
		return r.block(n, in, s)
	case kCondition:
		return r.condition(n, in, s)
	case kBind:
		return r.bind(n, in, s)
	case kObject:
		return r.object(n, in, s)
	case kArray:
		return r.array(n, in, s)
	case kRange:
		return r.span(n, in, s)
	case kNegate:
		return r.negate(n, in, s)
	case kLambda:
		return &function{lambda: n, scope: s, input: in, sig: n.sig, arity: len(n.items)}, nil
	case kPartial:
		return r.partial(n, in, s)
	case kApply:
		return r.apply(n, in, s)
	case kTransform:
		return r.transform(n, s), nil
	case kWildcard:
		return wildcard(in), nil
	case kDescendant:
		return descendants(in), nil
	case kParent:
		return r.lookup(*n.slot.label, s), nil
	case kSort:
		return r.sortStep(n, in, s)
	}
	return nil, fault("S0201", n.pos, n.kind.name())
}

func (r *run) variable(n *node, in any, s *scope) any {
	if n.text != "" {
		return r.lookup(n.text, s)
	}
	if a, ok := in.(*array); ok && a.outer {
		return a.items[0]
	}
	return in
}

// lookupName is the member, or of an array those of its items, flat.
func lookupName(in any, name string) any {
	switch o := in.(type) {
	case *jsonvalue.Object:
		if v, ok := o.Get(name); ok {
			return v
		}
		return undefined
	case *draft:
		return field(o, name)
	}
	items, ok := elements(in)
	if !ok {
		return undefined
	}
	out := sequence()
	for _, item := range items {
		v := lookupName(item, name)
		if more, ok := elements(v); ok {
			out.items = append(out.items, more...)
		} else if !isUndefined(v) {
			out.items = append(out.items, v)
		}
	}
	return out
}

func (r *run) block(n *node, in any, s *scope) (v any, err error) {
	inner := &scope{outer: s}
	v = undefined
	for _, item := range n.items {
		if v, err = r.eval(item, in, inner); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (r *run) condition(n *node, in any, s *scope) (any, error) {
	test, err := r.eval(n.left, in, s)
	switch {
	case err != nil:
		return nil, err
	case boolize(test):
		return r.eval(n.right, in, s)
	case n.other != nil:
		return r.eval(n.other, in, s)
	}
	return undefined, nil
}

func (r *run) bind(n *node, in any, s *scope) (any, error) {
	v, err := r.eval(n.right, in, s)
	if err == nil {
		s.bind(n.left.text, v)
	}
	return v, err
}

func (r *run) array(n *node, in any, s *scope) (any, error) {
	var out any = &array{}
	for _, item := range n.items {
		v, err := r.eval(item, in, s)
		if err != nil {
			return nil, err
		}
		if isUndefined(v) {
			continue
		}
		out = include(out.(*array), item, v)
		if err := r.grow(1); err != nil {
			return nil, err
		}
	}
	a := out.(*array)
	a.cons = n.cons
	return a, nil
}

// include adds an element: an array within an array constructor is one element
// if it is written as such, else it brings its items. A range alone stays unmade.
func include(out *array, item *node, v any) *array {
	if item.kind == kArray {
		out.items = append(out.list(), v)
		return out
	}
	if a, ok := v.(*array); ok && a.lazy > 0 && len(out.items) == 0 && out.lazy == 0 {
		return &array{lazy: a.lazy, low: a.low}
	}
	if more, ok := elements(v); ok {
		out.items = append(out.list(), more...)
	} else {
		out.items = append(out.list(), v)
	}
	return out
}

// grouped is one member of an object in the making.
type grouped struct {
	key   string
	data  any
	owned *array // data, once the group made it itself
	by    int
}

// object builds an object: the pairs are evaluated for each item of in, and items
// with the same key are grouped before their value is made.
func (r *run) object(n *node, in any, s *scope) (any, error) {
	items, ok := elements(in)
	if !ok {
		items = []any{in}
	}
	if len(items) == 0 {
		items = []any{undefined}
	}
	a, _ := in.(*array)
	tuples := a != nil && a.tuples
	groups, err := r.groups(n, items, tuples, s)
	if err != nil {
		return nil, err
	}
	var b jsonvalue.Builder
	for _, g := range groups {
		context, inner := g.data, s
		if tuples {
			t := reduceTuples(g.data)
			context, inner = t.at, s.within(t)
		}
		v, err := r.eval(n.pairs[g.by].value, context, inner)
		if err != nil {
			return nil, err
		}
		if !isUndefined(v) {
			b.Set(g.key, v)
		}
	}
	return b.Object(), r.grow(len(groups))
}

func (r *run) groups(n *node, items []any, tuples bool, s *scope) ([]grouped, error) {
	groups := make([]grouped, 0, len(n.pairs))
	index := map[string]int{}
	for _, item := range items {
		context, inner := item, s
		if t, ok := item.(*tuple); ok && tuples {
			context, inner = t.at, s.within(t)
		}
		for i, p := range n.pairs {
			k, err := r.eval(p.key, context, inner)
			if err != nil {
				return nil, err
			}
			key, ok := k.(string)
			if !ok {
				if isUndefined(k) {
					continue
				}
				return nil, fault("T1003", n.pos, "", "value", show(k))
			}
			at, seen := index[key]
			switch {
			case !seen:
				index[key] = len(groups)
				groups = append(groups, grouped{key: key, data: item, by: i})
			case groups[at].by != i:
				return nil, fault("D1009", n.pos, "", "value", quote(key))
			default:
				groups[at].extend(item)
			}
		}
	}
	return groups, nil
}

// extend adds an item to a group, whose array belongs to it from the second on.
func (g *grouped) extend(item any) {
	if g.owned == nil {
		a, _ := join(g.data, item).(*array)
		g.owned, g.data = a, a
		return
	}
	if more, ok := elements(item); ok {
		g.owned.items = append(g.owned.items, more...)
	} else {
		g.owned.items = append(g.owned.items, item)
	}
}

// reduceTuples makes one tuple of several: each binding has the values of all.
func reduceTuples(data any) *tuple {
	if t, ok := data.(*tuple); ok {
		return t
	}
	items, _ := elements(data)
	out := &tuple{at: undefined}
	for _, item := range items {
		t := item.(*tuple)
		out.at = join(out.at, t.at)
		for _, v := range t.vars {
			old := any(undefined)
			for _, o := range out.vars {
				if o.name == v.name {
					old = o.value
				}
			}
			out.set(v.name, join(old, v.value))
		}
	}
	return out
}

func wildcard(in any) any {
	if a, ok := in.(*array); ok && a.outer && len(a.items) > 0 {
		in = a.items[0]
	}
	var out any = sequence()
	add := func(v any) {
		if isArray(v) {
			out = join(out, &array{items: flatten(v, nil)})
			return
		}
		items, _ := elements(out)
		out = &array{items: append(items, v), sequence: isSequence(out)}
	}
	if items, ok := elements(in); ok {
		for _, v := range items {
			add(v)
		}
	}
	for _, v := range members(in) {
		add(v)
	}
	return out
}

func flatten(v any, out []any) []any {
	items, ok := elements(v)
	if !ok {
		return append(out, v)
	}
	for _, item := range items {
		out = flatten(item, out)
	}
	return out
}

func descendants(in any) any {
	if isUndefined(in) {
		return undefined
	}
	out := sequence()
	var walk func(v any)
	walk = func(v any) {
		if items, ok := elements(v); ok {
			for _, item := range items {
				walk(item)
			}
			return
		}
		out.items = append(out.items, v)
		for _, m := range members(v) {
			walk(m)
		}
	}
	walk(in)
	return out
}
