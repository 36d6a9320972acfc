package jsonata

// This file defines the step from the parsed tree to the evaluated one: chains
// of dots become paths, what stands behind a step becomes its stages, and each
// % finds the step whose input it means. The parsed tree is left as it is.

import "slices"

type resolver struct{ slots []*slot }

func resolve(n *node) (*node, error) {
	var r resolver
	out, err := r.node(n)
	if err == nil && (out.kind == kParent || len(out.seeking) > 0) {
		return nil, fault("S0217", out.pos, out.kind.name())
	}
	return out, err
}

func (r *resolver) node(n *node) (*node, error) {
	if n == nil {
		return nil, nil
	}
	out, err := r.convert(n)
	if err != nil {
		return nil, err
	}
	if n.keepArray {
		out.keepArray = true
	}
	return out, nil
}

func (r *resolver) convert(n *node) (*node, error) {
	switch n.kind {
	case kDot:
		return r.dot(n)
	case kFilter:
		return r.filter(n)
	case kGroup:
		return r.group(n)
	case kOrder:
		return r.order(n)
	case kFocus:
		return r.focus(n)
	case kIndex:
		return r.index(n)
	case kName:
		step := *n
		return &node{kind: kPath, pos: n.pos, items: []*node{&step}, keepOne: n.keepArray}, nil
	case kParent:
		name := "!" + formatNumber(float64(len(r.slots)))
		s := &slot{label: &name, level: 1}
		r.slots = append(r.slots, s)
		return &node{kind: kParent, pos: n.pos, slot: s}, nil
	}
	return r.children(n)
}

// children resolves what a node that stays itself is made of.
func (r *resolver) children(n *node) (_ *node, err error) {
	out := *n
	for _, child := range []**node{&out.left, &out.right, &out.other} {
		if *child, err = r.node(*child); err != nil {
			return nil, err
		}
	}
	out.items = make([]*node, len(n.items))
	for i, item := range n.items {
		if out.items[i], err = r.node(item); err != nil {
			return nil, err
		}
	}
	if out.pairs, err = r.pairs(n.pairs, &out); err != nil {
		return nil, err
	}
	r.inherit(&out)
	switch out.kind {
	case kNegate:
		if f, ok := out.left.value.(float64); ok && out.left.kind == kConstant {
			return &node{kind: kConstant, pos: out.pos, value: -f}, nil
		}
	case kBinary:
		out.op = operators[out.text]
	case kCall, kPartial:
		out.reference = reference(out.left)
	case kBlock:
		for _, item := range out.items {
			if item.cons || item.kind == kPath && item.items[0].cons {
				out.cons = true
			}
		}
	}
	return &out, nil
}

// inherit hands the parents that n's parts look for on to n. A function's body
// and its arguments keep theirs... a call passes on what its arguments seek.
func (r *resolver) inherit(n *node) {
	switch n.kind {
	case kLambda, kTransform, kApply:
		return
	case kBind:
		passUp(n, n.right)
		return
	case kCall, kPartial:
	default:
		passUp(n, n.left)
		passUp(n, n.right)
		passUp(n, n.other)
	}
	for _, item := range n.items {
		passUp(n, item)
	}
}

func (r *resolver) pairs(in []pair, owner *node) ([]pair, error) {
	out := make([]pair, 0, len(in))
	for _, p := range in {
		key, err := r.node(p.key)
		if err != nil {
			return nil, err
		}
		value, err := r.node(p.value)
		if err != nil {
			return nil, err
		}
		if owner.kind == kObject {
			passUp(owner, key)
			passUp(owner, value)
		}
		out = append(out, pair{key, value})
	}
	return out, nil
}

func asPath(n *node) *node {
	if n.kind == kPath {
		return n
	}
	path := &node{kind: kPath, pos: n.pos, items: []*node{n}}
	if n.kind == kParent {
		path.seeking = []*slot{n.slot}
	}
	return path
}

func (r *resolver) dot(n *node) (*node, error) {
	left, err := r.node(n.left)
	if err != nil {
		return nil, err
	}
	right, err := r.node(n.right)
	if err != nil {
		return nil, err
	}
	path := asPath(left)
	if right.kind == kPath {
		path.items = append(path.items, right.items...)
	} else {
		right.stages, right.predicates = right.predicates, nil
		path.items = append(path.items, right)
	}
	for i, step := range path.items {
		switch step.kind {
		case kConstant:
			return nil, fault("S0213", step.pos, "", "value", show(step.value))
		case kString:
			named := *step
			named.kind = kName
			path.items[i] = &named
		}
		if step.keepArray {
			path.keepOne = true
		}
	}
	for _, end := range []*node{path.items[0], path.items[len(path.items)-1]} {
		if end.kind == kArray {
			end.cons = true
		}
	}
	if err := r.parents(path); err != nil {
		return nil, err
	}
	return path, nil
}

// last is the step of a path that a suffix belongs to.
func last(n *node) *node {
	if n.kind == kPath {
		return n.items[len(n.items)-1]
	}
	return n
}

func (r *resolver) filter(n *node) (*node, error) {
	out, err := r.node(n.left)
	if err != nil {
		return nil, err
	}
	step := last(out)
	if step.group != nil {
		return nil, fault("S0209", n.pos, "")
	}
	by, err := r.node(n.right)
	if err != nil {
		return nil, err
	}
	for _, s := range by.seeking {
		if s.level == 1 {
			if err := seek(step, s); err != nil {
				return nil, err
			}
		} else {
			s.level--
		}
	}
	passUp(step, by)
	if out.kind == kPath {
		step.stages = append(step.stages, stage{filter: by})
	} else {
		step.predicates = append(step.predicates, stage{filter: by})
	}
	return out, nil
}

