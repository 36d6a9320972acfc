package eventpattern

// This file defines why an event was not selected, in words for a person.

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Explanation says whether a pattern selects an event, and if not, why.
type Explanation struct {
	Matched bool
	// Reasons has one entry for each way the pattern could have matched: one,
	// unless it uses $or. Equal reasons are given once.
	Reasons []Reason
}

// Reason is the first field, in the order the pattern has them, that did not match.
type Reason struct {
	Path  string // "detail.amount"
	Wants string // "a number > 0"
	Found string // "-5", "nothing", "\"a\" and \"b\""
	// SameElement is set when every field matches somewhere, but not within one
	// element of the arrays they lie in. Path is then the field that cannot follow.
	SameElement bool
}

// String is the reason as a sentence.
func (r Reason) String() string {
	if r.SameElement {
		return fmt.Sprintf("each field matches, but not within the same array element: no element that matches the fields before has %s with %s", r.Path, r.Wants)
	}
	return fmt.Sprintf("%s is %s, the pattern wants %s", r.Path, r.Found, r.Wants)
}

// String is the explanation as a sentence.
func (e Explanation) String() string {
	if e.Matched {
		return "matched"
	}
	words := make([]string, len(e.Reasons))
	for i, r := range e.Reasons {
		words[i] = r.String()
	}
	return strings.Join(words, "; or ")
}

// Explain matches an event and says why not.
func (p *Pattern) Explain(event []byte) (Explanation, error) {
	found, err := p.paths.leaves(string(event))
	if err != nil || p.matches(found) {
		return Explanation{Matched: err == nil}, err
	}
	var e Explanation
	for _, c := range p.alternatives {
		if r := c.reason(found); !slices.Contains(e.Reasons, r) {
			e.Reasons = append(e.Reasons, r)
		}
	}
	return e, nil
}

// reason returns the first field that does not match, given that not all do.
func (c conjunction) reason(e *leaves) Reason {
	for _, f := range c {
		if !f.matches(e) && (!e.nested || !f.acceptsAbsent()) {
			return Reason{Path: f.path, Wants: wantsAny(f.tests), Found: describeFound(e.at(f.slot))}
		}
	}
	ordered := c.sorted()
	for i, f := range ordered {
		if !ordered[:i+1].matchesWithin(e) {
			return Reason{Path: f.path, Wants: wantsAny(f.tests), Found: describeFound(e.at(f.slot)), SameElement: true}
		}
	}
	return Reason{}
}

// maxFound bounds how many of an array's values an explanation lists.
const maxFound = 3

func describeFound(found iter.Seq[*leaf]) string {
	var words []string
	more := 0
	for v := range found {
		if len(words) < maxFound {
			words = append(words, v.String())
		} else {
			more++
		}
	}
	switch {
	case len(words) == 0:
		return "absent"
	case more > 0:
		words = append(words, strconv.Itoa(more)+" more")
	}
	return strings.Join(words, " and ")
}

// maxQuoted bounds how much of a text an explanation quotes.
const maxQuoted = 120

func (v *leaf) String() string {
	if v.kind == stringValue {
		return quote(v.text)
	}
	return v.text
}

func quote(text string) string {
	if runes := []rune(text); len(runes) > maxQuoted {
		text = string(runes[:maxQuoted]) + "..."
	}
	return strconv.Quote(text)
}
