package template

// This file defines where things stand and how everything that is wrong with a
// template is told at once.

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Position is a place in the template's text. The zero value is unknown.
type Position struct{ Line, Column int }

// Problem is one thing that is wrong with a template.
type Problem struct {
	File string
	Position
	Path    string // "Resources.Orders.Properties.TableName"
	Message string // what was wrong and what would be right
}

func (p Problem) Error() string {
	where := p.File
	if p.Line > 0 {
		where = fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
	return strings.Join(slices.DeleteFunc([]string{where, p.Path, p.Message}, func(s string) bool { return s == "" }), ": ")
}

// Problems is every problem of a template, in the order of its lines.
type Problems []Problem

// maxShown is how many problems an error's text shows; the rest are in the value.
const maxShown = 100

func (ps Problems) Error() string {
	var lines []string
	for _, p := range ps[:min(len(ps), maxShown)] {
		lines = append(lines, p.Error())
	}
	if more := len(ps) - maxShown; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// faults collects problems.
type faults struct {
	file string
	list Problems
	seen map[Problem]bool
}

func (f *faults) add(at Position, path, format string, args ...any) {
	p := Problem{File: f.file, Position: at, Path: path, Message: fmt.Sprintf(format, args...)}
	if f.seen[p] {
		return
	}
	if f.seen == nil {
		f.seen = map[Problem]bool{}
	}
	f.seen[p] = true
	f.list = append(f.list, p)
}

// within tells whether anything at or below path is at fault.
func (f *faults) within(path string) bool {
	return slices.ContainsFunc(f.list, func(p Problem) bool { return p.Path == path || strings.HasPrefix(p.Path, path+".") })
}

// err returns the problems in the order of their lines, or nil.
func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	slices.SortStableFunc(f.list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return f.list
}

// oneOf lists choices for an error text.
func oneOf(names []string) string {
	switch n := len(names); n {
	case 0:
		return "nothing"
	case 1:
		return names[0]
	default:
		return strings.Join(names[:n-1], ", ") + " or " + names[n-1]
	}
}

// meant returns `; did you mean X?` for the name nearest to got, if one is near.
func meant(got string, names []string) string {
	best, bestDistance := "", min(3, 1+len(got)/4)
	for _, name := range names {
		if d := distance(strings.ToLower(got), strings.ToLower(name)); d < bestDistance || d == bestDistance && best == "" {
			best, bestDistance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance is the number of single-letter edits between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
