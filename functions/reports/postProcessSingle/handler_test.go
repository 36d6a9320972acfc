package main

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/report"
	"github.com/stepworks/stepworks/shared/report/reporttest"
	"github.com/stepworks/stepworks/shared/step/steptest"
)

const basic = "4f1c9a52-report-1/basic-003-heather-west.json"

// setUp puts the sample's profile into the bucket and its URL into the event.
func setUp(t *testing.T) (handler, *reporttest.World, Input) {
	t.Helper()
	w := reporttest.New(t)
	in := steptest.Sample[Input](t, "postProcessSingle")
	w.Bucket.Set(basic, `{"name":"Heather West","company":"C","city":"T"}`)
	link, err := w.Bucket.Link(t.Context(), basic, time.Minute)
	require.NoError(t, err)
	in.Detail.Profile = link
	return handler{w.Out, w.Bucket.Bucket, report.NewReader(w.Bucket.Bucket)}, w, in
}

func TestCookies(t *testing.T) {
	h, w, in := setUp(t)
	var first string
	for range 2 {
		_, err := h.handle(t.Context(), in)
		require.NoError(t, err)
		var d contract.TaskFinishedDetail
		p := w.Published(t, &d)
		assert.Equal(t, contract.TaskFinished, p.DetailType)
		assert.Equal(t, "Heather West", *d.Processed)
		assert.Equal(t, "TASK-TOKEN", d.TaskToken)
		assert.NotContains(t, p.Detail, "Signature", "nobody behind needs the URL")
		text, there := w.Bucket.Text("4f1c9a52-report-1/final-003-heather-west.json")
		require.True(t, there)
		if first == "" {
			first = text
		}
		assert.Equal(t, first, text, "the same event again counts the same")
	}
	var profile report.Profile
	require.NoError(t, json.Unmarshal([]byte(first), &profile))
	require.NotNil(t, profile.NumberOfCookiesConsumed)
	assert.LessOrEqual(t, *profile.NumberOfCookiesConsumed, 9)
	assert.Equal(t, "C", profile.Company)
}

// TestEveryCount: from none to nine.
func TestEveryCount(t *testing.T) {
	seen := map[int]bool{}
	h, w, in := setUp(t)
	for i := range 200 {
		in.Detail.Index = i
		person, err := report.Job{Name: "4f1c9a52-report-1"}.Person(i, in.Detail.Name)
		require.NoError(t, err)
		w.Bucket.Set(person.Basic(), `{"name":"Heather West"}`)
		in.Detail.Profile, err = w.Bucket.Link(t.Context(), person.Basic(), time.Minute)
		require.NoError(t, err)
		_, err = h.handle(t.Context(), in)
		require.NoError(t, err)
		w.Published(t, new(any))
		text, _ := w.Bucket.Text(person.Final())
		var profile report.Profile
		require.NoError(t, json.Unmarshal([]byte(text), &profile))
		seen[*profile.NumberOfCookiesConsumed] = true
	}
	assert.Len(t, seen, 10)
}

func TestFailures(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*Input)
		status int
		want   failure.Name
		passes bool
	}{
		"elsewhere": {func(in *Input) {
			in.Detail.Profile = steptest.Sample[Input](t, "postProcessSingle-elsewhere").Detail.Profile
		}, 0, failure.InputMalformed, false},
		"no execution": {func(in *Input) { in.Detail.Execution = "x" }, 0, failure.InputMalformed, false},
		"no name":      {func(in *Input) { in.Detail.Name = "" }, 0, failure.InputMalformed, false},
		"another name": {func(in *Input) { in.Detail.Name = "Somebody" }, 0, failure.InputMalformed, false},
		"ended":        {func(*Input) {}, http.StatusForbidden, failure.AccessDenied, false},
		"gone":         {func(*Input) {}, http.StatusNotFound, failure.ObjectNotFound, false},
		"broken":       {func(*Input) {}, http.StatusInternalServerError, failure.TransientUnavailable, true},
	} {
		h, w, in := setUp(t)
		w.Bucket.Fail(func(string, string) int { return c.status })
		c.change(&in)
		_, err := h.handle(t.Context(), in)
		if c.passes {
			assert.Equal(t, c.want, failure.NameOf(err), what)
			continue
		}
		require.NoError(t, err, what)
		var d contract.TaskFailedDetail
		p := w.Published(t, &d)
		assert.Equal(t, contract.TaskFailed, p.DetailType, what)
		assert.Equal(t, string(c.want), d.Error, what)
		assert.NotContains(t, p.Detail, "Signature", what)
	}
}

func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "EVENT_BUS_NAME", "AWS_LAMBDA_FUNCTION_NAME", "BUCKET")
}
