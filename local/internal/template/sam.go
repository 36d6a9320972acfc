package template

// This file defines the expansion of serverless resources into the ones that they
// stand for, with the logical ids that SAM gives them.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

func isServerless(resourceType string) bool {
	return strings.HasPrefix(resourceType, "AWS::Serverless::")
}

// expansion is the work on one stack.
type expansion struct {
	stack  *Stack
	faults *faults
	out    []*Resource
}

// expand replaces the stack's serverless resources by what they stand for.
func (s *Stack) expand(f *faults) {
	x := &expansion{stack: s, faults: f}
	globals := x.globals()
	for _, r := range s.Resources {
		if !isServerless(r.Type) {
			x.out = append(x.out, r)
			continue
		}
		before := len(f.list)
		faulty := f.within(r.path)
		merged := *r
		merged.Properties = merge(globals[r.Type], r.Properties)
		if t := TypeOf(r.Type); t == nil {
			f.add(r.typeAt, r.path+".Type", "the resource type %s is not supported%s", r.Type, meant(r.Type, typeNames()))
		} else {
			checkShape(merged.Properties, t.shape, r.Type, r.path+".Properties", f)
		}
		if faulty || len(f.list) > before {
			s.broken = append(s.broken, r.LogicalID)
			continue
		}
		made := len(x.out)
		x.resource(&merged)
		x.propagate(&merged, x.out[made:])
	}
	s.Resources = x.out
}

func (x *expansion) resource(r *Resource) {
	switch r.Type {
	case "AWS::Serverless::Function":
		x.function(r)
	case "AWS::Serverless::StateMachine":
		x.stateMachine(r)
	case "AWS::Serverless::SimpleTable":
		x.simpleTable(r)
	}
}

// propagate gives a resource's tags to what was made of it, where it says so.
func (x *expansion) propagate(r *Resource, made []*Resource) {
	tags := r.Properties.Get("Tags")
	if tags == nil || tags.Kind != Map || !x.isTrue(r.Properties.Get("PropagateTags"), r.path+".Properties.PropagateTags") {
		return
	}
	for _, m := range made {
		if p := TypeOf(m.Type).shape.field("Tags"); p == nil || p.Kind != "@tags" || m.LogicalID == r.LogicalID {
			continue
		}
		have := m.Properties.Get("Tags")
		if have == nil {
			have = list(r.At)
		}
		all := &Node{Kind: List, At: have.At, Items: slices.Clone(have.Items)}
		for _, t := range tagList(r.At, "", tags).Items {
			if !slices.ContainsFunc(have.Items, func(h *Node) bool { return h.Get("Key").equal(t.Get("Key")) }) {
				all.Items = append(all.Items, t)
			}
		}
		m.Properties = m.Properties.with("Tags", all)
	}
}

// make adds a resource that r stands for. Problems in it are told at r's place.
func (x *expansion) make(r *Resource, id, resourceType string, properties *Node) *Resource {
	made := &Resource{LogicalID: id, Type: resourceType, Properties: properties, At: r.At, path: r.path, dependsAt: r.dependsAt}
	if id != r.LogicalID {
		if other := x.find(id); other != nil {
			x.faults.add(other.At, other.path, "SAM makes a resource %s of %s: give this one another logical id", id, r.LogicalID)
		}
	} else {
		made.DependsOn, made.Metadata = r.DependsOn, r.Metadata
	}
	// SAM hands a function's or machine's policies on to all that it makes of it.
	made.DeletionPolicy, made.UpdateReplacePolicy = r.DeletionPolicy, r.UpdateReplacePolicy
	x.out = append(x.out, made)
	return made
}

func (x *expansion) find(id string) *Resource {
	for _, list := range [][]*Resource{x.out, x.stack.Resources} {
		if i := slices.IndexFunc(list, func(r *Resource) bool { return r.LogicalID == id }); i >= 0 {
			return list[i]
		}
	}
	return nil
}

// constant evaluates what SAM itself must know: parameters, no resources.
func (x *expansion) constant(n *Node, path string) (string, bool) {
	if n == nil {
		return "", false
	}
	v, problem := x.stack.scope.eval(n, path)
	if problem != nil {
		x.faults.add(n.At, path, "SAM needs to know this before anything is made: a plain value or a parameter, not %s", n.kindName())
		return "", false
	}
	return scalarText(v)
}

func (x *expansion) isTrue(n *Node, path string) bool {
	s, _ := x.constant(n, path)
	return strings.EqualFold(s, "true")
}

// renamed copies properties under CloudFormation's names: pairs of the name there
// and the name in SAM.
func renamed(from *Node, pairs ...string) *Node {
	n := &Node{Kind: Map, At: from.At}
	for i := 0; i < len(pairs); i += 2 {
		for _, e := range from.Entries {
			if e.Name == pairs[i+1] {
				n.Entries = append(n.Entries, Entry{pairs[i], e.At, e.Value})
			}
		}
	}
	return n
}

// same is renamed for properties that keep their names.
func same(from *Node, names ...string) *Node {
	var pairs []string
	for _, name := range names {
		pairs = append(pairs, name, name)
	}
	return renamed(from, pairs...)
}

// tagList turns SAM's map of tags into CloudFormation's list, behind the tag by
// which SAM marks what it made.
func tagList(at Position, mark string, tags *Node) *Node {
	n := list(at)
	if mark != "" {
		n.Items = append(n.Items, object(at, "Key", mark, "Value", "SAM"))
	}
	if tags != nil && tags.Kind == Map {
		for _, e := range tags.Entries {
			n.Items = append(n.Items, object(e.At, "Key", e.Name, "Value", e.Value))
		}
	}
	return n
}

// hashed returns the first ten hexadecimal digits of a hash of v, by which SAM
// tells one version's logical id from the next.
func hashed(v jsonvalue.Value) string {
	sum := sha256.Sum256(jsonvalue.Append(nil, v))
	return hex.EncodeToString(sum[:])[:10]
}

// simpleTable: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-simpletable.html
func (x *expansion) simpleTable(r *Resource) {
	p := r.Properties
	key := p.Get("PrimaryKey")
	name, kind := "id", "String"
	if key != nil {
		name, _ = x.constant(key.Get("Name"), r.path+".Properties.PrimaryKey.Name")
		kind, _ = x.constant(key.Get("Type"), r.path+".Properties.PrimaryKey.Type")
	}
	letter := map[string]string{"String": "S", "Number": "N", "Binary": "B"}[kind]
	if letter == "" {
		x.faults.add(key.At, r.path+".Properties.PrimaryKey.Type", "the type of a primary key is String, Number or Binary, not %q", kind)
	}
	out := same(p, "TableName", "ProvisionedThroughput", "SSESpecification", "PointInTimeRecoverySpecification").
		with("AttributeDefinitions", list(r.At, object(r.At, "AttributeName", name, "AttributeType", letter))).
		with("KeySchema", list(r.At, object(r.At, "AttributeName", name, "KeyType", "HASH")))
	if p.Get("ProvisionedThroughput") == nil {
		out = out.with("BillingMode", text(r.At, "PAY_PER_REQUEST"))
	}
	if tags := p.Get("Tags"); tags != nil {
		out = out.with("Tags", tagList(r.At, "", tags))
	}
	x.make(r, r.LogicalID, "AWS::DynamoDB::Table", out)
}
