package stack

// This file defines checking without deploying.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/cloudformation"
	"github.com/stepworks/stepworks/local/internal/template"
)

// CheckDefinition returns what is wrong with a state machine's definition, a
// line a fault: file, line, place, what was wrong.
func CheckDefinition(file string, text []byte) []string {
	var lines []string
	for _, f := range asl.Validate(withoutPlaceholders(string(text)), asl.Standard) {
		where := file
		if f.Line > 0 {
			where = fmt.Sprintf("%s:%d:%d", file, f.Line, f.Column)
		}
		lines = append(lines, where+": "+f.String())
	}
	return lines
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
	for _, line := range CheckDefinition(file, text) {
		errs = append(errs, errors.New(line))
	}
	return errors.Join(errs...)
}

// CheckTemplate returns what is wrong with a template and the state machines it
// refers to.
func CheckTemplate(file string, text []byte, account, region string, parameters map[string]string) []string {
	wanted, err := template.Load(file, text, template.Environment{Account: account, Region: region, StackName: Name, Parameters: parameters})
	if err != nil {
		return problems(err)
	}
	var lines []string
	if err := cloudformation.Unsupported(wanted); err != nil {
		lines = problems(err)
	}
	for _, r := range wanted.Resources {
		if r.Local.Property != "Definition" {
			continue
		}
		path := filepath.Join(filepath.Dir(file), filepath.FromSlash(r.Local.Path))
		definition, err := os.ReadFile(path)
		if err != nil {
			lines = append(lines, fmt.Sprintf("%s:%d: %s: the definition cannot be read: %v", file, r.At.Line, r.LogicalID, err))
			continue
		}
		lines = append(lines, CheckDefinition(path, definition)...)
	}
	return lines
}

func problems(err error) []string {
	var ps template.Problems
	if !errors.As(err, &ps) {
		return []string{err.Error()}
	}
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return lines
}
