package jsonpath_test

// This file defines what is checked against recordings outside of the repository.

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/asl/jsonpath"
	"github.com/stepworks/stepworks/local/internal/conformance"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// TestPlainPathsAgreeWithTheRFC takes of the suite of RFC 9535 what Jayway has in
// common with it: names, indexes, wildcards and descents. Filters, slices, lists
// and where blanks may stand differ on purpose.
func TestPlainPathsAgreeWithTheRFC(t *testing.T) {
	type row struct {
		Name            string
		Selector        string
		Invalid         bool `json:"invalid_selector"`
		Document        json.RawMessage
		Result, Results json.RawMessage
	}
	tally := conformance.Tally{Name: "RFC 9535, the common part"}
	for r := range conformance.Rows[row](t, "jsonpath_cts.jsonl") {
		if r.Invalid || strings.ContainsAny(r.Selector, "?:,-") || strings.Contains(r.Selector, "900719") || strings.HasPrefix(r.Name, "whitespace") {
			continue
		}
		tally.Check(r.Name, differs(r.Selector, r.Document, r.Result, r.Results))
	}
	tally.Demand(t, 100)
}

func differs(selector string, document, result, results json.RawMessage) string {
	path, err := jsonpath.Parse(selector)
	if err != nil {
		return err.Error()
	}
	found, err := path.Find(jsonvalue.MustParse(string(document)))
	if err != nil {
		return err.Error()
	}
	wanted := []any{}
	if result != nil {
		wanted = append(wanted, jsonvalue.MustParse(string(result)))
	} else {
		wanted = jsonvalue.MustParse(string(results)).([]any)
	}
	got := append([]any{}, found...)
	for _, w := range wanted {
		if jsonvalue.Equal(got, w) {
			return ""
		}
	}
	return selector + ": got " + jsonvalue.String(got)
}

// TestPathsOfRealDefinitionsAreAccepted reads every path that a definition
// recorded as working, or found in public samples, has.
func TestPathsOfRealDefinitionsAreAccepted(t *testing.T) {
	tally := conformance.Tally{Name: "paths of real definitions"}
	for _, file := range []string{"asl_exec.jsonl", "asl_corpus.jsonl"} {
		for row := range conformance.Open(t, file) {
			v, err := jsonvalue.Parse(row)
			if err != nil {
				continue // some rows have Infinity, which is no JSON
			}
			definition, _ := v.(*jsonvalue.Object).Get("definition")
			checkPaths(&tally, "", definition)
		}
	}
	tally.Demand(t, 100)
}

func checkPaths(tally *conformance.Tally, name string, v jsonvalue.Value) {
	switch v := v.(type) {
	case *jsonvalue.Object:
		for name, member := range v.All() {
			checkPaths(tally, name, member)
		}
	case []any:
		for _, e := range v {
			checkPaths(tally, name, e)
		}
	case string:
		isPath := strings.HasSuffix(name, ".$") || strings.HasSuffix(name, "Path") || name == "Variable"
		if !isPath || !strings.HasPrefix(v, "$") || strings.HasPrefix(v, "${") {
			return
		}
		if _, err := jsonpath.Parse(v); err != nil {
			tally.Check(name, err.Error())
			return
		}
		tally.Check(name, "")
	}
}
