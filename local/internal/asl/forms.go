package asl

// This file defines how the value of each form of field is validated.

import (
	"fmt"
	"regexp"
	"strings"
	gotime "time"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// forms has one function for each form. The row is nil for the operands of
// comparison operators, which are not in the table.
var forms map[form]func(*schema, *field, spot)

func init() { // not a literal: nested and list come back to forms
	forms = map[form]func(*schema, *field, spot){
		anything:   func(*schema, *field, spot) {},
		text:       checkText,
		pathless:   checkPathless,
		boolean:    checkBoolean,
		integer:    checkInteger,
		number:     checkNumber,
		words:      checkWords,
		oneOf:      checkOneOf,
		states:     func(s *schema, _ *field, sp spot) { s.states(sp) },
		list:       checkList,
		nested:     func(s *schema, row *field, sp spot) { checkNested(s, row.of, sp) },
		path:       func(s *schema, _ *field, sp spot) { checkExpr(s, sp, "JSONPath", parsePath) },
		pathOrNull: checkPathOrNull,
		source:     func(s *schema, _ *field, sp spot) { checkExpr(s, sp, "Reference Path", parseSource) },
		sourceCall: checkSourceCall,
		resultPath: checkResultPath,
		template:   func(s *schema, _ *field, sp spot) { checkTemplate(s, sp) },
		objectOnly: checkObjectOnly,
		variables:  checkVariables,
		time:       checkTime,
		resource:   checkResource,
		target:     checkText,
		label:      checkLabel,
	}
}

func checkText(s *schema, _ *field, sp spot) {
	if _, ok := sp.value.(string); !ok {
		s.typeFault(sp, "String")
	}
}

// checkPathless validates texts that have a ...Path sibling, and warns of a path
// in the wrong one.
func checkPathless(s *schema, row *field, sp spot) {
	checkText(s, row, sp)
	if t, ok := sp.value.(string); ok && sp.lang == JSONPath && looksDynamic(t) {
		s.warn(CodeNoPath, sp.at, "The value of the field '%s' looks like an expression; to evaluate it, name the field '%sPath'", sp.field, sp.field)
	}
}

func checkBoolean(s *schema, _ *field, sp spot) {
	if _, ok := sp.value.(bool); !ok {
		s.typeFault(sp, "Boolean")
	}
}

func checkInteger(s *schema, row *field, sp spot) {
	n, ok := sp.value.(jsonvalue.Number)
	if ok {
		_, ok = n.Int64()
	}
	if !ok {
		s.typeFault(sp, "Integer")
		return
	}
	checkBounds(s, row, n, sp)
}

func checkNumber(s *schema, row *field, sp spot) {
	n, ok := sp.value.(jsonvalue.Number)
	if !ok {
		s.typeFault(sp, "Float")
		return
	}
	checkBounds(s, row, n, sp)
}

func checkBounds(s *schema, row *field, n jsonvalue.Number, sp spot) {
	switch f, ok := n.Float64(); {
	case !ok || f < row.min || row.max > 0 && f > row.max:
		if row.max > 0 {
			s.schema(sp.at, "Value must be between %v and %v", jsonvalue.Float(row.min), jsonvalue.Float(row.max))
		} else {
			s.schema(sp.at, "Value must be %v or more", jsonvalue.Float(row.min))
		}
	}
}

// checkWords validates arrays of strings; of error names States.ALL stands
// alone.
func checkWords(s *schema, _ *field, sp spot) {
	a, ok := sp.value.([]any)
	if !ok {
		s.typeFault(sp, "Array")
		return
	}
	if len(a) == 0 {
		s.schema(sp.at, "Value cannot be empty")
	}
	for i, v := range a {
		if _, ok := v.(string); !ok {
			s.typeFault(spot{at: sp.at.item(i)}, "String")
		}
		if sp.field == "ErrorEquals" && v == "States.ALL" && len(a) > 1 {
			s.schema(sp.at, "States.ALL must appear alone in ErrorEquals")
		}
	}
}

func checkOneOf(s *schema, row *field, sp spot) {
	for _, v := range row.values {
		if sp.value == v {
			return
		}
	}
	s.schema(sp.at, "The field '%s' should have one of these values: [%s]", row.name, strings.Join(row.values, ", "))
}

func checkList(s *schema, row *field, sp spot) {
	a, ok := sp.value.([]any)
	if !ok {
		s.typeFault(sp, "Array")
		return
	}
	if len(a) == 0 && row.of&(inRetrier|inCatcher) == 0 {
		s.schema(sp.at, "Value cannot be empty")
	}
	for i, v := range a {
		checkNested(s, row.of, spot{value: v, at: sp.at.item(i), lang: sp.lang})
		if row.of&(inRetrier|inCatcher) != 0 && i < len(a)-1 && catchesAll(v) {
			s.schema(sp.at.item(i), "States.ALL must appear in the last element of %s", sp.field)
		}
	}
}

func catchesAll(v jsonvalue.Value) bool {
	o, _ := v.(*jsonvalue.Object)
	equals, _ := o.Get("ErrorEquals")
	a, _ := equals.([]any)
	return len(a) == 1 && a[0] == "States.ALL"
}

func checkNested(s *schema, kind object, sp spot) {
	switch {
	case kind&anyGraph != 0:
		s.graph(kind, sp)
	case kind&withTest != 0:
		if o := s.object(kind, sp); o != nil {
			s.rule(kind, o, sp)
		}
	default:
		s.object(kind, sp)
	}
}

// checkExpr validates a string that parse must read. AWS's words for a path
// that cannot be used: "Value is not a Reference Path: <why>".
func checkExpr(s *schema, sp spot, what string, parse func(string) (*Path, error)) {
	t, ok := sp.value.(string)
	if !ok {
		s.typeFault(sp, "String")
		return
	}
	if _, err := parse(t); err != nil {
		s.schema(sp.at, "Value is not a %s: %v", what, err)
	}
}

func checkPathOrNull(s *schema, _ *field, sp spot) {
	if sp.value != nil {
		checkExpr(s, sp, "JSONPath", parsePath)
	}
}

func checkSourceCall(s *schema, _ *field, sp spot) {
	checkExpr(s, sp, "JSONPath or a call of an intrinsic function", parseExpr)
}

func checkResultPath(s *schema, _ *field, sp spot) {
	if sp.value == nil {
		return
	}
	checkExpr(s, sp, "Reference Path", func(t string) (*Path, error) {
		p, err := parseReference(t)
		if err == nil && p.JSON.Root() != "$" {
			return nil, fmt.Errorf("a result goes into the input, which begins with $, not with %s", p.JSON.Root())
		}
		return p, err
	})
}

// checkTemplate validates the expressions inside a value. Faults are told of
// the object that has the field, as AWS does.
func checkTemplate(s *schema, sp spot) {
	switch v := sp.value.(type) {
	case *jsonvalue.Object:
		for name, member := range v.All() {
			checkTemplateMember(s, v, name, spot{value: member, at: sp.at, lang: sp.lang})
		}
	case []any:
		for i, item := range v {
			checkTemplate(s, spot{value: item, at: sp.at.item(i), lang: sp.lang})
		}
	case string:
		if sp.lang == JSONata {
			s.query(sp)
		}
	}
}

// checkTemplateMember validates one member; its spot's place is the object's.
func checkTemplateMember(s *schema, o *jsonvalue.Object, field string, sp spot) {
	name, dynamic := strings.CutSuffix(field, ".$")
	if !dynamic || sp.lang == JSONata {
		if t, ok := sp.value.(string); ok && sp.lang == JSONPath && looksDynamic(t) {
			s.warn(CodeNoDollar, sp.at, "The value of the field '%s' looks like an expression; to evaluate it, name the field '%s.$'", field, field)
		}
		checkTemplate(s, spot{value: sp.value, at: sp.at.at(field), lang: sp.lang})
		return
	}
	if o.Has(name) {
		s.schema(sp.at, "The fields '%s' and '%s' make the same field", name, field)
	}
	t, ok := sp.value.(string)
	if ok {
		_, err := parseExpr(t)
		ok = err == nil
	}
	if !ok {
		s.schema(sp.at, "The value for the field '%s' must be a valid JSONPath or a valid intrinsic function call", field)
	}
}

var dynamicLook = regexp.MustCompile(`^(\$\$?\.|States\.[A-Z]\w+\()`)

func looksDynamic(t string) bool { return dynamicLook.MatchString(t) }

func checkObjectOnly(s *schema, _ *field, sp spot) {
	if _, ok := sp.value.(*jsonvalue.Object); !ok {
		s.typeFault(sp, "Object")
		return
	}
	checkTemplate(s, sp)
}

// variableName is what a variable may be called; at most 80 characters.
// https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html
var variableName = regexp.MustCompile(`^[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*$`)

func checkVariables(s *schema, _ *field, sp spot) {
	o, ok := sp.value.(*jsonvalue.Object)
	if !ok {
		s.typeFault(sp, "Object")
		return
	}
	for field := range o.All() {
		name := field
		if sp.lang == JSONPath {
			name = strings.TrimSuffix(field, ".$")
		}
		if !variableName.MatchString(name) || len([]rune(name)) > 80 || name == "states" {
			s.schema(sp.at, "'%s' is not a valid variable name", name)
		}
	}
	checkTemplate(s, sp)
}

func checkTime(s *schema, _ *field, sp spot) {
	t, ok := sp.value.(string)
	if !ok {
		s.typeFault(sp, "String")
		return
	}
	if _, err := gotime.Parse(gotime.RFC3339Nano, t); err != nil {
		s.schema(sp.at, "'%s' is not a valid ISO-8601 timestamp with an offset, such as 2026-01-02T15:04:05Z", t)
	}
}

func checkResource(s *schema, _ *field, sp spot) {
	arn, ok := sp.value.(string)
	if !ok {
		s.typeFault(sp, "String")
		return
	}
	r, ok := parseResource(arn, sp.in)
	if !ok {
		s.schema(sp.at, "The resource provided %s is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.", arn)
		return
	}
	if s.express {
		checkExpressResource(s, r, sp)
	}
}

// checkExpressResource refuses what Express workflows cannot do. The space at
// the end of the second text is AWS's.
func checkExpressResource(s *schema, r Resource, sp spot) {
	switch {
	case r.Kind == Activity:
		s.schema(sp.at, "Express state machine does not support Activity resources")
	case r.Pattern == WaitForTaskToken:
		s.schema(sp.at, "Express state machine does not support '.%s' service integration ", r.Pattern)
	case r.Pattern != RequestResponse:
		s.schema(sp.at, "Express state machine does not support '.%s' service integration", r.Pattern)
	}
}

// labelRunes are what a Label must not contain:
// https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
const labelRunes = "?*<>{}[]:;,\\|^~$#%&`\"/ \t\r\n"

func checkLabel(s *schema, _ *field, sp spot) {
	name, ok := sp.value.(string)
	switch {
	case !ok:
		s.typeFault(sp, "String")
		return
	case len([]rune(name)) > 40:
		s.fault(CodeLabel, sp.at, "Label cannot exceed 40 characters")
	case name == "" || strings.ContainsAny(name, labelRunes):
		s.fault(CodeLabel, sp.at, "Label '%s' contains characters that are not allowed", name)
	case s.labels[name]:
		s.fault(CodeDuplicateLabel, sp.at, "Duplicate label name: %s", name)
	}
	s.labels[name] = true
}
