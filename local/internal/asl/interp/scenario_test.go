package interp_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

var update = flag.Bool("update", false, "write what the scenarios do into their files; read the diff, commit only what you can explain")

// TestScenarios plays the files of testdata. Each is a txtar archive:
// definition.asl.json, input.json (optional), script, and history, which is what
// every command of the script must bring about. The execution is written down
// and loaded again after every command, so each scenario is a test of that too.
//
//	start                      Started
//	advance 5s                 let time go by; due timers fire, in order
//	started                    of the task scheduled last, or: started 3
//	submitted JSON             the same for TaskSubmitted
//	ok JSON                    TaskSucceeded
//	fail ERROR CAUSE           TaskFailed (refused ERROR CAUSE: SubmitFailed)
//	heartbeat                  Heartbeat
//	run-ok JSON, run-fail ERROR CAUSE    the end of a map run
//	stop ERROR CAUSE, redrive
//
// A command other than start and advance may end in @N to speak of task N.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { play(t, file) })
	}
}

func play(t *testing.T, file string) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]*txtar.File{}
	for i := range archive.Files {
		parts[archive.Files[i].Name] = &archive.Files[i]
	}
	m, err := asl.Parse(string(parts["definition.asl.json"].Data), asl.Standard)
	if err != nil {
		t.Fatal(err)
	}
	input := jsonvalue.Value(jsonvalue.NewObject())
	if part := parts["input.json"]; part != nil {
		if input, err = jsonvalue.Parse(part.Data); err != nil {
			t.Fatal(err)
		}
	}
	s := newScenario(t, m, input)
	for _, line := range strings.Split(strings.TrimSpace(string(parts["script"].Data)), "\n") {
		s.command(line)
	}
	got := s.out.String()
	if *update {
		parts["history"].Data = []byte(got)
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := string(parts["history"].Data); got != want {
		t.Errorf("%s differs; go test -update writes it anew\n%s", file, firstDifference(want, got))
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		var a, b string
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, a, b)
		}
	}
	return "only in blanks"
}

// epoch is when every scenario begins.
var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func begin(m *asl.Machine, input jsonvalue.Value) *interp.Execution {
	return interp.New(m, interp.Start{
		ARN: "arn:aws:states:us-east-1:123456789012:execution:machine:one", Name: "one",
		RoleARN: "arn:aws:iam::123456789012:role/machine", MachineARN: "arn:aws:states:us-east-1:123456789012:stateMachine:machine",
		Input: input, Time: epoch,
	})
}

// scenario is one execution under a script.
type scenario struct {
	t      *testing.T
	m      *asl.Machine
	x      *interp.Execution
	now    time.Time
	timers map[interp.ID]time.Time
	task   interp.ID // the one scheduled last
	run    interp.ID
	out    strings.Builder
}

func newScenario(t *testing.T, m *asl.Machine, input jsonvalue.Value) *scenario {
	return &scenario{t: t, m: m, x: begin(m, input), now: epoch, timers: map[interp.ID]time.Time{}}
}

func (s *scenario) command(line string) {
	s.t.Helper()
	fmt.Fprintf(&s.out, "> %s\n", line)
	task := s.task
	if i := strings.LastIndex(line, " @"); i > 0 {
		if _, err := fmt.Sscan(line[i+2:], &task); err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
		line = line[:i]
	}
	verb, rest, _ := strings.Cut(line, " ")
	first, second, _ := strings.Cut(rest, " ")
	switch verb {
	case "start":
		s.step(interp.Started{})
	case "advance":
		s.advance(rest)
	case "started":
		s.step(interp.TaskStarted{Task: task, WorkerName: rest})
	case "submitted":
		s.step(interp.TaskSubmitted{Task: task, Output: jsonvalue.MustParse(rest)})
	case "ok":
		s.step(interp.TaskSucceeded{Task: task, Output: jsonvalue.MustParse(rest)})
	case "fail", "refused", "unscheduled":
		s.step(interp.TaskFailed{Task: task, Error: first, Cause: second, SubmitFailed: verb == "refused", ScheduleFailed: verb == "unscheduled"})
	case "heartbeat":
		s.step(interp.Heartbeat{Task: task})
	case "run-ok":
		s.step(interp.MapRunSucceeded{MapRun: s.run, Output: jsonvalue.MustParse(rest)})
	case "run-fail":
		s.step(interp.MapRunFailed{MapRun: s.run, Error: first, Cause: second})
	case "stop":
		s.step(interp.Stopped{Error: first, Cause: second})
	case "redrive":
		s.step(interp.Redriven{})
	default:
		s.t.Fatalf("unknown command %q", verb)
	}
}

