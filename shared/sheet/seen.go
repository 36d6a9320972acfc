package sheet

// This file defines how a key that stands twice in a file is found: the first row
// counts, whatever order rows are worked on later.

import (
	"fmt"
	"hash/maphash"
	"slices"
)

// MaxKeys is how many different keys a file may have. Each takes about 50 bytes:
// the sums of key and row, and the line.
const MaxKeys = 10_000_000

// Seen remembers the keys of a file by their sums. Two keys with the same sum of
// 64 bits would be reported as one: in a file of ten million rows that is a
// chance of one in 300,000, and the report says so of a row that is right.
type Seen struct {
	seed maphash.Seed
	at   int // column of the key
	keys map[uint64]first
}

type first struct {
	row  uint32 // sum
	line uint32
}

// NewSeen begins a file of a table.
func NewSeen(s Schema) *Seen {
	return &Seen{seed: maphash.MakeSeed(), at: slices.Index(s.Names(), s.Key), keys: map[uint64]first{}}
}

// Check tells whether a row stood there before: the very same, or its key with
// other content, which is an error of the row.
func (s *Seen) Check(r Row) (same bool, problem *RowError) {
	key, row := maphash.String(s.seed, r.Values[s.at]), s.sum(r)
	before, there := s.keys[key]
	switch {
	case r.Values[s.at] == "":
		return false, nil // another error
	case !there && len(s.keys) >= MaxKeys:
		return false, &RowError{Line: r.Line, Problem: fmt.Sprintf("a file may have %d different keys: cut it", MaxKeys)}
	case !there:
		s.keys[key] = first{row, uint32(r.Line)} //nolint:gosec // lines are fewer than four billion
		return false, nil
	case before.row == row:
		return true, nil
	}
	return false, &RowError{Line: r.Line, Problem: fmt.Sprintf("%s stands in line %d already, with other content", short(r.Values[s.at]), before.line)}
}

func (s *Seen) sum(r Row) uint32 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	for _, v := range r.Values {
		_, _ = h.WriteString(v) // it never fails
		_ = h.WriteByte(0)
	}
	return uint32(h.Sum64()) //nolint:gosec // the lower half is a sum as well
}
