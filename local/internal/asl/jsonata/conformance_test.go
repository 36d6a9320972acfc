package jsonata

// This file defines the judgement by the language's own suite.

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stepworks/stepworks/local/internal/conformance"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

type suiteRow struct {
	ID        string
	Expr      string
	Bindings  json.RawMessage
	Data      json.RawMessage
	NoData    bool `json:"no_data"`
	Depth     int
	Unordered bool
	Expected  struct {
		Result    json.RawMessage
		Undefined bool
		Error     *struct {
			Code, Token, Message string
		}
	}
	Flags []string
}

// newerThan2_0_6 are cases that the release Step Functions follows does not
// satisfy either.
var newerThan2_0_6 = strings.Fields(`function-contains/case007 function-formatNumber/issue786[0] function-formatNumber/issue786[1]
	function-formatNumber/issue786[2] function-formatNumber/issue786[3] function-pad/case011 function-pad/case012
	function-signatures/case035 function-signatures/case036 function-signatures/case037 function-signatures/case038
	function-string/case030 function-tomillis/case013 function-tomillis/parseDateTime[46] joins/library-joins[12]
	wildcards/case010[0] wildcards/case010[1] function-formatNumber/issue785[0] function-formatNumber/issue785[1] function-formatNumber/issue785[3]`)

func (r *suiteRow) applies() bool {
	return !slices.Contains(newerThan2_0_6, r.ID) &&
		!slices.ContainsFunc(r.Flags, func(f string) bool {
			return strings.Contains(f, "newer_than") || strings.Contains(f, "$eval") || strings.Contains(f, "nondeterministic")
		})
}

func TestSuite(t *testing.T) {
	tally := conformance.Tally{Name: "jsonata.jsonl, what 2.0.6 satisfies"}
	for r := range conformance.Rows[suiteRow](t, "jsonata.jsonl") {
		if r.applies() {
			tally.Check(r.ID, r.difference())
		}
	}
	tally.Demand(t, 99.5)
}

func (r *suiteRow) difference() string {
	e, err := Compile(r.Expr)
	var got jsonvalue.Value
	defined := false
	if err == nil {
		env := Env{Bindings: map[string]jsonvalue.Value{}, Now: time.UnixMilli(1700000000000), Limits: Limits{Depth: r.Depth}}
		if o, ok := parseRaw(r.Bindings).(*jsonvalue.Object); ok {
			for name, v := range o.All() {
				env.Bindings[name] = v
			}
		}
		if r.NoData {
			got, defined, err = e.EvalWithoutInput(env)
		} else {
			got, defined, err = e.Eval(parseRaw(r.Data), env)
		}
	}
	return r.compare(got, defined, err)
}

func parseRaw(raw json.RawMessage) jsonvalue.Value {
	if len(raw) == 0 {
		return nil
	}
	v, err := jsonvalue.Parse(raw)
	if err != nil { // half a surrogate pair, which Go strings cannot hold
		v, _ = jsonvalue.Parse([]byte(strings.ReplaceAll(string(raw), `\ud800`, `\ufffd`)))
	}
	return v
}

func (r *suiteRow) compare(got jsonvalue.Value, defined bool, err error) string {
	var e *Error
	switch want := r.Expected.Error; {
	case want != nil && !errors.As(err, &e):
		return r.Expr + ": want the error " + want.Code + ", got " + jsonvalue.String(got)
	case want != nil && (want.Code != "" && e.Code != want.Code || want.Token != "" && e.Token != want.Token):
		return r.Expr + ": want the error " + want.Code + " " + want.Token + ", got " + e.Error() + " " + e.Token
	case want != nil && want.Code == "" && want.Message != "" && e.Message != want.Message:
		return r.Expr + ": want the error " + want.Message + ", got " + e.Message
	case want != nil:
		return ""
	case err != nil:
		return r.Expr + ": " + err.Error()
	case r.Expected.Undefined && defined:
		return r.Expr + ": want nothing, got " + jsonvalue.String(got)
	case r.Expected.Undefined:
		return ""
	case !defined:
		return r.Expr + ": want " + string(r.Expected.Result) + ", got nothing"
	}
	want := parseRaw(r.Expected.Result)
	if jsonvalue.Equal(got, want) || r.Unordered && sameItems(got, want) {
		return ""
	}
	return r.Expr + ": want " + jsonvalue.String(want) + ", got " + jsonvalue.String(got)
}

func sameItems(a, b jsonvalue.Value) bool {
	as, _ := a.([]any)
	bs, _ := b.([]any)
	return len(as) == len(bs) && !slices.ContainsFunc(as, func(v any) bool {
		return !slices.ContainsFunc(bs, func(w any) bool { return jsonvalue.Equal(v, w) })
	})
}
