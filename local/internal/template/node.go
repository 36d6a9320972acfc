package template

// This file defines the expression trees that properties are made of.

import (
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Kind tells what a Node is.
type Kind int

// The kinds of nodes.
const (
	Scalar Kind = iota // Value
	List               // Items
	Map                // Entries
	Call               // Function and Argument
)

// Node is an expression as it stands in a template: JSON with intrinsic function
// calls in it. Short forms (!Sub) and long forms (Fn::Sub) are the same Call.
// Nodes are never changed once made, so trees may share them.
type Node struct {
	Kind     Kind
	At       Position
	Value    jsonvalue.Value // Scalar: nil, bool, jsonvalue.Number or string
	Items    []*Node
	Entries  []Entry
	Function string // "Ref", "Condition", or "Fn::" and a name
	Argument *Node

	refused bool // it stands for something that was refused, and is not looked at again
}

// Entry is one name and value of a Map.
type Entry struct {
	Name  string
	At    Position
	Value *Node
}

// text makes a string scalar.
func text(at Position, s string) *Node { return &Node{At: at, Value: s} }

func scalar(at Position, v jsonvalue.Value) *Node { return &Node{At: at, Value: v} }

// refusal stands for what was refused.
func refusal(at Position) *Node { return &Node{At: at, refused: true} }

func list(at Position, items ...*Node) *Node { return &Node{Kind: List, At: at, Items: items} }

func call(at Position, function string, argument *Node) *Node {
	if s, ok := argument.Text(); ok && function == "Fn::GetAtt" {
		if id, attribute, dotted := splitAttribute(s); dotted {
			argument = list(argument.At, text(argument.At, id), text(argument.At, attribute))
		}
	}
	return &Node{Kind: Call, At: at, Function: function, Argument: argument}
}

func ref(at Position, name string) *Node { return call(at, "Ref", text(at, name)) }

func getAtt(at Position, id, attribute string) *Node {
	return call(at, "Fn::GetAtt", list(at, text(at, id), text(at, attribute)))
}

func sub(at Position, s string) *Node { return call(at, "Fn::Sub", text(at, s)) }

// object makes a Map of name, value pairs; nil values are left out.
func object(at Position, pairs ...any) *Node {
	n := &Node{Kind: Map, At: at}
	for i := 0; i < len(pairs); i += 2 {
		var value *Node
		switch v := pairs[i+1].(type) {
		case *Node:
			value = v
		case string:
			value = text(at, v)
		case bool:
			value = scalar(at, v)
		}
		if value != nil {
			n.Entries = append(n.Entries, Entry{pairs[i].(string), at, value})
		}
	}
	return n
}

// Get returns the value of a Map's entry, nil if there is none.
func (n *Node) Get(name string) *Node {
	if n == nil || n.Kind != Map {
		return nil
	}
	for i := range n.Entries {
		if n.Entries[i].Name == name {
			return n.Entries[i].Value
		}
	}
	return nil
}

// Text returns a scalar as text: numbers and booleans as they were spelled.
func (n *Node) Text() (string, bool) {
	if n == nil || n.Kind != Scalar {
		return "", false
	}
	switch v := n.Value.(type) {
	case string:
		return v, true
	case jsonvalue.Number:
		return string(v), true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	}
	return "", false
}

// with returns a copy of a Map in which name has this value.
func (n *Node) with(name string, value *Node) *Node {
	m := &Node{Kind: Map, At: value.At}
	if n != nil {
		m.At = n.At
		m.Entries = slices.Clone(n.Entries)
	}
	for i := range m.Entries {
		if m.Entries[i].Name == name {
			m.Entries[i].Value = value
			return m
		}
	}
	m.Entries = append(m.Entries, Entry{name, value.At, value})
	return m
}

// isNoValue reports whether n is {Ref: AWS::NoValue}.
func (n *Node) isNoValue() bool {
	if n == nil || n.Kind != Call || n.Function != "Ref" {
		return false
	}
	name, _ := n.Argument.Text()
	return name == noValueName
}

// kindName names what n is, for error texts.
func (n *Node) kindName() string {
	switch n.Kind {
	case List:
		return "a list"
	case Map:
		return "a map"
	case Call:
		return n.Function
	}
	switch n.Value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case jsonvalue.Number:
		return "a number"
	}
	return "a string"
}

// JSON returns n with its function calls in long form, as CloudFormation shows a
// processed template.
func (n *Node) JSON() jsonvalue.Value {
	switch n.Kind {
	case List:
		items := make([]any, len(n.Items))
		for i, item := range n.Items {
			items[i] = item.JSON()
		}
		return items
	case Map:
		var b jsonvalue.Builder
		for _, e := range n.Entries {
			b.Set(e.Name, e.Value.JSON())
		}
		return b.Object()
	case Call:
		return jsonvalue.NewObject(jsonvalue.Member{Name: n.Function, Value: n.Argument.JSON()})
	}
	return n.Value
}

// fromJSON makes the tree of a plain value, all of it at one place.
func fromJSON(at Position, v jsonvalue.Value) *Node {
	switch v := v.(type) {
	case []any:
		n := &Node{Kind: List, At: at}
		for _, item := range v {
			n.Items = append(n.Items, fromJSON(at, item))
		}
		return n
	case *jsonvalue.Object:
		n := &Node{Kind: Map, At: at}
		for name, member := range v.All() {
			n.Entries = append(n.Entries, Entry{name, at, fromJSON(at, member)})
		}
		return n
	}
	return scalar(at, v)
}

// walk calls visit for n and everything below it, with the path of each, until
// visit returns false for a branch.
func (n *Node) walk(path string, visit func(n *Node, path string) bool) {
	if n == nil || !visit(n, path) {
		return
	}
	for i, item := range n.Items {
		item.walk(join(path, itoa(i)), visit)
	}
	for _, e := range n.Entries {
		e.Value.walk(join(path, e.Name), visit)
	}
	n.Argument.walk(join(path, n.Function), visit)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// equal reports whether two trees say the same, wherever they stand.
func (n *Node) equal(m *Node) bool {
	if n == nil || m == nil {
		return n == m
	}
	return jsonvalue.Equal(n.JSON(), m.JSON())
}

// splitAttribute splits "Table.StreamArn" as Fn::GetAtt and Fn::Sub do: the
// attribute may hold further dots.
func splitAttribute(s string) (id, attribute string, ok bool) {
	return strings.Cut(s, ".")
}
