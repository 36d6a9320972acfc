package main

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/command"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/notify"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

// heard is what tokens and topics got.
type heard struct {
	answered []string
	told     []string
}

func (h *heard) SendTaskSuccess(_ context.Context, in *sfn.SendTaskSuccessInput, _ ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error) {
	h.answered = append(h.answered, *in.TaskToken+" "+*in.Output)
	return nil, nil
}

func (h *heard) SendTaskFailure(_ context.Context, in *sfn.SendTaskFailureInput, _ ...func(*sfn.Options)) (*sfn.SendTaskFailureOutput, error) {
	h.answered = append(h.answered, *in.TaskToken+" "+*in.Error)
	return nil, nil
}

func (h *heard) Tell(_ context.Context, m notify.Message) error {
	text, err := json.Marshal(m.Content)
	h.told = append(h.told, string(m.Action)+" "+m.SK+" "+string(text))
	return err
}

var item = command.Key{PK: "ORDER#tenant1", SK: "ORDER#order123"}

// setUp has versions 1 and 2 of an order published, and nothing carried out.
func setUp(t *testing.T) (handler, *tabletest.DB, *heard) {
	t.Helper()
	db, h := tabletest.New(map[string]string{"commands": "pk sk", "data": "pk sk", "history": "pk sk", "master": "pk sk"}), &heard{}
	flow := command.Flow{Ledger: command.Ledger{API: db, Commands: "commands", Data: "data", History: "history", Master: "master"}, Tokens: h, Status: h, Alarm: h}
	for version, attributes := range []string{`{"status":"confirmed"}`, `{"status":"shipped"}`} {
		_, err := flow.Publish(t.Context(), command.Submission{Key: item, Version: version, Name: "Order 123", Attributes: command.Attributes(attributes), RequestID: "r"})
		require.NoError(t, err)
	}
	return handler{flow}, db, h
}

// TestStates takes two versions through all states, the second before the first.
func TestStates(t *testing.T) {
	h, db, got := setUp(t)
	db.Set("master", map[string]any{"pk": "MASTER#tenant1", "sk": "TTL#commands", "attributes": map[string]any{"days": 1}})
	do := func(name string, version int) string {
		in := steptest.Sample[Input](t, name)
		for _, key := range []string{"sk"} {
			v := in.Context.Execution.Input.Change.Keys[key]
			v.S = item.At(version)
			in.Context.Execution.Input.Change.Keys[key] = v
		}
		out, err := h.handle(t.Context(), in)
		require.NoError(t, err, name)
		text, err := json.Marshal(out)
		require.NoError(t, err)
		return string(text)
	}
	assert.JSONEq(t, `{"result":1}`, do("commandStep", 2), "version 1 goes first")
	do("commandStep-wait", 2)
	assert.Empty(t, got.answered)

	assert.JSONEq(t, `{"result":0}`, do("commandStep", 1))
	do("commandStep-ttl", 1)
	do("commandStep-history", 1)
	assert.JSONEq(t, `[{"prevStateName":"transform_data","result":"data"},{"prevStateName":"transform_data","result":"summary"}]`, do("commandStep-transform", 1))
	assert.JSONEq(t, `{"result":"data"}`, do("commandStep-sync", 1))
	do("commandStep-finish", 1)
	assert.Equal(t, []string{`example-token {"result":"resumed_by_prev_version","prevVersion":1}`}, got.answered)
	assert.JSONEq(t, `{"result":0}`, do("commandStep", 1), "run again, it is not overtaken but done")

	assert.JSONEq(t, `{"result":0}`, do("commandStep", 2))
	do("commandStep-wait", 2)
	assert.Len(t, got.answered, 2, "it looks again by itself")
	do("commandStep-ttl", 2)
	do("commandStep-history", 2)
	do("commandStep-sync", 2)
	do("commandStep-finish", 2)
	assert.JSONEq(t, `{"result":-1,"error":"Command.VersionMismatch","cause":"version is not match: next version must be 3 but got 1"}`, do("commandStep", 1))

	var first, data, old command.Row
	require.True(t, db.Load("commands", tabletest.Pair(item.PK, item.At(1)), &first))
	assert.NotZero(t, first.TTL, "it may expire, version 2 follows it")
	require.True(t, db.Load("data", tabletest.Pair(item.PK, item.SK), &data))
	assert.JSONEq(t, `{"status":"shipped"}`, string(data.Attributes))
	assert.Equal(t, item.At(2), data.CSK)
	assert.Empty(t, data.TaskToken, "a token is nobody's to read")
	require.True(t, db.Load("history", tabletest.Pair(item.PK, item.At(1)), &old))
	assert.JSONEq(t, `{"status":"confirmed"}`, string(old.Attributes))
	assert.Contains(t, got.told, `command-status ORDER#order123@1 {"source":"","status":"finish:FINISHED"}`)
}

