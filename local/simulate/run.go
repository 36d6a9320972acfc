package simulate

// This file defines the simulation: executions, what they wait for, and the
// virtual time in which it happens.

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// maxSteps ends a simulation that would not end by itself.
const maxSteps = 1_000_000

// simulation is one run.
type simulation struct {
	machine *Machine
	now     time.Time
	future  []happening // in order of time
	seq     int
	path    []string
}

// happening is an event that will reach an execution.
type happening struct {
	at    time.Time
	seq   int
	of    *execution
	event interp.Event
	timer interp.ID // of TimerFired, to take it back
}

// execution is one execution of the simulation.
type execution struct {
	*interp.Execution
	machine *asl.Machine
	events  []interp.HistoryEvent
	ended   func(*execution)
	runs    map[interp.ID]*mapRun
}

func (s *simulation) begin(m *asl.Machine, start interp.Start, ended func(*execution)) *execution {
	x := &execution{Execution: interp.New(m, start), machine: m, ended: ended, runs: map[interp.ID]*mapRun{}}
	x.Observe = func(o interp.Observation) { s.machine.taken[placeOf(o)]++ }
	s.later(0, x, interp.Started{}, 0)
	return x
}

func (s *simulation) later(d time.Duration, x *execution, e interp.Event, timer interp.ID) {
	s.seq++
	h := happening{at: s.now.Add(max(d, 0)), seq: s.seq, of: x, event: e, timer: timer}
	i, _ := slices.BinarySearchFunc(s.future, h, func(a, b happening) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.seq, b.seq))
	})
	s.future = slices.Insert(s.future, i, h)
}

// run lets happen what will, until the root has ended or nothing more does.
func (s *simulation) run(root *execution) {
	for steps := 0; len(s.future) > 0 && steps < maxSteps && root.Status() == interp.Running; steps++ {
		h := s.future[0]
		s.future = s.future[1:]
		if h.at.After(s.now) {
			s.now = h.at
		}
		s.step(h.of, h.event)
	}
}

func (s *simulation) step(x *execution, e interp.Event) {
	if x.Status() != interp.Running {
		return
	}
	commands, events := x.Step(s.now, e)
	x.events = append(x.events, events...)
	for _, ev := range events {
		if name := ev.Name; name != "" && isEntered(string(ev.Type)) {
			s.path = append(s.path, name)
		}
	}
	for _, c := range commands {
		s.perform(x, c)
	}
	if x.Status() != interp.Running && x.ended != nil {
		x.ended(x)
	}
}

func isEntered(t string) bool { return len(t) > 12 && t[len(t)-12:] == "StateEntered" }

func (s *simulation) perform(x *execution, c interp.Command) {
	switch c := c.(type) {
	case interp.ScheduleTask:
		s.answer(x, c)
	case interp.StartTimer:
		s.later(c.At.Sub(s.now), x, interp.TimerFired{Timer: c.Timer}, c.Timer)
	case interp.CancelTimer:
		s.future = slices.DeleteFunc(s.future, func(h happening) bool { return h.of == x && h.timer == c.Timer && c.Timer != 0 })
	case interp.StartMapRun:
		s.startMapRun(x, c)
	case interp.CancelMapRun:
		delete(x.runs, c.MapRun)
	}
}

// answer asks who stands in for a task.
func (s *simulation) answer(x *execution, c interp.ScheduleTask) {
	task, input := s.machine.answerer(c)
	a := task(Call{State: c.State, Resource: c.Resource.ARN, Input: jsonvalue.String(input), Attempt: c.Attempt, Token: c.Token, Time: s.now})
	s.later(0, x, interp.TaskStarted{Task: c.Task}, 0)
	if c.Resource.Pattern != asl.RequestResponse {
		s.later(0, x, interp.TaskSubmitted{Task: c.Task, Output: jsonvalue.NewObject()}, 0)
	}
	for _, at := range a.Heartbeats {
		s.later(at, x, interp.Heartbeat{Task: c.Task}, 0)
	}
	if !a.Never {
		s.later(a.After, x, outcome(c, a), 0)
	}
}

