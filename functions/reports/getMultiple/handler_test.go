package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/report"
	"github.com/stepworks/stepworks/shared/report/reporttest"
	"github.com/stepworks/stepworks/shared/step/steptest"
)

func ask(t *testing.T, w *reporttest.World, in Input) []string {
	t.Helper()
	_, err := handler{w.Out}.handle(t.Context(), in)
	require.NoError(t, err)
	var d contract.TaskFinishedDetail
	p := w.Published(t, &d)
	require.Equal(t, contract.TaskFinished, p.DetailType, p.Detail)
	assert.Equal(t, contract.SourceProject, p.Source)
	assert.Equal(t, in.Detail.TaskToken, d.TaskToken)
	assert.Equal(t, &contract.Meta{
		Incoming: contract.Origin{ID: in.ID, Account: in.Account, Source: "project", DetailType: contract.TaskGetMultiple},
		Outgoing: contract.Origin{Source: "project", DetailType: contract.TaskFinished}, Function: reporttest.Function,
		StateMachine: "EventDrivenMachine", Job: "4f1c9a52-report-1",
	}, d.Meta)
	require.NotNil(t, d.Names, "nobody is an empty list, not an absent one")
	return *d.Names
}

func TestNames(t *testing.T) {
	w := reporttest.New(t)
	in := steptest.Sample[Input](t, "getMultiple")
	first := ask(t, w, in)
	assert.Len(t, first, 5)
	assert.Equal(t, first, ask(t, w, in), "the same event again names the same people")
	in.Detail.Request.Seed = nil
	drawn := ask(t, w, in)
	assert.NotEqual(t, first, drawn, "the execution is the seed, if none is given")
	assert.Equal(t, drawn, ask(t, w, in))

	assert.Equal(t, []string{"Ana María", "Ana María", `O'Hara/"Bob"`, "李小龍"}, ask(t, w, steptest.Sample[Input](t, "getMultiple-names")))
	assert.Empty(t, ask(t, w, steptest.Sample[Input](t, "getMultiple-nobody")))
}

func TestUsualNumber(t *testing.T) {
	w := reporttest.New(t)
	in := steptest.Sample[Input](t, "getMultiple")
	in.Detail.Request.NumberOfPeople = nil
	seen := map[int]bool{}
	for seed := range int64(400) {
		in.Detail.Request.Seed = &seed
		seen[len(ask(t, w, in))] = true
	}
	assert.Len(t, seen, 20, "from nobody to nineteen")
}

func TestMany(t *testing.T) {
	w := reporttest.New(t)
	in := steptest.Sample[Input](t, "getMultiple")
	*in.Detail.Request.NumberOfPeople = report.MaxPeople
	names := ask(t, w, in)
	assert.Len(t, names, report.MaxPeople)
	size := 0
	for _, n := range names {
		size += len(n) + 3
	}
	assert.Less(t, size, 100_000, "of the state's 256 KiB")
}

func TestRefusalsFailTheTask(t *testing.T) {
	for want, change := range map[string]func(*Input){
		"from 0 to 3000":       func(in *Input) { *in.Detail.Request.NumberOfPeople = 3001 },
		"not -1":               func(in *Input) { *in.Detail.Request.NumberOfPeople = -1 },
		"ARN of an execution":  func(in *Input) { in.Detail.Execution = "job-1" },
		"names[1] is empty":    func(in *Input) { in.Detail.Request.Names = []string{"Ana", " "} },
		"names[0] has 1025":    func(in *Input) { in.Detail.Request.Names = []string{strings.Repeat("x", 1025)} },
		"there are 3001 names": func(in *Input) { in.Detail.Request.Names = make([]string, 3001) },
		"one report takes 100000": func(in *Input) {
			in.Detail.Request.Names = strings.Split(strings.Repeat(strings.Repeat("x", 999)+" ", 101)[:101_000-1], " ")
		},
	} {
		w := reporttest.New(t)
		in := steptest.Sample[Input](t, "getMultiple")
		change(&in)
		_, err := handler{w.Out}.handle(t.Context(), in)
		require.NoError(t, err, want)
		var d contract.TaskFailedDetail
		p := w.Published(t, &d)
		assert.Equal(t, contract.TaskFailed, p.DetailType)
		assert.Equal(t, string(failure.InputMalformed), d.Error)
		assert.Contains(t, d.Cause, want)
		assert.Equal(t, "TASK-TOKEN", d.TaskToken)

		in.Detail.TaskToken = ""
		_, err = handler{w.Out}.handle(t.Context(), in)
		assert.Equal(t, failure.InputMalformed, failure.NameOf(err), "no task waits: the error is Lambda's")
		assert.True(t, w.Quiet())
	}
}

func TestBusBroken(t *testing.T) {
	w := reporttest.New(t)
	w.Refuse(errors.New("broken"))
	_, err := handler{w.Out}.handle(t.Context(), steptest.Sample[Input](t, "getMultiple"))
	require.Error(t, err, "Lambda tries again")
}

func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "EVENT_BUS_NAME", "AWS_LAMBDA_FUNCTION_NAME")
}
