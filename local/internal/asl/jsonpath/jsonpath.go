// Package jsonpath evaluates the paths of the Amazon States Language in JSONPath
// mode.
//
// AWS Step Functions runs an early version of Jayway's JsonPath (before 2.1), as
// its documentation and its error texts show; this package does what that version
// does, in its words. What differs from the JsonPath of today:
//
//   - There are no path functions. $.list.length() looks for a member of that
//     name and does not find it (https://repost.aws/questions/QUYiQKP0XfThWEc_ahsMnLOA,
//     https://github.com/awsdocs/aws-step-functions-developer-guide/pull/5).
//   - An index counts from the start only: $.list[-1] finds nothing, the last
//     element is $.list[(@.length-1)] (https://zenn.dev/sotaro8181/articles/9f265419e4fda9).
//   - A list of names, ['a','b'], makes an object and can only come last
//     (https://gist.github.com/deric4/733eb129a10b13530cebaa3b70031c77).
//   - A filter keeps objects only, never texts and numbers
//     (https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html),
//     and the text it compares with may stand without quotes: $[?(@.code==es)]
//     (github.com/aws-samples/step-functions-workflows-collection, parallel-translate).
//
// AWS's documentation says that word operators, patterns and references to other
// values are not supported in filters, but not what becomes of them. Here they
// work as in the JsonPath of today, and [Path.Cautions] names them.
//
// [Parse] compiles a path once; a [*Path] never changes and any number of
// goroutines may share it. A path is definite when it names at most one value:
// names, single indexes, a list of names. Wildcards, slices, filters, lists of
// indexes and ".." are indefinite: such a path yields an array, empty when nothing
// matches (recorded), and does not fail. A definite path that leads nowhere is a
// [*NotFound] error with the words of AWS.
//
// [ParseReference] reads the narrower reference paths that ResultPath takes, and
// [Reference.Set] writes through one.
//
// A path of names and indexes is a flat list of steps and is followed without
// allocating. Work is bounded: length and nesting of a path at [Parse], matches
// and steps at evaluation (a [*LimitError]), and regular expressions run in linear
// time. Java's look-around and back-references do not exist here; a path that uses
// them is refused at [Parse].
//
// The package does no I/O. What "$$" and "$name" refer to is the caller's
// business: evaluation starts at the document it is given.
package jsonpath

import (
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Path is a compiled path.
type Path struct {
	text     string
	root     string
	steps    []step
	cautions []string
	definite bool
	simple   bool // names and indexes only: follow does it all
}

// step is one part of a path: a name, an index, or a selector for all the rest.
type step struct {
	selector selector // nil for a name or an index
	name     string
	index    int
	byIndex  bool
	fromEnd  bool // the index counts from the end: [(@.length-1)]
}

func (s *step) definite() bool { return s.selector == nil || s.selector.definite() }

// Parse compiles a path. The error is a [*SyntaxError].
func Parse(text string) (*Path, error) {
	p := &parser{text: text}
	path, err := p.whole()
	if err != nil {
		return nil, err
	}
	return path, nil
}

// Definite reports whether the path names at most one value.
func (p *Path) Definite() bool { return p.definite }

// Root returns what the path starts from: "$", "$$" for the context object, or
// "$name" for a variable.
func (p *Path) Root() string { return p.root }

// String returns the path as it was given.
func (p *Path) String() string { return p.text }

// Cautions names what AWS documents as not supported in the path, or what it is
// known to treat otherwise than the author may think: sentences for warnings.
func (p *Path) Cautions() []string { return p.cautions }

// Find returns all matches in document order. Of a definite path these are one
// value or none; only a [*LimitError] is an error.
func (p *Path) Find(doc jsonvalue.Value) ([]jsonvalue.Value, error) {
	if p.simple {
		if v, missing := p.follow(doc); missing < 0 {
			return []jsonvalue.Value{v}, nil
		}
		return nil, nil
	}
	e := newEvaluation(p, doc)
	e.lenient = true
	if err := e.walk(0, doc); err != nil && e.failed != nil {
		return nil, err
	}
	return e.matches, nil
}

// Get returns the value that a definite path leads to, or a [*NotFound] error;
// of an indefinite path, the array of its matches.
func (p *Path) Get(doc jsonvalue.Value) (jsonvalue.Value, error) {
	if p.simple {
		v, missing := p.follow(doc)
		if missing < 0 {
			return v, nil
		}
		return nil, p.notFound(missing, v, doc)
	}
	e := newEvaluation(p, doc)
	if err := e.walk(0, doc); err != nil {
		return nil, err
	}
	if !p.definite {
		return nonNil(e.matches), nil
	}
	if len(e.matches) == 0 {
		return nil, &NotFound{Path: p, Document: doc, Problem: "No results for path: " + p.Canonical()}
	}
	return e.matches[0], nil
}

func nonNil(a []any) []any {
	if a == nil {
		return []any{}
	}
	return a
}

// follow takes the steps of a simple path. When one leads nowhere it returns
// that step's position and the value reached before it.
func (p *Path) follow(v jsonvalue.Value) (reached jsonvalue.Value, missing int) {
	for i := range p.steps {
		next, ok := p.steps[i].child(v)
		if !ok {
			return v, i
		}
		v = next
	}
	return v, -1
}

// child is what a name or an index leads to from v.
func (s *step) child(v jsonvalue.Value) (jsonvalue.Value, bool) {
	if s.byIndex {
		a, ok := v.([]any)
		if !ok {
			return nil, false
		}
		if s.fromEnd {
			return element(a, len(a)-s.index)
		}
		return element(a, s.index)
	}
	o, ok := v.(*jsonvalue.Object)
	if !ok {
		return nil, false
	}
	return o.Get(s.name)
}

// element is a[i], if there is one.
func element(a []any, i int) (jsonvalue.Value, bool) {
	if i < 0 || i >= len(a) {
		return nil, false
	}
	return a[i], true
}
