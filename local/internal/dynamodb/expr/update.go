package expr

// This file defines updates that are bound and can be applied to items.

import (
	"cmp"
	"slices"
	"strconv"
)

// Update is a bound update.
type Update struct{ changes []change }

// change is one action. All operands are taken from the item as it was before.
type change struct {
	keyword string
	path    Path
	value   operand // not of REMOVE
}

// The refusals of items that an update does not fit.
var (
	errPath    = &Error{"The document path provided in the update expression is invalid for update"}
	errAbsent  = &Error{"The provided expression refers to an attribute that does not exist in the item"}
	errOperand = &Error{"An operand in the update expression has an incorrect data type"}
)

func integer(n int) Number { return Number(strconv.Itoa(n)) }

func (s *Scope) bindUpdate(sections []section) *Update {
	u := &Update{}
	for _, section := range sections {
		for _, a := range section.actions {
			c := change{keyword: section.keyword, path: s.resolve(a.path)}
			if a.value != nil {
				c.value = s.operand(a.value)
			}
			u.changes = append(u.changes, c)
		}
	}
	u.sort()
	return u
}

// sort puts removals last and, within a list, its last elements first, so that
// no action moves the place of another; elements set beyond a list's end are
// appended in the order of their indexes.
func (u *Update) sort() {
	slices.SortStableFunc(u.changes, func(a, b change) int {
		removes := func(c change) int {
			if c.keyword == "REMOVE" {
				return 1
			}
			return 0
		}
		if d := removes(a) - removes(b); d != 0 {
			return d
		}
		if a.keyword == "REMOVE" {
			return comparePaths(b.path, a.path)
		}
		return compareIndexes(a.path, b.path)
	})
}

func comparePaths(a, b Path) int {
	return slices.CompareFunc(a, b, func(x, y Step) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Index, y.Index))
	})
}

// compareIndexes orders paths into the same list and leaves others as written.
func compareIndexes(a, b Path) int {
	if len(a) != len(b) || len(a) < 2 || a[len(a)-1].Name != "" || b[len(b)-1].Name != "" || comparePaths(a[:len(a)-1], b[:len(b)-1]) != 0 {
		return 0
	}
	return cmp.Compare(a[len(a)-1].Index, b[len(b)-1].Index)
}

// Targets returns the paths that the update writes.
func (u *Update) Targets() []Path {
	paths := make([]Path, len(u.changes))
	for i, c := range u.changes {
		paths[i] = c.path
	}
	return paths
}

// Known calls f for every attribute whose new type, and maybe value, is known
// without an item; v is nil where it is not.
func (u *Update) Known(f func(name string, kind Kind, v Value)) {
	for _, c := range u.changes {
		if len(c.path) > 1 || c.keyword == "REMOVE" {
			continue
		}
		if kind := c.value.kind(); kind != "" {
			f(c.path[0].Name, kind, c.value.literal)
		}
	}
}

// kind returns the type of an operand where it is known without an item.
func (o operand) kind() Kind {
	switch {
	case o.literal != nil:
		return o.literal.Kind()
	case o.sizeOf != nil, o.op == opPlus, o.op == opMinus:
		return N
	case o.op == "list_append"+opCall:
		return L
	}
	return ""
}

// Paths calls f for every document path in the update.
func (u *Update) Paths(f func(Path)) {
	for _, c := range u.changes {
		f(c.path)
		c.value.paths(f)
	}
}

// Apply returns the item that the update makes of item, which is not changed.
func (u *Update) Apply(item *Map) (*Map, error) {
	out := item
	for _, c := range u.changes {
		v, err := c.result(item)
		if err != nil {
			return nil, err
		}
		next, err := replace(out, c.path, v)
		if err != nil {
			return nil, err
		}
		out = next.(*Map)
	}
	return out, nil
}

// result returns what comes to a change's path; nil: nothing, it is removed.
func (c change) result(item *Map) (Value, error) {
	old := c.path.Get(item)
	switch c.keyword {
	case "REMOVE":
		return nil, nil
	case "SET":
		return c.value.compute(item)
	case "ADD":
		return add(old, c.value.literal)
	}
	return subtract(old, c.value.literal)
}

