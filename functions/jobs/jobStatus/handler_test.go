package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/job"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

// setUp has the job of events/submitJob.json, submitted at ten.
func setUp(t *testing.T) handler {
	t.Helper()
	book := job.Book{API: tabletest.New(map[string]string{"Jobs": "jobId"}), Jobs: "Jobs"}
	_, err := book.Submit(t.Context(), job.Request{Kind: "pick-items", Reference: "ORD-1001", Pieces: 3},
		"arn:aws:states:us-east-1:123456789012:execution:JobPollerWorkflow:sample", time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	return handler{book}
}

// TestAnswers: a bare string, or the report.
func TestAnswers(t *testing.T) {
	for name, want := range map[string]string{
		"jobStatus": `"RUNNING"`,
		"jobStatus-detail": `{"jobId":"job_91fust08gqkdd9vt","kind":"pick-items","reference":"ORD-1001","pieces":3,"status":"SUCCEEDED",
			"submittedAt":"2026-11-21T10:00:00Z","startedAt":"2026-11-21T10:00:02Z","endedAt":"2026-11-21T10:00:13Z","result":{"totes":1}}`,
	} {
		got, err := setUp(t).handle(t.Context(), steptest.Sample[Input](t, name))
		require.NoError(t, err)
		text, err := json.Marshal(got)
		require.NoError(t, err)
		assert.JSONEq(t, want, string(text), name)
	}
}

// TestAskedByHand: an id alone asks as of now; a job that was seen to end has
// ended, whenever that is.
func TestAskedByHand(t *testing.T) {
	h := setUp(t)
	_, err := h.handle(t.Context(), steptest.Sample[Input](t, "jobStatus-detail"))
	require.NoError(t, err)
	got, err := h.handle(t.Context(), steptest.Sample[Input](t, "jobStatus-id-alone"))
	require.NoError(t, err)
	assert.Equal(t, job.Succeeded, got)
}

func TestErrors(t *testing.T) {
	h := setUp(t)
	for guid, want := range map[string]failure.Name{"": failure.InputMalformed, "job_gone": failure.JobNotFound} {
		_, err := h.handle(t.Context(), Input{GUID: guid, Time: time.Now()})
		assert.Equal(t, want, failure.NameOf(err), guid)
	}
	for _, text := range []string{`7`, `{"guid": 7}`, `{"time": "yesterday"}`, `[]`} {
		assert.Error(t, json.Unmarshal([]byte(text), new(Input)), text)
	}
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "JOBS_TABLE")
}
