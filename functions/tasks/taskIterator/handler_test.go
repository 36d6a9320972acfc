package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/notify"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table"
	"github.com/stepworks/stepworks/shared/table/tabletest"
	"github.com/stepworks/stepworks/shared/task"
)

type ear struct{ told []string }

func (e *ear) Tell(_ context.Context, m notify.Message) error {
	e.told = append(e.told, string(m.Action)+" "+m.SK)
	return nil
}

// TestStates: a task of two, one of which makes no sense.
func TestStates(t *testing.T) {
	db, e := tabletest.New(map[string]string{"tasks": "pk sk"}), &ear{}
	const pk, parent = "SFN_TASK#tenant1", "batch-processor#01HEXAMPLE0000000000000001"
	db.Set("tasks", task.Task{PK: pk, SK: parent, Type: task.BatchProcessor, Status: task.Processing, Counts: &task.Counts{Total: 2}})
	for i, input := range []string{`{"itemId":"A","quantity":2,"price":"1.10"}`, `{"itemId":"B","quantity":-2,"price":"1.10"}`} {
		db.Set("tasks", task.Task{PK: pk, SK: parent + "#" + string(rune('0'+i)), Parent: parent, Type: task.BatchProcessor, Status: task.Created, Input: table.JSON(input)})
	}
	h := handler{task.Book{API: db, Table: "tasks", Status: e, Alarm: e}}
	first, err := h.handle(t.Context(), steptest.Sample[Input](t, "taskIterator"))
	require.NoError(t, err)
	assert.Equal(t, task.Completed, first.Status)
	in := steptest.Sample[Input](t, "taskIterator")
	in.Input.SK = parent + "#1"
	failed, err := h.handle(t.Context(), in)
	require.NoError(t, err, "a sub-task that fails is a result")
	assert.Equal(t, task.Failed, failed.Status)
	assert.Equal(t, `Input.Malformed: B: quantity must be a whole number above 0, not "-2"`, failed.Error)
	whole, err := h.handle(t.Context(), steptest.Sample[Input](t, "taskIterator-complete"))
	require.NoError(t, err)
	assert.Equal(t, Result{PK: pk, SK: parent, Status: task.Failed, Error: "1 of 2 sub-tasks were not done", Counts: &task.Counts{Total: 2, Succeeded: 1, Failed: 1}}, whole)
	assert.Contains(t, e.told, "task-alarm "+parent+"#1")
}

func TestRefusals(t *testing.T) {
	h := handler{task.Book{API: tabletest.New(map[string]string{"tasks": "pk sk"}), Table: "tasks"}}
	for want, in := range map[failure.Name]Input{
		failure.InputMalformed: {},
		failure.TaskNotFound:   steptest.Sample[Input](t, "taskIterator"),
	} {
		_, err := h.handle(t.Context(), in)
		assert.Equal(t, want, failure.NameOf(err))
	}
	_, err := h.handle(t.Context(), steptest.Sample[Input](t, "taskIterator-unknown"))
	assert.ErrorContains(t, err, `no handler for state "fly_away"`)
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "TASKS_TABLE", "MAIN_TOPIC_ARN", "ALARM_TOPIC_ARN")
}
