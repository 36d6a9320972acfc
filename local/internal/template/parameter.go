package template

// This file defines parameters: their types, constraints and values.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// parameterTypes are what a Parameter's Type may be. Those of SSM hold the name
// of a parameter there and come to its value.
var parameterTypes = []string{"String", "Number", "CommaDelimitedList", "List<Number>", "List<String>",
	"AWS::SSM::Parameter::Name", "AWS::SSM::Parameter::Value<String>", "AWS::SSM::Parameter::Value<List<String>>", "AWS::SSM::Parameter::Value<CommaDelimitedList>"}

// parameterAttributes are what a Parameter may say of itself.
var parameterAttributes = []string{"Type", "Default", "Description", "AllowedValues", "AllowedPattern", "ConstraintDescription", "MinLength", "MaxLength", "MinValue", "MaxValue", "NoEcho"}

func parseParameter(e Entry, f *faults) Parameter {
	path := "Parameters." + e.Name
	p := Parameter{Name: e.Name, At: e.At}
	if e.Value.Kind != Map {
		f.add(e.At, path, "a parameter is a map with a Type, not %s", e.Value.kindName())
		return p
	}
	if !alphanumeric.MatchString(e.Name) {
		f.add(e.At, path, "the name of a parameter must be letters and digits")
	}
	for _, a := range e.Value.Entries {
		p.set(a, join(path, a.Name), f)
	}
	if !slices.Contains(parameterTypes, p.Type) {
		f.add(e.At, path, "the type %q is not supported; supported are %s", p.Type, strings.Join(parameterTypes, ", "))
	}
	if p.Default != nil {
		if wrong := p.check(*p.Default); wrong != "" {
			f.add(e.At, join(path, "Default"), "%s", wrong)
		}
	}
	return p
}

// set takes over one attribute.
func (p *Parameter) set(a Entry, path string, f *faults) {
	switch a.Name {
	case "AllowedValues":
		p.setAllowed(a, path, f)
		return
	case "MinLength", "MaxLength", "MinValue", "MaxValue":
		p.setBound(a, path, f)
		return
	}
	s, ok := a.Value.Text()
	if ok = ok || !slices.Contains(parameterAttributes, a.Name); !ok {
		f.add(a.At, path, "%s must be a string, not %s", a.Name, a.Value.kindName())
		return
	}
	switch a.Name {
	case "Type":
		p.Type = s
	case "Default":
		p.Default = &s
	case "Description":
		p.Description = s
	case "ConstraintDescription":
		p.ConstraintDescription = s
	case "NoEcho":
		p.NoEcho = s == "true"
	case "AllowedPattern":
		p.AllowedPattern = s
		if _, err := regexp.Compile(s); err != nil {
			f.add(a.At, path, "the pattern is malformed: %v", err)
			p.AllowedPattern = ""
		}
	default:
		f.add(a.At, path, "a parameter has no attribute %s%s", a.Name, meant(a.Name, parameterAttributes))
	}
}

func (p *Parameter) setAllowed(a Entry, path string, f *faults) {
	if a.Value.Kind != List || len(a.Value.Items) == 0 {
		f.add(a.At, path, "AllowedValues must be a list of values, not %s", a.Value.kindName())
		return
	}
	for i, item := range a.Value.Items {
		s, ok := item.Text()
		if !ok {
			f.add(item.At, join(path, itoa(i)), "an allowed value must be a string or number, not %s", item.kindName())
			continue
		}
		p.AllowedValues = append(p.AllowedValues, s)
	}
}

func (p *Parameter) setBound(a Entry, path string, f *faults) {
	s, _ := a.Value.Text()
	number, err := strconv.ParseFloat(s, 64)
	if err != nil {
		f.add(a.At, path, "%s must be a number, not %s", a.Name, a.Value.kindName())
		return
	}
	length := int64(number)
	switch a.Name {
	case "MinLength":
		p.MinLength = &length
	case "MaxLength":
		p.MaxLength = &length
	case "MinValue":
		p.MinValue = &number
	case "MaxValue":
		p.MaxValue = &number
	}
}

