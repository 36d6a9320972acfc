package template

// This file defines how YAML text becomes a Node. Scalars are read from their
// own text, so an account number keeps its leading zero and a date stays a date's
// text. What CloudFormation's YAML lacks is refused:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// maxDepth bounds the nesting of a template; CloudFormation's own are far below.
const maxDepth = 100

// parseYAML returns the tree of one document.
func parseYAML(text []byte, f *faults) *Node {
	var doc yaml.Node
	if err := yaml.Load(text, &doc); err != nil {
		at, message := yamlError(err)
		f.add(at, "", "%s", message)
		return nil
	}
	if len(doc.Content) != 1 {
		f.add(Position{1, 1}, "", emptyTemplate)
		return nil
	}
	r := yamlReader{faults: f}
	return r.node(doc.Content[0], "", 0)
}

const emptyTemplate = "the template is empty; it needs at least a Resources section"

// yamlErrorPlace is how the library spells where an error is.
var yamlErrorPlace = regexp.MustCompile(` at (?:L(\d+)\.C(\d+)|<unknown position>)`)

func yamlError(err error) (Position, string) {
	message := strings.TrimPrefix(err.Error(), "go-yaml load error in ")
	var at Position
	if m := yamlErrorPlace.FindStringSubmatch(message); m != nil {
		at.Line, _ = strconv.Atoi(m[1])
		at.Column, _ = strconv.Atoi(m[2])
		message = strings.Replace(message, m[0], "", 1)
	}
	var several *yaml.LoadErrors
	switch {
	case errors.As(err, &several) && strings.Contains(message, "no documents"):
		return Position{1, 1}, emptyTemplate
	case errors.As(err, &several):
		message = "it must hold exactly one document"
	}
	return at, "the YAML is malformed: " + message
}

type yamlReader struct{ faults *faults }

func (r *yamlReader) node(y *yaml.Node, path string, depth int) *Node {
	at := Position{y.Line, y.Column}
	if depth > maxDepth {
		r.faults.add(at, path, "the template is nested more than %d levels deep", maxDepth)
		return refusal(at)
	}
	if y.Kind == yaml.AliasNode || y.Anchor != "" {
		// CloudFormation: "YAML aliases are not allowed in CloudFormation templates".
		r.faults.add(at, path, "YAML anchors and aliases are not allowed in CloudFormation templates; write the value out")
		return refusal(at)
	}
	if function, ok := functionOfTag(y.Tag); ok {
		return r.call(y, function, path, depth)
	}
	if strings.HasPrefix(y.Tag, "!") && !strings.HasPrefix(y.Tag, "!!") {
		r.faults.add(at, path, "%s is not an intrinsic function; supported are %s%s", y.Tag, strings.Join(tags(), " "), meant(y.Tag, tags()))
	}
	return r.plain(y, path, depth)
}

// plain reads y as if it had no tag of a function.
func (r *yamlReader) plain(y *yaml.Node, path string, depth int) *Node {
	at := Position{y.Line, y.Column}
	switch y.Kind {
	case yaml.SequenceNode:
		n := &Node{Kind: List, At: at}
		for i, item := range y.Content {
			n.Items = append(n.Items, r.node(item, join(path, itoa(i)), depth+1))
		}
		return n
	case yaml.MappingNode:
		return r.mapping(y, path, depth)
	}
	return scalar(at, yamlScalar(y))
}

func (r *yamlReader) mapping(y *yaml.Node, path string, depth int) *Node {
	n := &Node{Kind: Map, At: Position{y.Line, y.Column}}
	first := map[string]int{}
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		at := Position{key.Line, key.Column}
		switch {
		case key.Tag == "!!merge":
			r.faults.add(at, path, "YAML merges (<<) are not allowed in CloudFormation templates; write the entries out")
			n.refused = true
			continue
		case key.Kind != yaml.ScalarNode:
			r.faults.add(at, path, "a name must be a string, not %s", yamlKind(key))
			continue
		case first[key.Value] > 0:
			r.faults.add(at, join(path, key.Value), "the name %q is already used in line %d", key.Value, first[key.Value])
			continue
		}
		first[key.Value] = key.Line
		n.Entries = append(n.Entries, Entry{key.Value, at, r.node(y.Content[i+1], join(path, key.Value), depth+1)})
	}
	return asCall(n, path, r.faults)
}

// call reads a short form: !Ref name, !GetAtt A.B, !Sub [..].
func (r *yamlReader) call(y *yaml.Node, function, path string, depth int) *Node {
	at := Position{y.Line, y.Column}
	argument := r.plain(y, join(path, function), depth+1)
	if y.Kind == yaml.ScalarNode {
		argument = text(at, y.Value)
	}
	return call(at, function, argument)
}

func yamlKind(y *yaml.Node) string {
	if y.Kind == yaml.SequenceNode {
		return "a list"
	}
	return "a map"
}

// jsonNumber is what a plain YAML scalar must look like to be a number here: as
// JSON writes it. 012345678901, 0x1f and 1_000 stay text.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// yamlScalar reads booleans and null as YAML 1.1 does, which CloudFormation
// says it follows.
func yamlScalar(y *yaml.Node) jsonvalue.Value {
	if y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 || y.Tag == "!!str" && y.Style&yaml.TaggedStyle != 0 {
		return y.Value
	}
	switch strings.ToLower(y.Value) {
	case "true", "yes", "on":
		return true
	case "false", "no", "off":
		return false
	case "", "~", "null":
		return nil
	}
	if jsonNumber.MatchString(y.Value) {
		return jsonvalue.Number(y.Value)
	}
	return y.Value
}

func itoa(i int) string { return strconv.Itoa(i) }

// asCall turns {"Fn::Sub": x} into a Call.
func asCall(n *Node, path string, f *faults) *Node {
	for _, e := range n.Entries {
		if !isFunctionName(e.Name) {
			continue
		}
		if len(n.Entries) > 1 {
			if e.Name == "Ref" {
				continue // somebody's own member that happens to be called Ref
			}
			f.add(e.At, path, "%s must be the only name of its map", e.Name)
			return n
		}
		if !knownFunction(e.Name) {
			f.add(e.At, path, "%s is not a supported intrinsic function%s", e.Name, meant(e.Name, functionNames()))
			return n
		}
		return call(n.At, e.Name, longArgument(e.Name, e.Value))
	}
	return n
}

// longArgument undoes what the long form cannot know: a number or boolean as the
// argument of Ref is a name.
func longArgument(function string, n *Node) *Node {
	if s, ok := n.Text(); ok && n.Kind == Scalar {
		if _, isText := n.Value.(string); !isText && function == "Ref" {
			return text(n.At, s)
		}
	}
	return n
}

func isFunctionName(name string) bool { return name == "Ref" || strings.HasPrefix(name, "Fn::") }