func (r *resolver) group(n *node) (*node, error) {
	out, err := r.node(n.left)
	if err != nil {
		return nil, err
	}
	if out.group != nil {
		return nil, fault("S0210", n.pos, "")
	}
	g := &node{kind: kObject, pos: n.pos}
	if g.pairs, err = r.pairs(n.pairs, n); err != nil {
		return nil, err
	}
	out.group = g
	return out, nil
}

func (r *resolver) order(n *node) (*node, error) {
	left, err := r.node(n.left)
	if err != nil {
		return nil, err
	}
	path := asPath(left)
	step := &node{kind: kSort, pos: n.pos}
	for _, t := range n.terms {
		by, err := r.node(t.by)
		if err != nil {
			return nil, err
		}
		passUp(step, by)
		step.terms = append(step.terms, term{by, t.descending})
	}
	path.items = append(path.items, step)
	return path, r.parents(path)
}

func (r *resolver) focus(n *node) (*node, error) {
	out, err := r.node(n.left)
	if err != nil {
		return nil, err
	}
	step := last(out)
	switch {
	case len(step.stages) > 0 || len(step.predicates) > 0:
		return nil, fault("S0215", n.pos, "")
	case step.kind == kSort:
		return nil, fault("S0216", n.pos, "")
	}
	if n.keepArray {
		step.keepArray = true
	}
	step.focus, step.tuple = n.text, true
	return out, nil
}

func (r *resolver) index(n *node) (*node, error) {
	out, err := r.node(n.left)
	if err != nil {
		return nil, err
	}
	if out.kind != kPath {
		out.stages, out.predicates = out.predicates, nil
		out = asPath(out)
	}
	step := last(out)
	if len(step.stages) == 0 {
		step.index = n.text
	} else {
		step.stages = append(step.stages, stage{index: n.text})
	}
	step.tuple = true
	return out, nil
}

// passUp adds to n what its part still seeks.
func passUp(n, part *node) {
	if part == nil {
		return
	}
	n.seeking = append(n.seeking, part.seeking...)
	if part.kind == kParent {
		n.seeking = append(n.seeking, part.slot)
	}
}

// parents finds, for what the last step seeks, the steps to its left; what is
// not found within the path is sought further out.
func (r *resolver) parents(path *node) error {
	end := last(path)
	slots := end.seeking
	if end.kind == kParent {
		slots = append(slots[:len(slots):len(slots)], end.slot)
	}
	for _, s := range slots {
		for i := len(path.items) - 2; s.level > 0; {
			if i < 0 {
				path.seeking = append(path.seeking, s)
				break
			}
			step := path.items[i]
			i--
			for i >= 0 && step.focus != "" && path.items[i].focus != "" {
				step = path.items[i]
				i--
			}
			if err := seek(step, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// seek makes n the step whose input is the parent, or goes through it.
func seek(n *node, s *slot) error {
	switch n.kind {
	case kName, kWildcard:
		if s.level--; s.level == 0 {
			if n.ancestor == nil {
				n.ancestor = s
			} else {
				*s.label = *n.ancestor.label
			}
			n.tuple = true
		}
	case kParent:
		s.level++
	case kBlock:
		if len(n.items) > 0 {
			n.tuple = true
			return seek(n.items[len(n.items)-1], s)
		}
	case kPath:
		n.tuple = true
		i := len(n.items) - 1
		for first := true; first || s.level > 0 && i >= 0; i, first = i-1, false {
			if err := seek(n.items[i], s); err != nil {
				return err
			}
		}
	default:
		return fault("S0217", n.pos, n.kind.name())
	}
	return nil
}

// reference is the bare name that stands where a function should.
func reference(n *node) string {
	switch n.kind {
	case kPath:
		return n.items[0].text
	case kVariable:
		return n.text
	}
	return ""
}

// finish marks the paths that need no sequences: see evaluator.straight.
func finish(n *node) {
	if n == nil {
		return
	}
	for _, child := range []*node{n.left, n.right, n.other, n.group} {
		finish(child)
	}
	for _, item := range n.items {
		finish(item)
	}
	for _, p := range n.pairs {
		finish(p.key)
		finish(p.value)
	}
	for _, t := range n.terms {
		finish(t.by)
	}
	for _, s := range slices.Concat(n.stages, n.predicates) {
		finish(s.filter)
	}
	if n.kind == kPath {
		n.straight = !n.keepOne && !n.keepArray && n.group == nil
		for i, step := range n.items {
			if step.kind != kName && (i > 0 || step.kind != kVariable) || step.tuple || len(step.stages)+len(step.predicates) > 0 || step.keepArray || step.group != nil {
				n.straight = false
			}
		}
	}
}

var kindNames = map[kind]string{
	kConstant: "value", kString: "string", kName: "name", kVariable: "variable", kWildcard: "wildcard", kDescendant: "descendant",
	kParent: "parent", kRegex: "regex", kNegate: "unary", kArray: "unary", kObject: "unary", kBlock: "block", kCondition: "condition",
	kBind: "bind", kCall: "function", kPartial: "partial", kLambda: "lambda", kTransform: "transform", kBinary: "binary",
	kRange: "binary", kApply: "apply", kPath: "path", kSort: "sort",
}

func (k kind) name() string { return kindNames[k] }
