package eventpattern

// This file defines matching against many patterns at once.
//
// Every alternative of every pattern is a row of a table. An event is read
// once; then each field that some row asks for strikes out, with a few machine
// words at a time, the rows that want the field and did not get what they want.
// Plain strings are found in a map; other tests are tried once each, however
// many rows share them, and only while some row that has them still stands.

import (
	"iter"
	"math/bits"
	"slices"
	"sync"
)

// Set matches events against many patterns.
type Set struct {
	patterns []*Pattern
	paths    *pathTree
	columns  []*column
	rows     []row
	all      []uint64 // a bit set of all rows
	pool     sync.Pool
}

// row is an alternative of a pattern, or a whole pattern whose alternatives are too many.
type row struct {
	pattern int
	fields  conjunction
	whole   bool // the pattern itself decides
}

// maxRows is how many rows a pattern may take before it is one row that is
// decided by the pattern itself: a table grows with the square of its rows.
const maxRows = 16

// NewSet compiles patterns into one matcher. Match reports positions in patterns.
func NewSet(patterns []*Pattern) *Set {
	s := &Set{patterns: patterns, paths: newPathTree()}
	for i, p := range patterns {
		if len(p.alternatives) > maxRows {
			s.rows = append(s.rows, row{pattern: i, whole: true})
			continue
		}
		for _, c := range p.alternatives {
			s.rows = append(s.rows, row{pattern: i, fields: c})
		}
	}
	s.all = make([]uint64, (len(s.rows)+63)/64)
	for r, row := range s.rows {
		s.all[r/64] |= 1 << (r % 64)
		s.add(r, row.fields)
	}
	slices.SortStableFunc(s.columns, func(a, b *column) int { return len(a.tests) - len(b.tests) })
	return s
}

func (s *Set) add(r int, c conjunction) {
	for _, f := range c {
		slot := s.paths.want(f)
		if slot == len(s.columns) {
			s.columns = append(s.columns, &column{slot: slot, equal: map[string]span{}})
		}
		s.columns[slot].add(r, f)
	}
}

// column is what the rows want of one field.
type column struct {
	slot   int
	asked  span            // rows that want something of the field
	absent span            // rows content with its absence
	equal  map[string]span // rows content with a plain string
	tests  []sharedTest    // everything else
}

type sharedTest struct {
	test
	key  string
	rows span
}

func (c *column) add(r int, f field) {
	c.asked.add(r)
	for _, t := range f.tests {
		switch t := t.(type) {
		case equal:
			rows := c.equal[t.text]
			rows.add(r)
			c.equal[t.text] = rows
		case absent:
			c.absent.add(r)
		default:
			c.share(t, r)
		}
	}
}

// share adds a row to a test, which rows with the same test share.
func (c *column) share(t test, r int) {
	key := t.wants()
	i := slices.IndexFunc(c.tests, func(s sharedTest) bool { return s.key == key })
	if i < 0 {
		i = len(c.tests)
		c.tests = append(c.tests, sharedTest{test: t, key: key})
	}
	c.tests[i].rows.add(r)
}

// Match returns the positions of the patterns that select the event, ascending.
func (s *Set) Match(event []byte) ([]int, error) {
	w := s.work()
	defer s.pool.Put(w)
	if err := s.paths.read(string(event), &w.found); err != nil {
		return nil, err
	}
	copy(w.standing, s.all)
	for _, c := range s.columns {
		c.strike(&w.found, w.standing, w.content)
	}
	var matched []int
	for r := range members(w.standing) {
		p := s.rows[r].pattern
		if n := len(matched); n > 0 && matched[n-1] == p {
			continue
		}
		if s.rows[r].whole || w.found.nested {
			if ok, _ := s.patterns[p].Match(event); !ok {
				continue
			}
		}
		matched = append(matched, p)
	}
	return matched, nil
}

// work is what matching an event needs; it is used again for the next one, which
// halves the time an event takes.
type work struct {
	found             leaves
	standing, content []uint64
}

func (s *Set) work() *work {
	if w, ok := s.pool.Get().(*work); ok {
		return w
	}
	return &work{standing: make([]uint64, len(s.all)), content: make([]uint64, len(s.all))}
}

// strike strikes out the rows whose wish for this field the event does not meet.
// content is scratch, all zero before and after. Inside arrays of objects a
// field can be absent from the element that matters though another element has
// it, so there absence is taken for met and the pattern itself decides.
func (c *column) strike(found *leaves, standing, content []uint64) {
	if !found.has(c.slot) || found.nested {
		c.absent.addTo(content)
	}
	for v := range found.at(c.slot) {
		if v.kind == stringValue {
			c.equal[v.text].addTo(content)
		}
		for i := range c.tests {
			if t := &c.tests[i]; t.rows.anyIn(standing, content) && t.passes(v) {
				t.rows.addTo(content)
			}
		}
	}
	for i, asked := range c.asked.words {
		standing[c.asked.from+i] &= content[c.asked.from+i] | ^asked
		content[c.asked.from+i] = 0
	}
}

// span is a set of rows: the words of a bit set from the first that is not zero
// to the last. Most sets have few rows, close together.
type span struct {
	from  int
	words []uint64
}

func (s *span) add(r int) {
	word := r / 64
	if len(s.words) == 0 {
		s.from = word
	}
	for ; word < s.from; s.from-- {
		s.words = slices.Insert(s.words, 0, 0)
	}
	for word >= s.from+len(s.words) {
		s.words = append(s.words, 0)
	}
	s.words[word-s.from] |= 1 << (r % 64)
}

func (s span) addTo(set []uint64) {
	for i, word := range s.words {
		set[s.from+i] |= word
	}
}

// anyIn reports whether some row of s still stands and is not content yet.
func (s span) anyIn(standing, content []uint64) bool {
	for i, word := range s.words {
		if word&standing[s.from+i]&^content[s.from+i] != 0 {
			return true
		}
	}
	return false
}

// members ranges over the rows of a bit set, ascending.
func members(set []uint64) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, word := range set {
			for ; word != 0; word &= word - 1 {
				if !yield(i*64 + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}
