package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/activity"
	"github.com/stepworks/stepworks/shared/failure"
)

const arn = "arn:aws:states:us-east-1:123456789012:activity:OrderActivity"

func TestFlags(t *testing.T) {
	t.Setenv("ACTIVITY_ARN", "")
	for want, args := range map[string][]string{
		"must be the ARN":            {},
		"not \"OrderActivity\"":      {"--activity", "OrderActivity"},
		"flags only":                 {"--activity", arn, "4"},
		"must not be negative":       {"--activity", arn, "--per-piece", "-1s"},
		"flag provided but not":      {"--wokers", "4"},
		"invalid value \"many\" for": {"--workers", "many"},
	} {
		require.ErrorContains(t, parse(args, io.Discard, &activity.Worker{}, &packer{}), want)
	}
	t.Setenv("ACTIVITY_ARN", arn)
	var w activity.Worker
	require.NoError(t, parse([]string{"--workers", "2"}, io.Discard, &w, &packer{}))
	assert.Equal(t, arn, w.Activity)
	assert.Equal(t, 2, w.Concurrency)
}

func TestPack(t *testing.T) {
	for input, want := range map[string]string{
		`{"reference":"ORD-1","pieces":8}`:              `{"reference":"ORD-1","pieces":8,"parcels":1}`,
		`{"reference":"ORD-1","pieces":9,"more":"yes"}`: `{"reference":"ORD-1","pieces":9,"parcels":2}`,
	} {
		got, err := packer{}.pack(t.Context(), []byte(input))
		require.NoError(t, err)
		text, err := json.Marshal(got)
		require.NoError(t, err)
		assert.JSONEq(t, want, string(text))
	}
	for _, input := range []string{``, `7`, `{"reference":"ORD-1"}`, `{"pieces":1}`, `{"reference":"ORD-1","pieces":-1}`, `{"reference":"ORD-1","pieces":1e9}`, `{"reference":7,"pieces":1}`} {
		_, err := packer{}.pack(t.Context(), []byte(input))
		assert.Equal(t, failure.InputMalformed, failure.NameOf(err), input)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := packer{perPiece: time.Hour}.pack(ctx, []byte(`{"reference":"ORD-1","pieces":1}`))
	require.ErrorIs(t, err, context.Canceled)
}

// TestOverTheWire serves one task with the real client.
func TestOverTheWire(t *testing.T) {
	done := make(chan string, 1)
	var once sync.Once
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		answer := `{}`
		switch r.Header.Get("X-Amz-Target") {
		case "AWSStepFunctions.GetActivityTask":
			once.Do(func() { answer = `{"taskToken":"T","input":"{\"reference\":\"ORD-1\",\"pieces\":3}"}` })
		case "AWSStepFunctions.SendTaskSuccess":
			done <- string(body)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = io.WriteString(w, answer)
	}))
	defer endpoint.Close()
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": endpoint.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s",
		"AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none"} {
		t.Setenv(name, value)
	}
	ctx, stop := context.WithCancel(t.Context())
	var log bytes.Buffer
	ended := make(chan error)
	go func() {
		ended <- run(ctx, []string{"--activity", arn, "--workers", "1", "--per-piece", "0s"}, &log)
	}()
	assert.JSONEq(t, `{"taskToken":"T","output":"{\"reference\":\"ORD-1\",\"pieces\":3,\"parcels\":1}"}`, <-done)
	stop()
	require.NoError(t, <-ended)
	assert.True(t, strings.HasSuffix(strings.TrimSpace(log.String()), `"msg":"stopped"}`), log.String())
}
