package eventpattern

// This file defines consistency across arrays: which elements the fields matched
// so far have committed a match to.

import (
	"encoding/binary"
	"slices"
)

// choice says which element was chosen in each array, ordered by array.
type choice []place

type place struct{ array, index int }

// with returns the choice extended by the elements that a value lies in; ok is
// false when it lies in another element of an array already decided.
func (c choice) with(in *element) (choice, bool) {
	extended := c
	for ; in != nil; in = in.parent {
		i, decided := slices.BinarySearchFunc(extended, in.array, func(p place, array int) int { return p.array - array })
		switch {
		case !decided:
			extended = slices.Insert(slices.Clone(extended), i, place{in.array, in.index})
		case extended[i].index != in.index:
			return nil, false
		}
	}
	return extended, true
}

// restricted drops the arrays that nobody asks about any more.
func (c choice) restricted(to map[int]bool) choice {
	return slices.DeleteFunc(slices.Clone(c), func(p place) bool { return !to[p.array] })
}

// arraysOf returns the arrays that values of these fields lie in.
func (e *leaves) arraysOf(fields conjunction) map[int]bool {
	arrays := map[int]bool{}
	for _, f := range fields {
		for v := range e.at(f.slot) {
			for in := v.in; in != nil; in = in.parent {
				arrays[in.array] = true
			}
		}
	}
	return arrays
}

// choiceSet keeps each choice once.
type choiceSet struct {
	list []choice
	seen map[string]bool
}

func newChoiceSet() *choiceSet { return &choiceSet{seen: map[string]bool{}} }

func (s *choiceSet) add(c choice) {
	var key []byte
	for _, p := range c {
		key = binary.AppendUvarint(binary.AppendUvarint(key, uint64(p.array)), uint64(p.index))
	}
	if !s.seen[string(key)] {
		s.seen[string(key)] = true
		s.list = append(s.list, c)
	}
}
