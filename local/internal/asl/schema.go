package asl

// This file defines the validation of a definition against the table in
// fields.go: which fields are there, and what they hold.

import (
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/asl/jsonata"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// schema validates one definition.
type schema struct {
	finder
	machine QueryLanguage // of the machine as a whole
	express bool
	alone   bool // the machine is there for one state, whose transitions lead out of it
	labels  map[string]bool
	names   map[string]bool // of states, over the whole machine
}

// spot is a value under validation: what, where, in which language.
type spot struct {
	value jsonvalue.Value
	at    *place
	lang  QueryLanguage
	field string // its name
	in    object // the kind of object that has it
}

// object validates a value as an object of the kind. It returns nil when it is
// no object at all.
func (s *schema) object(kind object, sp spot) *jsonvalue.Object {
	o, ok := sp.value.(*jsonvalue.Object)
	if !ok {
		s.typeFault(sp, "Object")
		return nil
	}
	s.required(kind, o, sp.at)
	for name, v := range o.All() {
		s.member(kind, spot{v, sp.at.at(name), sp.lang, name, kind}, sp.at)
	}
	s.groups(kind, o, sp.at)
	return o
}

func (s *schema) typeFault(sp spot, want string) {
	s.schema(sp.at, "Expected value of type %s", want)
}

func (s *schema) required(kind object, o *jsonvalue.Object, at *place) {
	var missing []string
	for _, name := range requiredOf(kind) {
		if !o.Has(name) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		s.schema(at, "These fields are required: [%s]", strings.Join(missing, ", "))
	}
}

// member validates one field of an object at owner.
func (s *schema) member(kind object, sp spot, owner *place) {
	row := fieldsOf[kind][sp.field]
	if row == nil {
		if kind&withTest != 0 && sp.lang == JSONPath && s.comparison(sp) {
			return
		}
		s.schema(owner, "Field '%s' is not supported", sp.field)
		return
	}
	if row.only != "" && row.only != sp.lang {
		s.schema(owner, "The QueryLanguage is set to '%s', but field '%s' is only supported for the '%s' QueryLanguage",
			sp.lang, sp.field, row.only)
		return
	}
	if sp.lang == JSONata && row.dynamic && s.query(sp) {
		return
	}
	forms[row.form](s, row, sp)
}

// query reports whether the value is a JSONata expression, right or wrong.
func (s *schema) query(sp spot) bool {
	text, _ := sp.value.(string)
	if !strings.HasPrefix(text, "{%") {
		return false
	}
	query, ok := jsonataQuery(text)
	if !ok || query == "" {
		s.schema(sp.at, "A JSONata expression stands between '{%%' and '%%}'")
	} else if _, err := jsonata.Compile(query); err != nil {
		s.schema(sp.at, "The JSONata expression '%s' is not valid. %v", query, err)
	}
	return true
}

// groups validates that of fields that exclude one another one is there.
func (s *schema) groups(kind object, o *jsonvalue.Object, at *place) {
	for _, g := range groups {
		if g.in&kind == 0 {
			continue
		}
		var given []string
		for _, name := range g.names {
			if v, ok := o.Get(name); ok && !(name == "End" && v == false) {
				given = append(given, name)
			}
		}
		if len(given) > 1 {
			s.schema(at, "Only one of these fields is allowed: [%s]", strings.Join(given, ", "))
		}
		if len(given) == 0 && g.required {
			s.schema(at, "One of these fields is required: [%s]", strings.Join(g.names, ", "))
		}
	}
}

// graph validates StartAt and States beyond their form: the states, and that
// the transitions between them hold together.
func (s *schema) graph(kind object, sp spot) {
	o := s.object(kind, sp)
	if o == nil || kind == inMachine && s.alone {
		return
	}
	all, _ := o.Get("States")
	if members, ok := all.(*jsonvalue.Object); ok && members.Len() > 0 {
		s.transitions(kind, o, members, sp.at)
	}
}

// states validates the States object.
func (s *schema) states(sp spot) {
	o, ok := sp.value.(*jsonvalue.Object)
	if !ok {
		s.typeFault(sp, "Object")
		return
	}
	if o.Len() == 0 {
		s.schema(sp.at, "Value cannot be empty")
	}
	for name, v := range o.All() {
		s.stateName(name, sp.at.at(name))
		s.state(v, sp.at.at(name))
	}
}

// maxName is the longest name of a state:
// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
const maxName = 80

func (s *schema) stateName(name string, at *place) {
	if n := len([]rune(name)); n > maxName || strings.TrimSpace(name) == "" {
		s.fault(CodeStateName, at, "A state name has 1 to %d characters and is not blank; this one has %d", maxName, n)
	}
	if s.names[name] {
		s.fault(CodeDuplicateState, at, "Duplicate state name: %s", name)
	}
	s.names[name] = true
}

func (s *schema) state(v jsonvalue.Value, at *place) {
	o, ok := v.(*jsonvalue.Object)
	if !ok {
		s.typeFault(spot{at: at}, "Object")
		return
	}
	kind := s.stateKind(o, at)
	if kind == 0 {
		return
	}
	lang := s.language(o, at)
	s.object(kind, spot{value: o, at: at, lang: lang})
	switch kind {
	case inMap:
		s.mapState(o, at)
	case inPass:
		s.constantResult(o, at)
	}
}

// stateKind reads Type.
func (s *schema) stateKind(o *jsonvalue.Object, at *place) object {
	v, ok := o.Get("Type")
	if !ok {
		s.schema(at, "These fields are required: [Type]")
		return 0
	}
	var names []string
	for _, k := range stateObjects {
		if v == string(k.name) {
			return k.kind
		}
		names = append(names, string(k.name))
	}
	s.schema(at.at("Type"), "The field 'Type' should have one of these values: [%s]", strings.Join(names, ", "))
	return 0
}

// language reads a state's QueryLanguage. States inside a Map or Parallel take
// theirs from the machine, not from the state around them.
func (s *schema) language(o *jsonvalue.Object, at *place) QueryLanguage {
	lang := s.machine
	switch v, _ := o.Get("QueryLanguage"); v {
	case string(JSONata):
		lang = JSONata
	case string(JSONPath):
		if s.machine == JSONata {
			s.schema(at, "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine")
		}
		lang = JSONPath
	}
	return lang
}

func (s *schema) mapState(o *jsonvalue.Object, at *place) {
	if isDistributed(o) {
		if s.express {
			s.schema(at, "Express state machine does not support Map states with Mode 'DISTRIBUTED'")
		}
		return
	}
	for _, name := range distributedOnly {
		// AWS lets a JSONata expression pass here, and nothing comes of it
		// (conformance cases test_base_map[TOLERATED_FAILURE_COUNT]).
		text := str(o, name)
		if _, query := jsonataQuery(text); o.Has(name) && !query {
			s.schema(at, "Field '%s' is only supported for Map states with Mode 'DISTRIBUTED'", name)
		}
	}
}

func processorOf(o *jsonvalue.Object) (name string, processor *jsonvalue.Object) {
	for _, name := range []string{"ItemProcessor", "Iterator"} {
		if v, ok := o.Get(name); ok {
			processor, _ = v.(*jsonvalue.Object)
			return name, processor
		}
	}
	return "", nil
}

func isDistributed(mapState *jsonvalue.Object) bool {
	_, processor := processorOf(mapState)
	v, _ := processor.Get("ProcessorConfig")
	config, _ := v.(*jsonvalue.Object)
	mode, _ := config.Get("Mode")
	return mode == "DISTRIBUTED"
}

// constantResult warns of a path in a Result, which is never evaluated.
func (s *schema) constantResult(o *jsonvalue.Object, at *place) {
	result, _ := o.Get("Result")
	if r, ok := result.(*jsonvalue.Object); ok {
		for name := range r.All() {
			if strings.HasSuffix(name, ".$") {
				s.warn(CodePassResultIsConst, at.at("Result"),
					"The field '%s' stays as it is: Result is not evaluated, Parameters is", name)
			}
		}
	}
}

// comparison validates a field of a rule that is not in the table: an operator
// and what it compares with. It reports whether it is one.
func (s *schema) comparison(sp spot) bool {
	_, kind, byPath, ok := operatorOf(sp.field)
	if !ok {
		return false
	}
	if byPath {
		forms[source](s, nil, sp)
		return true
	}
	switch _, isNumber := sp.value.(jsonvalue.Number); kind {
	case numberOperand:
		if !isNumber {
			s.typeFault(sp, "Number")
		}
	case booleanOperand, testOperand:
		forms[boolean](s, nil, sp)
	case timeOperand:
		forms[time](s, nil, sp)
	default:
		forms[text](s, nil, sp)
	}
	return true
}

// rule validates what is peculiar to tests: one operator, and a Variable with a
// comparison.
func (s *schema) rule(kind object, o *jsonvalue.Object, sp spot) {
	if sp.lang == JSONata {
		if kind == inRule && !o.Has("Condition") {
			s.schema(sp.at, "These fields are required: [Condition]")
		}
		return
	}
	var given []string
	compares := false
	for name := range o.All() {
		_, _, _, isOp := operatorOf(name)
		if isOp || slices.Contains([]string{"And", "Or", "Not"}, name) {
			given, compares = append(given, name), compares || isOp
		}
	}
	switch {
	case len(given) == 0:
		s.schema(sp.at, "A comparison operator, And, Or or Not is required")
	case len(given) > 1:
		s.schema(sp.at, "Only one of these fields is allowed: [%s]", strings.Join(given, ", "))
	case compares && !o.Has("Variable"):
		s.schema(sp.at, "These fields are required: [Variable]")
	case !compares && o.Has("Variable"):
		s.schema(sp.at, "Field 'Variable' is not supported")
	}
}