// answerer finds who stands in for a task, and what it gets.
func (m *Machine) answerer(c interp.ScheduleTask) (Task, jsonvalue.Value) {
	if t := m.tasks[c.State]; t != nil {
		return t, c.Parameters
	}
	if t := m.byARN[c.Resource.ARN]; t != nil {
		return t, c.Parameters
	}
	name, input := functionOf(c)
	if t := m.byName[name]; t != nil {
		return t, input
	}
	return unmocked, c.Parameters
}

// functionOf is the name of the function that a task invokes, and its payload.
func functionOf(c interp.ScheduleTask) (name string, payload jsonvalue.Value) {
	if c.Resource.Kind == asl.Lambda {
		return functionName(c.Resource.ARN), c.Parameters
	}
	params, ok := c.Parameters.(*jsonvalue.Object)
	if !ok || c.Resource.Kind != asl.Service || c.Resource.Service != "lambda" {
		return "", nil
	}
	of, _ := params.Get("FunctionName")
	arn, _ := of.(string)
	payload, _ = params.Get("Payload")
	switch p := payload.(type) {
	case nil:
		payload = jsonvalue.NewObject()
	case string: // text goes to the function as it is
		if v, err := jsonvalue.Parse([]byte(p)); err == nil {
			payload = v
		}
	}
	return functionName(arn), payload
}

// functionName is the name in an ARN, qualified or not, or the name itself.
func functionName(arn string) string {
	if _, rest, ok := strings.Cut(arn, ":function:"); ok {
		arn = rest
	}
	name, _, _ := strings.Cut(arn, ":")
	return name
}

func outcome(c interp.ScheduleTask, a Answer) interp.Event {
	if a.Error != "" {
		return interp.TaskFailed{Task: c.Task, Error: a.Error, Cause: a.Cause}
	}
	v, err := jsonvalue.Parse([]byte(a.Output))
	if err != nil {
		return interp.TaskFailed{Task: c.Task, Error: "Simulate.Encode", Cause: fmt.Sprintf("the answer for %s is not JSON: %v", c.State, err)}
	}
	if c.Resource.Kind == asl.Service && c.Resource.Service == "lambda" && c.Resource.Action == "invoke" && c.Resource.Pattern == asl.RequestResponse {
		v = jsonvalue.NewObject(jsonvalue.Member{Name: "ExecutedVersion", Value: "$LATEST"}, jsonvalue.Member{Name: "Payload", Value: v}, jsonvalue.Member{Name: "StatusCode", Value: jsonvalue.Int(200)})
	}
	return interp.TaskSucceeded{Task: c.Task, Output: v}
}

// mapRun is a distributed map under way.
type mapRun struct {
	command  interp.StartMapRun
	inputs   []jsonvalue.Value
	children []interp.Child
	next     int
	running  int
	failed   int64
}

func (s *simulation) startMapRun(x *execution, c interp.StartMapRun) {
	inputs, err := s.inputs(x, c)
	if err != nil {
		s.later(0, x, interp.MapRunFailed{MapRun: c.MapRun, Error: err.Name, Cause: err.Cause}, 0)
		return
	}
	r := &mapRun{command: c, inputs: inputs, children: make([]interp.Child, len(inputs))}
	x.runs[c.MapRun] = r
	s.feed(x, r)
}

