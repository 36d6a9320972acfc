package main

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/feed"
	"github.com/stepworks/stepworks/shared/step/steptest"
)

// machine starts executions as Step Functions does: a name with another input is
// refused, and so is everything while it is down.
type machine struct {
	started map[string]string
	down    bool
}

func (m *machine) StartExecution(_ context.Context, in *sfn.StartExecutionInput, _ ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error) {
	if m.down {
		return nil, failure.New(failure.TransientUnavailable, "down")
	}
	if _, there := m.started[*in.Name]; there {
		return nil, &types.ExecutionAlreadyExists{}
	}
	m.started[*in.Name] = *in.Input
	return &sfn.StartExecutionOutput{}, nil
}

func TestEachCommandStartsOneExecution(t *testing.T) {
	m := &machine{started: map[string]string{}}
	h := handler{m, "arn"}
	for range 2 { // delivered twice
		for _, name := range []string{"commandStream", "commandStream-several"} {
			got, err := h.handle(t.Context(), steptest.Sample[feed.Batch](t, name))
			require.NoError(t, err)
			assert.Empty(t, got.BatchItemFailures)
		}
	}
	require.Len(t, m.started, 2, "an update starts none")
	var input struct {
		Source   string `json:"source"`
		Dynamodb struct{ Keys, NewImage map[string]any }
	}
	require.NoError(t, json.Unmarshal([]byte(m.started["command-ORDER-tenant1-ORDER-order123-v1"]), &input))
	assert.Contains(t, input.Source, ":table/commands/stream/")
	assert.Equal(t, map[string]any{"S": "ORDER#order123@1"}, input.Dynamodb.Keys["sk"])
	assert.NotEmpty(t, input.Dynamodb.NewImage)
}

// TestItComesAgainFromWhereItFailed: nothing is lost and nothing skipped.
func TestItComesAgainFromWhereItFailed(t *testing.T) {
	m := &machine{started: map[string]string{}, down: true}
	got, err := handler{m, "arn"}.handle(t.Context(), steptest.Sample[feed.Batch](t, "commandStream-several"))
	require.NoError(t, err)
	assert.Equal(t, []feed.Failure{{ItemIdentifier: "100000000000000000001"}}, got.BatchItemFailures)
}

func TestOddRecords(t *testing.T) {
	for text, failures := range map[string]int{
		`{"eventName":"INSERT","dynamodb":{"SequenceNumber":"1","Keys":{"pk":{"S":"ORDER#t"},"sk":{"S":"no version"}}}}`:                               1,
		`{"eventName":"INSERT","dynamodb":{"SequenceNumber":"1","Keys":{"pk":{"S":"ORDER#t"},"sk":{"S":"a@1"}},"NewImage":{"syncMode":{"S":"SYNC"}}}}`: 0,
		`{"eventName":"REMOVE","dynamodb":{"SequenceNumber":"1"}}`:                                                                                     0,
	} {
		m := &machine{started: map[string]string{}}
		got, err := handler{m, "arn"}.handle(t.Context(), feed.Batch{Records: []json.RawMessage{json.RawMessage(text)}})
		require.NoError(t, err)
		assert.Len(t, got.BatchItemFailures, failures, text)
		assert.Empty(t, m.started)
	}
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "STATE_MACHINE_ARN")
}
