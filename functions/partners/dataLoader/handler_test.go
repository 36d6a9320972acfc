package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/object/objecttest"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

// setUp stores so many rows; ten make a slice.
func setUp(t *testing.T, rows int) (handler, *objecttest.Server, *tabletest.DB, Input) {
	t.Helper()
	var in Input
	sample, err := os.ReadFile("../../../events/dataLoader.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(sample, &in))
	var b strings.Builder
	for i := range rows {
		fmt.Fprintf(&b, `{"id":"A-%d","name":"zwölf"}`+"\n", i)
	}
	s3, db := objecttest.New(t), tabletest.New(map[string]string{"Records": "pk sk"})
	s3.Set(in.Key, b.String())
	return handler{s3.Bucket, db, "Records", 10}, s3, db, in
}

// loadAll goes on until done, as the state machine does.
func loadAll(t *testing.T, h handler, in Input) (p Progress, slices int) {
	t.Helper()
	for slices = 1; slices < 100; slices++ {
		var err error
		in.Progress, err = h.handle(t.Context(), in)
		require.NoError(t, err)
		if in.Progress.Done {
			break
		}
	}
	return in.Progress, slices
}

func TestSlices(t *testing.T) {
	for rows, want := range map[int]int{1: 1, 9: 1, 10: 1, 11: 2, 35: 4} {
		h, _, db, in := setUp(t, rows)
		p, slices := loadAll(t, h, in)
		assert.Equal(t, []int{rows, 0, want}, []int{p.Loaded, p.Stale, slices}, "%d rows", rows)
		assert.Len(t, db.Rows("Records"), rows)
	}
}

// TestRepeatedAndLate: the same request again changes nothing, an older one neither.
func TestRepeatedAndLate(t *testing.T) {
	h, s3, db, in := setUp(t, 12)
	loadAll(t, h, in)
	before := db.Rows("Records")
	loadAll(t, h, in)
	assert.ElementsMatch(t, before, db.Rows("Records"))
	late := in
	late.Since, late.RequestID = in.Since.Add(-time.Millisecond), "late"
	s3.Set(in.Key, `{"id":"A-1","name":"old"}`+"\n"+`{"id":"new"}`+"\n")
	p, _ := loadAll(t, h, late)
	assert.Equal(t, []int{1, 1}, []int{p.Loaded, p.Stale})
	var r record
	require.True(t, db.Load("Records", tabletest.Pair("PARTNER#acme", "A-1"), &r))
	assert.Equal(t, []string{`{"id":"A-1","name":"zwölf"}`, "REQ-9001"}, []string{r.Data, r.RequestID})
}

// TestBrokenSlice: a slice that fails is repeated as a whole.
func TestBrokenSlice(t *testing.T) {
	h, _, db, in := setUp(t, 25)
	var calls atomic.Int32
	db.Before = func(context.Context, string) error {
		if calls.Add(1) == 15 {
			return context.DeadlineExceeded
		}
		return nil
	}
	p, err := h.handle(t.Context(), in)
	require.NoError(t, err)
	in.Progress = p
	again, err := h.handle(t.Context(), in)
	assert.Equal(t, failure.TransientTimeout, failure.NameOf(err))
	assert.Equal(t, p, again)
	p, _ = loadAll(t, h, in)
	assert.Equal(t, 25, p.Loaded)
}

func TestRefusals(t *testing.T) {
	h, s3, _, in := setUp(t, 25)
	p, err := h.handle(t.Context(), in)
	require.NoError(t, err)
	next := in
	next.Progress = p
	s3.Set(in.Key, strings.Repeat(`{"id":"x"}`+"\n", 50))
	_, err = h.handle(t.Context(), next)
	assert.Equal(t, failure.DataChanged, failure.NameOf(err))
	for _, line := range []string{"no row", `{"id":7}`, `{"id":""}`} {
		s3.Set(in.Key, line+"\n")
		_, err = h.handle(t.Context(), in)
		assert.Equal(t, failure.DataMalformed, failure.NameOf(err), line)
	}
	in.Key = "work/partners/acme/none.jsonl"
	_, err = h.handle(t.Context(), in)
	assert.Equal(t, failure.ObjectNotFound, failure.NameOf(err))
	_, err = h.handle(t.Context(), Input{})
	assert.Equal(t, failure.InputMalformed, failure.NameOf(err))
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "PARTNER_BUCKET", "PARTNER_RECORDS_TABLE")
}
