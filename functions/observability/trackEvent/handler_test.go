package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/eventlog"
	"github.com/stepworks/stepworks/shared/eventlog/eventlogtest"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

func TestWritesOnceWithoutSecrets(t *testing.T) {
	db, log := eventlogtest.New()
	in := steptest.Sample[eventlog.Event](t, "trackEvent")
	for range 2 {
		out, err := handler{log}.handle(t.Context(), in)
		require.NoError(t, err)
		assert.Equal(t, "4f1c9a52-report-1", out.Job)
	}
	assert.Len(t, db.Rows(eventlogtest.Table), 2, "the event and its job")
	var r eventlog.Record
	require.True(t, db.Load(eventlogtest.Table, tabletest.Pair("JOB#4f1c9a52-report-1", "2026-11-21T10:00:04.000Z#"+in.ID), &r))
	assert.Equal(t, "report-process-single", r.Function)
	assert.Equal(t, "task.process.single", r.Incoming.DetailType)
	for _, row := range db.Rows(eventlogtest.Table) {
		assert.NotContains(t, fmt.Sprint(row), "TASK-TOKEN")
	}
	assert.NotContains(t, r.Detail, "TASK-TOKEN")
	assert.NotContains(t, r.Detail, "X-Amz-Signature")
}

func TestOnlyEvents(t *testing.T) {
	_, log := eventlogtest.New()
	for _, in := range []eventlog.Event{{}, {ID: "x"}, {Time: time.Unix(1, 0)}} {
		_, err := handler{log}.handle(t.Context(), in)
		assert.Equal(t, failure.InputMalformed, failure.NameOf(err))
	}
}

func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "EVENT_LOG_TABLE")
}
