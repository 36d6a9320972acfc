// Package jsonvalue holds JSON as it was given: key order, number spelling and
// integers of any size survive a round trip.
//
// A [Value] is one of six Go types, and nothing else:
//
//	JSON     Go type    note
//	null     nil
//	true     bool
//	1.0      Number     the literal's own text; "1.0" and "1" stay different
//	"text"   string     valid UTF-8
//	[...]    []any      elements are Values
//	{...}    *Object    members in the order they came, a repeated name keeps its last value
//
// Values are immutable once built: code that changes one copies the spine it
// changes ([Object.With], [Object.Without]) and shares the rest. That makes it
// safe to hand the same Value to an execution's history, its state and its task
// without copying, and it is why nothing here offers a setter except [Builder].
//
// The package does no I/O. Start at [Parse] and [Append].
package jsonvalue

import (
	"iter"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Value is any of the six types in the package comment.
type Value = any

// Number is the text of a JSON number, as it was written.
type Number string

// Int returns the Number that spells n.
func Int(n int64) Number { return Number(strconv.FormatInt(n, 10)) }

// Float returns the shortest Number that reads back as f, written as JavaScript
// writes it: plain digits from 1e-6 up to 1e21, else with an exponent.
func Float(f float64) Number {
	if a := math.Abs(f); a == 0 || a >= 1e-6 && a < 1e21 {
		return Number(strconv.FormatFloat(f, 'f', -1, 64))
	}
	return Number(strings.Replace(strconv.FormatFloat(f, 'e', -1, 64), "e-0", "e-", 1))
}

// Float64 returns the nearest double; ok is false when the number overflows one.
func (n Number) Float64() (f float64, ok bool) {
	f, err := strconv.ParseFloat(string(n), 64)
	return f, err == nil
}

// Int64 returns the number as an integer if it is one, however it is spelled
// ("3", "3.0" and "3e0" are all 3).
func (n Number) Int64() (i int64, ok bool) {
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return i, true
	}
	f, ok := n.Float64()
	if !ok || f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}

// Compare orders two numbers by value: doubles first, exactly where doubles tie
// on spellings that differ.
func (n Number) Compare(m Number) int {
	a, aok := n.Float64()
	b, bok := m.Float64()
	switch {
	case aok && bok && a < b:
		return -1
	case aok && bok && a > b:
		return 1
	case n == m:
		return 0
	}
	return n.exact().Cmp(m.exact())
}

// maxExponent bounds the exact comparison: beyond it a hostile "1e999999999"
// would cost gigabytes, and both operands are infinite as doubles anyway.
const maxExponent = 4096

func (n Number) exact() *big.Rat {
	text := string(n)
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		if e, err := strconv.Atoi(text[i+1:]); err != nil || e > maxExponent || e < -maxExponent {
			sign := int64(1)
			if strings.HasPrefix(text, "-") {
				sign = -1
			}
			if strings.HasPrefix(text[i+1:], "-") {
				sign = 0
			}
			return new(big.Rat).SetFrac(new(big.Int).Lsh(big.NewInt(sign), maxExponent*4), big.NewInt(1))
		}
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return new(big.Rat)
	}
	return r
}

// Member is one name and value of an object.
type Member struct {
	Name  string
	Value Value
}

// Object is a JSON object in document order. The zero value and nil are empty.
type Object struct {
	members []Member
	index   map[string]int // built for larger objects only
}

// indexFrom is the size from which a lookup by map beats a linear scan.
const indexFrom = 12

// NewObject returns the object with these members; of a repeated name the last
// value wins, at the first one's place.
func NewObject(members ...Member) *Object {
	var b Builder
	for _, m := range members {
		b.Set(m.Name, m.Value)
	}
	return b.Object()
}

// Len returns how many members there are.
func (o *Object) Len() int {
	if o == nil {
		return 0
	}
	return len(o.members)
}

// Get returns the value of name.
func (o *Object) Get(name string) (Value, bool) {
	i := o.find(name)
	if i < 0 {
		return nil, false
	}
	return o.members[i].Value, true
}

// Has reports whether name is present, null included.
func (o *Object) Has(name string) bool { return o.find(name) >= 0 }

// At returns the i-th member.
func (o *Object) At(i int) Member { return o.members[i] }

// All ranges over names and values in document order.
func (o *Object) All() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if o == nil {
			return
		}
		for _, m := range o.members {
			if !yield(m.Name, m.Value) {
				return
			}
		}
	}
}

// Names returns the member names in document order.
func (o *Object) Names() []string {
	names := make([]string, 0, o.Len())
	for name := range o.All() {
		names = append(names, name)
	}
	return names
}

// With returns a copy in which name has the value v: at its place if it is
// there, else last.
func (o *Object) With(name string, v Value) *Object {
	b := Builder{obj: Object{members: make([]Member, 0, o.Len()+1)}}
	for n, old := range o.All() {
		b.Set(n, old)
	}
	b.Set(name, v)
	return b.Object()
}

// Without returns a copy that lacks name.
func (o *Object) Without(name string) *Object {
	var b Builder
	for n, v := range o.All() {
		if n != name {
			b.Set(n, v)
		}
	}
	return b.Object()
}

func (o *Object) find(name string) int {
	if o == nil {
		return -1
	}
	if o.index != nil {
		if i, ok := o.index[name]; ok {
			return i
		}
		return -1
	}
	for i := range o.members {
		if o.members[i].Name == name {
			return i
		}
	}
	return -1
}

// Builder makes an Object. It must not be used after [Builder.Object].
type Builder struct{ obj Object }

// Set gives name the value v, replacing an earlier one at its place.
func (b *Builder) Set(name string, v Value) *Builder {
	if i := b.obj.find(name); i >= 0 {
		b.obj.members[i].Value = v
		return b
	}
	b.obj.members = append(b.obj.members, Member{name, v})
	switch n := len(b.obj.members); {
	case n == indexFrom:
		b.obj.index = make(map[string]int, 2*n)
		for i, m := range b.obj.members {
			b.obj.index[m.Name] = i
		}
	case n > indexFrom:
		b.obj.index[name] = n - 1
	}
	return b
}

// Object returns what was built.
func (b *Builder) Object() *Object { return &b.obj }

// Equal reports whether a and b are the same JSON value: objects whatever their
// order, numbers by value.
func Equal(a, b Value) bool {
	switch a := a.(type) {
	case *Object:
		b, ok := b.(*Object)
		return ok && equalObjects(a, b)
	case []any:
		b, ok := b.([]any)
		return ok && equalArrays(a, b)
	case Number:
		b, ok := b.(Number)
		return ok && a.Compare(b) == 0
	default:
		switch b.(type) {
		case *Object, []any:
			return false
		}
		return a == b
	}
}

func equalObjects(a, b *Object) bool {
	if a.Len() != b.Len() {
		return false
	}
	for name, v := range a.All() {
		w, ok := b.Get(name)
		if !ok || !Equal(v, w) {
			return false
		}
	}
	return true
}

func equalArrays(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// Kind names a value's JSON type for error texts: "null", "boolean", "number",
// "string", "array" or "object".
func Kind(v Value) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case Number:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}
