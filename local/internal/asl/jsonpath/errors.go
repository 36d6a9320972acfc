package jsonpath

// This file defines what can be wrong with a path, in the words of AWS.

import (
	"fmt"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// SyntaxError says why a text is not a path.
type SyntaxError struct {
	Text    string
	Offset  int // in bytes
	Problem string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("path %q, character %d: %s", shorten(e.Text), e.Offset+1, e.Problem)
}

func shorten(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// NotFound says that a definite path leads nowhere.
type NotFound struct {
	Path     *Path
	Document jsonvalue.Value // where the path was looked for
	Problem  string          // "No results for path: $['x']", in Jayway's words
}

func (e *NotFound) Error() string { return e.Problem }

// LimitError says that a path would yield more, or take more work, than is allowed.
type LimitError struct {
	Path    *Path
	Problem string
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("path %q: %s", shorten(e.Path.text), e.Problem)
}

// notFound tells why step i found nothing at v. The texts are Jayway's, which
// Step Functions passes on as they are.
func (p *Path) notFound(i int, v, doc jsonvalue.Value) *NotFound {
	return &NotFound{Path: p, Document: doc, Problem: p.whyNot(i, v)}
}

func (p *Path) whyNot(i int, v jsonvalue.Value) string {
	s, before := &p.steps[i], canonicalSteps(p.steps[:i])
	_, isArray := v.([]any)
	_, isObject := v.(*jsonvalue.Object)
	switch {
	case s.byIndex && !isArray:
		return fmt.Sprintf("Filter: %s can only be applied to arrays. Current context is: %s", s, Plain(v))
	case s.byIndex:
		return "Index out of bounds when evaluating path " + before
	case !isObject:
		return "Property " + s.String() + " not found in path " + before
	case i == len(p.steps)-1:
		return "No results for path: " + before + s.String()
	}
	return "Missing property in path " + before + s.String()
}
