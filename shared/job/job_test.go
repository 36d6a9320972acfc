package job_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/job"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func setUp() (job.Book, *tabletest.DB) {
	db := tabletest.New(map[string]string{"Jobs": "jobId"})
	return job.Book{API: db, Jobs: "Jobs"}, db
}

// TestWaysOfJobs: what each kind of job is at which second.
func TestWaysOfJobs(t *testing.T) {
	for _, c := range []struct {
		request job.Request
		way     map[int]job.Status // seconds after submission
		result  map[string]int
		reason  string
	}{
		{job.Request{"print-labels", "ORD-1001", 5}, map[int]job.Status{0: job.Submitted, 1: job.Running, 3: job.Running, 4: job.Succeeded}, map[string]int{"labels": 5}, ""},
		{job.Request{"pick-items", "ORD-1001", 13}, map[int]job.Status{1: job.Submitted, 32: job.Running, 33: job.Succeeded}, map[string]int{"totes": 2}, ""},
		{job.Request{"pick-items", failing("pick-items", 10), 1}, map[int]job.Status{1: job.Submitted, 8: job.Running, 9: job.Failed}, nil, "an item was not at its place"},
		{job.Request{"count-stock", failing("count-stock", 20), 100}, map[int]job.Status{4: job.Submitted, 94: job.Running, 95: job.Failed}, nil, "two counts differ"},
		{job.Request{"rebuild-aisle", "A7", 1}, map[int]job.Status{0: job.Running, 7199: job.Running, 7200: job.Succeeded}, map[string]int{"shelves": 1}, ""},
	} {
		book, _ := setUp()
		r, err := book.Submit(t.Context(), c.request, "execution", noon)
		require.NoError(t, err)
		last := 0
		for after, want := range c.way {
			assert.Equal(t, want, r.At(noon.Add(time.Duration(after)*time.Second)), "%v after %d s", c.request, after)
			last = max(last, after)
		}
		report, err := book.Look(t.Context(), r.JobID, noon.Add(time.Duration(last)*time.Second))
		require.NoError(t, err)
		assert.Equal(t, c.result, report.Result, "%v", c.request)
		assert.Equal(t, c.reason, report.Reason, "%v", c.request)
		assert.NotNil(t, report.StartedAt, "%v", c.request)
	}
}

// failing finds a reference whose job fails.
func failing(kind string, percent int) string {
	book, _ := setUp()
	for i := range 1000 {
		reference := "ORD-" + strings.Repeat("1", i%50) + string(rune('A'+i%26))
		r, err := book.Submit(context.Background(), job.Request{Kind: kind, Reference: reference, Pieces: 1}, reference, noon)
		if err == nil && r.At(noon.Add(100*time.Hour)) == job.Failed {
			return reference
		}
	}
	panic("no reference fails, though the table says that " + kind + " should")
}

// TestFailingShare: about as many fail as the table says.
func TestFailingShare(t *testing.T) {
	book, _ := setUp()
	for _, k := range job.Kinds {
		failed := 0
		const n = 2000
		for i := range n {
			id := k.Name + string(rune('A'+i%26)) + strings.Repeat("x", i/26%80) + string(rune('A'+i/700))
			r, err := book.Submit(t.Context(), job.Request{Kind: k.Name, Reference: id, Pieces: 1}, id, noon)
			require.NoError(t, err)
			if r.At(noon.Add(100*time.Hour)) == job.Failed {
				failed++
			}
		}
		assert.InDelta(t, k.FailPercent, 100*failed/n, 5, k.Name)
	}
}

func TestSubmittedOnce(t *testing.T) {
	book, _ := setUp()
	request := job.Request{Kind: "pick-items", Reference: "ORD-1001", Pieces: 3}
	first, err := book.Submit(t.Context(), request, "execution", noon)
	require.NoError(t, err)
	again, err := book.Submit(t.Context(), request, "execution", noon.Add(time.Minute))
	require.NoError(t, err)
	assert.Equal(t, first, again, "the job that was submitted, with its times")
	request.Pieces = 4
	_, err = book.Submit(t.Context(), request, "execution", noon)
	assert.Equal(t, failure.InputMalformed, failure.NameOf(err))
	assert.ErrorContains(t, err, "an execution submits one")
}

