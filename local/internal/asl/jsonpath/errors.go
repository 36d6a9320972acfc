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

// provider is the Java class that Jayway's texts name.
const provider = "com.jayway.jsonpath.spi.json.JacksonJsonProvider"

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
	case s.byIndex && v == nil:
		return "The path " + before + " is null"
	case s.byIndex && !isArray:
		return fmt.Sprintf("Filter: %s can only be applied to arrays. Current context is: %s", s, Plain(v))
	case s.byIndex:
		return "No results for path: " + p.Canonical()
	case !isObject:
		return fmt.Sprintf("Expected to find an object with property %s in path %s but found '%s'. This is not a json object according to the JsonProvider: '%s'.",
			s, before, javaClass(v), provider)
	case i == len(p.steps)-1:
		return "No results for path: " + p.Canonical()
	}
	return "Missing property in path " + before + s.String()
}

func javaClass(v jsonvalue.Value) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "java.lang.Boolean"
	case string:
		return "java.lang.String"
	case []any:
		return "java.util.ArrayList"
	case *jsonvalue.Object:
		return "java.util.LinkedHashMap"
	case jsonvalue.Number:
		return javaNumberClass(v)
	}
	return "null"
}

func javaNumberClass(n jsonvalue.Number) string {
	if strings.ContainsAny(string(n), ".eE") {
		return "java.lang.Double"
	}
	i, ok := n.Int64()
	switch {
	case !ok:
		return "java.math.BigInteger"
	case i == int64(int32(i)):
		return "java.lang.Integer"
	}
	return "java.lang.Long"
}
