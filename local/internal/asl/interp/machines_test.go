package interp_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// generator writes random definitions that are valid as a rule: states in a row
// with detours, Maps and Parallels in each other, fields of all kinds.
type generator struct {
	t     *rapid.T
	names int
}

var (
	somePaths     = []string{"$", "$.a", "$.a.b", "$.list", "$.list[0]", "$.list[*]", "$.list[-1:]", "$..a", "$$", "$$.State.Name", "$$.Map.Item.Value", "$v", "$v.a", "$.none"}
	someCalls     = []string{"States.UUID()", "States.MathAdd($.n, 1)", "States.Format('{}-{}', $.a, $v)", "States.ArrayRange(1, 9, 2)", "States.JsonToString($)", "States.StringToJson($.a)", "States.MathRandom(1, 9)", "States.Array($, $)"}
	someTemplates = []string{`{}`, `{"a": 1}`, `[1, {"x.$": "$"}]`, `"text"`, `null`, `{"a.$": "$.a", "list.$": "$.list", "n": 3}`, `{"deep": {"of.$": "$v"}}`}
	someNames     = []string{"States.ALL", "States.TaskFailed", "Oh", "States.Timeout", "States.Runtime", "States.IntrinsicFailure", "States.ResultPathMatchFailure"}
)

func (g *generator) pick(name string, from []string) string {
	return rapid.SampledFrom(from).Draw(g.t, name)
}

func (g *generator) maybe(field string, value func() string) string {
	if !rapid.Bool().Draw(g.t, field+"?") {
		return ""
	}
	return fmt.Sprintf(`, "%s": %s`, field, value())
}

func (g *generator) path() string { return jsonvalue.String(g.pick("path", somePaths)) }

func (g *generator) template() string {
	if rapid.IntRange(0, 2).Draw(g.t, "kind") == 0 {
		return fmt.Sprintf(`{"x.$": %s, "a.$": %s}`, jsonvalue.String(g.pick("call", someCalls)), g.path())
	}
	return g.pick("template", someTemplates)
}

func (g *generator) graph(depth int) string {
	n := rapid.IntRange(1, 3).Draw(g.t, "states")
	names := make([]string, n)
	for i := range names {
		g.names++
		names[i] = fmt.Sprintf("S%d", g.names)
	}
	states := make([]string, n)
	for i := range states {
		next := `"End": true`
		if i+1 < n {
			next = fmt.Sprintf(`"Next": "%s"`, names[i+1])
		}
		states[i] = fmt.Sprintf(`"%s": %s`, names[i], g.state(depth, next, rapid.SampledFrom(names).Draw(g.t, "target"), i+1 < n))
	}
	return fmt.Sprintf(`"StartAt": "%s", "States": {%s}`, names[0], strings.Join(states, ", "))
}