// TestFailure: who waits is failed, operators are told, and who comes to wait later sees it.
func TestFailure(t *testing.T) {
	h, db, got := setUp(t)
	_, err := h.handle(t.Context(), steptest.Sample[Input](t, "commandStep-wait"))
	require.NoError(t, err)
	_, err = h.handle(t.Context(), steptest.Sample[Input](t, "commandStep-failed"))
	require.NoError(t, err)
	assert.Equal(t, []string{"example-token Command.PredecessorFailed"}, got.answered)
	assert.Contains(t, got.told[len(got.told)-1], `sfn-alarm ORDER#order123@1 {"errorMessage":"Internal.Unexpected: a fault"`)
	_, err = h.handle(t.Context(), steptest.Sample[Input](t, "commandStep-wait"))
	require.NoError(t, err)
	assert.Len(t, got.answered, 2)
	var row command.Row
	require.True(t, db.Load("commands", tabletest.Pair(item.PK, item.At(1)), &row))
	assert.Equal(t, "finish:FAILED", row.Status)
}

// TestStatusOfAFailedStep: it says where, and the error keeps its name.
func TestStatusOfAFailedStep(t *testing.T) {
	h, db, _ := setUp(t)
	in := steptest.Sample[Input](t, "commandStep-sync")
	in.Input = json.RawMessage(`{"result":"nowhere"}`)
	_, err := h.handle(t.Context(), in)
	assert.Equal(t, failure.InputMalformed, failure.NameOf(err))
	assert.ErrorContains(t, err, `no read model "nowhere"`)
	var row command.Row
	require.True(t, db.Load("commands", tabletest.Pair(item.PK, item.At(2)), &row))
	assert.Equal(t, "sync_data:FAILED", row.Status)
}

func TestRefusals(t *testing.T) {
	h, _, _ := setUp(t)
	gone, wordless, tokenless, odd := steptest.Sample[Input](t, "commandStep"), steptest.Sample[Input](t, "commandStep-failed"), steptest.Sample[Input](t, "commandStep-wait"), steptest.Sample[Input](t, "commandStep-sync")
	gone.Context.Execution.Input.Change.Keys["pk"] = gone.Context.Execution.Input.Change.Keys["sk"]
	wordless.Input, odd.Input, tokenless.TaskToken = json.RawMessage(`7`), json.RawMessage(`[]`), ""
	for what, c := range map[string]struct {
		in   Input
		want failure.Name
	}{
		"nothing":                 {Input{}, failure.InputMalformed},
		"a state of no machine":   {steptest.Sample[Input](t, "commandStep-unknown"), failure.CommandUnknownState},
		"a command not stored":    {gone, failure.CommandNotFound},
		"a failure without words": {wordless, failure.InputMalformed},
		"a model without a name":  {odd, failure.InputMalformed},
		"waiting without a token": {tokenless, failure.InputMalformed},
	} {
		_, err := h.handle(t.Context(), c.in)
		assert.Equal(t, c.want, failure.NameOf(err), what)
	}
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "COMMANDS_TABLE", "DATA_TABLE", "HISTORY_TABLE", "MASTER_TABLE", "MAIN_TOPIC_ARN", "ALARM_TOPIC_ARN")
}
