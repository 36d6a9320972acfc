package eventpattern

// This file defines how an event is read: the leaves at the paths that somebody
// asks for, everything else skipped.

import (
	"iter"
	"net/netip"
	"strings"
)

// leaf is one value of an event that is neither object nor array.
type leaf struct {
	kind tokenKind // stringValue, numberValue, trueValue, falseValue or nullValue
	text string    // a string's content, any other value's spelling
	in   *element  // the innermost array element it lies in, of those that hold objects or arrays

	next       int     // the next value of the same slot, as in chain.first
	number     float64 // set for a number that can be compared
	comparable bool
	address    *netip.Addr // set for a string that spells an IP address, where a test asks for it
}

// element is a place in an array.
type element struct {
	array, index int
	parent       *element
}

// leaves are the values found in an event, chained by the slot of their path.
type leaves struct {
	values []leaf
	chains []chain // by slot
	nested bool    // some value lies in an array of objects or arrays

	open []container // the reader's, kept for the next event
}

// chain has the positions of a slot's first and last value, plus one; 0 is none.
type chain struct{ first, last int }

// at ranges over the values of a slot.
func (e *leaves) at(slot int) iter.Seq[*leaf] {
	return func(yield func(*leaf) bool) {
		for i := e.chains[slot].first; i > 0; i = e.values[i-1].next {
			if !yield(&e.values[i-1]) {
				return
			}
		}
	}
}

func (e *leaves) has(slot int) bool { return e.chains[slot].first > 0 }

// add puts a value behind those its slot has.
func (e *leaves) add(slot int, v leaf) {
	e.values = append(e.values, v)
	c := &e.chains[slot]
	if c.first == 0 {
		c.first = len(e.values)
	} else {
		e.values[c.last-1].next = len(e.values)
	}
	c.last = len(e.values)
	e.nested = e.nested || v.in != nil
}

// pathTree gives every path a slot and finds it while an event is read. A path
// is the names from the root, joined by dots; a name that has dots itself is
// the same path as if it were nested, as in AWS's engine.
type pathTree struct {
	root  pathNode
	slots []*pathNode
}

type pathNode struct {
	children map[string]*pathNode
	slot     int // -1: no field ends here
	address  bool
}

func newPathTree() *pathTree { return &pathTree{root: pathNode{slot: -1}} }

// want returns the slot of a field's path and notes what its tests look at.
func (t *pathTree) want(f field) int {
	slot := t.slot(f.path)
	for _, one := range f.tests {
		switch one.(type) {
		case sameAddress, addressRange:
			t.slots[slot].address = true
		}
	}
	return slot
}

// slot returns the slot of a path, giving it one if it has none.
func (t *pathTree) slot(path string) int {
	node := &t.root
	for name := range strings.SplitSeq(path, ".") {
		if node.children[name] == nil {
			if node.children == nil {
				node.children = map[string]*pathNode{}
			}
			node.children[name] = &pathNode{slot: -1}
		}
		node = node.children[name]
	}
	if node.slot < 0 {
		node.slot = len(t.slots)
		t.slots = append(t.slots, node)
	}
	return node.slot
}

// child follows one member name down from n; nil when nobody asks for anything there.
func (n *pathNode) child(name string) *pathNode {
	if c := n.children[name]; c != nil || !strings.Contains(name, ".") {
		return c
	}
	for part := range strings.SplitSeq(name, ".") {
		if n = n.children[part]; n == nil {
			return nil
		}
	}
	return n
}

// leaves reads an event.
func (t *pathTree) leaves(event string) (*leaves, error) {
	found := &leaves{}
	return found, t.read(event, found)
}

// read reads an event into leaves that may have been used before.
func (t *pathTree) read(event string, found *leaves) error {
	found.values, found.nested = found.values[:0], false
	found.chains = append(found.chains[:0], make([]chain, len(t.slots))...)
	r := eventReader{scan: scanner{text: event, open: found.open[:0]}, found: found}
	defer func() { found.open = r.scan.open }()
	kind, err := r.scan.next()
	if err != nil {
		return err
	}
	if kind != objectStart {
		return r.scan.fault("the event must be a JSON object")
	}
	if err := r.object(&t.root, nil); err != nil {
		return err
	}
	if kind, err = r.scan.next(); err == nil && kind != endOfText {
		err = r.scan.fault("there is more text after the event")
	}
	return err
}

type eventReader struct {
	scan   scanner
	found  *leaves
	arrays int // seen so far, to tell them apart
}

func (r *eventReader) object(node *pathNode, in *element) error {
	for {
		kind, err := r.scan.next()
		if err != nil || kind == objectEnd {
			return err
		}
		below := node.child(r.scan.name)
		if kind, err = r.scan.next(); err != nil {
			return err
		}
		if err := r.value(kind, below, in); err != nil {
			return err
		}
	}
}

// value reads what starts with a token of this kind; node is nil when nobody asks for it.
func (r *eventReader) value(kind tokenKind, node *pathNode, in *element) error {
	switch {
	case node == nil:
		return r.scan.skip()
	case kind == objectStart:
		return r.object(node, in)
	case kind == arrayStart:
		return r.array(node, in)
	case node.slot < 0:
		return nil
	}
	return r.leaf(kind, node, in)
}

// array reads an array's elements. Only elements that are objects or arrays are
// places in it: a plain value belongs to where the array lies, so that
// {"a":["x","y"]} has both x and y at a.
func (r *eventReader) array(node *pathNode, in *element) error {
	r.arrays++
	id := r.arrays
	for index := 0; ; index++ {
		kind, err := r.scan.next()
		if err != nil || kind == arrayEnd {
			return err
		}
		at := in
		if kind == objectStart || kind == arrayStart {
			at = &element{array: id, index: index, parent: in}
		}
		if err := r.value(kind, node, at); err != nil {
			return err
		}
	}
}

func (r *eventReader) leaf(kind tokenKind, node *pathNode, in *element) error {
	text, err := r.scan.value()
	if err != nil {
		return err
	}
	v := leaf{kind: kind, text: text, in: in}
	switch {
	case kind == numberValue:
		v.number, v.comparable = comparableNumber(text)
	case kind == stringValue && node.address:
		if address, err := parseAddress(text); err == nil {
			v.address = &address
		}
	}
	r.found.add(node.slot, v)
	return nil
}
