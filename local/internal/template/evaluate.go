package template

// This file defines what expressions come to, given parameters, mappings,
// conditions and the attributes of what exists.

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Attributes tells what existing resources answer.
type Attributes interface {
	// Ref is what {Ref: logicalID} comes to.
	Ref(logicalID string) (jsonvalue.Value, bool)
	// GetAtt is what {Fn::GetAtt: [logicalID, attribute]} comes to.
	GetAtt(logicalID, attribute string) (jsonvalue.Value, bool)
}

// nothing is what {Ref: AWS::NoValue} comes to: the entry or item goes away.
type nothing struct{}

const noValueName = "AWS::NoValue"

// scope is what is known when an expression is evaluated.
type scope struct {
	file       string
	env        *Environment
	parameters map[string]jsonvalue.Value
	mappings   *Node
	conditions map[string]bool
	attributes Attributes // nil while no resource exists
}

// evaluation evaluates one tree; the first problem ends it.
type evaluation struct {
	scope
	problem *Problem
}

// eval returns what n comes to, or the first problem.
func (s scope) eval(n *Node, path string) (jsonvalue.Value, *Problem) {
	e := evaluation{scope: s}
	v := e.value(n, path)
	if s.attributes != nil {
		v = e.dynamic(n, path, v)
	}
	if e.problem != nil {
		return nil, e.problem
	}
	if _, gone := v.(nothing); gone {
		v = nil
	}
	return v, nil
}

func (e *evaluation) fail(n *Node, path, format string, args ...any) jsonvalue.Value {
	if e.problem == nil {
		e.problem = &Problem{File: e.file, Position: n.At, Path: path, Message: fmt.Sprintf(format, args...)}
	}
	return nil
}

func (e *evaluation) value(n *Node, path string) jsonvalue.Value {
	switch n.Kind {
	case List:
		items := []any{}
		for i, item := range n.Items {
			v := e.value(item, join(path, itoa(i)))
			if _, gone := v.(nothing); !gone {
				items = append(items, v)
			}
		}
		return items
	case Map:
		var b jsonvalue.Builder
		for _, entry := range n.Entries {
			v := e.value(entry.Value, join(path, entry.Name))
			if _, gone := v.(nothing); !gone {
				b.Set(entry.Name, v)
			}
		}
		return b.Object()
	case Call:
		return e.call(n, path)
	}
	return n.Value
}

func (e *evaluation) call(n *Node, path string) jsonvalue.Value {
	if err := checkCall(n); err != nil {
		return e.fail(n, path, "%v", err)
	}
	switch n.Function {
	case "Ref":
		name, _ := n.Argument.Text()
		return e.ref(n, path, name)
	case "Fn::GetAtt":
		id, attribute, _ := n.attribute()
		return e.getAtt(n, path, id, attribute)
	case "Fn::Sub":
		return e.sub(n, path)
	case "Fn::If":
		return e.choose(n, path)
	case "Fn::Join":
		return e.join(n, path)
	case "Fn::Split":
		return e.split(n, path)
	case "Fn::Select":
		return e.pick(n, path)
	case "Fn::FindInMap":
		return e.findInMap(n, path)
	case "Fn::Base64":
		return base64.StdEncoding.EncodeToString([]byte(e.string(n.Argument, path)))
	case "Fn::GetAZs":
		return e.zones(n, path)
	case "Fn::Cidr":
		return e.cidr(n, path)
	case "Fn::ImportValue":
		return e.imported(n, path)
	}
	return e.fail(n, path, "%s answers true or false and belongs into Conditions", n.Function)
}

// string evaluates n, which must come to a scalar.
func (e *evaluation) string(n *Node, path string) string {
	v := e.value(n, path)
	s, ok := scalarText(v)
	if !ok && e.problem == nil {
		e.fail(n, path, "a string is needed here, not %s", describe(v))
	}
	return s
}

// scalarText spells a scalar as CloudFormation does when it needs a string.
func scalarText(v jsonvalue.Value) (string, bool) {
	return scalar(Position{}, v).Text()
}

func describe(v jsonvalue.Value) string {
	if _, ok := v.(nothing); ok {
		return "AWS::NoValue"
	}
	return fromJSON(Position{}, v).kindName()
}

func (e *evaluation) ref(n *Node, path, name string) jsonvalue.Value {
	if name == noValueName {
		return nothing{}
	}
	if v, ok := e.env.pseudo(name); ok {
		return v
	}
	if v, ok := e.parameters[name]; ok {
		return v
	}
	if e.attributes != nil {
		if v, ok := e.attributes.Ref(name); ok {
			return v
		}
	}
	return e.fail(n, path, "Ref %s: there is no such parameter, and no such resource that exists at this point", name)
}

func (e *evaluation) getAtt(n *Node, path, id, attribute string) jsonvalue.Value {
	if e.attributes != nil {
		if v, ok := e.attributes.GetAtt(id, attribute); ok {
			return v
		}
	}
	return e.fail(n, path, "Fn::GetAtt %s.%s: there is no such attribute of a resource that exists at this point", id, attribute)
}

func (e *evaluation) sub(n *Node, path string) jsonvalue.Value {
	pattern, variables, _ := n.substitution()
	own := &Node{Kind: Map, Entries: variables}
	var b strings.Builder
	for _, part := range splitSub(pattern) {
		if !part.variable {
			b.WriteString(part.text)
			continue
		}
		var v jsonvalue.Value
		id, attribute, dotted := splitAttribute(part.text)
		switch mine := own.Get(part.text); {
		case mine != nil:
			v = e.string(mine, join(path, part.text))
		case dotted:
			v = e.getAtt(n, path, id, attribute)
		default:
			v = e.ref(n, path, part.text)
		}
		s, ok := scalarText(v)
		if !ok {
			return e.fail(n, path, "Fn::Sub: ${%s} is %s, not a string", part.text, describe(v))
		}
		b.WriteString(s)
	}
	return b.String()
}

