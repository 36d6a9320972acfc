package main

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/report"
	"github.com/stepworks/stepworks/shared/report/reporttest"
	"github.com/stepworks/stepworks/shared/step/steptest"
)

func TestProfile(t *testing.T) {
	w := reporttest.New(t)
	h := handler{w.Out, w.Bucket.Bucket}
	in := steptest.Sample[Input](t, "processSingle")
	var texts []string
	for range 2 {
		_, err := h.handle(t.Context(), in)
		require.NoError(t, err)
		var d contract.ProcessSinglePostDetail
		p := w.Published(t, &d)
		assert.Equal(t, contract.TaskProcessSinglePost, p.DetailType)
		assert.Equal(t, "TASK-TOKEN", d.TaskToken, "the next step answers the task")
		assert.Equal(t, "Heather West", d.Name)
		assert.Equal(t, 3, d.Index)
		assert.Contains(t, d.Profile, "X-Amz-Expires=900")
		answer, err := http.Get(d.Profile) //nolint:noctx,gosec // the test's own server
		require.NoError(t, err)
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		require.NoError(t, err)
		texts = append(texts, string(text))
	}
	assert.Equal(t, texts[0], texts[1], "the same event again makes the same profile")
	assert.Equal(t, []string{"4f1c9a52-report-1/basic-003-heather-west.json"}, w.Bucket.Keys())
	var profile report.Profile
	require.NoError(t, json.Unmarshal([]byte(texts[0]), &profile))
	assert.Equal(t, "Heather West", profile.Name)
	assert.NotEmpty(t, profile.Company)
	assert.NotEmpty(t, profile.City)
	assert.Nil(t, profile.NumberOfCookiesConsumed)
}

func TestFailures(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*Input)
		status int
		want   failure.Name
		passes bool // left to Lambda
	}{
		"no execution": {func(in *Input) { in.Detail.Execution = "" }, 0, failure.InputMalformed, false},
		"no name":      {func(in *Input) { in.Detail.Name = "" }, 0, failure.InputMalformed, false},
		"bad index":    {func(in *Input) { in.Detail.Index = -1 }, 0, failure.InputMalformed, false},
		"not allowed":  {func(*Input) {}, http.StatusForbidden, failure.AccessDenied, false},
		"busy":         {func(*Input) {}, http.StatusServiceUnavailable, failure.TransientThrottled, true},
	} {
		w := reporttest.New(t)
		w.Bucket.Fail(func(string, string) int { return c.status })
		in := steptest.Sample[Input](t, "processSingle")
		c.change(&in)
		_, err := handler{w.Out, w.Bucket.Bucket}.handle(t.Context(), in)
		if c.passes {
			assert.Equal(t, c.want, failure.NameOf(err), what)
			assert.True(t, w.Quiet(), what)
			continue
		}
		require.NoError(t, err, what)
		var d contract.TaskFailedDetail
		assert.Equal(t, contract.TaskFailed, w.Published(t, &d).DetailType, what)
		assert.Equal(t, string(c.want), d.Error, what)
	}
}

func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "EVENT_BUS_NAME", "AWS_LAMBDA_FUNCTION_NAME", "BUCKET")
}
