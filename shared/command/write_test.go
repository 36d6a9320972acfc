package command_test

// This file tests writing without a state machine.

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/command"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

func many(n int, attributes string) []command.Submission {
	var all []command.Submission
	for i := range n {
		all = append(all, command.Submission{Key: command.Key{PK: "PRODUCT#t", SK: fmt.Sprint("P", i)}, Version: command.Latest, Name: "n",
			Attributes: command.Attributes(attributes), Source: "import-1", OncePerSource: true})
	}
	return all
}

func TestWriteAll(t *testing.T) {
	l, db := newLedger()
	for _, r := range l.WriteAll(t.Context(), many(60, `{"a":1}`)) {
		require.NoError(t, r.Err)
		assert.Equal(t, 1, r.Row.Version)
	}
	assert.Len(t, db.Rows("commands"), 60)
	assert.Len(t, db.Rows("data"), 120, "with their lines in the summary")
	for _, r := range l.WriteAll(t.Context(), many(60, `{"a":1}`)) {
		require.NoError(t, r.Err)
		assert.True(t, r.Unchanged)
	}
	for _, r := range l.WriteAll(t.Context(), many(1, `{"a":2}`)) {
		assert.Equal(t, failure.CommandConflict, failure.NameOf(r.Err), "the same source says the key again, with other content")
	}
	next := many(2, `{"a":2}`)
	next[0].Source, next[1].Source = "import-2", "import-2"
	for _, r := range l.WriteAll(t.Context(), next) {
		require.NoError(t, r.Err)
		assert.Equal(t, 2, r.Row.Version)
	}
	assert.Len(t, db.Rows("history"), 2)
	var row command.Row
	require.True(t, db.Load("commands", tabletest.Pair("PRODUCT#t", "P0@2"), &row))
	assert.Equal(t, command.Synchronous, row.SyncMode, "the stream leaves it alone")
	bad := many(2, `{"a":3}`)
	bad[0].PK = "nobody"
	bad[1].Source = "import-3"
	results := l.WriteAll(t.Context(), bad)
	assert.Equal(t, failure.InputMalformed, failure.NameOf(results[0].Err))
	assert.NoError(t, results[1].Err)
}

// TestWriteDoesNotOvertake: a command that is under way goes first.
func TestWriteDoesNotOvertake(t *testing.T) {
	l, db := newLedger()
	_, err := l.Publish(t.Context(), submission(0, `{"a":1}`))
	require.NoError(t, err)
	_, err = l.Write(t.Context(), submission(command.Latest, `{"a":2}`))
	assert.Equal(t, failure.CommandConflict, failure.NameOf(err))
	_, err = l.Write(t.Context(), submission(7, `{"a":2}`))
	assert.Equal(t, failure.CommandConflict, failure.NameOf(err))
	assert.Empty(t, db.Rows("data"))
}

// TestWriteLostAnswer: the transaction was made, its answer got lost, the retry
// finds its own.
func TestWriteLostAnswer(t *testing.T) {
	l, db := newLedger()
	db.Written = func(context.Context, string) error { return errLost }
	s := submission(command.Latest, `{"a":1}`)
	_, err := l.Write(t.Context(), s)
	require.Error(t, err)
	db.Written = nil
	p, err := l.Write(t.Context(), s)
	require.NoError(t, err)
	assert.True(t, p.Unchanged)
	p, err = l.Write(t.Context(), submission(1, `{"a":2}`))
	require.NoError(t, err)
	assert.Equal(t, 2, p.Row.Version)
	assert.Len(t, db.Rows("history"), 1)
}
