package jsonata

// This file defines functions: how they are called, partially applied and
// chained.

import "github.com/stepworks/stepworks/local/internal/jsonvalue"

// function is a function value: built in, of the host, or a lambda.
type function struct {
	name   string
	sig    *signature
	arity  int
	native func(r *run, args []any) (any, error)
	lambda *node
	scope  *scope
	input  any
	regex  *regex
}

// invocation is a call in tail position, still to be made.
type invocation struct {
	f    *function
	name string
	pos  int
	args []any
	in   any
}

// call evaluates n; chained is what stands left of a ~>, if anything does.
func (r *run) call(n *node, in any, s *scope, chained []any) (any, error) {
	c, err := r.prepare(n, in, s, chained)
	if err != nil {
		return nil, err
	}
	v, err := r.invoke(c.f, c.args, c.in)
	if err != nil {
		return nil, located(err, n.pos, c.name)
	}
	return v, nil
}

// prepare evaluates the function and its arguments.
func (r *run) prepare(n *node, in any, s *scope, chained []any) (*invocation, error) {
	callee, err := r.eval(n.left, in, s)
	if err != nil {
		return nil, err
	}
	if isUndefined(callee) && n.left.kind == kPath && !isUndefined(r.lookup(n.reference, s)) {
		return nil, fault("T1005", n.pos, n.reference)
	}
	c := &invocation{name: n.reference, pos: n.pos, in: in, args: make([]any, 0, len(n.items)+len(chained))}
	c.args = append(c.args, chained...)
	for _, item := range n.items {
		arg, err := r.eval(item, in, s)
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, arg)
	}
	var ok bool
	if c.f, ok = callee.(*function); !ok {
		return nil, fault("T1006", n.pos, n.reference)
	}
	return c, nil
}

// invoke calls f. Calls in tail position are made here in a loop, so that a
// tail-recursive function needs no stack.
func (r *run) invoke(f *function, args []any, in any) (any, error) {
	var made *invocation
	for {
		v, next, err := r.once(f, args, in)
		if err != nil && made != nil {
			err = located(err, made.pos, made.name)
		}
		if err != nil || next == nil {
			return v, err
		}
		made, f, args, in = next, next.f, next.args, next.in
	}
}

func (r *run) once(f *function, args []any, in any) (any, *invocation, error) {
	args, err := f.sig.accept(args, in)
	if err != nil {
		return nil, nil, err
	}
	if f.lambda == nil {
		v, err := f.native(r, args)
		return v, nil, err
	}
	inner := &scope{outer: f.scope, vars: make([]binding, len(f.lambda.items))}
	for i, param := range f.lambda.items {
		inner.vars[i] = binding{param.text, argument(args, i)}
	}
	return r.tail(f.lambda.right, f.input, inner)
}

func argument(args []any, i int) any {
	if i < len(args) {
		return args[i]
	}
	return undefined
}

// tail is eval for what stands in tail position: a call there is handed back.
func (r *run) tail(n *node, in any, s *scope) (v any, next *invocation, err error) {
	if len(n.predicates) > 0 || n.group != nil || n.keepArray || n.kind != kCondition && n.kind != kBlock && n.kind != kCall {
		v, err = r.eval(n, in, s)
		return v, nil, err
	}
	if err := r.enter(n); err != nil {
		return nil, nil, err
	}
	v = undefined
	switch n.kind {
	case kCall:
		next, err = r.prepare(n, in, s, nil)
	case kCondition:
		branch := n.right
		var test any
		if test, err = r.eval(n.left, in, s); !boolize(test) {
			branch = n.other
		}
		if err == nil && branch != nil {
			v, next, err = r.tail(branch, in, s)
		}
	case kBlock:
		inner := &scope{outer: s}
		for i, item := range n.items {
			if i == len(n.items)-1 {
				v, next, err = r.tail(item, in, inner)
			} else if _, err = r.eval(item, in, inner); err != nil {
				break
			}
		}
	}
	r.depth--
	return v, next, err
}

// partial makes a function of the arguments that are left open.
func (r *run) partial(n *node, in any, s *scope) (any, error) {
	callee, err := r.eval(n.left, in, s)
	if err != nil {
		return nil, err
	}
	f, ok := callee.(*function)
	if !ok {
		if isUndefined(callee) && n.left.kind == kPath && !isUndefined(r.lookup(n.reference, s)) {
			return nil, fault("T1007", n.pos, n.reference)
		}
		return nil, fault("T1008", n.pos, n.reference)
	}
	given := make([]any, len(n.items))
	open := 0
	for i, item := range n.items {
		if item.kind == kPlaceholder {
			open++
			continue
		}
		if given[i], err = r.eval(item, in, s); err != nil {
			return nil, err
		}
	}
	native := func(r *run, args []any) (any, error) {
		all := make([]any, 0, len(given))
		for i, item := range n.items {
			if item.kind != kPlaceholder {
				all = append(all, given[i])
				continue
			}
			all = append(all, argument(args, 0))
			args = args[min(1, len(args)):]
		}
		return r.nested(n, f, all, in)
	}
	return &function{name: f.name, arity: open, native: native}, nil
}

// nested invokes f from a function of its own, one level deeper.
func (r *run) nested(n *node, f *function, args []any, in any) (any, error) {
	if err := r.enter(n); err != nil {
		return nil, err
	}
	v, err := r.invoke(f, args, in)
	r.depth--
	return v, err
}