// compute returns an operand of SET.
func (o operand) compute(item *Map) (Value, error) {
	if o.op == "if_not_exists"+opCall {
		if v := o.first.path.Get(item); v != nil {
			return v, nil
		}
		return o.second.compute(item)
	}
	if o.first == nil {
		if v := o.value(item); v != nil {
			return v, nil
		}
		return nil, errAbsent
	}
	a, err := o.first.compute(item)
	if err != nil {
		return nil, err
	}
	b, err := o.second.compute(item)
	if err != nil {
		return nil, err
	}
	if o.op == "list_append"+opCall {
		return appendLists(a, b)
	}
	return plusMinus(o.op, a, b)
}

func appendLists(a, b Value) (Value, error) {
	x, xok := a.(List)
	y, yok := b.(List)
	if !xok || !yok {
		return nil, errOperand
	}
	return slices.Concat(x, y), nil
}

func plusMinus(sign op, a, b Value) (Value, error) {
	x, xok := a.(Number)
	y, yok := b.(Number)
	if !xok || !yok {
		return nil, errOperand
	}
	if sign == opMinus {
		return number(x.Sub(y))
	}
	return number(x.Add(y))
}

// number keeps a failed sum from becoming a Value.
func number(n Number, err error) (Value, error) {
	if err != nil {
		return nil, err
	}
	return n, nil
}

// add is ADD: it counts numbers up and puts members into sets.
func add(old, v Value) (Value, error) {
	switch v := v.(type) {
	case Number:
		if old == nil {
			return v, nil
		}
		if n, ok := old.(Number); ok {
			return number(n.Add(v))
		}
	case *Set:
		if old == nil {
			return v, nil
		}
		if set, ok := old.(*Set); ok && set.Of == v.Of {
			return union(set, v), nil
		}
	}
	return nil, errOperand
}

func union(a, b *Set) *Set {
	members, known := slices.Clone(a.Members), memberSet(a)
	for _, m := range b.Members {
		if !known[m] {
			members = append(members, m)
		}
	}
	return &Set{Of: a.Of, Members: members}
}

// subtract is DELETE: it takes members out of a set; an empty set goes.
func subtract(old, v Value) (Value, error) {
	if old == nil {
		return nil, nil
	}
	set, ok := old.(*Set)
	gone, _ := v.(*Set)
	if !ok || gone == nil || set.Of != gone.Of {
		return nil, errOperand
	}
	out, known := &Set{Of: set.Of}, memberSet(gone)
	for _, m := range set.Members {
		if !known[m] {
			out.Members = append(out.Members, m)
		}
	}
	if out.Members == nil {
		return nil, nil
	}
	return out, nil
}

func memberSet(s *Set) map[string]bool {
	known := make(map[string]bool, len(s.Members))
	for _, m := range s.Members {
		known[m] = true
	}
	return known
}

// replace returns a copy of in with v at the path, or without the path when v is
// nil. What holds the path's last step must be there.
func replace(in Value, path Path, v Value) (Value, error) {
	step := path[0]
	switch in := in.(type) {
	case *Map:
		if step.Name == "" {
			return nil, errPath
		}
		return replaceMember(in, step.Name, path, v)
	case List:
		if step.Name != "" {
			return nil, errPath
		}
		return replaceElement(in, step.Index, path, v)
	}
	return nil, errPath
}

func replaceMember(in *Map, name string, path Path, v Value) (Value, error) {
	old, ok := in.Get(name)
	if len(path) > 1 {
		if !ok {
			return nil, errPath
		}
		inner, err := replace(old, path[1:], v)
		if err != nil {
			return nil, err
		}
		return in.With(name, inner), nil
	}
	switch {
	case v != nil:
		return in.With(name, v), nil
	case ok:
		return in.Without(name), nil
	}
	return in, nil
}

func replaceElement(in List, index int, path Path, v Value) (Value, error) {
	if len(path) > 1 {
		if index >= len(in) {
			return nil, errPath
		}
		inner, err := replace(in[index], path[1:], v)
		if err != nil {
			return nil, err
		}
		out := slices.Clone(in)
		out[index] = inner
		return out, nil
	}
	switch {
	case v != nil && index >= len(in):
		return append(slices.Clone(in), v), nil
	case v != nil:
		out := slices.Clone(in)
		out[index] = v
		return out, nil
	case index < len(in):
		return slices.Delete(slices.Clone(in), index, index+1), nil
	}
	return in, nil
}
