package asl

// This file defines the way from a text to a Machine.

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// MachineType is the type of a state machine, which decides some of what its
// definition may have.
type MachineType string

// The types of state machine.
const (
	Standard MachineType = "STANDARD"
	Express  MachineType = "EXPRESS"
)

// MaxText is the longest definition, in bytes:
// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
const MaxText = 1 << 20

// Parse reads a definition. The error is [Faults] without warnings.
func Parse(text string, t MachineType) (*Machine, error) {
	doc, faults := inspect(text, t)
	if bad := faults.errors(); len(bad) > 0 {
		return nil, bad
	}
	return build(text, doc), nil
}

// ParseState reads the definition of one state, which becomes the only state of
// a machine, under the name StateName, as AWS calls it in TestState. Where its
// transitions lead to is not asked.
func ParseState(text string) (*Machine, error) {
	whole := `{"StartAt":"` + LoneState + `","States":{"` + LoneState + `":` + text + `}}`
	if _, err := jsonvalue.Parse([]byte(text)); err != nil {
		return nil, Faults{syntaxFault(text, err)}
	}
	doc, faults := inspectAs(whole, Standard, true)
	if bad := faults.errors(); len(bad) > 0 {
		return nil, bad
	}
	return build(whole, doc), nil
}

// LoneState is the name of ParseState's state.
const LoneState = "StateName"

// Validate reports all that is wrong with a definition, and warnings.
func Validate(text string, t MachineType) Faults {
	_, faults := inspect(text, t)
	return faults
}

func inspect(text string, t MachineType) (*jsonvalue.Object, Faults) {
	return inspectAs(text, t, false)
}

func inspectAs(text string, t MachineType, alone bool) (*jsonvalue.Object, Faults) {
	if len(text) > MaxText {
		return nil, Faults{{Code: CodeSchema, Message: fmt.Sprintf("Definition has %d bytes; the limit is %d", len(text), MaxText)}}
	}
	v, err := jsonvalue.Parse([]byte(text))
	if err != nil && strings.TrimSpace(text) != "" {
		return nil, Faults{syntaxFault(text, err)}
	}
	doc, ok := v.(*jsonvalue.Object)
	if !ok {
		return nil, Faults{{Code: CodeSchema, Message: "Definition must be a valid JSON object"}}
	}
	s := &schema{
		finder: finder{text: text}, machine: JSONPath, express: t == Express, alone: alone,
		labels: map[string]bool{}, names: map[string]bool{},
	}
	if lang, _ := doc.Get("QueryLanguage"); lang == string(JSONata) {
		s.machine = JSONata
	}
	s.graph(inMachine, spot{value: doc, lang: s.machine})
	return doc, s.faults
}

var bareWord = regexp.MustCompile(`^\s*([\p{L}_$][\p{L}\p{Nd}_$]*)`)

// syntaxFault tells of text that is no JSON as AWS does, whose words are those
// of the Jackson library.
func syntaxFault(text string, err error) Fault {
	line, column, problem := 1, 1, err.Error()
	if syntax := (*jsonvalue.SyntaxError)(nil); errors.As(err, &syntax) {
		line, column, problem = syntax.Line, syntax.Column, syntax.Problem
	}
	if m := bareWord.FindStringSubmatch(text); m != nil {
		problem = fmt.Sprintf("Unrecognized token '%s': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')", m[1])
		column = utf8.RuneCountInString(m[0]) + 1
	}
	location := fmt.Sprintf("[Source: (String)\"%s\"; line: %d, column: %d]", excerpt(text), line, column)
	return Fault{Code: CodeSyntax, Message: problem + "\n at " + location, Location: location, Line: line, Column: column}
}

// excerpt is the beginning of a text, as Jackson quotes it: 500 characters.
func excerpt(text string) string {
	if r := []rune(text); len(r) > 500 {
		return fmt.Sprintf("%s\"[truncated %d chars]", string(r[:500]), len(r)-500)
	}
	return text
}