// check tells what is wrong with a value, in AWS's words where it has some; ""
// if nothing is.
func (p *Parameter) check(value string) string {
	items := []string{value}
	if p.isList() {
		items = splitList(value)
	}
	for _, item := range items {
		wrong := p.checkItem(item)
		if wrong != "" && p.ConstraintDescription != "" {
			return fmt.Sprintf("Parameter %s failed to satisfy constraint: %s", p.Name, p.ConstraintDescription)
		}
		if wrong != "" {
			return wrong
		}
	}
	return ""
}

func (p *Parameter) isList() bool {
	return strings.HasPrefix(p.Type, "List<") || p.Type == "CommaDelimitedList"
}

func splitList(value string) []string {
	if value == "" {
		return nil
	}
	items := strings.Split(value, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return items
}

func (p *Parameter) checkItem(item string) string {
	length := int64(utf8.RuneCountInString(item))
	number, notNumber := strconv.ParseFloat(item, 64)
	numeric := p.Type == "Number" || p.Type == "List<Number>"
	switch {
	case p.AllowedValues != nil && !slices.Contains(p.AllowedValues, item):
		return fmt.Sprintf("Parameter '%s' must be one of AllowedValues: [%s]", p.Name, strings.Join(p.AllowedValues, ", "))
	case numeric && notNumber != nil:
		return fmt.Sprintf("Parameter '%s' must be a number", p.Name)
	case numeric && p.MinValue != nil && number < *p.MinValue:
		return fmt.Sprintf("Parameter '%s' must be a number not less than %g", p.Name, *p.MinValue)
	case numeric && p.MaxValue != nil && number > *p.MaxValue:
		return fmt.Sprintf("Parameter '%s' must be a number not greater than %g", p.Name, *p.MaxValue)
	case p.MinLength != nil && length < *p.MinLength:
		return fmt.Sprintf("Parameter '%s' must contain at least %d characters", p.Name, *p.MinLength)
	case p.MaxLength != nil && length > *p.MaxLength:
		return fmt.Sprintf("Parameter '%s' must contain at most %d characters", p.Name, *p.MaxLength)
	case p.AllowedPattern != "" && !regexp.MustCompile("^(?:"+p.AllowedPattern+")$").MatchString(item):
		return fmt.Sprintf("Parameter '%s' must match pattern %s", p.Name, p.AllowedPattern)
	}
	return ""
}

// value is what Ref of the parameter comes to.
func (p *Parameter) value(given string, env *Environment) (jsonvalue.Value, error) {
	inner, isSSM := strings.CutPrefix(p.Type, "AWS::SSM::Parameter::Value<")
	if isSSM {
		read := env.Parameter
		if read == nil && env.Dynamic != nil {
			read = func(name string) (string, error) { return env.Dynamic("ssm", name) }
		}
		if read == nil {
			return nil, errors.New("nothing here reads SSM parameters")
		}
		v, err := read(given)
		if err != nil {
			return nil, err
		}
		given = v
	}
	if p.isList() || isSSM && inner != "String>" {
		items := []any{}
		for _, item := range splitList(given) {
			items = append(items, item)
		}
		return items, nil
	}
	return given, nil
}

// parameterValues decides the value of every parameter.
func (t *Template) parameterValues(env *Environment, f *faults) map[string]jsonvalue.Value {
	values := map[string]jsonvalue.Value{}
	var missing []string
	for _, p := range t.Parameters {
		given, ok := env.Parameters[p.Name]
		if !ok && p.Default != nil {
			given, ok = *p.Default, true
		}
		if !ok {
			missing = append(missing, p.Name)
			continue
		}
		v, err := p.value(given, env)
		if err != nil {
			f.add(p.At, "Parameters."+p.Name, "Parameter '%s': %v", p.Name, err)
		} else if wrong := p.check(given); wrong != "" {
			f.add(p.At, "Parameters."+p.Name, "%s", wrong)
		}
		values[p.Name] = v
	}
	if len(missing) > 0 {
		f.add(Position{}, "", "Parameters: [%s] must have values", strings.Join(missing, ", "))
	}
	var unknown []string
	for _, name := range slices.Sorted(maps.Keys(env.Parameters)) {
		if !slices.ContainsFunc(t.Parameters, func(p Parameter) bool { return p.Name == name }) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		f.add(Position{}, "", "Parameters: [%s] do not exist in the template", strings.Join(unknown, ", "))
	}
	return values
}