func (s *simulation) inputs(x *execution, c interp.StartMapRun) ([]jsonvalue.Value, *interp.Error) {
	items := c.Items
	if c.Reader != nil {
		text, ok := s.machine.Items[c.State]
		if !ok {
			return nil, &interp.Error{Name: interp.ErrItemReader, Cause: "nothing stands in for the items of " + c.State + ": set Machine.Items"}
		}
		v, err := jsonvalue.Parse([]byte(text))
		list, isList := v.([]any)
		if err != nil || !isList {
			return nil, &interp.Error{Name: interp.ErrItemReader, Cause: "the items of " + c.State + " must be a JSON array"}
		}
		items = list
	}
	selector, err := interp.NewSelector(x.machine, c)
	if err != nil {
		return nil, &interp.Error{Name: interp.ErrItemReader, Cause: err.Error()}
	}
	inputs, err := interp.Collect(selector.Inputs(interp.Each(items)))
	if err != nil {
		return nil, asError(err)
	}
	return inputs, nil
}

func asError(err error) *interp.Error {
	if e, ok := err.(*interp.Error); ok { //nolint:errorlint // Selector returns it bare
		return e
	}
	return &interp.Error{Name: "States.Runtime", Cause: err.Error()}
}

// feed starts children up to the map run's concurrency, and ends it after the
// last one.
func (s *simulation) feed(x *execution, r *mapRun) {
	limit := r.command.MaxConcurrency
	for r.next < len(r.inputs) && (limit == 0 || r.running < limit) {
		i := r.next
		r.next++
		r.running++
		s.begin(x.machine.Processor(r.command.Location), interp.Start{ARN: fmt.Sprintf("%s:%d", r.command.ARN, i), Name: fmt.Sprint(i), MachineARN: r.command.ARN,
			Input: r.inputs[i], Time: s.now, Express: r.command.ExecutionType == "EXPRESS"}, func(child *execution) { s.childEnded(x, r, i, child) })
	}
	if r.running == 0 && r.next == len(r.inputs) {
		s.endMapRun(x, r)
	}
}

func (s *simulation) childEnded(x *execution, r *mapRun, i int, child *execution) {
	name, cause := child.Failure()
	r.children[i] = interp.Child{Input: r.inputs[i], Output: child.Output(), Status: child.Status(), Error: name, Cause: cause}
	r.running--
	if child.Status() != interp.Succeeded {
		r.failed++
	}
	if x.runs[r.command.MapRun] != r {
		return
	}
	if r.command.Exceeded(int64(len(r.inputs)), r.failed) {
		delete(x.runs, r.command.MapRun)
		s.later(0, x, interp.MapRunFailed{MapRun: r.command.MapRun, Error: interp.ErrTooManyFailures, Cause: interp.CauseTooManyFailures}, 0)
		return
	}
	s.feed(x, r)
}

func (s *simulation) endMapRun(x *execution, r *mapRun) {
	delete(x.runs, r.command.MapRun)
	output := r.command.Results(r.children)
	if r.command.Writer != nil && r.command.Writer.Parameters != nil {
		_, _, output = r.command.Manifest(nil)
	}
	s.later(0, x, interp.MapRunSucceeded{MapRun: r.command.MapRun, Output: output}, 0)
}

func (s *simulation) result(x *execution, start time.Time) Run {
	r := Run{Status: Status(x.Status()), Path: s.path, Took: s.now.Sub(start)}
	switch x.Status() {
	case interp.Running:
		r.Status = Waiting
	case interp.Succeeded:
		r.Output = jsonvalue.String(x.Output())
	default:
		r.Error, r.Cause = x.Failure()
	}
	for _, e := range x.events {
		r.History = append(r.History, Event{ID: e.ID, Previous: e.PreviousID, Type: string(e.Type), Time: e.Timestamp, Details: detailsOf(e)})
	}
	return r
}

// detailsOf is the one member of a history event that holds its details.
func detailsOf(e interp.HistoryEvent) string {
	v, err := jsonvalue.Parse(e.Append(nil, true))
	o, ok := v.(*jsonvalue.Object)
	if err != nil || !ok {
		return "{}"
	}
	d, ok := o.Get(e.Type.DetailsName())
	if !ok {
		return "{}"
	}
	return jsonvalue.String(d)
}