// advance lets time go by and fires the timers that fall due, in order.
func (s *scenario) advance(d string) {
	duration, err := time.ParseDuration(d)
	if err != nil {
		s.t.Fatal(err)
	}
	end := s.now.Add(duration)
	for {
		next, at := interp.ID(0), end
		for id, due := range s.timers {
			if due.Before(at) || due.Equal(at) && (next == 0 || id < next) {
				next, at = id, due
			}
		}
		if next == 0 {
			break
		}
		delete(s.timers, next)
		if at.After(s.now) {
			s.now = at
		}
		s.step(interp.TimerFired{Timer: next})
	}
	s.now = end
}

// step moves the execution on, tells what came of it, and puts it through the
// text form.
func (s *scenario) step(ev interp.Event) {
	commands, events := s.x.Step(s.now, ev)
	for _, e := range events {
		fmt.Fprintf(&s.out, "%d<%d %s%s\n", e.ID, e.PreviousID, e.Type, details(e))
	}
	for _, c := range commands {
		s.perform(c)
	}
	text := s.x.Append(nil)
	x, err := interp.Load(s.m, text)
	if err != nil {
		s.t.Fatal(err)
	}
	if again := x.Append(nil); string(again) != string(text) {
		s.t.Errorf("the execution does not survive:\n%s\n%s", text, again)
	}
	s.x = x
}

// details is the member of an event that holds its details, without what every
// one of them says.
func details(e interp.HistoryEvent) string {
	name := e.Type.DetailsName()
	if name == "" {
		return ""
	}
	v, _ := jsonvalue.MustParse(string(e.Append(nil, true))).(*jsonvalue.Object).Get(name)
	o := v.(*jsonvalue.Object)
	for _, known := range []string{"inputDetails", "outputDetails", "assignedVariablesDetails"} {
		o = o.Without(known)
	}
	return " " + jsonvalue.String(o)
}

func (s *scenario) perform(c interp.Command) {
	switch c := c.(type) {
	case interp.ScheduleTask:
		s.task = c.Task
		if len(c.Token) < 100 {
			s.t.Errorf("task token %q is guessable", c.Token)
		}
		fmt.Fprintf(&s.out, "  schedule %d %s %s %s%s\n", c.Task, c.State, c.Resource.Name(), jsonvalue.String(c.Parameters), extras(c))
	case interp.CancelTask:
		fmt.Fprintf(&s.out, "  cancel task %d %s\n", c.Task, c.Reason)
	case interp.StartTimer:
		s.timers[c.Timer] = c.At
		fmt.Fprintf(&s.out, "  timer %d in %s\n", c.Timer, c.At.Sub(s.now))
	case interp.CancelTimer:
		delete(s.timers, c.Timer)
		fmt.Fprintf(&s.out, "  cancel timer %d\n", c.Timer)
	case interp.StartMapRun:
		s.run = c.MapRun
		s.startMapRun(c)
	case interp.CancelMapRun:
		fmt.Fprintf(&s.out, "  cancel map run %d\n", c.MapRun)
	case interp.RedriveMapRun:
		fmt.Fprintf(&s.out, "  redrive map run %d\n", c.MapRun)
	case interp.Complete:
		fmt.Fprintf(&s.out, "  complete %s %s %s %s\n", c.Status, jsonvalue.String(c.Output), c.Error, c.Cause)
	}
}

func extras(c interp.ScheduleTask) string {
	var b strings.Builder
	if c.Role != "" {
		fmt.Fprintf(&b, " as %s", c.Role)
	}
	if c.Attempt > 0 {
		fmt.Fprintf(&b, " attempt %d", c.Attempt)
	}
	if c.Timeout > 0 || c.Heartbeat > 0 {
		fmt.Fprintf(&b, " within %s beating %s", c.Timeout, c.Heartbeat)
	}
	return b.String()
}

// startMapRun tells a map run with the inputs of its children.
func (s *scenario) startMapRun(c interp.StartMapRun) {
	fmt.Fprintf(&s.out, "  map run %d %s %s concurrency %d\n", c.MapRun, c.State, c.ExecutionType, c.MaxConcurrency)
	if c.Reader != nil {
		fmt.Fprintf(&s.out, "    read %s %s %s max %d\n", c.Reader.Resource.Action, jsonvalue.String(c.Reader.Parameters), c.Reader.InputType, c.Reader.MaxItems)
	}
	selector, err := interp.NewSelector(s.m, c)
	if err != nil {
		s.t.Fatal(err)
	}
	var items []jsonvalue.Value
	for i, item := range c.Items {
		v, err := selector.Item(i, item)
		if err != nil {
			fmt.Fprintf(&s.out, "    item %d: %v\n", i, err)
			continue
		}
		items = append(items, v)
	}
	inputs, err := interp.Collect(selector.Batch(interp.Each(items)))
	if err != nil {
		fmt.Fprintf(&s.out, "    batches: %v\n", err)
	}
	for _, in := range inputs {
		fmt.Fprintf(&s.out, "    child %s\n", jsonvalue.String(in))
	}
}
