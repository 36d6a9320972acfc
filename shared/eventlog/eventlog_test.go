package eventlog_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stepworks/stepworks/shared/eventlog"
	"github.com/stepworks/stepworks/shared/eventlog/eventlogtest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

// job reads testdata/NAME.jsonl: events as EventBridge delivers them, one a line.
func job(t *testing.T, name string) []eventlog.Event {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".jsonl")
	require.NoError(t, err)
	var events []eventlog.Event
	for line := range strings.Lines(string(text)) {
		var e eventlog.Event
		require.NoError(t, json.Unmarshal([]byte(line), &e), line)
		events = append(events, e)
	}
	return events
}

func write(t *testing.T, log eventlog.Log, events []eventlog.Event) {
	t.Helper()
	for _, e := range events {
		_, err := log.Write(t.Context(), e)
		require.NoError(t, err)
	}
}

// TestTrace: the recorded job, told; the golden file is the documented JSON.
func TestTrace(t *testing.T) {
	for _, name := range []string{"report", "failed", "accounts"} {
		events := job(t, name)
		var told string
		for _, order := range [][]int{{1, 0}, {0, 1}} { // as they came, and the other way round, each twice
			db, log := eventlogtest.New()
			db.Page = 3
			for range 2 {
				for i := range events {
					e := events[order[0]*i+order[1]*(len(events)-1-i)]
					_, err := log.Write(t.Context(), e)
					require.NoError(t, err)
				}
			}
			records, err := log.Job(t.Context(), "job-1")
			require.NoError(t, err)
			text, err := json.MarshalIndent(eventlog.Tell("job-1", records), "", "  ")
			require.NoError(t, err)
			if told != "" {
				assert.Equal(t, told, string(text), "%s: the order of arrival does not matter", name)
			}
			told = string(text)
			assert.NotContains(t, told, "TOKEN-")
		}
		golden(t, "testdata/"+name+".golden.json", told+"\n")
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

func TestRows(t *testing.T) {
	db, log := eventlogtest.New()
	write(t, log, job(t, "report"))
	var row eventlog.Record
	require.True(t, db.Load(eventlogtest.Table, tabletest.Pair("JOB#job-1", "2026-11-21T10:00:01.000Z#e02"), &row))
	assert.Equal(t, time.Date(2026, 11, 22, 10, 0, 1, 0, time.UTC).Unix(), row.ExpiresAt, "a day after the event's time")
	assert.Equal(t, "EventDrivenMachine", row.StateMachine)
	assert.Equal(t, "e01", row.Correlation)
	assert.Len(t, row.Task, 16)
	latest, err := log.Latest(t.Context())
	require.NoError(t, err)
	require.Len(t, latest, 2, "the job, and the event that began it")
	for _, l := range latest {
		if l.Job == "job-1" {
			assert.Equal(t, "task.finished", l.DetailType)
		}
	}
}

// TestNoSecretIsKept: neither a token nor a signature, wherever it stands.
func TestNoSecretIsKept(t *testing.T) {
	const token, signed = "AQCEAAAAKgAAAAMAAAAAAAAAAd", "https://b.s3.amazonaws.com/k.json?X-Amz-Signature=SECRET"
	rapid.Check(t, func(t *rapid.T) {
		var detail any = map[string]any{"x": rapid.SampledFrom([]string{token, signed, "pre " + token + " post", "plain"}).Draw(t, "text")}
		for range rapid.IntRange(0, 4).Draw(t, "depth") {
			name := rapid.SampledFrom([]string{"a", "taskToken", "profile", "names"}).Draw(t, "name")
			if rapid.Bool().Draw(t, "list") {
				detail = map[string]any{name: []any{detail, signed}}
			} else {
				detail = map[string]any{name: detail}
			}
		}
		top, _ := detail.(map[string]any)
		top["TaskToken"] = token
		text, err := json.Marshal(top)
		require.NoError(t, err)
		_, log := eventlogtest.New()
		r, err := log.Write(t.Context(), eventlog.Event{ID: "1", Time: time.Now(), Detail: text})
		require.NoError(t, err)
		kept := fmt.Sprintf("%+v", r)
		assert.NotContains(t, kept, token)
		assert.NotContains(t, kept, "SECRET")
	})
}

// TestOddDetails: whatever was published is kept under its own id, and nothing
// panics.
func TestOddDetails(t *testing.T) {
	_, log := eventlogtest.New()
	for i, detail := range []string{`{}`, `[]`, `null`, `"text"`, `7`, ``, `{"execution":7,"meta":"x","TaskToken":{}}`, `{"execution":"no arn"}`, `{"meta":{"fn":"f","incoming":{"id":"odd-8","detailType":"x"}}}`,
		`{"names":["` + strings.Repeat("x", 20_000) + `"]}`} {
		id := fmt.Sprint("odd-", i)
		r, err := log.Write(t.Context(), eventlog.Event{ID: id, Source: "project", DetailType: "odd", Time: time.Unix(1, 0), Detail: json.RawMessage(detail)})
		require.NoError(t, err, detail)
		assert.Equal(t, id, r.Job)
		assert.LessOrEqual(t, len(r.Detail), 16<<10)
		records, err := log.Job(t.Context(), id)
		require.NoError(t, err)
		trace := eventlog.Tell(id, records)
		require.Len(t, trace.Events, 1, detail)
		_, err = json.Marshal(trace)
		require.NoError(t, err, detail)
	}
}

// TestCircles: events can claim each other for their cause.
func TestCircles(t *testing.T) {
	_, log := eventlogtest.New()
	for id, other := range map[string]string{"a": "b", "b": "a"} {
		_, err := log.Write(t.Context(), eventlog.Event{ID: id, Time: time.Unix(1, 0), DetailType: "x",
			Detail: json.RawMessage(`{"execution":"arn:aws:states:us-east-1:1:execution:M:j","meta":{"fn":"f","incoming":{"id":"` + other + `","detailType":"x"}}}`)})
		require.NoError(t, err)
	}
	records, err := log.Job(t.Context(), "j")
	require.NoError(t, err)
	assert.Len(t, eventlog.Tell("j", records).Events, 2)
}
