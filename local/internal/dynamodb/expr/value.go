package expr

// This file defines the values of attributes.

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"unicode/utf16"
)

// Kind is a data type, spelled as on the wire.
type Kind string

// The data types.
const (
	S    Kind = "S"
	N    Kind = "N"
	B    Kind = "B"
	BOOL Kind = "BOOL"
	NULL Kind = "NULL"
	SS   Kind = "SS"
	NS   Kind = "NS"
	BS   Kind = "BS"
	L    Kind = "L"
	M    Kind = "M"
)

// longNames are the names that errors of ADD and DELETE use.
var longNames = map[Kind]string{S: "STRING", N: "NUMBER", B: "BINARY", BOOL: "BOOLEAN", NULL: "NULL",
	SS: "STRING_SET", NS: "NUMBER_SET", BS: "BINARY_SET", L: "LIST", M: "MAP"}

// Value is an attribute's value: String, Number, Binary, Bool, Null, *Set, List
// or *Map.
type Value interface{ Kind() Kind }

// The scalar values, and List. A Binary's string holds its bytes.
type (
	String string
	Binary string
	Bool   bool
	Null   struct{}
	List   []Value
)

// Set is a set of strings, numbers or binaries. Members hold texts as String,
// Number and Binary do, each once, in the order they came.
type Set struct {
	Of      Kind // S, N or B
	Members []string
}

// Kind implements [Value].
func (String) Kind() Kind { return S }

// Kind implements [Value].
func (Number) Kind() Kind { return N }

// Kind implements [Value].
func (Binary) Kind() Kind { return B }

// Kind implements [Value].
func (Bool) Kind() Kind { return BOOL }

// Kind implements [Value].
func (Null) Kind() Kind { return NULL }

// Kind implements [Value].
func (s *Set) Kind() Kind { return s.Of + "S" }

// Kind implements [Value].
func (List) Kind() Kind { return L }

// Kind implements [Value].
func (*Map) Kind() Kind { return M }

// has reports whether v is a member.
func (s *Set) has(v Value) bool {
	return v.Kind() == s.Of && slices.Contains(s.Members, scalarText(v))
}

func scalarText(v Value) string {
	switch v := v.(type) {
	case String:
		return string(v)
	case Number:
		return string(v)
	case Binary:
		return string(v)
	}
	return ""
}

// Map is names and values in the order they came; an item is one. The zero Map
// and nil are empty.
type Map struct {
	names  []string
	values []Value
	index  map[string]int // of larger maps
}

// indexFrom is the size from which looking up by map beats a linear scan.
const indexFrom = 16

// Len returns how many members there are.
func (m *Map) Len() int {
	if m == nil {
		return 0
	}
	return len(m.names)
}

func (m *Map) find(name string) int {
	if m == nil {
		return -1
	}
	if m.index != nil {
		if i, ok := m.index[name]; ok {
			return i
		}
		return -1
	}
	return slices.Index(m.names, name)
}

// Get returns the value of name.
func (m *Map) Get(name string) (Value, bool) {
	if i := m.find(name); i >= 0 {
		return m.values[i], true
	}
	return nil, false
}

// All ranges over names and values in order.
func (m *Map) All() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for i := range m.Len() {
			if !yield(m.names[i], m.values[i]) {
				return
			}
		}
	}
}

// Put sets name to v in a Map that is still being built and that nobody else
// has seen.
func (m *Map) Put(name string, v Value) {
	if i := m.find(name); i >= 0 {
		m.values[i] = v
		return
	}
	m.names, m.values = append(m.names, name), append(m.values, v)
	switch {
	case m.index != nil:
		m.index[name] = len(m.names) - 1
	case len(m.names) >= indexFrom:
		m.index = make(map[string]int, 2*len(m.names))
		for i, n := range m.names {
			m.index[n] = i
		}
	}
}

// With returns a copy in which name has the value v.
func (m *Map) With(name string, v Value) *Map {
	out := &Map{names: make([]string, 0, m.Len()+1), values: make([]Value, 0, m.Len()+1)}
	for n, old := range m.All() {
		out.Put(n, old)
	}
	out.Put(name, v)
	return out
}

