package asl_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/conformance"
)

// TestRecordedExecutionsAreAccepted parses every definition that AWS ran.
func TestRecordedExecutionsAreAccepted(t *testing.T) {
	tally := conformance.Tally{Name: "asl_exec.jsonl, definitions"}
	type row struct {
		ID   string
		Text string `json:"definition_text"`
		Type string
	}
	for r := range conformance.Rows[row](t, "asl_exec.jsonl") {
		tally.Check(r.ID, refusal(r.Text, asl.MachineType(r.Type)))
	}
	tally.Demand(t, 100)
}

func refusal(text string, kind asl.MachineType) string {
	if _, err := asl.Parse(text, kind); err != nil {
		return err.Error()
	}
	return ""
}

// TestRecordedDiagnostics compares what AWS says of bad definitions.
func TestRecordedDiagnostics(t *testing.T) {
	tally := conformance.Tally{Name: "asl_validation.jsonl, definitions"}
	type row struct {
		ID         string
		Op, Type   string
		Provenance string
		Text       *string `json:"definition_text"`
		Expected   struct {
			Accepted      bool
			Code, Message string
			Diagnostics   []struct{ Code, Message, Location string }
		}
	}
	for r := range conformance.Rows[row](t, "asl_validation.jsonl") {
		aboutDefinition := r.Expected.Accepted || r.Expected.Code == "InvalidDefinition" || r.Op == "validate_state_machine_definition"
		if r.Provenance != "aws" || r.Text == nil || !aboutDefinition {
			continue
		}
		faults := asl.Validate(*r.Text, asl.MachineType(r.Type))
		switch {
		case r.Op == "validate_state_machine_definition":
			var want, got []string
			for _, d := range r.Expected.Diagnostics {
				want = append(want, d.Code+"|"+d.Message+"|"+d.Location)
			}
			for _, f := range faults {
				got = append(got, f.Code+"|"+f.Message+"|"+f.Location)
			}
			tally.Check(r.ID, unequal(strings.Join(want, "\n"), strings.Join(got, "\n")))
		case r.Expected.Accepted:
			tally.Check(r.ID, refusal(*r.Text, asl.MachineType(r.Type)))
		default:
			_, want, _ := strings.Cut(r.Expected.Message, "operation: ")
			if want == "" {
				want = r.Expected.Message
			}
			got := strings.ReplaceAll(faults.Message(), "arn:aws:", "arn:<partition>:")
			tally.Check(r.ID, unequal(want, got))
		}
	}
	tally.Demand(t, 100)
}

func unequal(want, got string) string {
	if want == got {
		return ""
	}
	return fmt.Sprintf("want %s, got %s", want, got)
}

// TestPublicSamplesAreAccepted parses machines of public repositories, with
// examples in place of what their templates substitute.
func TestPublicSamplesAreAccepted(t *testing.T) {
	tally := conformance.Tally{Name: "asl_corpus.jsonl"}
	type row struct {
		Repo, Path, Where string
		Dup               any
		Definition        json.RawMessage
	}
	for r := range conformance.Rows[row](t, "asl_corpus.jsonl") {
		var d map[string]any
		if r.Dup == true || json.Unmarshal(r.Definition, &d) != nil {
			continue
		}
		text, err := json.Marshal(substitute(d, ""))
		if err != nil {
			t.Fatal(err)
		}
		tally.Check(r.Repo+":"+r.Path+r.Where, refusal(string(text), asl.Standard))
	}
	tally.Demand(t, 97)
}

var (
	substitution = regexp.MustCompile(`\$\{[^}]*\}`)
	pseudo       = strings.NewReplacer("${AWS::Partition}", "aws", "${AWS::Region}", "us-east-1", "${AWS::AccountId}", "123456789012")
	numberFields = regexp.MustCompile(`Seconds$|^Max|^Tolerated|^BackoffRate$`)
)

func substitute(v any, field string) any {
	switch v := v.(type) {
	case map[string]any:
		for name, e := range v {
			v[name] = substitute(e, name)
		}
	case []any:
		for i, e := range v {
			v[i] = substitute(e, field)
		}
	case string:
		s := pseudo.Replace(v)
		if m := substitution.FindString(s); m != "" && m == s {
			switch {
			case numberFields.MatchString(field):
				return 5
			case field == "Resource":
				return "arn:aws:lambda:us-east-1:123456789012:function:example"
			}
		}
		return substitution.ReplaceAllString(s, "example")
	}
	return v
}

// TestLinters compares with the verdicts of public linters, which are opinions:
// a definition that one finds invalid for a reason that AWS has must be refused.
func TestLinters(t *testing.T) {
	tally := conformance.Tally{Name: "lint.jsonl, what linters find invalid"}
	type row struct {
		ID       string
		Text     string `json:"definition_text"`
		Expected struct{ Valid bool }
	}
	for r := range conformance.Rows[row](t, "lint.jsonl") {
		if r.Expected.Valid {
			continue
		}
		_, err := asl.Parse(r.Text, asl.Standard)
		var faults asl.Faults
		if err != nil && !errors.As(err, &faults) {
			t.Errorf("%s: %T is not asl.Faults", r.ID, err)
		}
		difference := ""
		if err == nil {
			difference = "accepted"
		}
		tally.Check(r.ID, difference)
	}
	tally.Demand(t, 98)
}
