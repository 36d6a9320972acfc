package template

// This file defines the table of what is supported: it reads resources.txt and
// sam.txt, which are the one place that says so.

import (
	_ "embed"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed resources.txt
var resourcesText string

//go:embed sam.txt
var samText string

// ResourceType is what is known of one type of resource.
type ResourceType struct {
	Name         string
	Ref          string   // what Ref comes to, in words
	Attributes   []string // for Fn::GetAtt
	NameProperty string   // holds the physical name; "" where there is none to give
	NameLimit    int      // its length at the most
	varying      []string // attributes that an update in place may change
	shape        *shape
}

// Property is what is known of one property.
type Property struct {
	Name     string
	Kind     string // as the table spells it
	Required bool
	Replace  bool // a change replaces the resource
	Kept     bool // taken without effect
	shape    *shape
}

// shape is what a value must look like.
type shape struct {
	kind    string // string, integer, number, boolean, json, object, list, map
	element *shape // of a list or map
	fields  []*Property
}

func (s *shape) field(name string) *Property {
	i := slices.IndexFunc(s.fields, func(p *Property) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return s.fields[i]
}

func (s *shape) names() []string {
	var names []string
	for _, p := range s.fields {
		names = append(names, p.Name)
	}
	return names
}

// schema is the parsed table.
type schema struct {
	types  map[string]*ResourceType
	shapes map[string]*shape
}

var table = sync.OnceValue(func() *schema {
	s, err := parseSchema(resourcesText + "\n" + samText)
	if err != nil {
		panic("template: resources.txt, sam.txt: " + err.Error())
	}
	return s
})

// Supported ranges over the resource types that a stack may hold, by name: the
// support table of the documentation is made of it.
func Supported() iter.Seq[*ResourceType] {
	return func(yield func(*ResourceType) bool) {
		types := table().types
		for _, name := range slices.Sorted(maps.Keys(types)) {
			if !yield(types[name]) {
				return
			}
		}
	}
}

// TypeOf returns what is known of a resource type, nil if it is not supported.
func TypeOf(name string) *ResourceType { return table().types[name] }

func (t *ResourceType) varies(attribute string) bool {
	return slices.Contains(t.varying, attribute)
}

// Properties returns the type's properties in the order of the table.
func (t *ResourceType) Properties() []*Property { return t.shape.fields }

// schemaLine is a line of the table.
type schemaLine struct {
	number, indent int
	words          []string
}

func parseSchema(text string) (*schema, error) {
	s := &schema{types: map[string]*ResourceType{}, shapes: map[string]*shape{}}
	var lines []schemaLine
	for i, raw := range strings.Split(text, "\n") {
		trimmed := strings.TrimLeft(raw, " ")
		if trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		lines = append(lines, schemaLine{i + 1, (len(raw) - len(trimmed)) / 2, strings.Fields(trimmed)})
	}
	// Shapes may be used above the line that defines them.
	for _, l := range lines {
		if l.indent == 0 && strings.HasPrefix(l.words[0], "@") {
			s.shapes[l.words[0]] = &shape{}
		}
	}
	for len(lines) > 0 {
		body := slices.IndexFunc(lines[1:], func(l schemaLine) bool { return l.indent == 0 }) + 1
		if body == 0 {
			body = len(lines)
		}
		if err := s.define(lines[0], lines[1:body]); err != nil {
			return nil, err
		}
		lines = lines[body:]
	}
	return s, nil
}

// define takes in one resource type or shape.
func (s *schema) define(head schemaLine, body []schemaLine) error {
	if strings.HasPrefix(head.words[0], "@") {
		parsed, err := s.parseShape(head, head.words[1], body, 1)
		if err == nil && parsed.kind == "" {
			err = fmt.Errorf("line %d: %s must stand below %s", head.number, head.words[0], head.words[1])
		}
		if err != nil {
			return err
		}
		*s.shapes[head.words[0]] = *parsed
		return nil
	}
	t := &ResourceType{Name: head.words[0]}
	for len(body) > 0 && strings.HasPrefix(body[0].words[0], ":") {
		words := body[0].words[1:]
		switch body[0].words[0] {
		case ":ref":
			t.Ref = strings.Join(words, " ")
		case ":attributes":
			for _, word := range words {
				name, varies := strings.CutSuffix(word, "~")
				t.Attributes = append(t.Attributes, name)
				if varies {
					t.varying = append(t.varying, name)
				}
			}
		case ":name":
			t.NameProperty = words[0]
			t.NameLimit, _ = strconv.Atoi(words[1])
		}
		body = body[1:]
	}
	var err error
	t.shape, err = s.parseShape(head, "object", body, 1)
	s.types[t.Name] = t
	return err
}

func (s *schema) parseShape(at schemaLine, kind string, body []schemaLine, indent int) (*shape, error) {
	if known := s.shapes[kind]; known != nil && len(body) == 0 {
		return known, nil
	}
	container, element, nested := strings.Cut(kind, ":")
	if nested {
		inner, err := s.parseShape(at, element, body, indent)
		return &shape{kind: container, element: inner}, err
	}
	if !slices.Contains([]string{"string", "integer", "number", "boolean", "json", "object"}, kind) {
		return nil, fmt.Errorf("line %d: unknown kind %q", at.number, kind)
	}
	sh := &shape{kind: kind}
	for len(body) > 0 {
		if body[0].indent != indent || len(body[0].words) < 2 {
			return nil, fmt.Errorf("line %d: a property and its kind are expected, indented by %d", body[0].number, indent)
		}
		own := slices.IndexFunc(body[1:], func(l schemaLine) bool { return l.indent <= indent }) + 1
		if own == 0 {
			own = len(body)
		}
		p, err := s.parseProperty(body[0], body[1:own])
		if err != nil {
			return nil, err
		}
		sh.fields = append(sh.fields, p)
		body = body[own:]
	}
	return sh, nil
}

func (s *schema) parseProperty(l schemaLine, body []schemaLine) (*Property, error) {
	p := &Property{Name: l.words[0], Kind: l.words[1]}
	for _, flag := range l.words[2:] {
		switch flag {
		case "required":
			p.Required = true
		case "replace":
			p.Replace = true
		case "kept":
			p.Kept = true
		default:
			return nil, fmt.Errorf("line %d: unknown flag %q", l.number, flag)
		}
	}
	var err error
	p.shape, err = s.parseShape(l, p.Kind, body, l.indent+1)
	return p, err
}
