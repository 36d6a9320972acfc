package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/report"
	"github.com/stepworks/stepworks/shared/report/reporttest"
	"github.com/stepworks/stepworks/shared/step/steptest"
)

// setUp puts everybody's document into the bucket; person i has had i cookies.
func setUp(t testing.TB, names []string) (handler, *reporttest.World, Input) {
	t.Helper()
	w := reporttest.New(t)
	in := steptest.Sample[Input](t, "postProcessAll")
	if names != nil {
		in.Detail.Names = names
	}
	job, err := report.JobOf(in.Detail.Execution)
	require.NoError(t, err)
	for i, name := range in.Detail.Names {
		text, err := json.Marshal(report.Profile{Name: name, NumberOfCookiesConsumed: &i})
		require.NoError(t, err)
		w.Bucket.Set(report.Person{Job: job, Index: i, Name: name}.Final(), string(text))
	}
	return handler{w.Out, w.Bucket.Bucket}, w, in
}

func TestSum(t *testing.T) {
	for _, names := range [][]string{nil, {}, {"a", "a", "a"}} {
		h, w, in := setUp(t, names)
		_, err := h.handle(t.Context(), in)
		require.NoError(t, err)
		var d contract.TaskFinishedDetail
		p := w.Published(t, &d)
		require.Equal(t, contract.TaskFinished, p.DetailType, p.Detail)
		n := len(in.Detail.Names)
		require.NotNil(t, d.TotalCookiesConsumed)
		assert.Equal(t, n*(n-1)/2, *d.TotalCookiesConsumed)
		text, there := w.Bucket.Text("4f1c9a52-report-1/0-cookies.json")
		require.True(t, there)
		want, err := json.Marshal(report.Report{Names: in.Detail.Names, NumberOfPeople: n, TotalCookiesConsumed: n * (n - 1) / 2})
		require.NoError(t, err)
		assert.JSONEq(t, string(want), text)
	}
}

func TestFailuresWriteNoReport(t *testing.T) {
	const third = "4f1c9a52-report-1/final-002-o-hara-bob.json"
	for what, c := range map[string]struct {
		change func(*reporttest.World, *Input)
		want   failure.Name
		passes bool
	}{
		"one is missing":     {func(w *reporttest.World, _ *Input) { w.Bucket.Fail(only(third, http.StatusNotFound)) }, failure.ObjectNotFound, false},
		"one is not allowed": {func(w *reporttest.World, _ *Input) { w.Bucket.Fail(only(third, http.StatusForbidden)) }, failure.AccessDenied, false},
		"one is slow":        {func(w *reporttest.World, _ *Input) { w.Bucket.Fail(only(third, http.StatusServiceUnavailable)) }, failure.TransientThrottled, true},
		"no JSON":            {func(w *reporttest.World, _ *Input) { w.Bucket.Set(third, "x") }, failure.InputMalformed, false},
		"somebody else's":    {func(w *reporttest.World, _ *Input) { w.Bucket.Set(third, `{"name":"x","numberOfCookiesConsumed":1}`) }, failure.InputMalformed, false},
		"no cookies":         {func(w *reporttest.World, _ *Input) { w.Bucket.Set(third, `{"name":"O'Hara/\"Bob\""}`) }, failure.InputMalformed, false},
		"no names":           {func(_ *reporttest.World, in *Input) { in.Detail.Names = nil }, failure.InputMalformed, false},
		"an empty name":      {func(_ *reporttest.World, in *Input) { in.Detail.Names[0] = "" }, failure.InputMalformed, false},
		"no execution":       {func(_ *reporttest.World, in *Input) { in.Detail.Execution = "" }, failure.InputMalformed, false},
	} {
		h, w, in := setUp(t, nil)
		c.change(w, &in)
		_, err := h.handle(t.Context(), in)
		_, written := w.Bucket.Text("4f1c9a52-report-1/0-cookies.json")
		assert.False(t, written, what)
		if c.passes {
			assert.Equal(t, c.want, failure.NameOf(err), what)
			continue
		}
		require.NoError(t, err, what)
		var d contract.TaskFailedDetail
		assert.Equal(t, contract.TaskFailed, w.Published(t, &d).DetailType, what)
		assert.Equal(t, string(c.want), d.Error, "%s: %s", what, d.Cause)
	}
}

func only(key string, status int) func(string, string) int {
	return func(_, k string) int {
		if k == key {
			return status
		}
		return 0
	}
}

func TestReadsEachOnce(t *testing.T) {
	names := make([]string, 200)
	for i := range names {
		names[i] = fmt.Sprint("Person ", i)
	}
	h, w, in := setUp(t, names)
	var asked atomic.Int64
	w.Bucket.Fail(func(string, string) int { asked.Add(1); return 0 })
	_, err := h.handle(t.Context(), in)
	require.NoError(t, err)
	assert.EqualValues(t, len(names)+1, asked.Load(), "everybody's document once, and the report")
}

// BenchmarkTwoThousand prints what 2,000 profiles take: time, and the memory at
// its most beyond what was there before.
func BenchmarkTwoThousand(b *testing.B) {
	names := make([]string, 2000)
	for i := range names {
		names[i] = fmt.Sprint("Person Number ", i)
	}
	h, w, in := setUp(b, names)
	b.ReportAllocs()
	var most uint64
	w.Bucket.Fail(func(string, string) int {
		if m := heap(); m > most { // one request at a time gets here
			most = m
		}
		return 0
	})
	runtime.GC()
	before := heap()
	for b.Loop() {
		if _, err := h.handle(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(most-min(most, before))/(1<<20), "peak-MiB")
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "EVENT_BUS_NAME", "AWS_LAMBDA_FUNCTION_NAME", "BUCKET")
}
