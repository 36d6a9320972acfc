package interp_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/conformance"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// recordedProbe is one row of asl_teststate.jsonl.
type recordedProbe struct {
	ID         string
	Raised     bool
	Definition json.RawMessage
	Request    struct {
		Definition, StateName, Input, Context, Variables string
		Mock                                             *struct {
			Result      *string
			ErrorOutput *struct{ Error, Cause string }
		}
	}
	Expected struct {
		Output         json.RawMessage
		Error          any // a text, or what was raised
		Cause          string
		Status         string
		NextState      string
		InspectionData map[string]any
	}
	Redactions []struct{ Kind, Pattern, Replacement, Value string }
}

// TestRecordedProbes compares what TestState tells of a state. Tasks without a
// mock get the result that the recording has.
func TestRecordedProbes(t *testing.T) {
	tally := conformance.Tally{Name: "asl_teststate.jsonl"}
	for r := range conformance.Rows[recordedProbe](t, "asl_teststate.jsonl") {
		text := r.Request.Definition
		if text == "" {
			text = string(r.Definition)
		}
		if r.Raised || strings.Contains(r.Request.Input, "@@") {
			continue
		}
		x, result := startProbe(t, &r, text)
		if len(result) > 0 {
			x.Step(epoch, interp.TaskSucceeded{Task: 1, Output: jsonvalue.MustParse(string(result))})
		}
		rec := recording{Redactions: r.Redactions}
		m := newMatcher(&rec)
		tally.Check(r.ID, m.verdict(&r, x.Verdict()))
	}
	tally.Demand(t, 95)
}

// startProbe starts a probe; the result is what its task must be given.
func startProbe(t *testing.T, r *recordedProbe, text string) (*interp.Execution, json.RawMessage) {
	t.Helper()
	m, err := asl.ParseState(text)
	probe := interp.Probe{Location: asl.Location(asl.LoneState)}
	if r.Request.StateName != "" {
		m, err = asl.Parse(text, asl.Standard)
		probe.Location = asl.Location(r.Request.StateName)
	}
	if err != nil {
		t.Fatal(r.ID, err)
	}
	if mock := r.Request.Mock; mock != nil {
		probe.Mock = &interp.Mock{}
		if mock.Result != nil {
			probe.Mock.Result = jsonvalue.MustParse(*mock.Result)
		} else {
			*probe.Mock = interp.Mock{Failed: true, Error: mock.ErrorOutput.Error, Cause: mock.ErrorOutput.Cause}
		}
	}
	if r.Request.Context != "" {
		probe.Context = jsonvalue.MustParse(r.Request.Context).(*jsonvalue.Object)
	}
	if r.Request.Variables != "" {
		probe.Variables = jsonvalue.MustParse(r.Request.Variables).(*jsonvalue.Object)
	}
	x := interp.NewProbe(m, interp.Start{Input: jsonvalue.MustParse(r.Request.Input), Time: epoch}, probe)
	x.Step(epoch, interp.Started{})
	if x.Status() == interp.Running {
		return x, r.Expected.Output
	}
	return x, nil
}

func (m *matcher) verdict(r *recordedProbe, v interp.Verdict) string {
	e := r.Expected
	wantError, _ := e.Error.(string)
	if e.Status != string(v.Status) || wantError != v.Error || e.Cause != v.Cause || e.NextState != v.NextState {
		return string(v.Status) + " " + v.Error + " " + v.Cause + " " + v.NextState + ", want " + e.Status + " " + wantError + " " + e.Cause + " " + e.NextState
	}
	if e.Output != nil {
		if d := m.difference("output", string(e.Output), m.decoded(jsonvalue.String(v.Output))); d != "" {
			return d
		}
	}
	if e.InspectionData == nil {
		return ""
	}
	got := map[string]any{}
	for name, d := range v.Inspection.All() {
		text, isText := d.(string)
		if !isText {
			text = jsonvalue.String(d)
		}
		got[name] = m.decoded(text)
	}
	want, err := json.Marshal(e.InspectionData)
	if err != nil {
		return err.Error()
	}
	return m.difference("inspection", string(want), got)
}

// TestProbeOfErrors has what no recording shows: retriers and catchers.
func TestProbeOfErrors(t *testing.T) {
	const task = `{"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "Next": "On",
		"Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 2}],
		"Catch": [{"ErrorEquals": ["Other"], "Next": "A"}, {"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "B"}]}`
	m, err := asl.ParseState(task)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		mock   interp.Mock
		count  int
		status interp.ProbeStatus
		next   string
		detail string
	}{
		{interp.Mock{Failed: true, Error: "Busy", Cause: "c"}, 0, interp.ProbeRetriable, "", `{"retryIndex":0,"retryBackoffIntervalSeconds":2}`},
		{interp.Mock{Failed: true, Error: "Busy", Cause: "c"}, 1, interp.ProbeRetriable, "", `{"retryIndex":0,"retryBackoffIntervalSeconds":6}`},
		{interp.Mock{Failed: true, Error: "Busy", Cause: "c"}, 2, interp.ProbeCaught, "B", `{"catchIndex":1}`},
		{interp.Mock{Failed: true, Error: "Other", Cause: "c"}, 0, interp.ProbeCaught, "A", `{"catchIndex":0}`},
		{interp.Mock{Failed: true, Error: "States.Runtime", Cause: "c"}, 0, interp.ProbeFailed, "", `null`},
		{interp.Mock{Result: "ok"}, 0, interp.ProbeSucceeded, "On", `null`},
	} {
		x := interp.NewProbe(m, interp.Start{Input: jsonvalue.MustParse(`{"a": 1}`), Time: epoch},
			interp.Probe{Location: asl.Location(asl.LoneState), Mock: &c.mock, RetryCount: c.count})
		x.Step(epoch, interp.Started{})
		v := x.Verdict()
		detail, _ := v.Inspection.Get("errorDetails")
		if v.Status != c.status || v.NextState != c.next || jsonvalue.String(detail) != c.detail {
			t.Errorf("%+v after %d retries: %s %q %s, want %s %q %s", c.mock, c.count, v.Status, v.NextState, jsonvalue.String(detail), c.status, c.next, c.detail)
		}
	}
}
