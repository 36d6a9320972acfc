package main

import (
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

func setUp(t *testing.T) (handler, *reporttest.World, Input) {
	t.Helper()
	w := reporttest.New(t)
	in := steptest.Sample[Input](t, "sideEffect")
	w.Bucket.Set(basic, `{"name":"Heather West"}`)
	link, err := w.Bucket.Link(t.Context(), basic, time.Minute)
	require.NoError(t, err)
	in.Detail.Profile = link
	return handler{w.Out, report.NewReader(w.Bucket.Bucket)}, w, in
}

func TestAnswersNoTask(t *testing.T) {
	h, w, in := setUp(t)
	in.Detail.TaskToken = "TASK-TOKEN" // the rule leaves it out; should it not, it ends here
	_, err := h.handle(t.Context(), in)
	require.NoError(t, err)
	var d contract.AsyncCompleteDetail
	p := w.Published(t, &d)
	assert.Equal(t, contract.AsyncComplete, p.DetailType)
	assert.Equal(t, "Heather West", d.Processed)
	assert.Equal(t, contract.TaskProcessSinglePost, d.Meta.Incoming.DetailType)
	for _, secret := range []string{"TASK-TOKEN", "Signature"} {
		assert.NotContains(t, p.Detail, secret)
	}
	assert.Equal(t, []string{basic}, w.Bucket.Keys(), "it writes nothing")
}

// TestFailuresAreLambdas: no task waits, so nothing is published, and Lambda keeps
// the event after its last attempt.
func TestFailuresAreLambdas(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*Input)
		status int
		want   failure.Name
	}{
		"elsewhere":    {func(in *Input) { in.Detail.Profile = "https://example.com/x?X-Amz-Signature=1" }, 0, failure.InputMalformed},
		"no execution": {func(in *Input) { in.Detail.Execution = "" }, 0, failure.InputMalformed},
		"no name":      {func(in *Input) { in.Detail.Name = "" }, 0, failure.InputMalformed},
		"ended":        {func(*Input) {}, http.StatusForbidden, failure.AccessDenied},
	} {
		h, w, in := setUp(t)
		w.Bucket.Fail(func(string, string) int { return c.status })
		c.change(&in)
		_, err := h.handle(t.Context(), in)
		require.Error(t, err, what)
		assert.Equal(t, c.want, failure.NameOf(err), what)
		assert.NotContains(t, err.Error(), "Signature", what)
		assert.True(t, w.Quiet(), what)
	}
}

func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "EVENT_BUS_NAME", "AWS_LAMBDA_FUNCTION_NAME", "BUCKET")
}
