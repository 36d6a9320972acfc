package asl

// This file defines faults: what is wrong with a definition, and where.

import (
	"fmt"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// The codes of faults, from
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html
const (
	CodeSyntax            = "INVALID_JSON_DESCRIPTION"
	CodeMissing           = "MISSING_DESCRIPTION"
	CodeSchema            = "SCHEMA_VALIDATION_FAILED"
	CodeResource          = "INVALID_RESOURCE"
	CodeNoEnd             = "MISSING_END_STATE"
	CodeDuplicateState    = "DUPLICATE_STATE_NAME"
	CodeStateName         = "INVALID_STATE_NAME"
	CodeDuplicateLabel    = "DUPLICATE_LABEL_NAME"
	CodeLabel             = "INVALID_LABEL_NAME"
	CodeTransition        = "MISSING_TRANSITION_TARGET"
	CodeNested            = "TOO_DEEPLY_NESTED"
	CodeNoDollar          = "NO_DOLLAR"
	CodeNoPath            = "NO_PATH"
	CodePassResultIsConst = "PASS_RESULT_IS_STATIC"
)

// Fault is one thing that is wrong with a definition.
type Fault struct {
	Code     string
	Message  string
	Location string // as AWS writes it: "/States/P/Branches[0]/StartAt"; "" when there is none
	Warning  bool   // the definition can be used all the same

	Line, Column int // of the place in the text, from 1; 0 when there is none
}

func (f Fault) Error() string {
	at := ""
	if f.Line > 0 {
		at = fmt.Sprintf("line %d, column %d: ", f.Line, f.Column)
	}
	return at + f.String()
}

// String returns the fault as CreateStateMachine's message lists it. A fault
// without a place is "at null" there.
func (f Fault) String() string {
	location := f.Location
	if location == "" {
		location = "null"
	}
	return f.Code + ": " + f.Message + " at " + location
}

// Faults are all faults of a definition, in the order they were found.
type Faults []Fault

func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Message returns what CreateStateMachine says of the definition.
func (fs Faults) Message() string {
	texts := make([]string, len(fs))
	for i, f := range fs {
		texts[i] = f.String()
	}
	return "Invalid State Machine Definition: '" + strings.Join(texts, ", ") + "'"
}

// errors returns the faults that are no warnings.
func (fs Faults) errors() Faults {
	var out Faults
	for _, f := range fs {
		if !f.Warning {
			out = append(out, f)
		}
	}
	return out
}

// place is where in a definition something stands. The nil place is its root.
type place struct {
	parent *place
	name   string
	index  int // in an array, when name is ""
}

func (p *place) at(name string) *place { return &place{parent: p, name: name} }

func (p *place) item(i int) *place { return &place{parent: p, index: i} }

// location is the place in AWS's notation.
func (p *place) location() string {
	if p == nil {
		return "/"
	}
	before := p.parent.location()
	if before == "/" {
		before = ""
	}
	if p.name == "" {
		return fmt.Sprintf("%s[%d]", before, p.index)
	}
	return before + "/" + p.name
}

// key is the place as State.Location tells it: like location, but with names
// escaped as in a JSON pointer, so that no two places share one whatever their
// names.
func (p *place) key() string {
	if p == nil {
		return ""
	}
	if p.name == "" {
		return fmt.Sprintf("%s[%d]", p.parent.key(), p.index)
	}
	return p.parent.key() + "/" + pointerEscape.Replace(p.name)
}

// Location is the State.Location of a state of the machine itself, by name.
func Location(name string) string { return (*place)(nil).at("States").at(name).key() }

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// pointer is the place as a JSON pointer.
func (p *place) pointer() string {
	if p == nil {
		return ""
	}
	if p.name == "" {
		return fmt.Sprintf("%s/%d", p.parent.pointer(), p.index)
	}
	return p.parent.pointer() + "/" + pointerEscape.Replace(p.name)
}

// finder collects faults.
type finder struct {
	text   string
	faults Faults
}

// maxFaults bounds what a hostile definition can cost: every position is a scan
// of the text.
const maxFaults = 100

func (f *finder) fault(code string, at *place, format string, args ...any) {
	f.add(Fault{Code: code, Message: fmt.Sprintf(format, args...), Location: at.location()}, at)
}

func (f *finder) schema(at *place, format string, args ...any) {
	f.fault(CodeSchema, at, format, args...)
}

func (f *finder) warn(code string, at *place, format string, args ...any) {
	f.add(Fault{Code: code, Message: fmt.Sprintf(format, args...), Location: at.location(), Warning: true}, at)
}

func (f *finder) add(fault Fault, at *place) {
	if len(f.faults) >= maxFaults {
		return
	}
	fault.Line, fault.Column = jsonvalue.Position([]byte(f.text), at.pointer())
	f.faults = append(f.faults, fault)
}
