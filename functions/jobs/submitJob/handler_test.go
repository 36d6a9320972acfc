package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/job"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

func setUp() (handler, *tabletest.DB) {
	db := tabletest.New(map[string]string{"Jobs": "jobId"})
	return handler{job.Book{API: db, Jobs: "Jobs"}}, db
}

func TestSubmitsOnce(t *testing.T) {
	h, db := setUp()
	in := steptest.Sample[Input](t, "submitJob")
	for range 2 {
		id, err := h.handle(t.Context(), in)
		require.NoError(t, err)
		assert.Equal(t, "job_91fust08gqkdd9vt", id, "the samples of jobStatus name it")
	}
	var r job.Record
	require.True(t, db.Load("Jobs", "job_91fust08gqkdd9vt", &r))
	assert.Equal(t, in.Execution.Time.Add(2*time.Second), r.StartsAt.UTC(), "the execution's time, not the clock's")
}

func TestBadInput(t *testing.T) {
	for want, change := range map[string]func(*Input){
		"no job":         func(in *Input) { in.Request.Job = nil },
		"execution.id":   func(in *Input) { in.Execution.ID = "" },
		"execution.time": func(in *Input) { in.Execution.Time = time.Time{} },
		"wait_time":      func(in *Input) { *in.Request.WaitTime = 0 },
		"job.pieces":     func(in *Input) { in.Request.Job.Pieces = 1e9 },
		"not known":      func(in *Input) { *in = steptest.Sample[Input](t, "submitJob-unknown-kind") },
	} {
		h, db := setUp()
		in := steptest.Sample[Input](t, "submitJob")
		change(&in)
		_, err := h.handle(t.Context(), in)
		assert.Equal(t, failure.InputMalformed, failure.NameOf(err), want)
		assert.ErrorContains(t, err, want)
		assert.Nil(t, db.Item("Jobs", job.ID(in.Execution.ID)), want)
	}
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "JOBS_TABLE")
}