// apply evaluates a ~> b: a call with a as its first argument, or a chain of two functions.
func (r *run) apply(n *node, in any, s *scope) (any, error) {
	left, err := r.eval(n.left, in, s)
	if err != nil {
		return nil, err
	}
	if c := n.right; c.kind == kCall && len(c.predicates) == 0 && c.group == nil {
		v, err := r.call(c, in, s, []any{left})
		if err != nil {
			return nil, err
		}
		return r.finish(c, v, s)
	}
	right, err := r.eval(n.right, in, s)
	if err != nil {
		return nil, err
	}
	f, ok := right.(*function)
	if !ok {
		return nil, fault("T2006", n.pos, "~>", "value", show(right))
	}
	first, ok := left.(*function)
	if !ok {
		v, err := r.invoke(f, []any{left}, nil)
		return v, located(err, n.pos, f.name)
	}
	return &function{arity: 1, native: func(r *run, args []any) (any, error) {
		v, err := r.nested(n, first, args[:min(1, len(args))], nil)
		if err != nil {
			return nil, err
		}
		return r.nested(n, f, []any{collapse(v)}, nil)
	}}, nil
}

// collapse unwraps a sequence, as the end of every evaluation does.
func collapse(v any) any {
	a, ok := v.(*array)
	if !ok || !a.sequence || a.tuples || a.lazy > 0 {
		return v
	}
	switch {
	case len(a.items) == 0:
		return undefined
	case len(a.items) == 1 && !a.keep:
		return a.items[0]
	}
	return a
}

// callback calls a function that was given to another, with as many of the
// arguments as it takes.
func (r *run) callback(f *function, args ...any) (any, error) {
	if len(args) > 1 && f.arity < len(args) {
		args = args[:max(1, f.arity)]
	}
	return r.invoke(f, args, undefined)
}

var transformSignature = mustSignature("<(oa):o>")

// transform makes the function of |pattern|update,delete|.
func (r *run) transform(n *node, s *scope) any {
	return &function{arity: 1, sig: transformSignature, native: func(r *run, args []any) (any, error) {
		if isUndefined(args[0]) {
			return undefined, nil
		}
		copied, err := r.draft(args[0], 0)
		if err != nil {
			return nil, err
		}
		matches, err := r.eval(n.left, copied, s)
		if err != nil {
			return nil, err
		}
		items, ok := elements(matches)
		if !ok {
			items = []any{matches}
		}
		for _, item := range items {
			if isUndefined(item) {
				continue
			}
			if err := r.change(n, item, s); err != nil {
				return nil, err
			}
		}
		return frozen(copied, 0), nil
	}}
}

// change updates one match of a transform, and deletes from it.
func (r *run) change(n *node, match any, s *scope) error {
	update, err := r.eval(n.right, match, s)
	if err != nil {
		return err
	}
	d, changeable := match.(*draft)
	if !isUndefined(update) {
		if !isObject(update) {
			return fault("T2011", n.right.pos, "", "value", show(update))
		}
		for name, v := range members(update) {
			if changeable {
				d.set(name, v)
			}
		}
	}
	if n.other == nil {
		return nil
	}
	drop, err := r.eval(n.other, match, s)
	if err != nil || isUndefined(drop) {
		return err
	}
	names, ok := elements(drop)
	if !ok {
		names = []any{drop}
	}
	for _, name := range names {
		text, ok := name.(string)
		if !ok {
			return fault("T2012", n.other.pos, "", "value", show(drop))
		}
		if changeable {
			d.remove(text)
		}
	}
	return nil
}

// draft copies a value so that its objects can be changed.
func (r *run) draft(v any, depth int) (any, error) {
	if depth > jsonvalue.MaxDepth {
		return nil, fault("U1001", 0, "")
	}
	if err := r.grow(1); err != nil {
		return nil, err
	}
	if items, ok := elements(v); ok {
		out := make([]any, len(items))
		for i, item := range items {
			c, err := r.draft(item, depth+1)
			if err != nil {
				return nil, err
			}
			out[i] = c
		}
		return out, nil
	}
	if !isObject(v) {
		return v, nil
	}
	d := &draft{values: make(map[string]any, memberCount(v))}
	for name, m := range members(v) {
		c, err := r.draft(m, depth+1)
		if err != nil {
			return nil, err
		}
		d.set(name, c)
	}
	return d, nil
}

// frozen makes plain objects of drafts again. What an update put into itself
// ends at the depth that values may have.
func frozen(v any, depth int) any {
	if depth > jsonvalue.MaxDepth {
		return nil
	}
	if items, ok := elements(v); ok {
		out := make([]any, len(items))
		for i, item := range items {
			out[i] = frozen(item, depth+1)
		}
		return out
	}
	d, ok := v.(*draft)
	if !ok {
		return v
	}
	var b jsonvalue.Builder
	for name, m := range members(d) {
		b.Set(name, frozen(m, depth+1))
	}
	return b.Object()
}

// hostFunction makes a function value of one of the host's.
func hostFunction(name string, h Function) *function {
	f := &function{name: name}
	if sig, err := compileSignature(h.Signature, 0); err == nil && h.Signature != "" {
		f.sig, f.arity = sig, len(sig.params)
	}
	f.native = func(_ *run, args []any) (any, error) {
		plain := make([]Argument, len(args))
		for i, arg := range args {
			v, defined, err := export(arg, 0)
			if err != nil {
				return nil, err
			}
			plain[i] = Argument{v, defined}
		}
		v, defined, err := h.Call(plain)
		if err != nil {
			return nil, err
		}
		if !defined {
			return undefined, nil
		}
		return v, nil
	}
	return f
}
