package template

// This file defines the sections of a template.

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// maxText is the size of a template that CloudFormation takes from S3.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const maxText = 1 << 20

var alphanumeric = regexp.MustCompile(`^[A-Za-z0-9]+$`)

// Parse reads a template. The error, if there is one, is [Problems].
func Parse(file string, text []byte) (*Template, error) {
	f := &faults{file: file}
	t := parse(file, text, f)
	if err := f.err(); err != nil {
		return nil, err
	}
	return t, nil
}

// Load is [Parse] and [New] at once: its error holds the problems of both.
func Load(file string, text []byte, env Environment) (*Stack, error) {
	f := &faults{file: file}
	t := parse(file, text, f)
	if t == nil {
		return nil, f.err()
	}
	s := newStack(t, env, f)
	if err := f.err(); err != nil {
		return nil, err
	}
	return s, nil
}

// parse returns what could be read, nil if that is nothing.
func parse(file string, text []byte, f *faults) *Template {
	root := parseText(text, f)
	if root == nil {
		return nil
	}
	t := &Template{File: file}
	t.read(root, f)
	return t
}

func parseText(text []byte, f *faults) *Node {
	if len(text) > maxText {
		f.add(Position{}, "", "the template has %d bytes; %d are allowed", len(text), maxText)
		return nil
	}
	if bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n\ufeff"), []byte("{")) {
		return parseJSON(bytes.TrimPrefix(text, []byte("\ufeff")), f)
	}
	return parseYAML(text, f)
}

func (t *Template) read(root *Node, f *faults) {
	if root.Kind != Map {
		f.add(root.At, "", "a template is a map of sections, not %s", root.kindName())
		return
	}
	for _, section := range root.Entries {
		t.section(section, f)
	}
	if root.Get("Resources") == nil {
		f.add(root.At, "", "the template lacks the Resources section")
	}
	t.checkTransforms(f)
	t.checkNames(f)
}

var sections = []string{"AWSTemplateFormatVersion", "Conditions", "Description", "Globals", "Mappings", "Metadata", "Outputs", "Parameters", "Resources", "Transform"}

func (t *Template) section(e Entry, f *faults) {
	switch e.Name {
	case "AWSTemplateFormatVersion":
		if v, _ := e.Value.Text(); v != "2010-09-09" {
			f.add(e.At, e.Name, "the only format version is 2010-09-09")
		}
		return
	case "Description":
		var ok bool
		if t.Description, ok = e.Value.Text(); !ok {
			f.add(e.At, e.Name, "Description must be a string, not %s", e.Value.kindName())
		}
		return
	case "Transform":
		t.Transforms = texts(e.Value, e.Name, f)
		return
	}
	if !slices.Contains(sections, e.Name) {
		f.add(e.At, e.Name, "a template has no section %s here; supported are %s%s", e.Name, strings.Join(sections, ", "), meant(e.Name, sections))
		return
	}
	if e.Value.Kind != Map {
		f.add(e.At, e.Name, "the section %s is a map, not %s", e.Name, e.Value.kindName())
		return
	}
	t.mapSection(e, f)
}

func (t *Template) mapSection(e Entry, f *faults) {
	switch e.Name {
	case "Conditions":
		t.Conditions = e.Value.Entries
	case "Globals":
		t.Globals = e.Value
	case "Mappings":
		t.Mappings = e.Value
		checkMappings(e.Value, f)
	case "Metadata":
		t.Metadata = e.Value
	case "Outputs":
		for _, o := range e.Value.Entries {
			t.Outputs = append(t.Outputs, parseOutput(o, f))
		}
	case "Parameters":
		for _, p := range e.Value.Entries {
			t.Parameters = append(t.Parameters, parseParameter(p, f))
		}
	case "Resources":
		if n := len(e.Value.Entries); n == 0 || n > maxResources {
			f.add(e.At, e.Name, "a template has 1 to %d resources, not %d", maxResources, n)
			return
		}
		for _, r := range e.Value.Entries {
			t.Resources = append(t.Resources, parseResource(r, f))
		}
	}
}

// texts reads a string or a list of strings.
func texts(n *Node, path string, f *faults) []string {
	items := []*Node{n}
	if n.Kind == List {
		items = n.Items
	}
	var out []string
	for _, item := range items {
		s, ok := item.Text()
		if !ok {
			f.add(item.At, path, "a string or a list of strings is needed, not %s", item.kindName())
			continue
		}
		out = append(out, s)
	}
	return out
}

func (t *Template) checkTransforms(f *faults) {
	for _, name := range t.Transforms {
		if name != samTransform {
			f.add(Position{}, "Transform", "the transform %s is not supported; supported is %s", name, samTransform)
		}
	}
	if t.Globals != nil && !t.HasSAM() {
		f.add(t.Globals.At, "Globals", "the section Globals needs Transform: %s", samTransform)
	}
}