// TestStatusNeverGoesBack: once somebody has seen the end, an earlier look shows
// it too.
func TestStatusNeverGoesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book, db := setUp()
		kind := rapid.SampledFrom(job.Kinds).Draw(t, "kind").Name
		r, err := book.Submit(t.Context(), job.Request{Kind: kind, Reference: rapid.StringMatching("[A-Z]{1,8}").Draw(t, "reference"), Pieces: rapid.IntRange(1, job.MaxPieces).Draw(t, "pieces")}, "x", noon)
		require.NoError(t, err)
		rank := map[job.Status]int{job.Submitted: 0, job.Running: 1, job.Succeeded: 2, job.Failed: 2}
		ended := job.Status("")
		for range 6 {
			at := noon.Add(time.Duration(rapid.IntRange(0, 10_000).Draw(t, "seconds")) * time.Second)
			report, err := book.Look(t.Context(), r.JobID, at)
			require.NoError(t, err)
			if ended != "" {
				require.Equal(t, ended, report.Status)
			}
			if rank[report.Status] == 2 {
				ended = report.Status
				status, _ := db.Item("Jobs", r.JobID)["status"].(*types.AttributeValueMemberS)
				require.Equal(t, string(ended), status.Value, "written down")
			}
		}
	})
}

// TestLookedAtTogether: of two that see the end, one writes it down.
func TestLookedAtTogether(t *testing.T) {
	book, db := setUp()
	r, err := book.Submit(t.Context(), job.Request{Kind: "print-labels", Reference: "A", Pieces: 1}, "x", noon)
	require.NoError(t, err)
	meet := func(ctx context.Context, operation string) error {
		if operation == "UpdateItem" {
			db.Before = nil
			_, err := book.Look(ctx, r.JobID, noon.Add(time.Minute))
			return err
		}
		return nil
	}
	db.Before = meet
	report, err := book.Look(t.Context(), r.JobID, noon.Add(time.Minute))
	require.NoError(t, err)
	assert.Equal(t, job.Succeeded, report.Status)
}

func TestRefused(t *testing.T) {
	book, db := setUp()
	good := job.Request{Kind: "pick-items", Reference: "A", Pieces: 1}
	for what, r := range map[string]job.Request{
		"job.kind":      {"", "A", 1},
		"there are":     {"../../etc/passwd", "A", 1},
		"job.reference": {"pick-items", "", 1},
		"of 129":        {"pick-items", strings.Repeat("A", 129), 1},
		"job.pieces":    {"pick-items", "A", 0},
		"not -1":        {"pick-items", "A", -1},
		"not 1001":      {"pick-items", "A", 1001},
	} {
		_, err := book.Submit(t.Context(), r, "x", noon)
		assert.Equal(t, failure.InputMalformed, failure.NameOf(err), what)
		assert.ErrorContains(t, err, what)
	}
	assert.Nil(t, db.Item("Jobs", job.ID("x")), "nothing is submitted")
	for _, seconds := range []int{0, -1, 61} {
		assert.Error(t, job.CheckWait(&seconds))
	}
	_, err := book.Look(t.Context(), "job_gone", noon)
	assert.Equal(t, failure.JobNotFound, failure.NameOf(err))
	_, err = book.Look(t.Context(), "", noon)
	assert.Equal(t, failure.InputMalformed, failure.NameOf(err))
	for _, broken := range []string{"PutItem", "GetItem", "UpdateItem"} {
		book, db := setUp()
		_, err := book.Submit(t.Context(), good, "x", noon)
		require.NoError(t, err)
		db.Before = func(_ context.Context, operation string) error {
			if operation == broken {
				return failure.New(failure.TransientUnavailable, "down")
			}
			return nil
		}
		_, err = book.Submit(t.Context(), good, "x", noon)
		if broken == "UpdateItem" {
			_, err = book.Look(t.Context(), job.ID("x"), noon.Add(time.Hour))
		}
		assert.Equal(t, failure.TransientUnavailable, failure.NameOf(err), broken)
	}
}
