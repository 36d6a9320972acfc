package task_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/notify"
	"github.com/stepworks/stepworks/shared/table"
	"github.com/stepworks/stepworks/shared/table/tabletest"
	"github.com/stepworks/stepworks/shared/task"
)

type ear struct{ told []string }

func (e *ear) Tell(_ context.Context, m notify.Message) error {
	status := ""
	if c, ok := m.Content.(map[string]any); ok {
		status = fmt.Sprint(c["status"])
	}
	e.told = append(e.told, string(m.Action)+" "+status)
	return nil
}

func setUp() (task.Book, *tabletest.DB, *ear) {
	db, e := tabletest.New(map[string]string{"tasks": "pk sk"}), &ear{}
	return task.Book{API: db, Table: "tasks", Status: e, Alarm: e, Now: func() time.Time { return time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC) }}, db, e
}

const (
	good = `{"itemId":"A","quantity":2,"price":"1.10"}`
	bad  = `{"itemId":"B","quantity":0,"price":"1.10"}`
)

func request(input string) task.Request {
	return task.Request{TenantCode: "t", TaskType: task.BatchProcessor, Input: table.JSON(input), RequestID: "r1"}
}

func TestRefusals(t *testing.T) {
	b, db, _ := setUp()
	for _, r := range []task.Request{
		{}, {TenantCode: "a#b", TaskType: task.BatchProcessor}, {TenantCode: "t", TaskType: "make-coffee"}, request(`{`), request(`[]`),
		{TenantCode: "t", TaskType: task.BatchProcessor, Kind: "SFN_TASK", Input: table.JSON(`{}`)}, {TenantCode: "t", TaskType: task.BatchProcessor, Kind: "ODD", Input: table.JSON(`{}`)},
		request("[" + strings.Repeat("1,", task.MaxSubTasks) + "1]"), request(`"` + strings.Repeat("x", task.MaxInput) + `"`), request(`{"n":1e300}`),
	} {
		_, err := b.Create(t.Context(), r)
		assert.Equal(t, failure.InputMalformed, failure.NameOf(err), "%.60v", r)
	}
	assert.Empty(t, db.Rows("tasks"))
	_, err := b.Load(t.Context(), "TASK#t", "x")
	assert.Equal(t, failure.TaskNotFound, failure.NameOf(err))
}

// TestCodes: 26 characters, one task for one request, others for others.
func TestCodes(t *testing.T) {
	b, db, _ := setUp()
	first, err := b.Create(t.Context(), request(good))
	require.NoError(t, err)
	again, err := b.Create(t.Context(), request(good))
	require.NoError(t, err)
	assert.Equal(t, first.Code, again.Code)
	nameless := request(good)
	nameless.RequestID = ""
	var codes []string
	for second := range 3 {
		nameless.Time = time.Unix(int64(1e9+second), 0)
		other, err := b.Create(t.Context(), nameless)
		require.NoError(t, err)
		codes = append(codes, other.Code)
	}
	assert.True(t, slices.IsSorted(codes), "they sort by time: %v", codes)
	assert.Len(t, db.Rows("tasks"), 4)
	for _, code := range append(codes, first.Code) {
		assert.Regexp(t, `^[0-7][0-9A-HJKMNP-TV-Z]{25}$`, code)
	}
}

func TestSingle(t *testing.T) {
	for input, want := range map[string]task.Status{good: task.Completed, bad: task.Failed, `{}`: task.Failed, `7`: task.Failed,
		`{"itemId":"A","quantity":2,"price":"cheap"}`: task.Failed, `{"itemId":"A","quantity":9000000000000000000,"price":"900"}`: task.Failed} {
		b, _, e := setUp()
		created, err := b.Create(t.Context(), request(input))
		require.NoError(t, err)
		assert.Equal(t, "TASK#t", created.PK)
		for range 2 {
			require.NoError(t, b.Announce(t.Context(), created.PK, created.SK))
		}
		for range 2 { // the message comes twice
			stored, err := b.Load(t.Context(), created.PK, created.SK)
			require.NoError(t, err)
			done, err := b.Run(t.Context(), stored)
			require.NoError(t, err)
			assert.Equal(t, want, done.Status, input)
		}
		wanted := []string{"task-execute CREATED", "task-status QUEUED", "task-status PROCESSING", "task-status " + string(want)}
		if want == task.Failed {
			wanted = append(wanted, "task-alarm ")
		}
		assert.Equal(t, wanted, e.told, input)
	}
}

// TestMany: three sub-tasks, one of which fails.
func TestMany(t *testing.T) {
	b, db, e := setUp()
	created, err := b.Create(t.Context(), request("["+good+","+bad+","+good+"]"))
	require.NoError(t, err)
	require.True(t, created.IsMany())
	for range 2 {
		created, err = b.Split(t.Context(), created)
		require.NoError(t, err)
	}
	assert.Len(t, db.Rows("tasks"), 4)
	refs := created.Refs()
	require.Len(t, refs, 3)
	for i, ref := range refs {
		assert.True(t, task.IsSub(ref.SK))
		sub, err := b.Load(t.Context(), ref.PK, ref.SK)
		require.NoError(t, err)
		_, err = b.Run(t.Context(), sub)
		require.NoError(t, err)
		require.NoError(t, b.Progress(t.Context(), ref.PK, ref.Parent))
		now, err := b.Load(t.Context(), ref.PK, ref.Parent)
		require.NoError(t, err)
		assert.Equal(t, i+1, now.Counts.Succeeded+now.Counts.Failed)
	}
	for range 2 {
		ended, err := b.Conclude(t.Context(), created.PK, created.SK)
		require.NoError(t, err)
		assert.Equal(t, task.Failed, ended.Status)
		assert.Equal(t, task.Counts{Total: 3, Succeeded: 2, Failed: 1}, *ended.Counts)
		assert.Equal(t, "1 of 3 sub-tasks were not done", ended.Error)
	}
	require.NoError(t, b.Progress(t.Context(), created.PK, created.SK), "a late count changes nothing")
	after, err := b.Split(t.Context(), created)
	require.NoError(t, err)
	assert.Equal(t, task.Failed, after.Status, "nor does a message that comes again")
	assert.Equal(t, "sub-task-status COMPLETED", e.told[len(e.told)-3])
}

// TestTriedAgain: an attempt that failed on something that passes is tried again.
func TestTriedAgain(t *testing.T) {
	b, db, _ := setUp()
	created, err := b.Create(t.Context(), request(good))
	require.NoError(t, err)
	task.SetRunner(t, "shaky", func(context.Context, table.JSON) (any, error) {
		return nil, failure.New(failure.TransientUnavailable, "not now")
	})
	created.Type = "shaky"
	_, err = b.Run(t.Context(), created)
	require.NoError(t, err, "the stored type counts")
	shaky := request(good)
	shaky.TaskType = "shaky"
	created, err = b.Create(t.Context(), shaky)
	require.NoError(t, err)
	_, err = b.Run(t.Context(), created)
	assert.Equal(t, failure.TransientUnavailable, failure.NameOf(err))
	var stored task.Task
	require.True(t, db.Load("tasks", tabletest.Pair(created.PK, created.SK), &stored))
	assert.Equal(t, task.Errored, stored.Status)
	task.SetRunner(t, "shaky", func(context.Context, table.JSON) (any, error) { return "done", nil })
	done, err := b.Run(t.Context(), stored)
	require.NoError(t, err)
	assert.Equal(t, task.Completed, done.Status)
	assert.JSONEq(t, `"done"`, string(done.Result))
}