// Without returns a copy that lacks name.
func (m *Map) Without(name string) *Map {
	out := &Map{}
	for n, v := range m.All() {
		if n != name {
			out.Put(n, v)
		}
	}
	return out
}

// Equal reports whether two values are the same; sets and maps have no order.
func Equal(a, b Value) bool {
	switch a := a.(type) {
	case *Set:
		b, ok := b.(*Set)
		return ok && a.Of == b.Of && equalSets(a.Members, b.Members)
	case List:
		b, ok := b.(List)
		return ok && slices.EqualFunc(a, b, Equal)
	case *Map:
		b, ok := b.(*Map)
		return ok && equalMaps(a, b)
	}
	return a == b
}

func equalSets(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func equalMaps(a, b *Map) bool {
	if a.Len() != b.Len() {
		return false
	}
	for name, v := range a.All() {
		if w, ok := b.Get(name); !ok || !Equal(v, w) {
			return false
		}
	}
	return true
}

// Compare orders two strings, numbers or binaries; ok is false for any other
// pair, which has no order.
func Compare(a, b Value) (order int, ok bool) {
	if a == nil || b == nil || a.Kind() != b.Kind() {
		return 0, false
	}
	switch a := a.(type) {
	case String:
		return cmp.Compare(a, b.(String)), true
	case Binary:
		return cmp.Compare(a, b.(Binary)), true
	case Number:
		return a.Compare(b.(Number)), true
	}
	return 0, false
}

// Size returns what a value costs in an item, in bytes.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
func Size(v Value) int {
	switch v := v.(type) {
	case String:
		return len(v)
	case Binary:
		return len(v)
	case Number:
		return v.size()
	case Bool, Null:
		return 1
	case *Set:
		return setSize(v)
	case List:
		size := 3
		for _, x := range v {
			size += 1 + Size(x)
		}
		return size
	case *Map:
		return 3 + v.Len() + v.Size()
	}
	return 0
}

func setSize(s *Set) int {
	size := 0
	for _, member := range s.Members {
		if s.Of == N {
			size += Number(member).size()
		} else {
			size += len(member)
		}
	}
	return size
}

// Size returns what an item costs: its names and values.
func (m *Map) Size() int {
	size := 0
	for name, v := range m.All() {
		size += len(name) + Size(v)
	}
	return size
}

// MaxDepth is how deep lists and maps may nest.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
const MaxDepth = 32

// Depth returns how deep lists and maps nest in v; a scalar has depth 0.
func Depth(v Value) int {
	depth := 0
	switch v := v.(type) {
	case List:
		for _, x := range v {
			depth = max(depth, Depth(x))
		}
		return depth + 1
	case *Map:
		for _, x := range v.All() {
			depth = max(depth, Depth(x))
		}
		return depth + 1
	}
	return 0
}

// length is what the function size returns; ok is false for types that have none.
func length(v Value) (n int, ok bool) {
	switch v := v.(type) {
	case String:
		return utf16Length(string(v)), true
	case Binary:
		return len(v), true
	case *Set:
		return len(v.Members), true
	case List:
		return len(v), true
	case *Map:
		return v.Len(), true
	}
	return 0, false
}

// utf16Length counts as Java does: a recorded "abÿ" has size 3.
func utf16Length(s string) int {
	n := 0
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// contains is the function of that name.
func contains(in, v Value) bool {
	switch in := in.(type) {
	case String:
		part, ok := v.(String)
		return ok && strings.Contains(string(in), string(part))
	case Binary:
		part, ok := v.(Binary)
		return ok && strings.Contains(string(in), string(part))
	case *Set:
		return in.has(v)
	case List:
		return slices.ContainsFunc(in, func(x Value) bool { return Equal(x, v) })
	}
	return false
}

// beginsWith is the function begins_with.
func beginsWith(v, prefix Value) bool {
	switch v.(type) {
	case String, Binary:
		return v.Kind() == prefix.Kind() && strings.HasPrefix(scalarText(v), scalarText(prefix))
	}
	return false
}
