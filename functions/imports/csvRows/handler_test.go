package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/command"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/intake"
	"github.com/stepworks/stepworks/shared/sheet"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

func setUp() (handler, *tabletest.DB) {
	db := tabletest.New(map[string]string{"commands": "pk sk", "data": "pk sk", "history": "pk sk", "master": "pk sk"})
	return handler{command.Ledger{API: db, Commands: "commands", Data: "data", History: "history", Master: "master"}}, db
}

// TestBatch: the good row comes in and the bad one is told, however often.
func TestBatch(t *testing.T) {
	bad := []sheet.RowError{{Line: 3, Column: "price", Problem: `"cheap" is no number such as 1299.90`}}
	for _, commands := range []bool{true, false} {
		h, db := setUp()
		in := steptest.Sample[Input](t, "csvRows")
		in.BatchInput.Attributes.Commands = commands
		for round := range 2 {
			got, err := h.handle(t.Context(), in)
			require.NoError(t, err)
			assert.Equal(t, bad, got.Errors)
			assert.Equal(t, intake.Counts{Total: 2, Succeeded: 1, Unchanged: round, Failed: 1}, got.Counts)
		}
		require.Len(t, db.Rows("commands"), 1)
		var row command.Row
		require.True(t, db.Load("commands", tabletest.Pair("PRODUCT#tenant1", "LAPTOP001@1"), &row))
		assert.JSONEq(t, `{"sku":"LAPTOP001","name":"Slim Laptop","price":999.99,"quantity":5,"active":true}`, string(row.Attributes))
		assert.Equal(t, in.BatchInput.Attributes.SourceID, row.Source)
		assert.Equal(t, commands, len(db.Rows("data")) == 0, "without commands it is in the data at once")
	}
}

// TestKeyTwiceInABatch cannot come through csvPrepare; it does no harm.
func TestKeyTwiceInABatch(t *testing.T) {
	for _, commands := range []bool{true, false} {
		h, _ := setUp()
		in := steptest.Sample[Input](t, "csvRows")
		in.BatchInput.Attributes.Commands = commands
		in.Items = append(in.Items[:1], map[string]string{"_line": "8", "sku": "LAPTOP001", "name": "Another", "price": "1"})
		got, err := h.handle(t.Context(), in)
		require.NoError(t, err)
		assert.Equal(t, intake.Counts{Total: 2, Succeeded: 1, Failed: 1}, got.Counts)
		assert.Equal(t, 8, got.Errors[0].Line)
	}
}

// TestTrouble is an error, so that the batch is given again, and then complete.
func TestTrouble(t *testing.T) {
	for _, commands := range []bool{true, false} {
		h, db := setUp()
		in := steptest.Sample[Input](t, "csvRows")
		in.BatchInput.Attributes.Commands = commands
		db.Written = func(context.Context, string) error {
			return failure.New(failure.TransientUnavailable, "the answer got lost")
		}
		_, err := h.handle(t.Context(), in)
		if commands {
			assert.Equal(t, failure.TransientUnavailable, failure.NameOf(err))
		} else {
			require.NoError(t, err, "what was written together is looked for one by one, and found")
		}
		db.Written = nil
		got, err := h.handle(t.Context(), in)
		require.NoError(t, err)
		assert.Equal(t, 1, got.Succeeded)
		assert.Len(t, db.Rows("commands"), 1)
	}
}

func TestRefusals(t *testing.T) {
	h, _ := setUp()
	for what, change := range map[string]func(*Input){
		"no table":  func(i *Input) { i.BatchInput.Attributes.TableName = "planets" },
		"no tenant": func(i *Input) { i.BatchInput.Attributes.TenantCode = "" },
		"no lines":  func(i *Input) { delete(i.Items[0], "_line") },
	} {
		in := steptest.Sample[Input](t, "csvRows")
		change(&in)
		_, err := h.handle(t.Context(), in)
		assert.Equal(t, failure.InputMalformed, failure.NameOf(err), what)
	}
	got, err := h.handle(t.Context(), Input{BatchInput: steptest.Sample[Input](t, "csvRows").BatchInput})
	require.NoError(t, err)
	assert.Zero(t, got.Total)
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "COMMANDS_TABLE", "DATA_TABLE", "HISTORY_TABLE", "MASTER_TABLE")
}
