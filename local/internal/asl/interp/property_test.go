package interp_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// TestAnyEventsInAnyOrder throws random events, late and doubled ones too, at
// the machines of the scenarios. Whatever comes: no panic, events are numbered
// without gaps and follow earlier ones, an execution that was written down and
// loaded after every step does the same as one that was not, a running one waits
// for something, and nothing happens after the end.
func TestAnyEventsInAnyOrder(t *testing.T) {
	machines, inputs := scenarioMachines(t)
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.IntRange(0, len(machines)-1).Draw(t, "machine")
		plain, saved := begin(machines[i], inputs[i]), begin(machines[i], inputs[i])
		now, last := epoch, int64(0)
		events := append([]interp.Event{interp.Started{}}, rapid.SliceOfN(anyEvent(), 0, 40).Draw(t, "events")...)
		for _, ev := range events {
			ended := plain.Status() != interp.Running
			commands, history := plain.Step(now, ev)
			again, historyAgain := saved.Step(now, ev)
			if tell(commands, history) != tell(again, historyAgain) {
				t.Fatalf("after %T:\n%s\nafter a restart:\n%s", ev, tell(commands, history), tell(again, historyAgain))
			}
			if _, redriven := ev.(interp.Redriven); ended && !redriven && len(commands)+len(history) > 0 {
				t.Fatalf("%T moved an execution that had ended", ev)
			}
			for _, e := range history {
				if e.ID != last+1 || e.PreviousID >= e.ID {
					t.Fatalf("event %d follows %d, after event %d", e.ID, e.PreviousID, last)
				}
				last = e.ID
			}
			if plain.Status() == interp.Running && len(plain.Pending()) == 0 {
				t.Fatalf("after %T the execution waits for nothing", ev)
			}
			x, err := interp.Load(machines[i], saved.Append(nil))
			if err != nil {
				t.Fatal(err)
			}
			saved = x
		}
	})
}

func scenarioMachines(t testing.TB) (machines []*asl.Machine, inputs []jsonvalue.Value) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		input := jsonvalue.Value(jsonvalue.NewObject())
		for _, part := range archive.Files {
			switch part.Name {
			case "definition.asl.json":
				m, err := asl.Parse(string(part.Data), asl.Standard)
				if err != nil {
					t.Fatal(err)
				}
				machines = append(machines, m)
			case "input.json":
				input = jsonvalue.MustParse(string(part.Data))
			}
		}
		inputs = append(inputs, input)
	}
	return machines, inputs
}

// anyEvent generates events for IDs that may exist, have ended or never will.
func anyEvent() *rapid.Generator[interp.Event] {
	id := rapid.Custom(func(t *rapid.T) interp.ID { return interp.ID(rapid.IntRange(0, 12).Draw(t, "id")) })
	value := rapid.SampledFrom([]jsonvalue.Value{nil, jsonvalue.Int(1), "text", []any{}, jsonvalue.MustParse(`{"a": 1, "Payload": [1]}`)})
	name := rapid.SampledFrom([]string{"Oh", "Busy", "States.Timeout", "States.Runtime", ""})
	return rapid.Custom(func(t *rapid.T) interp.Event {
		n := id.Draw(t, "n")
		all := []interp.Event{
			interp.Started{}, interp.TaskStarted{Task: n}, interp.TaskSubmitted{Task: n, Output: value.Draw(t, "v")},
			interp.TaskSucceeded{Task: n, Output: value.Draw(t, "v")}, interp.TaskFailed{Task: n, Error: name.Draw(t, "e")},
			interp.TaskFailed{Task: n, Error: name.Draw(t, "e"), SubmitFailed: true}, interp.Heartbeat{Task: n},
			interp.TimerFired{Timer: n}, interp.TimerFired{Timer: n}, interp.MapRunSucceeded{MapRun: n, Output: value.Draw(t, "v")},
			interp.MapRunFailed{MapRun: n, Error: name.Draw(t, "e")}, interp.Stopped{}, interp.Redriven{},
		}
		return rapid.SampledFrom(all).Draw(t, "event")
	})
}

// tell makes a step comparable.
func tell(commands []interp.Command, events []interp.HistoryEvent) string {
	var b strings.Builder
	for _, c := range commands {
		if run, ok := c.(interp.StartMapRun); ok {
			fmt.Fprintf(&b, "map run %d %s %s\n", run.MapRun, run.ARN, jsonvalue.String(run.Items))
			continue
		}
		fmt.Fprintf(&b, "%T %s\n", c, jsonvalue.String(describe(c)))
	}
	for _, e := range events {
		b.Write(e.Append(nil, true))
		b.WriteByte('\n')
	}
	return b.String()
}