func (g *generator) state(depth int, next, other string, goesOn bool) string {
	kinds := []string{"Pass", "Pass", "Task", "Wait", "Fail"}
	if depth > 0 {
		kinds = append(kinds, "Parallel", "Map", "Map")
	}
	if goesOn {
		kinds = append(kinds, "Choice")
	}
	kind := g.pick("type", kinds)
	io := g.maybe("InputPath", g.path) + g.maybe("OutputPath", g.path)
	result := g.maybe("ResultPath", func() string {
		return g.pick("resultpath", []string{`null`, `"$"`, `"$.r"`, `"$.list[3]"`, `"$.a.b.c"`})
	}) +
		g.maybe("Assign", func() string { return `{"v.$": ` + g.path() + `}` })
	errors := g.maybe("ResultSelector", g.template) + g.maybe("Retry", func() string {
		return fmt.Sprintf(`[{"ErrorEquals": ["%s"], "MaxAttempts": 2, "JitterStrategy": "FULL"}]`, g.pick("error", someNames))
	}) + g.maybe("Catch", func() string {
		return fmt.Sprintf(`[{"ErrorEquals": ["%s"], "ResultPath": "$.e", "Next": "%s"}]`, g.pick("error", someNames), other)
	})
	switch kind {
	case "Pass":
		return `{"Type": "Pass", ` + next + io + result + g.maybe("Parameters", g.template) + `}`
	case "Task":
		return `{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", ` + next + io + result + errors + g.maybe("Parameters", g.template) + g.maybe("TimeoutSecondsPath", g.definite) + `}`
	case "Wait":
		return `{"Type": "Wait", "SecondsPath": ` + g.definite() + `, ` + next + io + `}`
	case "Fail":
		return `{"Type": "Fail", "ErrorPath": ` + g.path() + `}`
	case "Choice":
		target := strings.TrimPrefix(next, `"Next": `)
		return fmt.Sprintf(`{"Type": "Choice", "Choices": [{"Variable": %s, "%s": 3, "Next": %s}], "Default": "%s"%s}`,
			g.definite(), g.pick("op", []string{"NumericGreaterThan", "NumericEquals"}), target, other, io)
	case "Parallel":
		return `{"Type": "Parallel", "Branches": [{` + g.graph(depth-1) + `}, {` + g.graph(depth-1) + `}], ` + next + io + result + errors + `}`
	}
	mode := g.pick("mode", []string{"INLINE", "DISTRIBUTED"})
	return `{"Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "` + mode + `"}, ` + g.graph(depth-1) + `}, ` + next + io + result + errors +
		g.maybe("ItemsPath", g.path) + g.maybe("ItemSelector", g.template) + g.maybe("MaxConcurrency", func() string { return "1" }) + `}`
}

func (g *generator) definite() string {
	return jsonvalue.String(g.pick("definite", []string{"$.n", "$.a", "$.list[0]", "$v", "$$.State.RetryCount", "$.none"}))
}

// TestRandomMachines holds that whatever a valid definition says, an execution
// ends, the same way every time, and leaves a history that hangs together.
func TestRandomMachines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &generator{t: t}
		text := `{"TimeoutSeconds": 90000000, ` + g.graph(2) + `}`
		m, err := asl.Parse(text, asl.Standard)
		if err != nil {
			if strings.Contains(err.Error(), "SCHEMA") {
				t.Fatalf("%s\n%v", text, err)
			}
			return // a state that nothing leads to, a graph without an end
		}
		input := jsonvalue.MustParse(`{"a": {"b": 1}, "list": [1, 2, {"a": "x"}], "n": 2}`)
		first, second := runRandom(t, m, input), runRandom(t, m, input)
		if len(first) != len(second) {
			t.Fatalf("%d events, then %d\n%s", len(first), len(second), text)
		}
		for i, e := range first {
			if string(e.Append(nil, true)) != string(second[i].Append(nil, true)) {
				t.Fatalf("event %d differs from run to run\n%s", e.ID, text)
			}
			if e.ID != int64(i+1) || e.PreviousID >= e.ID {
				t.Fatalf("event %d at place %d follows %d\n%s", e.ID, i+1, e.PreviousID, text)
			}
		}
	})
}

func runRandom(t *rapid.T, m *asl.Machine, input jsonvalue.Value) []interp.HistoryEvent {
	r := newRunner(m, interp.Start{
		ARN: "arn:aws:states:us-east-1:123456789012:execution:m:e", MachineARN: "arn:aws:states:us-east-1:123456789012:stateMachine:m",
		Input: input, Time: epoch, Seed: [32]byte{1},
	})
	r.enough = 1000
	r.answer = func(c interp.ScheduleTask) interp.Event {
		if c.Task%3 == 0 {
			return interp.TaskFailed{Task: c.Task, Error: "Oh", Cause: "no"}
		}
		return interp.TaskSucceeded{Task: c.Task, Output: c.Parameters}
	}
	r.all(t)
	if r.x.Redrivable() == nil {
		r.queue = []interp.Event{interp.Redriven{}}
		r.timers = map[interp.ID]time.Time{}
		r.step(t)
		r.all(t)
	}
	return r.events
}
