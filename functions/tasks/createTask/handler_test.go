package main

import (
	"context"
	"testing"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
	"github.com/stepworks/stepworks/shared/task"
)

func TestSamples(t *testing.T) {
	db := tabletest.New(map[string]string{"tasks": "pk sk"})
	h := handler{task.Book{API: db, Table: "tasks"}}
	for name, pk := range map[string]string{"createTask": "SFN_TASK#tenant1", "createTask-failing": "SFN_TASK#tenant1", "createTask-single": "TASK#tenant1", "createTask-malformed": ""} {
		for range 2 { // the same request again
			got, err := h.handle(t.Context(), steptest.Sample[task.Request](t, name))
			if pk == "" {
				assert.Equal(t, failure.InputMalformed, failure.NameOf(err), name)
				continue
			}
			require.NoError(t, err, name)
			assert.Equal(t, pk, got.PK, name)
			assert.Equal(t, task.Created, got.Status, name)
		}
	}
	assert.Len(t, db.Rows("tasks"), 3)
}

// TestRequestID: without one of its own, a task has the invocation's.
func TestRequestID(t *testing.T) {
	h := handler{task.Book{API: tabletest.New(map[string]string{"tasks": "pk sk"}), Table: "tasks"}}
	in := steptest.Sample[task.Request](t, "createTask")
	in.RequestID = ""
	got, err := h.handle(lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{AwsRequestID: "r-1"}), in)
	require.NoError(t, err)
	assert.Equal(t, "r-1", got.RequestID)
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "TASKS_TABLE")
}
