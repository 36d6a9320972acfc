package stack

// This file defines checking without deploying.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/cloudformation"
	"github.com/stepworks/stepworks/local/internal/template"
)

// Fault is one thing that is wrong with a file.
type Fault struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // from 1; 0 when it has no place
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
}

func (f Fault) String() string {
	if f.Line > 0 {
		return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Message)
	}
	return f.File + ": " + f.Message
}

// CheckDefinition returns what is wrong with a state machine's definition.
func CheckDefinition(file string, text []byte) []Fault {
	var faults []Fault
	for _, f := range asl.Validate(withoutPlaceholders(string(text)), asl.Standard) {
		message, _, _ := strings.Cut(f.String(), " at [Source") // AWS repeats the whole text there
		faults = append(faults, Fault{file, f.Line, f.Column, message})
	}
	return faults
}

var (
	bareNumber  = regexp.MustCompile(`(:\s*|[\[,]\s*)\$\{[A-Za-z0-9_]+\}`)
	placeholder = regexp.MustCompile(`\$\{[A-Za-z0-9_]+\}`)
	resourceARN = regexp.MustCompile(`("Resource"\s*:\s*)"\$\{[A-Za-z0-9_]+\}"`)
)

// withoutPlaceholders puts plausible values of the same kind in the place of
// ${Substitutions}, which are known at deployment only: an ARN for a resource, a
// number where no quotes stand, else a word. Lines stay where they are.
func withoutPlaceholders(text string) string {
	text = resourceARN.ReplaceAllString(text, `$1"arn:aws:lambda:us-east-1:123456789012:function:substituted"`)
	text = bareNumber.ReplaceAllString(text, "${1}1")
	return placeholder.ReplaceAllString(text, "substituted")
}

// checkDefinition is CheckDefinition as an error.
func checkDefinition(file string, text []byte) error {
	var errs []error
	for _, f := range CheckDefinition(file, text) {
		errs = append(errs, errors.New(f.String()))
	}
	return errors.Join(errs...)
}

// CheckTemplate returns what is wrong with a template and the state machines it
// refers to.
func CheckTemplate(file string, text []byte, account, region string, parameters map[string]string) []Fault {
	wanted, err := template.Load(file, text, template.Environment{Account: account, Region: region, StackName: Name, Parameters: parameters})
	if err != nil {
		return problems(file, err)
	}
	var faults []Fault
	if err := cloudformation.Unsupported(wanted); err != nil {
		faults = problems(file, err)
	}
	for _, r := range wanted.Resources {
		if r.Local.Property != "Definition" {
			continue
		}
		path := filepath.Join(filepath.Dir(file), filepath.FromSlash(r.Local.Path))
		definition, err := os.ReadFile(path)
		if err != nil {
			faults = append(faults, Fault{file, r.At.Line, r.At.Column, fmt.Sprintf("%s: the definition cannot be read: %v", r.LogicalID, err)})
			continue
		}
		faults = append(faults, CheckDefinition(path, definition)...)
	}
	return faults
}

func problems(file string, err error) []Fault {
	var ps template.Problems
	if !errors.As(err, &ps) {
		return []Fault{{File: file, Message: strings.TrimPrefix(err.Error(), file+": ")}}
	}
	faults := make([]Fault, len(ps))
	for i, p := range ps {
		faults[i] = Fault{p.File, p.Line, p.Column, strings.TrimPrefix(p.Path+": "+p.Message, ": ")}
	}
	return faults
}
