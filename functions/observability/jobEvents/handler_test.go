package main

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/eventlog"
	"github.com/stepworks/stepworks/shared/eventlog/eventlogtest"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/step/steptest"
)

func TestTellsAJob(t *testing.T) {
	_, log := eventlogtest.New()
	_, err := log.Write(t.Context(), steptest.Sample[eventlog.Event](t, "trackEvent"))
	require.NoError(t, err)
	in := steptest.Sample[Input](t, "jobEvents")
	for _, job := range []string{in.Job, "arn:aws:states:us-east-1:123456789012:execution:EventDrivenMachine:" + in.Job} {
		out, err := handler{log}.handle(t.Context(), Input{Job: job})
		require.NoError(t, err)
		assert.Equal(t, in.Job, out.Job)
		assert.Len(t, out.Events, 1)
		text, err := json.Marshal(out)
		require.NoError(t, err)
		assert.NotContains(t, string(text), "latest")
	}
}

func TestLatest(t *testing.T) {
	_, log := eventlogtest.New()
	for i := range 120 {
		_, err := log.Write(t.Context(), eventlog.Event{ID: fmt.Sprint("e", i), Time: time.Unix(int64(i), 0), DetailType: "start"})
		require.NoError(t, err)
	}
	out, err := handler{log}.handle(t.Context(), steptest.Sample[Input](t, "jobEvents-latest"))
	require.NoError(t, err)
	require.Len(t, out.Latest, most)
	assert.Equal(t, "e119", out.Latest[0].Job, "the newest first")
	text, err := json.Marshal(out)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "graph")
}

func TestUnknownJob(t *testing.T) {
	_, log := eventlogtest.New()
	_, err := handler{log}.handle(t.Context(), Input{Job: "nobody"})
	assert.Equal(t, failure.JobNotFound, failure.NameOf(err))
}

// TestLargeJobsFit: the answer stays within Lambda's 6 MB, the graph of all.
func TestLargeJobsFit(t *testing.T) {
	_, log := eventlogtest.New()
	const events = 8004 // of a report of 2,000
	for i := range events {
		detail := fmt.Appendf(nil, `{"execution":"arn:aws:states:us-east-1:123456789012:execution:EventDrivenMachine:big","stateName":"ProcessSingle","TaskToken":"T%d","meta":{"fn":"report-post-process-single","incoming":{"id":"e%08d-0000-0000-0000-000000000000","detailType":"task.process.single"}}}`, i, i/2)
		_, err := log.Write(t.Context(), eventlog.Event{ID: fmt.Sprintf("e%08d-0000-0000-0000-000000000000", i), Source: "project", Account: "123456789012", Time: time.Unix(int64(i), 0), DetailType: "task.process.single.post", Detail: detail})
		require.NoError(t, err)
	}
	out, err := handler{log}.handle(t.Context(), Input{Job: "big"})
	require.NoError(t, err)
	text, err := json.Marshal(out)
	require.NoError(t, err)
	assert.Less(t, len(text), 6_000_000)
	assert.Equal(t, events-mostLines, out.OmittedEvents)
	assert.NotEmpty(t, out.Graph.Edges)
}

func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "EVENT_LOG_TABLE")
}
