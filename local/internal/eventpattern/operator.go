package eventpattern

// This file defines the operators: one type each, which knows what it passes
// and how to say so to a person.

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// test is one alternative of a field.
type test interface {
	// passes reports whether the value passes.
	passes(v *leaf) bool
	// wants completes "the pattern wants ...".
	wants() string
}

// equal is a plain string: exactly that one.
type equal struct{ text string }

func (t equal) passes(v *leaf) bool { return v.kind == stringValue && v.text == t.text }
func (t equal) wants() string       { return quote(t.text) }

// sameAddress is a plain string that spells an IP address: any spelling of it.
type sameAddress struct {
	text    string
	address netip.Addr
}

func (t sameAddress) passes(v *leaf) bool { return v.address != nil && *v.address == t.address }
func (t sameAddress) wants() string       { return quote(t.text) }

// literal is a plain true, false, null or number: that spelling, and for a
// number that can be compared any spelling of the same value.
type literal struct {
	text       string
	number     float64
	comparable bool
}

func (t literal) passes(v *leaf) bool {
	if t.comparable && v.comparable {
		return t.number == v.number
	}
	return v.kind != stringValue && v.text == t.text
}
func (t literal) wants() string { return t.text }

// prefix and suffix pass strings alone. With fold they ignore case.
type prefix struct {
	text string
	fold bool
}

func (t prefix) passes(v *leaf) bool {
	return v.kind == stringValue && hasPrefix(v.text, t.text, t.fold)
}
func (t prefix) wants() string {
	return "a string that starts with " + quote(t.text) + ignoringCase(t.fold)
}

type suffix struct {
	text string
	fold bool
}

func (t suffix) passes(v *leaf) bool {
	return v.kind == stringValue && hasSuffix(v.text, t.text, t.fold)
}
func (t suffix) wants() string {
	return "a string that ends with " + quote(t.text) + ignoringCase(t.fold)
}

// equalFold is equals-ignore-case.
type equalFold struct{ text string }

func (t equalFold) passes(v *leaf) bool {
	return v.kind == stringValue && strings.EqualFold(v.text, t.text)
}
func (t equalFold) wants() string { return quote(t.text) + ignoringCase(true) }

// wildcard passes strings that its glob matches.
type wildcard struct{ glob }

func (t wildcard) passes(v *leaf) bool { return v.kind == stringValue && t.matches(v.text) }
func (t wildcard) wants() string       { return "a string like " + quote(t.source) }

// numeric passes numbers within bounds. A bound that is not there is infinite.
type numeric struct {
	low, high         float64
	openLow, openHigh bool
	words             string
}

func (t numeric) passes(v *leaf) bool {
	if !v.comparable {
		return false
	}
	low, high := cmp.Compare(v.number, t.low), cmp.Compare(v.number, t.high)
	return (low > 0 || low == 0 && !t.openLow) && (high < 0 || high == 0 && !t.openHigh)
}
func (t numeric) wants() string { return "a number " + t.words }

// addressRange is cidr: strings that spell an IP address in the block.
type addressRange struct{ block netip.Prefix }

func (t addressRange) passes(v *leaf) bool { return v.address != nil && t.block.Contains(*v.address) }
func (t addressRange) wants() string       { return "an IP address in " + t.block.String() }

// exists passes every value; an object or array is none.
type exists struct{}

func (exists) passes(*leaf) bool { return true }
func (exists) wants() string     { return "any value" }

// absent passes no value: it is for a field that is not there.
type absent struct{}

func (absent) passes(*leaf) bool { return false }
func (absent) wants() string     { return "the field to be absent" }

// anythingBut passes values that none of its tests pass: a field that is there
// and is something else, whatever its type.
type anythingBut struct{ refused []test }

func (t anythingBut) passes(v *leaf) bool {
	return !slices.ContainsFunc(t.refused, func(r test) bool { return r.passes(v) })
}
func (t anythingBut) wants() string { return "anything but " + wantsAny(t.refused) }

// wantsAny joins what several tests want: "1, 2 or 3".
func wantsAny(tests []test) string {
	var words []string
	for _, t := range tests {
		if w := t.wants(); !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	switch n := len(words); n {
	case 0:
		return "nothing"
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
}

func ignoringCase(fold bool) string {
	if fold {
		return " in any case"
	}
	return ""
}

func hasPrefix(s, p string, fold bool) bool {
	if !fold {
		return strings.HasPrefix(s, p)
	}
	n := endAfter(s, p)
	return n >= 0 && strings.EqualFold(s[:n], p)
}

func hasSuffix(s, p string, fold bool) bool {
	if !fold {
		return strings.HasSuffix(s, p)
	}
	runes := []rune(s)
	from := len(runes) - len([]rune(p))
	return from >= 0 && strings.EqualFold(string(runes[from:]), p)
}

// endAfter returns where in s as many characters end as p has, or -1: letters of
// different case may differ in length.
func endAfter(s, p string) int {
	want := len([]rune(p))
	for i := range s {
		if want == 0 {
			return i
		}
		want--
	}
	if want == 0 {
		return len(s)
	}
	return -1
}
