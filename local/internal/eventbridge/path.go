package eventbridge

// This file defines the JSON paths of InputPath and InputPathsMap: dots,
// brackets, array indices and wildcards, and nothing more of JSONPath:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// path is a parsed path: one step for each name, index or wildcard.
type path []step

type step struct {
	name  string
	index int
	kind  stepKind
}

type stepKind int

const (
	byName stepKind = iota
	byIndex
	everything
)

// parsePath reads a path.
func parsePath(text string) (path, error) {
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return nil, fmt.Errorf("the path %q must start with $", text)
	}
	var p path
	for rest != "" {
		var s step
		var err error
		switch rest[0] {
		case '.':
			s, rest, err = dotStep(rest[1:])
		case '[':
			s, rest, err = bracketStep(rest[1:])
		default:
			err = errors.New("a dot or bracket must follow")
		}
		if err != nil {
			return nil, fmt.Errorf("the path %q: %w", text, err)
		}
		p = append(p, s)
	}
	return p, nil
}

func dotStep(text string) (step, string, error) {
	end := strings.IndexAny(text, ".[")
	if end < 0 {
		end = len(text)
	}
	switch name := text[:end]; name {
	case "":
		return step{}, "", errors.New("a name is missing behind a dot (.. is not supported)")
	case "*":
		return step{kind: everything}, text[end:], nil
	default:
		return step{name: name}, text[end:], nil
	}
}

func bracketStep(text string) (step, string, error) {
	if text != "" && (text[0] == '\'' || text[0] == '"') {
		name, rest, ok := strings.Cut(text[1:], text[:1]+"]")
		if !ok {
			return step{}, "", errors.New("a bracket is not closed")
		}
		return step{name: name}, rest, nil
	}
	inner, rest, ok := strings.Cut(text, "]")
	if !ok {
		return step{}, "", errors.New("a bracket is not closed")
	}
	if inner == "*" {
		return step{kind: everything}, rest, nil
	}
	index, err := strconv.Atoi(inner)
	if err != nil {
		return step{}, "", fmt.Errorf("[%s] is neither an index, a quoted name, nor *", inner)
	}
	return step{kind: byIndex, index: index}, rest, nil
}

// find returns what lies at the path. A path with a wildcard finds the array of
// all there is.
func (p path) find(v jsonvalue.Value) (found jsonvalue.Value, ok bool) {
	values, many := []any{v}, false
	for _, s := range p {
		var next []any
		for _, v := range values {
			next = append(next, s.below(v)...)
		}
		values, many = next, many || s.kind == everything
	}
	switch {
	case len(values) == 0:
		return nil, false
	case many:
		return values, true
	}
	return values[0], true
}

// below returns what one step leads to from v.
func (s step) below(v jsonvalue.Value) []any {
	switch v := v.(type) {
	case *jsonvalue.Object:
		if s.kind == everything {
			var values []any
			for _, m := range v.All() {
				values = append(values, m)
			}
			return values
		}
		if m, ok := v.Get(s.name); ok && s.kind == byName {
			return []any{m}
		}
	case []any:
		index := s.index
		if index < 0 {
			index += len(v)
		}
		switch {
		case s.kind == everything:
			return v
		case s.kind == byIndex && index >= 0 && index < len(v):
			return []any{v[index]}
		}
	}
	return nil
}
