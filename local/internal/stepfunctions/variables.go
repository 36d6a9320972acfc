package stepfunctions

// This file defines variableReferences: which variables each state of a
// definition reads.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachine.html

import (
	"regexp"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

var (
	quoted       = regexp.MustCompile(`'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"`)
	pathVariable = regexp.MustCompile(`(?:^|[^$\w])\$([\pL_][\pL\d_]*)`)
	variable     = regexp.MustCompile(`\$([\pL_][\pL\d_]*)`)
)

// variableReferences reads a definition that is known to be valid.
func variableReferences(definition string) map[string][]string {
	v, err := jsonvalue.Parse([]byte(definition))
	if err != nil {
		return nil
	}
	refs := map[string][]string{}
	statesIn(v, refs)
	return refs
}

// statesIn finds the states of a graph and of the graphs within them.
func statesIn(v jsonvalue.Value, refs map[string][]string) {
	o, _ := v.(*jsonvalue.Object)
	states, _ := o.Get("States")
	all, _ := states.(*jsonvalue.Object)
	for name, state := range all.All() {
		found := map[string]bool{}
		fields, _ := state.(*jsonvalue.Object)
		for field, value := range fields.All() {
			switch field {
			case "ItemProcessor", "Iterator":
				statesIn(value, refs)
			case "Branches":
				branches, _ := value.([]any)
				for _, branch := range branches {
					statesIn(branch, refs)
				}
			default:
				references(field, value, found)
			}
		}
		if len(found) > 0 {
			for variable := range found {
				refs[name] = append(refs[name], variable)
			}
			slices.Sort(refs[name])
		}
	}
}

// references finds variables in the expressions of a field: JSONPath where the
// field's name says that it holds a path, JSONata between {% and %}.
func references(field string, value jsonvalue.Value, found map[string]bool) {
	switch v := value.(type) {
	case *jsonvalue.Object:
		for name, x := range v.All() {
			references(name, x, found)
		}
	case []any:
		for _, x := range v {
			references(field, x, found)
		}
	case string:
		switch {
		case strings.HasPrefix(v, "{%") && strings.HasSuffix(v, "%}"):
			queryReferences(v, found)
		case strings.HasSuffix(field, ".$"), strings.HasSuffix(field, "Path"), field == "Variable":
			for _, m := range pathVariable.FindAllStringSubmatch(quoted.ReplaceAllString(v, ""), -1) {
				found[m[1]] = true
			}
		}
	}
}

// queryReferences finds the variables of a JSONata expression: a name before a
// parenthesis is a function, one before := is the expression's own.
func queryReferences(expression string, found map[string]bool) {
	text := quoted.ReplaceAllString(expression, "")
	own := map[string]bool{"states": true}
	var read []string
	for _, m := range variable.FindAllStringSubmatchIndex(text, -1) {
		name, rest := text[m[2]:m[3]], strings.TrimLeft(text[m[1]:], " \t\r\n")
		switch {
		case strings.HasPrefix(rest, ":="):
			own[name] = true
		case !strings.HasPrefix(rest, "("):
			read = append(read, name)
		}
	}
	for _, name := range read {
		if !own[name] {
			found[name] = true
		}
	}
}
