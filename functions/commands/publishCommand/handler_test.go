package main

import (
	"context"
	"testing"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/command"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

func setUp() (handler, *tabletest.DB) {
	db := tabletest.New(map[string]string{"commands": "pk sk", "data": "pk sk", "master": "pk sk"})
	return handler{command.Ledger{API: db, Commands: "commands", Data: "data", Master: "master"}}, db
}

func TestSamples(t *testing.T) {
	h, db := setUp()
	for _, c := range []struct {
		sample    string
		err       failure.Name
		version   int
		published bool
	}{
		{"publishCommand-next", failure.CommandConflict, 0, false},
		{"publishCommand-partial", failure.CommandNotFound, 0, false},
		{"publishCommand", "", 1, true},
		{"publishCommand", "", 1, true}, // the same request again: published once
		{"publishCommand-partial", "", 2, true},
		{"publishCommand-next", failure.CommandConflict, 0, false},
		{"publishCommand-malformed", failure.InputMalformed, 0, false},
	} {
		got, err := h.handle(t.Context(), steptest.Sample[Input](t, c.sample))
		if c.err != "" {
			assert.Equal(t, c.err, failure.NameOf(err), c.sample)
			continue
		}
		if err != nil { // version 0 is not the newest any more
			assert.Equal(t, failure.CommandConflict, failure.NameOf(err), c.sample)
			continue
		}
		assert.Equal(t, c.version, got.Version, c.sample)
		assert.Equal(t, c.published, got.Published, c.sample)
		assert.Equal(t, "ORDER#tenant1#ORDER#order123", got.ID)
	}
	assert.Len(t, db.Rows("commands"), 2)
}

// TestRequestID: without one of its own, a command has the invocation's.
func TestRequestID(t *testing.T) {
	h, _ := setUp()
	in := steptest.Sample[Input](t, "publishCommand")
	in.RequestID = ""
	got, err := h.handle(lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{AwsRequestID: "r-1"}), in)
	require.NoError(t, err)
	assert.Equal(t, "r-1", got.RequestID)
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "COMMANDS_TABLE", "DATA_TABLE", "MASTER_TABLE", "ATTRIBUTES_BUCKET")
}
