package template

// This file defines the intrinsic functions: their names, the shapes of their
// arguments and what they refer to. evaluate.go says what they answer.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// function is what an intrinsic function takes.
type function struct {
	name     string
	takes    string // for error texts
	min, max int    // items of a list argument; max 0: the argument is no list
	text     bool   // the argument may be a plain string
	decides  bool   // usable in Conditions: it answers true or false
}

// functions is the table of what is supported, by name.
var functions = []function{
	{name: "Ref", takes: "the name of a resource or parameter", text: true},
	{name: "Condition", takes: "the name of a condition", text: true, decides: true},
	{name: "Fn::And", takes: "a list of two to ten conditions", min: 2, max: 10, decides: true},
	{name: "Fn::Base64", takes: "a string", text: true},
	{name: "Fn::Cidr", takes: "[block, count, bits]", min: 2, max: 3},
	{name: "Fn::Equals", takes: "a list of two values", min: 2, max: 2, decides: true},
	{name: "Fn::FindInMap", takes: "[map, first key, second key]", min: 3, max: 3},
	{name: "Fn::GetAZs", takes: "a region, or an empty string for the stack's own", text: true},
	{name: "Fn::GetAtt", takes: "Resource.Attribute or [resource, attribute]", min: 2, max: 2, text: true},
	{name: "Fn::If", takes: "[condition, value if true, value if false]", min: 3, max: 3},
	{name: "Fn::ImportValue", takes: "the name of another stack's export", text: true},
	{name: "Fn::Join", takes: "[delimiter, [values]]", min: 2, max: 2},
	{name: "Fn::Not", takes: "a list of one condition", min: 1, max: 1, decides: true},
	{name: "Fn::Or", takes: "a list of two to ten conditions", min: 2, max: 10, decides: true},
	{name: "Fn::Select", takes: "[index, [values]]", min: 2, max: 2},
	{name: "Fn::Split", takes: "[delimiter, string]", min: 2, max: 2},
	{name: "Fn::Sub", takes: "a string or [string, {variables}]", min: 2, max: 2, text: true},
}

func findFunction(name string) (function, bool) {
	i := slices.IndexFunc(functions, func(fn function) bool { return fn.name == name })
	if i < 0 {
		return function{}, false
	}
	return functions[i], true
}

func knownFunction(name string) bool {
	_, ok := findFunction(name)
	return ok
}

func functionNames() []string {
	var names []string
	for _, fn := range functions {
		names = append(names, fn.name)
	}
	return names
}

// tags lists the YAML short forms.
func tags() []string {
	var names []string
	for _, fn := range functions {
		names = append(names, "!"+strings.TrimPrefix(fn.name, "Fn::"))
	}
	return names
}

func functionOfTag(tag string) (string, bool) {
	short, ok := strings.CutPrefix(tag, "!")
	if !ok || strings.HasPrefix(short, "!") {
		return "", false
	}
	for _, fn := range functions {
		if strings.TrimPrefix(fn.name, "Fn::") == short {
			return fn.name, true
		}
	}
	return "", false
}

// checkCalls reports every call below n whose argument has the wrong shape.
func checkCalls(n *Node, path string, f *faults) {
	n.walk(path, func(n *Node, path string) bool {
		if n.Kind != Call {
			return true
		}
		if err := checkCall(n); err != nil {
			f.add(n.At, path, "%v", err)
			return false
		}
		return true
	})
}

func checkCall(n *Node) error {
	fn, ok := findFunction(n.Function)
	if !ok {
		return fmt.Errorf("%s is not a supported intrinsic function%s", n.Function, meant(n.Function, functionNames()))
	}
	argument := n.Argument
	wrong := fmt.Errorf("%s takes %s, not %s", fn.name, fn.takes, argument.kindName())
	switch {
	case argument.Kind == List && fn.max > 0:
		if len(argument.Items) < fn.min || len(argument.Items) > fn.max {
			return fmt.Errorf("%s takes %s, not a list of %d", fn.name, fn.takes, len(argument.Items))
		}
	case argument.Kind == Scalar && fn.text:
		if s, ok := argument.Text(); !ok || s == "" && fn.name != "Fn::GetAZs" && fn.name != "Fn::Sub" && fn.name != "Fn::Base64" {
			return wrong
		}
	case argument.Kind == Call && (fn.name == "Fn::Base64" || fn.name == "Fn::ImportValue" || fn.name == "Fn::GetAZs"):
	default:
		return wrong
	}
	return checkArguments(n)
}