func checkMappings(n *Node, f *faults) {
	n.walk("Mappings", func(n *Node, path string) bool {
		if n.Kind == Call {
			f.add(n.At, path, "mappings hold plain values, not %s", n.Function)
			return false
		}
		if depth := strings.Count(path, "."); n.Kind != Map && depth < 3 {
			f.add(n.At, path, "a mapping is a map of maps of values, not %s", n.kindName())
			return false
		}
		return true
	})
}

// checkNames reports names that two things have.
func (t *Template) checkNames(f *faults) {
	lines := map[string]int{}
	for _, p := range t.Parameters {
		lines[p.Name] = p.At.Line
	}
	for _, r := range t.Resources {
		if line := lines[r.LogicalID]; line > 0 {
			f.add(r.At, r.path, "the parameter in line %d has the same name", line)
		}
	}
}

var resourceAttributes = []string{"Type", "Properties", "Condition", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy", "Metadata", "UpdatePolicy"}

func parseResource(e Entry, f *faults) *Resource {
	r := &Resource{LogicalID: e.Name, At: e.At, path: "Resources." + e.Name, Properties: &Node{Kind: Map, At: e.At}}
	if !alphanumeric.MatchString(e.Name) {
		f.add(e.At, r.path, "a logical id must be letters and digits, not %q", e.Name)
	}
	if e.Value.refused {
		return r
	}
	if e.Value.Kind != Map {
		f.add(e.At, r.path, "a resource is a map with a Type, not %s", e.Value.kindName())
		return r
	}
	for _, a := range e.Value.Entries {
		r.set(a, f)
	}
	if r.Type == "" {
		f.add(e.At, r.path, "the resource lacks its Type")
	}
	return r
}

// set takes over one attribute.
func (r *Resource) set(a Entry, f *faults) {
	path := join(r.path, a.Name)
	if a.Value.refused {
		return
	}
	var ok bool
	switch a.Name {
	case "Type":
		r.typeAt = a.At
		if r.Type, ok = a.Value.Text(); !ok {
			f.add(a.At, path, "Type must be a string, not %s", a.Value.kindName())
		}
	case "Condition":
		if r.Condition, ok = a.Value.Text(); !ok {
			f.add(a.At, path, "Condition must be the name of a condition, not %s", a.Value.kindName())
		}
	case "DependsOn":
		r.DependsOn, r.dependsAt = texts(a.Value, path, f), a.At
	case "DeletionPolicy":
		r.DeletionPolicy = policy(a, path, f, "Delete", "Retain", "RetainExceptOnCreate", "Snapshot")
	case "UpdateReplacePolicy":
		r.UpdateReplacePolicy = policy(a, path, f, "Delete", "Retain", "Snapshot")
	case "Properties":
		if a.Value.Kind != Map {
			f.add(a.At, path, "Properties is a map, not %s", a.Value.kindName())
			return
		}
		r.Properties = a.Value
	case "Metadata":
		r.Metadata = a.Value
	case "UpdatePolicy":
		r.UpdatePolicy = a.Value
	default:
		f.add(a.At, path, "a resource has no attribute %s; supported are %s%s", a.Name, strings.Join(resourceAttributes, ", "), meant(a.Name, resourceAttributes))
	}
}

func policy(a Entry, path string, f *faults, allowed ...string) string {
	s, ok := a.Value.Text()
	if !ok || !slices.Contains(allowed, s) {
		f.add(a.At, path, "%s must be %s", a.Name, oneOf(allowed))
	}
	return s
}

func parseOutput(e Entry, f *faults) Output {
	path := "Outputs." + e.Name
	o := Output{Name: e.Name, At: e.At, Value: scalar(e.At, nil)}
	if !alphanumeric.MatchString(e.Name) {
		f.add(e.At, path, "the name of an output must be letters and digits")
	}
	if e.Value.Get("Value") == nil {
		f.add(e.At, path, "an output is a map with a Value")
		return o
	}
	for _, a := range e.Value.Entries {
		s, isText := a.Value.Text()
		switch a.Name {
		case "Value":
			o.Value = a.Value
		case "Export":
			if o.Export = a.Value.Get("Name"); o.Export == nil || len(a.Value.Entries) != 1 {
				f.add(a.At, join(path, a.Name), "Export is a map with a Name")
			}
		case "Description", "Condition":
			if !isText {
				f.add(a.At, join(path, a.Name), "%s must be a string, not %s", a.Name, a.Value.kindName())
			}
			if a.Name == "Description" {
				o.Description = s
			} else {
				o.Condition = s
			}
		default:
			f.add(a.At, join(path, a.Name), "an output has no attribute %s%s", a.Name, meant(a.Name, []string{"Value", "Export", "Description", "Condition"}))
		}
	}
	return o
}
