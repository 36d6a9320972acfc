package interp_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/conformance"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// recording is one row of asl_exec.jsonl: what AWS did with a definition.
type recording struct {
	ID           string
	Kind, Type   string
	Text         string  `json:"definition_text"`
	Input        *string `json:"input_text"`
	Needs, Flags []string
	Provenance   string
	Placeholders []string
	Redactions   []struct{ Kind, Pattern, Replacement, Value string }
	Expected     struct {
		Status string
		Output json.RawMessage
		Error  string
		Cause  json.RawMessage
		Events []map[string]any
	}
}

// weak rows prove nothing here: their input or recording is not whole.
var weak = []string{"input_depends_on_today", "recording_stops_before_end", "not_aws_validated", "parallel_events_sorted"}

func (r *recording) usable() bool {
	return r.Kind != "end_event" && r.Kind != "sync" && r.Provenance == "aws" && len(r.Needs) == 0 &&
		!slices.ContainsFunc(r.Flags, func(f string) bool { return slices.Contains(weak, f) })
}

// TestRecordedExecutions runs the recorded executions that need no service:
// outcome, and every event of the history with its links and data. Since late
// 2024 AWS links the exit from a distributed Map to MapRunStarted; most
// recordings are older, and so is what interp does.
func TestRecordedExecutions(t *testing.T) {
	outcomes := conformance.Tally{Name: "asl_exec.jsonl, outcome"}
	histories := conformance.Tally{Name: "asl_exec.jsonl, history"}
	for r := range conformance.Rows[recording](t, "asl_exec.jsonl") {
		if !r.usable() {
			continue
		}
		x, events := runRecording(t, &r)
		m := newMatcher(&r)
		outcomes.Check(r.ID, m.outcome(&r, x))
		if r.Expected.Events != nil && !strings.Contains(r.Text, `"Parallel"`) {
			histories.Check(r.ID, m.history(r.Expected.Events, events))
		}
	}
	outcomes.Demand(t, 99.5)
	histories.Demand(t, 98)
}

// runRecording runs an execution under the names that the recorder replaced.
func runRecording(t *testing.T, r *recording) (*interp.Execution, []interp.HistoryEvent) {
	t.Helper()
	m, err := asl.Parse(r.Text, asl.MachineType(r.Type))
	if err != nil {
		t.Fatal(err)
	}
	machine, name := "m", "e"
	for _, red := range r.Redactions {
		switch red.Replacement {
		case "<ArnPart_0idx>":
			machine = red.Value
		case "<ExecArnPart_0idx>":
			name = red.Value
		}
	}
	input := jsonvalue.Value(jsonvalue.NewObject())
	if r.Input != nil {
		input = jsonvalue.MustParse(*r.Input)
	}
	run := newRunner(m, interp.Start{
		ARN: "arn:aws:states:us-east-1:111111111111:execution:" + machine + ":" + name, Name: name,
		RoleARN: "arn:aws:iam::111111111111:role/sfn_role", MachineARN: "arn:aws:states:us-east-1:111111111111:stateMachine:" + machine,
		Input: input, Time: epoch,
	})
	run.all(t)
	return run.x, run.events
}

// matcher compares recorded values, in which placeholders stand for anything,
// with ours.
type matcher struct {
	redactions []func(string) string
	whole      map[string]bool
	part       *regexp.Regexp
}

func newMatcher(r *recording) *matcher {
	m := &matcher{whole: map[string]bool{}}
	parts := []string{`<[^<>]*>`}
	for _, p := range append(r.Placeholders, "date", "timestamp", "snf_role_arn", "sfn_role_arn") {
		m.whole[p] = true
		if strings.ContainsAny(p, "_-") {
			parts = append(parts, regexp.QuoteMeta(p))
		}
	}
	m.part = regexp.MustCompile(strings.Join(parts, "|"))
	for _, red := range r.Redactions {
		pattern := regexp.QuoteMeta(red.Value)
		if red.Kind == "regex" {
			pattern = red.Pattern
		}
		if re, err := regexp.Compile(pattern); err == nil && pattern != "" && !strings.HasPrefix(pattern, "@@") {
			m.redactions = append(m.redactions, func(s string) string { return re.ReplaceAllLiteralString(s, red.Replacement) })
		}
	}
	return m
}

func (m *matcher) redact(s string) string {
	for _, r := range m.redactions {
		s = r(s)
	}
	return s
}

// same reports whether a recorded value stands for ours.
func (m *matcher) same(want, got any) bool {
	switch w := want.(type) {
	case string:
		g, ok := got.(string)
		if m.whole[w] || ok && w == g {
			return true
		}
		if !ok {
			return false
		}
		pieces := m.part.Split(w, -1)
		for i := range pieces {
			pieces[i] = regexp.QuoteMeta(pieces[i])
		}
		full, err := regexp.Compile(`(?s)^` + strings.Join(pieces, ".*?") + `$`)
		return len(pieces) > 1 && err == nil && full.MatchString(g)
	case []any:
		g, ok := got.([]any)
		return ok && len(w) == len(g) && !slices.ContainsFunc(indexes(len(w)), func(i int) bool { return !m.same(w[i], g[i]) })
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(w) != len(g) {
			return false
		}
		for k, v := range w {
			if e, ok := g[k]; !ok || !m.same(v, e) {
				return false
			}
		}
		return true
	}
	return want == got
}

func indexes(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// decoded is a text after redaction, as JSON if it is JSON.
func (m *matcher) decoded(text string) any {
	var v any
	if json.Unmarshal([]byte(m.redact(text)), &v) != nil {
		return m.redact(text)
	}
	return v
}

func (m *matcher) outcome(r *recording, x *interp.Execution) string {
	name, cause := x.Failure()
	switch {
	case r.Expected.Status != string(x.Status()):
		return fmt.Sprintf("status %s, want %s: %s %s", x.Status(), r.Expected.Status, name, cause)
	case x.Status() == interp.Succeeded:
		return m.difference("output", string(r.Expected.Output), m.decoded(jsonvalue.String(x.Output())))
	case !m.same(r.Expected.Error, m.redact(name)):
		return fmt.Sprintf("error %s, want %s", name, r.Expected.Error)
	case r.Expected.Cause != nil:
		return m.difference("cause", string(r.Expected.Cause), m.redact(cause))
	}
	return ""
}

func (m *matcher) difference(what, want string, got any) string {
	var w any
	if err := json.Unmarshal([]byte(want), &w); err != nil || !m.same(w, got) {
		return fmt.Sprintf("%s %v, want %s", what, got, want)
	}
	return ""
}

// history compares event by event: type, links, and the members that the
// recording has.
func (m *matcher) history(want []map[string]any, got []interp.HistoryEvent) string {
	if len(want) != len(got) {
		return fmt.Sprintf("%d events, want %d", len(got), len(want))
	}
	slices.SortFunc(want, func(a, b map[string]any) int { return int(a["id"].(float64) - b["id"].(float64)) })
	for i, w := range want {
		e := got[i]
		if w["type"] != string(e.Type) || w["prev"] != float64(e.PreviousID) {
			return fmt.Sprintf("event %d is %s after %d, want %v after %v", e.ID, e.Type, e.PreviousID, w["type"], w["prev"])
		}
		for name, text := range map[string]string{"input": e.Input, "output": e.Output, "error": e.Error, "cause": e.Cause, "name": e.Name} {
			if v, ok := w[name]; ok && !m.same(v, m.decoded(text)) && !m.same(v, m.redact(text)) {
				return fmt.Sprintf("event %d %s: %s %s, want %v", e.ID, e.Type, name, text, v)
			}
		}
	}
	return ""
}
