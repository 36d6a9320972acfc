package main

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/feed"
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

type machine struct {
	started map[string]string
	down    bool
}

func (m *machine) StartExecution(_ context.Context, in *sfn.StartExecutionInput, _ ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error) {
	if m.down {
		return nil, failure.New(failure.TransientUnavailable, "down")
	}
	if _, there := m.started[*in.Name]; there {
		return nil, &types.ExecutionAlreadyExists{}
	}
	m.started[*in.Name] = *in.Input
	return &sfn.StartExecutionOutput{}, nil
}

const code = "01HEXAMPLE0000000000000001"

func setUp() (handler, *tabletest.DB, *machine) {
	db, m, e := tabletest.New(map[string]string{"tasks": "pk sk"}), &machine{started: map[string]string{}}, &ear{}
	line := `{"itemId":"A","quantity":1,"price":"2"}`
	for pk, input := range map[string]string{"TASK#tenant1": line, "SFN_TASK#tenant1": "[" + line + "," + line + "]"} {
		db.Set("tasks", task.Task{PK: pk, SK: "batch-processor#" + code, Code: code, Type: task.BatchProcessor, Status: task.Queued, Input: table.JSON(input)})
	}
	return handler{task.Book{API: db, Table: "tasks", Status: e, Alarm: e}, m, "arn"}, db, m
}

func load(t *testing.T, db *tabletest.DB, pk string) task.Task {
	t.Helper()
	var stored task.Task
	require.True(t, db.Load("tasks", tabletest.Pair(pk, "batch-processor#"+code), &stored))
	return stored
}

func TestMessages(t *testing.T) {
	h, db, m := setUp()
	for _, name := range []string{"taskAction", "taskAction-single", "taskAction", "taskAction-single", "taskAction-sub-task-status"} {
		got, err := h.handle(t.Context(), steptest.Sample[feed.Batch](t, name))
		require.NoError(t, err)
		assert.Empty(t, got.BatchItemFailures, name)
	}
	assert.Equal(t, task.Completed, load(t, db, "TASK#tenant1").Status)
	assert.Equal(t, task.Processing, load(t, db, "SFN_TASK#tenant1").Status)
	assert.Len(t, db.Rows("tasks"), 4, "two sub-tasks, once")
	require.Len(t, m.started, 1, "one execution, however often the message comes")
	var refs []task.Ref
	require.NoError(t, json.Unmarshal([]byte(m.started["task-"+code]), &refs))
	assert.Equal(t, task.Ref{PK: "SFN_TASK#tenant1", SK: "batch-processor#" + code + "#1", Parent: "batch-processor#" + code}, refs[1])
}

// TestEachMessageForItself: one that fails comes again, the others are done.
func TestEachMessageForItself(t *testing.T) {
	h, db, m := setUp()
	m.down = true
	batch := feed.Batch{Records: append(steptest.Sample[feed.Batch](t, "taskAction").Records, []json.RawMessage{
		json.RawMessage(`{"messageId":"odd","body":"{\"action\":\"make-coffee\"}"}`), json.RawMessage(`{"messageId":"garbled","body":"{"}`),
		json.RawMessage(`{"messageId":"sub","body":"{\"action\":\"task-execute\",\"sk\":\"a#b#1\"}"}`),
		json.RawMessage(`{"messageId":"gone","body":"{\"action\":\"sub-task-status\",\"pk\":\"SFN_TASK#t\",\"sk\":\"a#b#1\"}"}`),
		json.RawMessage(`{"messageId":"single","body":"{\"action\":\"task-execute\",\"pk\":\"TASK#tenant1\",\"sk\":\"batch-processor#` + code + `\"}"}`),
	}...)}
	got, err := h.handle(t.Context(), batch)
	require.NoError(t, err)
	var failed []string
	for _, f := range got.BatchItemFailures {
		failed = append(failed, f.ItemIdentifier)
	}
	assert.Equal(t, []string{"00000000-0000-0000-0000-000000000001", "odd", "garbled", "gone"}, failed)
	assert.Equal(t, task.Completed, load(t, db, "TASK#tenant1").Status)
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "TASKS_TABLE", "MAIN_TOPIC_ARN", "ALARM_TOPIC_ARN", "STATE_MACHINE_ARN")
}
