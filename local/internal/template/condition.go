package template

// This file defines the Conditions section: what holds, given the parameters,
// and the trees that remain once every Fn::If is decided.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/conditions-section-structure.html

import (
	"slices"
	"strings"
)

// conditions evaluates the section; names that refer to each other in a circle
// are reported.
type conditions struct {
	scope   scope
	entries []Entry
	faults  *faults
	values  map[string]bool
	trail   []string // names being evaluated
}

func evaluateConditions(entries []Entry, s scope, f *faults) map[string]bool {
	c := conditions{scope: s, entries: entries, faults: f, values: map[string]bool{}}
	c.scope.conditions = c.values
	for _, e := range entries {
		c.named(e.Name, e.At, "Conditions."+e.Name)
	}
	return c.values
}

func (c *conditions) named(name string, at Position, path string) bool {
	if v, ok := c.values[name]; ok {
		return v
	}
	i := slices.IndexFunc(c.entries, func(e Entry) bool { return e.Name == name })
	if i < 0 {
		c.faults.add(at, path, "there is no condition %q%s", name, meant(name, c.names()))
		return false
	}
	if slices.Contains(c.trail, name) {
		c.faults.add(at, path, "the conditions refer to each other in a circle: %s", strings.Join(append(c.trail, name), " -> "))
		return false
	}
	c.trail = append(c.trail, name)
	v := c.holds(c.entries[i].Value, "Conditions."+name)
	c.trail = c.trail[:len(c.trail)-1]
	c.values[name] = v
	return v
}

func (c *conditions) names() []string {
	var names []string
	for _, e := range c.entries {
		names = append(names, e.Name)
	}
	return names
}

// holds evaluates one condition function.
func (c *conditions) holds(n *Node, path string) bool {
	if name, ok := n.Get("Condition").Text(); ok && len(n.Entries) == 1 {
		return c.named(name, n.At, path)
	}
	if n.Kind != Call || !decides(n.Function) {
		c.faults.add(n.At, path, "a condition is one of Fn::Equals, Fn::And, Fn::Or, Fn::Not and Condition, not %s", n.kindName())
		return false
	}
	if err := checkCall(n); err != nil {
		c.faults.add(n.At, path, "%v", err)
		return false
	}
	path = join(path, n.Function)
	switch n.Function {
	case "Condition":
		name, _ := n.Argument.Text()
		return c.named(name, n.At, path)
	case "Fn::Equals":
		return c.same(n, path)
	}
	every, some := true, false
	for i, item := range n.Argument.Items {
		v := c.holds(item, join(path, itoa(i)))
		every, some = every && v, some || v
	}
	switch n.Function {
	case "Fn::And":
		return every
	case "Fn::Or":
		return some
	}
	return !some
}

func decides(name string) bool {
	fn, ok := findFunction(name)
	return ok && fn.decides
}

// same compares as text: a parameter "true" equals the boolean true.
func (c *conditions) same(n *Node, path string) bool {
	var texts [2]string
	for i, item := range n.Argument.Items {
		v, problem := c.scope.eval(item, join(path, itoa(i)))
		if problem != nil {
			c.faults.add(problem.Position, problem.Path, "%s", problem.Message)
			return false
		}
		s, ok := scalarText(v)
		if !ok && v != nil {
			c.faults.add(item.At, path, "Fn::Equals compares strings, not %s", describe(v))
			return false
		}
		texts[i] = s
	}
	return texts[0] == texts[1]
}

// decide returns n without Fn::If: each is replaced by its branch, and entries
// and items that are AWS::NoValue are gone. What is nothing as a whole is nil.
func decide(n *Node, path string, conditions map[string]bool, f *faults) *Node {
	switch n.Kind {
	case List:
		m := &Node{Kind: List, At: n.At}
		for i, item := range n.Items {
			if d := decide(item, join(path, itoa(i)), conditions, f); d != nil {
				m.Items = append(m.Items, d)
			}
		}
		return m
	case Map:
		m := &Node{Kind: Map, At: n.At}
		for _, e := range n.Entries {
			if d := decide(e.Value, join(path, e.Name), conditions, f); d != nil {
				m.Entries = append(m.Entries, Entry{e.Name, e.At, d})
			}
		}
		return m
	case Call:
		return decideCall(n, path, conditions, f)
	}
	return n
}

func decideCall(n *Node, path string, conditions map[string]bool, f *faults) *Node {
	if n.isNoValue() {
		return nil
	}
	if n.Function != "Fn::If" || checkCall(n) != nil {
		argument := decide(n.Argument, join(path, n.Function), conditions, f)
		if argument == nil {
			f.add(n.At, path, "%s has AWS::NoValue for its argument", n.Function)
			return n
		}
		return call(n.At, n.Function, argument)
	}
	name, _ := n.Argument.Items[0].Text()
	holds, ok := conditions[name]
	if !ok {
		var names []string
		for known := range conditions {
			names = append(names, known)
		}
		slices.Sort(names)
		f.add(n.At, path, "Fn::If names the condition %q, which the Conditions section lacks%s", name, meant(name, names))
	}
	branch := 2
	if holds {
		branch = 1
	}
	return decide(n.Argument.Items[branch], path, conditions, f)
}