// checkArguments is what single functions demand beyond the table.
func checkArguments(n *Node) error {
	switch n.Function {
	case "Fn::GetAtt":
		if id, attribute, ok := n.attribute(); !ok || id == "" || attribute == "" {
			return fmt.Errorf("Fn::GetAtt takes Resource.Attribute or [resource, attribute], both as plain strings")
		}
	case "Fn::If":
		if _, ok := n.Argument.Items[0].Text(); !ok {
			return fmt.Errorf("the first argument of Fn::If is the name of a condition, not %s", n.Argument.Items[0].kindName())
		}
	case "Fn::Join", "Fn::Split":
		if _, ok := n.Argument.Items[0].Text(); !ok {
			return fmt.Errorf("the first argument of %s is the delimiter, a string, not %s", n.Function, n.Argument.Items[0].kindName())
		}
	case "Fn::Sub":
		return checkSub(n)
	}
	return nil
}

func checkSub(n *Node) error {
	pattern, variables, ok := n.substitution()
	if !ok {
		return fmt.Errorf("Fn::Sub takes a string or [string, {variables}]")
	}
	for _, part := range splitSub(pattern) {
		if part.variable && part.text == "" {
			return fmt.Errorf("Fn::Sub has an empty ${}; write ${!} for the characters ${}")
		}
	}
	for _, e := range variables {
		if !subVariable.MatchString(e.Name) {
			return fmt.Errorf("the name %q of a variable of Fn::Sub must be letters and digits", e.Name)
		}
	}
	return nil
}

var subVariable = regexp.MustCompile(`^[A-Za-z0-9_.:]+$`)

// attribute returns what Fn::GetAtt names.
func (n *Node) attribute() (id, attribute string, ok bool) {
	if s, ok := n.Argument.Text(); ok {
		return splitAttribute(s)
	}
	if n.Argument.Kind != List || len(n.Argument.Items) != 2 {
		return "", "", false
	}
	id, ok1 := n.Argument.Items[0].Text()
	attribute, ok2 := n.Argument.Items[1].Text()
	return id, attribute, ok1 && ok2
}

// substitution returns the pattern and variables of Fn::Sub.
func (n *Node) substitution() (pattern string, variables []Entry, ok bool) {
	if s, ok := n.Argument.Text(); ok {
		return s, nil, true
	}
	if n.Argument.Kind != List || len(n.Argument.Items) != 2 || n.Argument.Items[1].Kind != Map {
		return "", nil, false
	}
	pattern, ok = n.Argument.Items[0].Text()
	return pattern, n.Argument.Items[1].Entries, ok
}

// subPart is a stretch of literal text, or the name within ${}.
type subPart struct {
	text     string
	variable bool
}

// splitSub splits the pattern of Fn::Sub. ${!Literal} is the text ${Literal}.
func splitSub(pattern string) []subPart {
	var parts []subPart
	for {
		before, rest, found := strings.Cut(pattern, "${")
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return append(parts, subPart{text: pattern})
		}
		if before != "" {
			parts = append(parts, subPart{text: before})
		}
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			parts = append(parts, subPart{text: "${" + literal + "}"})
		} else {
			parts = append(parts, subPart{text: strings.TrimSpace(name), variable: true})
		}
		pattern = after
	}
}

// reference is a name that an expression uses.
type reference struct {
	id        string
	attribute string // "" for Ref
	at        Position
	path      string
}

// references lists what the calls below n refer to: resources, parameters and
// pseudo parameters.
func references(n *Node, path string) []reference {
	var found []reference
	n.walk(path, func(n *Node, path string) bool {
		if n.Kind != Call {
			return true
		}
		switch n.Function {
		case "Ref":
			name, _ := n.Argument.Text()
			found = append(found, reference{id: name, at: n.At, path: path})
		case "Fn::GetAtt":
			if id, attribute, ok := n.attribute(); ok {
				found = append(found, reference{id: id, attribute: attribute, at: n.At, path: path})
			}
		case "Fn::Sub":
			found = append(found, subReferences(n, path)...)
		}
		return true
	})
	return found
}

func subReferences(n *Node, path string) []reference {
	var found []reference
	pattern, variables, _ := n.substitution()
	for _, part := range splitSub(pattern) {
		own := slices.ContainsFunc(variables, func(e Entry) bool { return e.Name == part.text })
		if !part.variable || own {
			continue
		}
		id, attribute, _ := splitAttribute(part.text)
		found = append(found, reference{id: id, attribute: attribute, at: n.At, path: path})
	}
	return found
}
