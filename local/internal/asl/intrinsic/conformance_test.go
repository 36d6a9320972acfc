package intrinsic_test

// This file defines what is checked against recordings outside of the repository.

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/asl/intrinsic"
	"github.com/stepworks/stepworks/local/internal/asl/jsonpath"
	"github.com/stepworks/stepworks/local/internal/conformance"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// TestRecordedResults evaluates the expressions of executions recorded from AWS
// that are one Pass state with one result.
func TestRecordedResults(t *testing.T) {
	type row struct {
		ID         string
		Definition struct {
			States map[string]struct {
				Parameters map[string]any
			}
		}
		Input    json.RawMessage
		Expected struct{ Output json.RawMessage }
	}
	tally := conformance.Tally{Name: "recorded intrinsic functions"}
	for r := range conformance.Rows[row](t, "asl_exec.jsonl") {
		if !strings.HasPrefix(r.ID, "intrinsic_functions/") || len(r.Definition.States) != 1 {
			continue
		}
		for _, state := range r.Definition.States {
			text, _ := state.Parameters["FunctionResult.$"].(string)
			var output struct{ FunctionResult json.RawMessage }
			if text == "" || json.Unmarshal(r.Expected.Output, &output) != nil || unknowable(string(output.FunctionResult)) {
				continue
			}
			tally.Check(r.ID, differs(text, r.Input, output.FunctionResult))
		}
	}
	tally.Demand(t, 100)
}

// unknowable tells that the recorder replaced what only that execution knew.
func unknowable(want string) bool {
	return want == "" || strings.Contains(want, "RandomNumberGenerated") || strings.Contains(want, "ArnPart_") || strings.Contains(want, "<uuid")
}

func differs(text string, input, want json.RawMessage) string {
	x, err := intrinsic.Parse(text)
	if err != nil {
		return err.Error()
	}
	doc := jsonvalue.MustParse(string(input))
	e := env(doc)
	e.Resolve = func(p *jsonpath.Path) (jsonvalue.Value, error) {
		if p.Root() == "$$" {
			execution := jsonvalue.NewObject(jsonvalue.Member{Name: "Input", Value: doc})
			return p.Get(jsonvalue.NewObject(jsonvalue.Member{Name: "Execution", Value: execution}))
		}
		return p.Get(doc)
	}
	got, err := x.Eval(e)
	if err != nil {
		return err.Error()
	}
	if !jsonvalue.Equal(got, jsonvalue.MustParse(string(want))) {
		return text + ": got " + jsonvalue.String(got) + ", want " + string(want)
	}
	return ""
}

// TestExpressionsOfRealDefinitionsAreAccepted reads every intrinsic function of
// definitions that AWS ran or that public samples have.
func TestExpressionsOfRealDefinitionsAreAccepted(t *testing.T) {
	tally := conformance.Tally{Name: "intrinsic functions of real definitions"}
	for _, file := range []string{"asl_exec.jsonl", "asl_corpus.jsonl"} {
		for row := range conformance.Open(t, file) {
			v, err := jsonvalue.Parse(row)
			if err != nil {
				continue // some rows have Infinity, which is no JSON
			}
			definition, _ := v.(*jsonvalue.Object).Get("definition")
			checkExpressions(&tally, "", definition)
		}
	}
	tally.Demand(t, 100)
}

func checkExpressions(tally *conformance.Tally, name string, v jsonvalue.Value) {
	switch v := v.(type) {
	case *jsonvalue.Object:
		for name, member := range v.All() {
			checkExpressions(tally, name, member)
		}
	case []any:
		for _, e := range v {
			checkExpressions(tally, name, e)
		}
	case string:
		if !strings.HasSuffix(name, ".$") || !strings.HasPrefix(v, "States.") {
			return
		}
		if _, err := intrinsic.Parse(v); err != nil {
			tally.Check(name, err.Error())
			return
		}
		tally.Check(name, "")
	}
}
