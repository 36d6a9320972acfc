package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/feed"
	"github.com/stepworks/stepworks/shared/notify"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
	"github.com/stepworks/stepworks/shared/task"
)

type ear struct{ told []string }

func (e *ear) Tell(_ context.Context, m notify.Message) error {
	e.told = append(e.told, string(m.Action)+" "+m.SK)
	return nil
}

const sk = "batch-processor#01HEXAMPLE0000000000000001"

func TestNewTasksAreAnnouncedOnce(t *testing.T) {
	db, e := tabletest.New(map[string]string{"tasks": "pk sk"}), &ear{}
	db.Set("tasks", task.Task{PK: "SFN_TASK#tenant1", SK: sk, Status: task.Created})
	h := handler{task.Book{API: db, Table: "tasks", Status: e}}
	for _, name := range []string{"taskStream", "taskStream", "taskStream-sub"} {
		got, err := h.handle(t.Context(), steptest.Sample[feed.Batch](t, name))
		require.NoError(t, err)
		assert.Empty(t, got.BatchItemFailures, name)
	}
	assert.Equal(t, []string{"task-execute " + sk, "task-status " + sk}, e.told, "sub-tasks start nothing")
	var stored task.Task
	require.True(t, db.Load("tasks", tabletest.Pair("SFN_TASK#tenant1", sk), &stored))
	assert.Equal(t, task.Queued, stored.Status)
}

// TestItComesAgain: a task that cannot be announced is delivered again.
func TestItComesAgain(t *testing.T) {
	h := handler{task.Book{API: tabletest.New(map[string]string{"tasks": "pk sk"}), Table: "tasks", Status: &ear{}}}
	got, err := h.handle(t.Context(), steptest.Sample[feed.Batch](t, "taskStream"))
	require.NoError(t, err)
	assert.Equal(t, []feed.Failure{{ItemIdentifier: "100000000000000000001"}}, got.BatchItemFailures)
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "TASKS_TABLE", "MAIN_TOPIC_ARN")
}
