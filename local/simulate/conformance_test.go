package simulate_test

// This file runs executions recorded from AWS whose tasks are Lambda functions,
// with the recordings' trivial handlers written in Go, where the data is present.

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stepworks/stepworks/local/internal/conformance"
	"github.com/stepworks/stepworks/local/simulate"
)

// handlers are the recordings' functions, by what is told of their source.
var handlers = []struct {
	source string
	task   simulate.Task
}{
	{"Some exception was raised.", raises("Exception", "Some exception was raised.")},
	{"CustomException()", raises("CustomException", "CustomException message")},
	{"time.sleep(60)", simulate.After(time.Minute, simulate.Echo())},
	{"257 * 1024", simulate.Returns(`"` + strings.Repeat("a", 257*1024) + `"`)},
	{`b'"HelloWorld!"'`, simulate.Returns(`"HelloWorld!"`)},
	{`{"Return": "HelloWorld"}`, simulate.Returns(`{"Return":"HelloWorld"}`)},
	{`f"input-event-{event}"`, func(c simulate.Call) simulate.Answer {
		var text string
		if c.Decode(&text) != nil {
			text = c.Input
		}
		out, _ := json.Marshal("input-event-" + text)
		return simulate.Answer{Output: string(out)}
	}},
	{"return event", simulate.Echo()},
}

// raises fails as Lambda's Python runtime reports it.
func raises(name, message string) simulate.Task {
	cause, _ := json.Marshal(map[string]any{"errorMessage": message, "errorType": name, "requestId": "id", "stackTrace": []string{}})
	return simulate.Fails(name, string(cause))
}

// recording is an execution on AWS.
type recording struct {
	ID         string   `json:"id"`
	Definition string   `json:"definition_text"`
	Input      string   `json:"input_text"`
	Needs      []string `json:"needs"`
	Flags      []string `json:"flags"`
	During     []any    `json:"during"`
	Provenance string   `json:"provenance"`
	Setup      []struct {
		Op     string         `json:"op"`
		Params map[string]any `json:"params"`
	} `json:"setup"`
	Expected struct {
		Status string          `json:"status"`
		Error  string          `json:"error"`
		Output json.RawMessage `json:"output"`
	} `json:"expected"`
}

func TestRecordedLambdaExecutions(t *testing.T) {
	tally := conformance.Tally{Name: "asl_exec.jsonl, Lambda cases in simulate, outcome"}
	for r := range conformance.Rows[recording](t, "asl_exec.jsonl") {
		weak := slices.ContainsFunc(r.Flags, func(f string) bool { return f != "" })
		if !slices.Equal(r.Needs, []string{"lambda"}) || len(r.Setup) == 0 || weak || len(r.During) > 0 || r.Provenance != "aws" {
			continue
		}
		tally.Check(r.ID, r.differs())
	}
	tally.Demand(t, 98)
}

func (r recording) differs() string {
	m, err := simulate.Parse(r.Definition, nil)
	if err != nil {
		return err.Error()
	}
	for _, s := range r.Setup {
		source := fmt.Sprint(s.Params["Code"])
		for _, h := range handlers {
			if s.Op == "create_function" && strings.Contains(source, h.source) {
				m.Function(fmt.Sprint(s.Params["FunctionName"]), h.task)
				break
			}
		}
	}
	run := m.Run(r.Input)
	if string(run.Status) != r.Expected.Status {
		return fmt.Sprintf("status %s (%s: %s), recorded %s", run.Status, run.Error, run.Cause, r.Expected.Status)
	}
	if run.Status != simulate.Succeeded {
		if run.Error != r.Expected.Error {
			return fmt.Sprintf("error %q, recorded %q", run.Error, r.Expected.Error)
		}
		return ""
	}
	var got, want any
	if json.Unmarshal([]byte(run.Output), &got) != nil || json.Unmarshal(r.Expected.Output, &want) != nil {
		return "no output to compare"
	}
	return compare("$", want, got)
}

// hidden are the places where the recorder put something else for what changes
// from run to run.
var hidden = regexp.MustCompile(`<[^<>]+>|\bdate\b|timestamp|[a-z]+[-_]name\b|RequestId|111111111111|ab0000\d\d`)

// metadata is what AWS's SDK adds to a function's answer; simulate adds none.
var metadata = []string{"SdkHttpMetadata", "SdkResponseMetadata"}

func compare(at string, want, got any) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return compareJSON(at, want, got)
		}
		for name := range w {
			if _, there := g[name]; !there && !slices.Contains(metadata, name) {
				return at + "." + name + " is missing"
			}
		}
		for name, x := range g {
			if _, there := w[name]; !there {
				return at + "." + name + " was not recorded"
			} else if d := compare(at+"."+name, w[name], x); d != "" {
				return d
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Sprintf("%s: %v, recorded %v", at, got, want)
		}
		for i := range w {
			if d := compare(fmt.Sprintf("%s[%d]", at, i), w[i], g[i]); d != "" {
				return d
			}
		}
		return ""
	}
	if text, ok := want.(string); ok && hidden.MatchString(text) {
		return ""
	}
	if fmt.Sprint(want) != fmt.Sprint(got) {
		return fmt.Sprintf("%s: %.200v, recorded %.200v", at, got, want)
	}
	return ""
}

// compareJSON compares what the recorder decoded from JSON text.
func compareJSON(at string, want, got any) string {
	var decoded any
	if text, ok := got.(string); ok && json.Unmarshal([]byte(text), &decoded) == nil {
		if _, object := decoded.(map[string]any); object {
			return compare(at, want, decoded)
		}
	}
	return fmt.Sprintf("%s: %v, recorded %v", at, got, want)
}