func (e *evaluation) choose(n *Node, path string) jsonvalue.Value {
	name, _ := n.Argument.Items[0].Text()
	holds, ok := e.conditions[name]
	if !ok {
		return e.fail(n, path, "Fn::If names the condition %q, which the Conditions section lacks", name)
	}
	if holds {
		return e.value(n.Argument.Items[1], path)
	}
	return e.value(n.Argument.Items[2], path)
}

// list evaluates n, which must come to a list of scalars.
func (e *evaluation) list(n *Node, path string) []string {
	items, ok := e.value(n, path).([]any)
	if !ok && e.problem == nil {
		e.fail(n, path, "a list is needed here")
	}
	texts := make([]string, 0, len(items))
	for _, item := range items {
		s, ok := scalarText(item)
		if !ok && e.problem == nil {
			e.fail(n, path, "a list of strings is needed here, not of %s", describe(item))
		}
		texts = append(texts, s)
	}
	return texts
}

func (e *evaluation) join(n *Node, path string) jsonvalue.Value {
	delimiter, _ := n.Argument.Items[0].Text()
	return strings.Join(e.list(n.Argument.Items[1], path), delimiter)
}

func (e *evaluation) split(n *Node, path string) jsonvalue.Value {
	delimiter, _ := n.Argument.Items[0].Text()
	if delimiter == "" {
		return e.fail(n, path, "Fn::Split needs a delimiter that is not empty")
	}
	parts := []any{}
	for part := range strings.SplitSeq(e.string(n.Argument.Items[1], path), delimiter) {
		parts = append(parts, part)
	}
	return parts
}

func (e *evaluation) pick(n *Node, path string) jsonvalue.Value {
	index, err := strconv.Atoi(e.string(n.Argument.Items[0], path))
	items, ok := e.value(n.Argument.Items[1], path).([]any)
	switch {
	case e.problem != nil:
		return nil
	case !ok:
		return e.fail(n, path, "the second argument of Fn::Select must be a list")
	case err != nil || index < 0 || index >= len(items):
		return e.fail(n, path, "Fn::Select cannot pick index %s of a list of %d: an index is a number from 0", e.string(n.Argument.Items[0], path), len(items))
	}
	return items[index]
}

func (e *evaluation) findInMap(n *Node, path string) jsonvalue.Value {
	at := e.mappings
	var keys []string
	for _, argument := range n.Argument.Items {
		key := e.string(argument, path)
		if e.problem != nil {
			return nil
		}
		next := at.Get(key)
		if next == nil {
			var names []string
			if at != nil {
				for _, entry := range at.Entries {
					names = append(names, entry.Name)
				}
			}
			return e.fail(n, path, "Fn::FindInMap: %s has no key %q; it has %s", strings.Join(append([]string{"Mappings"}, keys...), "."), key, oneOf(names))
		}
		at, keys = next, append(keys, key)
	}
	return e.value(at, path)
}

// zones answers the three zones that every region has at least; which zones an
// account sees is the one thing here that is made up.
func (e *evaluation) zones(n *Node, path string) jsonvalue.Value {
	region := e.string(n.Argument, path)
	if region == "" {
		region = e.env.Region
	}
	return []any{region + "a", region + "b", region + "c"}
}

// maxCIDRs is AWS's own bound on the count of Fn::Cidr:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-cidr.html
const maxCIDRs = 256

func (e *evaluation) cidr(n *Node, path string) jsonvalue.Value {
	args := n.Argument.Items
	block, err := netip.ParsePrefix(e.string(args[0], path))
	count, err2 := strconv.Atoi(e.string(args[1], path))
	bits := 0
	if len(args) == 3 {
		var err3 error
		if bits, err3 = strconv.Atoi(e.string(args[2], path)); err3 != nil {
			err2 = err3
		}
	} else if block.IsValid() {
		bits = block.Addr().BitLen() - block.Bits()
	}
	if e.problem != nil {
		return nil
	}
	if err != nil || err2 != nil || count < 1 || count > maxCIDRs || bits < 1 || bits > block.Addr().BitLen()-block.Bits() {
		return e.fail(n, path, "Fn::Cidr takes [block, count 1 to %d, bits of each subnet], such as ['10.0.0.0/16', 4, 8]", maxCIDRs)
	}
	if free := block.Addr().BitLen() - block.Bits() - bits; free < 8 && count > 1<<free {
		return e.fail(n, path, "Fn::Cidr: %s has no room for %d subnets of %d bits", block, count, bits)
	}
	return subnets(block.Masked(), count, bits)
}

func subnets(block netip.Prefix, count, bits int) []any {
	out := []any{}
	width := block.Addr().BitLen()
	addr := block.Addr().AsSlice()
	for range count {
		ip, _ := netip.AddrFromSlice(addr)
		out = append(out, netip.PrefixFrom(ip, width-bits).String())
		for i, carry := len(addr)-1-bits/8, 1<<(bits%8); i >= 0 && carry > 0; i-- {
			sum := int(addr[i]) + carry
			addr[i], carry = byte(sum), sum>>8
		}
	}
	return out
}

func (e *evaluation) imported(n *Node, path string) jsonvalue.Value {
	name := e.string(n.Argument, path)
	if e.env.Export != nil && e.problem == nil {
		if v, ok := e.env.Export(name); ok {
			return v
		}
	}
	return e.fail(n, path, "No export named %s found.", name)
}
