package stepfunctions

// This file defines TestState: one state run alone, with its work done for real
// or mocked, and what its processing looked like on the way.
// https://docs.aws.amazon.com/step-functions/latest/dg/test-state-isolation.html

import (
	"context"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

type testStateInput struct {
	Definition         string         `json:"definition" check:"required,min=1,max=1048576"`
	RoleArn            string         `json:"roleArn" check:"min=1,max=256"`
	Input              *string        `json:"input" check:"max=262144"`
	InspectionLevel    string         `json:"inspectionLevel" check:"enum=INFO|DEBUG|TRACE"`
	RevealSecrets      bool           `json:"revealSecrets"`
	Variables          *string        `json:"variables" check:"max=262144"`
	StateName          *string        `json:"stateName" check:"min=1,max=80"`
	Mock               *mockInput     `json:"mock"`
	Context            *string        `json:"context" check:"max=262144"`
	StateConfiguration *configuration `json:"stateConfiguration"`
}

type mockInput struct {
	Result      *string `json:"result" check:"max=262144"`
	ErrorOutput *struct {
		Error string `json:"error" check:"max=256"`
		Cause string `json:"cause" check:"max=32768"`
	} `json:"errorOutput"`
	FieldValidationMode string `json:"fieldValidationMode" check:"enum=STRICT|PRESENT|NONE"`
}

type configuration struct {
	RetrierRetryCount        int     `json:"retrierRetryCount" check:"min=0"`
	ErrorCausedByState       *string `json:"errorCausedByState" check:"min=1,max=80"`
	MapIterationFailureCount *int    `json:"mapIterationFailureCount" check:"min=0"`
	MapItemReaderData        *string `json:"mapItemReaderData" check:"max=262144"`
}

type testStateOutput struct {
	Output         *string        `json:"output,omitzero"`
	Error          *string        `json:"error,omitzero"`
	Cause          *string        `json:"cause,omitzero"`
	InspectionData jsontext.Value `json:"inspectionData,omitzero"`
	NextState      *string        `json:"nextState,omitzero"`
	Status         string         `json:"status"`
}

func (s *Service) testState(ctx context.Context, in *testStateInput) (*testStateOutput, error) {
	def, state, err := testedState(in)
	if err != nil {
		return nil, err
	}
	if err := checkTest(in, state); err != nil {
		return nil, err
	}
	p, input, err := probeOf(in, state)
	if err != nil {
		return nil, err
	}
	t := s.newTest(in, def, p, input)
	if err := t.run(ctx); err != nil {
		return nil, err
	}
	return testAnswer(t.exec.Verdict(), in.InspectionLevel), nil
}

// testedState is the definition itself, or the state of that name within it.
func testedState(in *testStateInput) (*asl.Machine, *asl.State, error) {
	if in.StateName == nil {
		def, err := asl.ParseState(in.Definition)
		if err != nil {
			return nil, nil, definitionError(err)
		}
		return def, def.State(asl.LoneState), nil
	}
	def, err := asl.Parse(in.Definition, asl.Standard)
	if err != nil {
		return nil, nil, definitionError(err)
	}
	if state := findState(&def.Graph, *in.StateName); state != nil {
		return def, state, nil
	}
	return nil, nil, errValidation("State not found in definition")
}

func findState(g *asl.Graph, name string) *asl.State {
	if state := g.State(name); state != nil {
		return state
	}
	for _, state := range g.States {
		var inner []*asl.Graph
		switch {
		case state.Parallel != nil:
			inner = state.Parallel.Branches
		case state.Map != nil:
			inner = []*asl.Graph{state.Map.Processor}
		}
		for _, graph := range inner {
			if found := findState(graph, name); found != nil {
				return found
			}
		}
	}
	return nil
}

// checkTest refuses what TestState does not do, in AWS's words.
func checkTest(in *testStateInput, state *asl.State) error {
	mocked := in.Mock != nil
	composed := state.Type == asl.TypeMap || state.Type == asl.TypeParallel
	waits := state.Task != nil && (state.Task.Resource.Kind == asl.Activity || state.Task.Resource.Pattern != asl.RequestResponse)
	c := in.StateConfiguration
	switch {
	case mocked && in.Mock.Result != nil && in.Mock.ErrorOutput != nil:
		return errValidation("A test mock should have only one of the following fields: [result, errorOutput].")
	case mocked && in.Mock.Result == nil && in.Mock.ErrorOutput == nil:
		return errValidation("A test mock should have one of the following fields: [result, errorOutput].")
	case mocked && in.RevealSecrets:
		return errValidation("TestState does not support RevealSecrets when a mock is specified.")
	case mocked && !composed && state.Task == nil:
		return errValidation("State type '%s' is not supported when a mock is specified", state.Type)
	case !mocked && c != nil && c.MapIterationFailureCount != nil:
		return errValidation("TestState does not support MapIterationFailureCount when a mock is not specified.")
	case !mocked && composed:
		return &awswire.Error{Code: "InvalidDefinition", Message: "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]"}
	case !mocked && state.Task != nil && in.RoleArn == "":
		return errValidation("RoleArn must be specified when testing a Task state")
	case !mocked && waits:
		return errValidation("TestState API does not support Activity tasks, or tasks with a '.sync' or '.waitForTaskToken' service integration pattern, when a mock is not specified")
	}
	return nil
}

// probeOf reads the parts of a test that are JSON text.
func probeOf(in *testStateInput, state *asl.State) (p interp.Probe, input jsonvalue.Value, err error) {
	p.Location = state.Location
	if input, err = parseInput(in.Input); err != nil {
		return p, nil, err
	}
	if p.Variables, err = objectText(in.Variables, "Variables"); err != nil {
		return p, nil, err
	}
	if p.Context, err = objectText(in.Context, "Context"); err != nil {
		return p, nil, err
	}
	if err := checkContext(p.Context, state); err != nil {
		return p, nil, err
	}
	if c := in.StateConfiguration; c != nil {
		p.RetryCount = c.RetrierRetryCount
	}
	p.Mock, err = mockOf(in, state)
	return p, input, err
}

func objectText(text *string, what string) (*jsonvalue.Object, error) {
	if text == nil {
		return nil, nil
	}
	v, err := jsonvalue.Parse([]byte(*text))
	o, ok := v.(*jsonvalue.Object)
	if err != nil || !ok {
		return nil, errValidation("Invalid %s object provided: it must be a JSON object", what)
	}
	return o, nil
}

func checkContext(o *jsonvalue.Object, state *asl.State) error {
	hasToken := state.Task != nil && state.Task.Resource.Pattern != asl.RequestResponse
	if o.Has("Task") && !hasToken {
		return errValidation("Invalid Context object provided: Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service integration pattern")
	}
	if o.Has("Map") && state.Map == nil {
		return errValidation("Invalid Context object provided: Context object contains 'Map' when state is not a Map state")
	}
	return nil
}

func mockOf(in *testStateInput, state *asl.State) (*interp.Mock, error) {
	switch {
	case in.Mock == nil:
		return nil, nil
	case in.Mock.ErrorOutput != nil:
		return &interp.Mock{Failed: true, Error: in.Mock.ErrorOutput.Error, Cause: in.Mock.ErrorOutput.Cause}, nil
	}
	v, err := jsonvalue.Parse([]byte(*in.Mock.Result))
	if err != nil {
		return nil, errValidation("Mocked result must be a valid JSON: %s", err)
	}
	if err := checkMockedShape(v, state); err != nil {
		return nil, err
	}
	if state.Task != nil && in.Mock.FieldValidationMode != "NONE" {
		if err := checkMockedResult(v, state.Task.Resource, in.Mock.FieldValidationMode != "PRESENT"); err != nil {
			return nil, err
		}
	}
	return &interp.Mock{Result: v}, nil
}

// checkMockedShape demands of a Map an array, one with a ResultWriter an object,
// and of a Parallel an array with a result for each branch.
func checkMockedShape(v jsonvalue.Value, state *asl.State) error {
	array, isArray := v.([]any)
	_, isObject := v.(*jsonvalue.Object)
	switch {
	case state.Map != nil && state.Map.Writer != nil && !isObject:
		return errValidation("Mocked result must be a JSON object.")
	case state.Map != nil && state.Map.Writer == nil && !isArray, state.Parallel != nil && !isArray:
		return errValidation("Mocked result must be an array.")
	case state.Parallel != nil && len(array) != len(state.Parallel.Branches):
		return errValidation("Mocked result must contain the same number of items as number of Parallel branches.")
	}
	return nil
}

// testLimit is how long a test may take.
const testLimit = 5 * time.Minute

// test is a probe under way.
type test struct {
	s     *Service
	exec  *interp.Execution
	rec   *record
	queue []interp.Command
}

func (s *Service) newTest(in *testStateInput, def *asl.Machine, p interp.Probe, input jsonvalue.Value) *test {
	name, machine := newUUID(), "TestState-"+newUUID()[:8]
	rec := &record{Name: name, Machine: machine, MachineARN: s.arn(kindMachine, machine), ARN: s.arn(kindExpress, machine, name, newUUID()), RoleARN: in.RoleArn}
	t := &test{s: s, rec: rec}
	t.exec = interp.NewProbe(def, interp.Start{ARN: rec.ARN, Name: name, RoleARN: rec.RoleARN, MachineARN: rec.MachineARN, Input: input, Time: s.now()}, p)
	t.exec.Check = func(c interp.ScheduleTask) error { return s.checkTask(rec, c) }
	return t
}

// run performs the state's work at once: a task is called, and a wait is not
// waited for.
func (t *test) run(ctx context.Context) error {
	t.step(interp.Started{})
	for len(t.queue) > 0 && t.exec.Status() == interp.Running {
		c := t.queue[0]
		t.queue = t.queue[1:]
		switch c := c.(type) {
		case interp.ScheduleTask:
			if err := t.call(ctx, c); err != nil {
				return err
			}
		case interp.StartTimer:
			t.step(interp.TimerFired{Timer: c.Timer})
		}
	}
	return nil
}

func (t *test) step(ev interp.Event) {
	commands, _ := t.exec.Step(t.s.now(), ev)
	t.queue = append(t.queue, commands...)
}

// call does a task within its timeout and the test's.
func (t *test) call(ctx context.Context, c interp.ScheduleTask) error {
	t.queue = nil // the task's own timers: time is kept here
	limit := testLimit
	if c.Timeout > 0 {
		limit = min(limit, c.Timeout)
	}
	r := &run{s: t.s, key: t.rec.key(), rec: t.rec}
	call := r.newCall(c)
	call.ctx = ctx
	done := make(chan answer, 1)
	late := make(chan struct{})
	timer := t.s.Clock.AfterFunc(limit, func() { close(late) })
	defer timer.Stop()
	release := t.s.Clock.Hold()
	go func() { defer release(); done <- t.s.do(call) }()
	select {
	case a := <-done:
		if a.failed() {
			t.step(interp.TaskFailed{Task: c.Task, Error: a.err, Cause: a.cause})
		} else {
			t.step(interp.TaskSucceeded{Task: c.Task, Output: a.output})
		}
	case <-late:
		t.step(interp.TaskFailed{Task: c.Task, Error: "States.Timeout"})
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

func testAnswer(v interp.Verdict, level string) *testStateOutput {
	out := &testStateOutput{Status: string(v.Status)}
	if v.Status == interp.ProbeSucceeded || v.Status == interp.ProbeCaught {
		output := jsonvalue.String(v.Output)
		out.Output = &output
		if v.NextState != "" {
			out.NextState = &v.NextState
		}
	}
	if v.Status != interp.ProbeSucceeded {
		out.Error, out.Cause = nonEmpty(&v.Error), nonEmpty(&v.Cause)
	}
	if level == "DEBUG" || level == "TRACE" {
		out.InspectionData = jsonvalue.Append(nil, v.Inspection)
	}
	return out
}
