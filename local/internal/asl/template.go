package asl

// This file defines what stands in fields for values that are not known before
// a state runs: paths, calls of intrinsic functions, payload templates.

import (
	"errors"
	"fmt"
	"strings"

	"github.com/stepworks/stepworks/local/internal/asl/intrinsic"
	"github.com/stepworks/stepworks/local/internal/asl/jsonata"
	"github.com/stepworks/stepworks/local/internal/asl/jsonpath"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Path is the value of a path field: a JSONPath, a reference path or, where AWS
// takes them, a call of an intrinsic function.
type Path struct {
	Text string // as the definition has it
	Null bool   // the field is null

	JSON      *jsonpath.Path      // nil when Null or Call
	Reference *jsonpath.Reference // for ResultPath alone
	Call      *intrinsic.Expr
}

// Template is a value in which expressions may stand: a payload template of
// JSONPath, or a JSONata value. Exactly one of the four kinds below is in use;
// a subtree without expressions is one Literal.
type Template struct {
	Literal jsonvalue.Value
	Members []TemplateMember // an object
	Items   []*Template      // an array
	Expr    *Path            // JSONPath: the value of a member whose name ended in ".$"
	Query   string           // JSONata: the text between {% and %}
	JSONata *jsonata.Expr    // Query compiled

	kind templateKind
}

// TemplateMember is one member of an object in a template.
type TemplateMember struct {
	Name  string // what the result has
	Field string // what the definition has: Name, with ".$" if it is an expression
	Value *Template
}

type templateKind int

const (
	literalTemplate templateKind = iota
	objectTemplate
	arrayTemplate
	exprTemplate
	queryTemplate
)

// IsObject reports whether the template makes an object out of Members.
func (t *Template) IsObject() bool { return t.kind == objectTemplate }

// IsArray reports whether the template makes an array out of Items.
func (t *Template) IsArray() bool { return t.kind == arrayTemplate }

// IsLiteral reports whether the template has no expressions.
func (t *Template) IsLiteral() bool { return t.kind == literalTemplate }

// parsePath reads a JSONPath.
func parsePath(text string) (*Path, error) {
	p, err := jsonpath.Parse(text)
	if err != nil {
		return nil, err
	}
	return &Path{Text: text, JSON: p}, nil
}

// parseExpr reads what a ".$" field may hold: a path or a call.
func parseExpr(text string) (*Path, error) {
	if strings.HasPrefix(text, "$") {
		return parsePath(text)
	}
	call, err := intrinsic.Parse(text)
	if err != nil {
		return nil, err
	}
	return &Path{Text: text, Call: call}, nil
}

// parseReference reads a reference path, which can be written to.
func parseReference(text string) (*Path, error) {
	ref, err := jsonpath.ParseReference(text)
	if err != nil {
		return nil, err
	}
	p, err := jsonpath.Parse(text)
	if err != nil {
		return nil, err
	}
	return &Path{Text: text, JSON: p, Reference: ref}, nil
}

// parseSource reads a path that picks one value out of the input: what Variable
// and the ...Path fields hold.
func parseSource(text string) (*Path, error) {
	p, err := parsePath(text)
	if err != nil {
		return nil, err
	}
	if !p.JSON.Definite() {
		return nil, errors.New("it can lead to several values")
	}
	return p, nil
}

// newTemplate compiles a value that validation has accepted.
func newTemplate(v jsonvalue.Value, lang QueryLanguage) *Template {
	switch v := v.(type) {
	case *jsonvalue.Object:
		return objectOf(v, lang)
	case []any:
		t, literal := &Template{kind: arrayTemplate}, true
		for _, e := range v {
			item := newTemplate(e, lang)
			literal = literal && item.IsLiteral()
			t.Items = append(t.Items, item)
		}
		if !literal {
			return t
		}
	case string:
		if query, ok := jsonataQuery(v); ok && lang == JSONata {
			expr, err := jsonata.Compile(query)
			if err != nil {
				panic(fmt.Sprintf("asl: %q passed validation: %v", v, err))
			}
			return &Template{kind: queryTemplate, Query: query, JSONata: expr}
		}
	}
	return &Template{Literal: v}
}

func objectOf(o *jsonvalue.Object, lang QueryLanguage) *Template {
	t, literal := &Template{kind: objectTemplate}, true
	for field, v := range o.All() {
		m := TemplateMember{Name: field, Field: field}
		if name, dynamic := strings.CutSuffix(field, ".$"); dynamic && lang == JSONPath {
			text, _ := v.(string)
			expr, err := parseExpr(text)
			if err != nil {
				panic(fmt.Sprintf("asl: %q passed validation: %v", text, err))
			}
			m.Name, m.Value = name, &Template{kind: exprTemplate, Expr: expr}
		} else {
			m.Value = newTemplate(v, lang)
		}
		literal = literal && m.Value.IsLiteral()
		t.Members = append(t.Members, m)
	}
	if literal {
		return &Template{Literal: o}
	}
	return t
}

// jsonataQuery returns the expression of a string like "{% $states.input %}".
func jsonataQuery(s string) (string, bool) {
	s, opened := strings.CutPrefix(s, "{%")
	s, closed := strings.CutSuffix(s, "%}")
	return strings.TrimSpace(s), opened && closed
}