func describe(c interp.Command) jsonvalue.Value {
	switch c := c.(type) {
	case interp.ScheduleTask:
		return []any{jsonvalue.Int(int64(c.Task)), c.State, c.Parameters, c.Token, c.Role}
	case interp.StartTimer:
		return []any{jsonvalue.Int(int64(c.Timer)), c.At.String()}
	case interp.Complete:
		return []any{string(c.Status), c.Output, c.Error, c.Cause}
	}
	return fmt.Sprintf("%+v", c)
}

// TestHostileMachines runs definitions that try to take all memory or time.
func TestHostileMachines(t *testing.T) {
	double := `"Parameters": {"a.$": "$", "b.$": "$"}`
	var wide strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&wide, `"m%d.$": "$",`, i)
	}
	for name, definition := range map[string]string{
		"loop":   `{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Choice", "Choices": [{"Variable": "$", "IsNull": true, "Next": "E"}], "Default": "A"}, "E": {"Type": "Succeed"}}}`,
		"double": `{"StartAt": "A", "States": {"A": {"Type": "Pass", ` + double + `, "Next": "B"}, "B": {"Type": "Choice", "Choices": [{"Variable": "$", "IsNull": true, "Next": "E"}], "Default": "A"}, "E": {"Type": "Succeed"}}}`,
		"deep":   `{"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": {"a.$": "$"}, "Next": "B"}, "B": {"Type": "Choice", "Choices": [{"Variable": "$", "IsNull": true, "Next": "E"}], "Default": "A"}, "E": {"Type": "Succeed"}}}`,
		"wide": `{"StartAt": "F", "States": {"F": {"Type": "Pass", "Result": "` + strings.Repeat("x", 200000) + `", "Next": "A"}, "A": {"Type": "Pass", "Parameters": {` +
			strings.TrimSuffix(wide.String(), ",") + `}, "End": true}}}`,
		"variables": `{"StartAt": "A", "States": {"A": {"Type": "Pass", "Assign": {"v": {"a.$": "$", "b.$": "$"}}, "Next": "B"}, "B": {"Type": "Pass", "Parameters": {"v.$": "$v"}, "Next": "C"}, "C": {"Type": "Choice", "Choices": [{"Variable": "$", "IsNull": true, "Next": "E"}], "Default": "A"}, "E": {"Type": "Succeed"}}}`,
		"nest": `{"StartAt": "A", "States": {"A": {"Type": "Map", "ItemsPath": "$.i", "ItemProcessor": {"StartAt": "B", "States": {"B": {"Type": "Pass", "Result": [1,2,3,4,5,6,7,8,9], "Next": "C"},
			"C": {"Type": "Map", "ItemProcessor": {"StartAt": "D", "States": {"D": {"Type": "Pass", "End": true}}}, "End": true}}}, "ResultPath": null, "Next": "Z"},
			"Z": {"Type": "Choice", "Choices": [{"Variable": "$", "IsNull": true, "Next": "E"}], "Default": "A"}, "E": {"Type": "Succeed"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			m, err := asl.Parse(definition, asl.Standard)
			if err != nil {
				t.Fatal(err)
			}
			r := newRunner(m, interp.Start{ARN: "arn:aws:states:us-east-1:123456789012:execution:m:e", MachineARN: "arn:aws:states:us-east-1:123456789012:stateMachine:m",
				Input: jsonvalue.MustParse(`{"i": [1,2,3,4,5,6,7,8,9]}`), Time: epoch})
			r.all(t)
			if r.x.Status() != interp.Failed || len(r.events) > 25000 {
				t.Errorf("%s after %d events", r.x.Status(), len(r.events))
			}
			text := r.x.Append(nil)
			if _, err := interp.Load(m, text); err != nil {
				t.Error(err)
			}
		})
	}
}

// FuzzExecution holds that no definition and no input make Step panic or run on
// for ever, whatever the tasks answer.
func FuzzExecution(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		seed := []string{"", "{}"}
		for _, part := range txtar.Parse(data).Files {
			switch part.Name {
			case "definition.asl.json":
				seed[0] = string(part.Data)
			case "input.json":
				seed[1] = string(part.Data)
			}
		}
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, definition, input string) {
		m, err := asl.Parse(definition, asl.Standard)
		if err != nil {
			return
		}
		in, err := jsonvalue.Parse([]byte(input))
		if err != nil {
			return
		}
		r := newRunner(m, interp.Start{ARN: "arn:aws:states:us-east-1:123456789012:execution:m:e", MachineARN: "arn:aws:states:us-east-1:123456789012:stateMachine:m", Input: in, Time: epoch})
		r.answer = func(c interp.ScheduleTask) interp.Event {
			if c.Attempt%2 == 1 {
				return interp.TaskFailed{Task: c.Task, Error: "Oh"}
			}
			return interp.TaskSucceeded{Task: c.Task, Output: c.Parameters}
		}
		r.all(t)
	})
}
