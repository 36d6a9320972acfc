package callback_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stepworks/stepworks/shared/callback"
	"github.com/stepworks/stepworks/shared/callback/callbacktest"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func setUp() (callback.Desk, *callbacktest.Tasks, *tabletest.DB) {
	db, tasks := tabletest.New(map[string]string{"Questions": "orderId"}), &callbacktest.Tasks{Over: map[string]bool{}}
	return callback.Desk{API: db, Tasks: tasks, Table: "Questions", Unknown: failure.CallbackNotFound}, tasks, db
}

func question(token string) callback.Question {
	return callback.Question{OrderID: "A", Token: token, ExecutionID: "E1", Request: map[string]int{"amount": 5}, At: noon, Deadline: noon.Add(time.Hour)}
}

func says(status string) callback.Outcome {
	return callback.Outcome{Status: status, Output: map[string]string{"status": status}, At: noon.Add(time.Minute)}
}

func fails(status, cause string) callback.Outcome {
	return callback.Outcome{Status: status, Error: "ExternalProcessFailed", Cause: cause, At: noon}
}

func TestLifeOfAQuestion(t *testing.T) {
	d, tasks, db := setUp()
	opened, err := d.Open(t.Context(), question("T"))
	require.NoError(t, err)
	assert.Equal(t, callback.Row{OrderID: "A", Status: "pending", TaskToken: "T", ExecutionID: "E1", Request: `{"amount":5}`,
		OpenedAt: "2026-11-21T12:00:00.000Z", Deadline: "2026-11-21T13:00:00.000Z", ExpiresAt: noon.Add(time.Hour + 30*24*time.Hour).Unix()}, opened)
	_, waiting, err := d.Beat(t.Context(), "A")
	require.NoError(t, err)
	assert.True(t, waiting)

	row, first, err := d.Settle(t.Context(), "A", says("yes"))
	require.NoError(t, err)
	assert.True(t, first)
	assert.Equal(t, []any{"yes", `{"status":"yes"}`, "2026-11-21T12:01:00.000Z", false}, []any{row.Status, row.Output, row.AnsweredAt, row.Late})
	var stored callback.Row
	db.Load("Questions", "A", &stored)
	assert.Empty(t, stored.TaskToken, "a token that was used is not kept")

	again, first, err := d.Settle(t.Context(), "A", says("no"))
	require.NoError(t, err)
	assert.False(t, first)
	assert.Equal(t, "yes", again.Status, "the first outcome counts")
	_, waiting, err = d.Beat(t.Context(), "A")
	require.NoError(t, err)
	assert.False(t, waiting)
	got, _ := tasks.Answer("T")
	assert.Equal(t, `{"status":"yes"}`, got)
	assert.Equal(t, "1 answered, 0 refused, 1 beats", tasks.Count())
}

func TestFailureIsAnAnswer(t *testing.T) {
	d, tasks, _ := setUp()
	_, err := d.Open(t.Context(), question("T"))
	require.NoError(t, err)
	_, _, err = d.Settle(t.Context(), "A", fails("failed", strings.Repeat("ä", 20000)))
	require.NoError(t, err)
	got, _ := tasks.Answer("T")
	assert.Equal(t, "ExternalProcessFailed: "+strings.Repeat("ä", 16384), got, "cut to what Step Functions takes, at a whole character")
}

func TestNobodyAsked(t *testing.T) {
	d, _, _ := setUp()
	_, _, err := d.Settle(t.Context(), "A", says("yes"))
	assert.Equal(t, failure.CallbackNotFound, failure.NameOf(err))
	_, _, err = d.Beat(t.Context(), "A")
	assert.Equal(t, failure.CallbackNotFound, failure.NameOf(err))
	_, err = d.Find(t.Context(), "A")
	assert.Equal(t, failure.CallbackNotFound, failure.NameOf(err))
}

func TestLate(t *testing.T) {
	d, tasks, _ := setUp()
	_, err := d.Open(t.Context(), question("T"))
	require.NoError(t, err)
	tasks.Over["T"] = true
	row, first, err := d.Settle(t.Context(), "A", says("yes"))
	require.NoError(t, err, "nobody waits any more, which is no fault of the caller")
	assert.True(t, first)
	assert.True(t, row.Late)
}

// TestAskedAgain: the newest token counts while the question is open; a settled one
// answers at once.
func TestAskedAgain(t *testing.T) {
	d, tasks, _ := setUp()
	for _, token := range []string{"T1", "T2"} {
		_, err := d.Open(t.Context(), question(token))
		require.NoError(t, err)
	}
	_, _, err := d.Settle(t.Context(), "A", says("yes"))
	require.NoError(t, err)
	row, err := d.Open(t.Context(), question("T3"))
	require.NoError(t, err)
	assert.True(t, row.Settled())
	_, err = d.Open(t.Context(), question("")) // a look that waits for nothing
	require.NoError(t, err)
	for token, want := range map[string]bool{"T1": false, "T2": true, "T3": true} {
		_, answered := tasks.Answer(token)
		assert.Equal(t, want, answered, token)
	}
}

// TestCrashBeforeTheAnswer: the outcome is stored, the answer did not arrive; the
// next delivery answers, with the outcome that is stored.
func TestCrashBeforeTheAnswer(t *testing.T) { synctest.Test(t, crashBeforeTheAnswer) }

func crashBeforeTheAnswer(t *testing.T) {
	d, tasks, _ := setUp()
	_, err := d.Open(t.Context(), question("T"))
	require.NoError(t, err)
	tasks.Before = func() error { return errors.New("no route to Step Functions") }
	_, _, err = d.Settle(t.Context(), "A", says("yes"))
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "T\"")
	tasks.Before = nil
	row, first, err := d.Settle(t.Context(), "A", says("no"))
	require.NoError(t, err)
	assert.False(t, first)
	assert.False(t, row.Late)
	got, _ := tasks.Answer("T")
	assert.Equal(t, `{"status":"yes"}`, got)
}

// TestNoTidying: the answer arrived, and the write that takes the token off did
// not. That is no fault: the token is worth nothing now.
func TestNoTidying(t *testing.T) { synctest.Test(t, noTidying) }

func noTidying(t *testing.T) {
	d, tasks, db := setUp()
	_, err := d.Open(t.Context(), question("T"))
	require.NoError(t, err)
	writes := 0
	db.Before = func(context.Context, string) error {
		if writes++; writes == 2 {
			return errors.New("no route to DynamoDB")
		}
		return nil
	}
	_, first, err := d.Settle(t.Context(), "A", says("yes"))
	require.NoError(t, err)
	assert.True(t, first)
	row, _, err := d.Settle(t.Context(), "A", says("yes"))
	require.NoError(t, err)
	assert.NotEmpty(t, row.AnsweredAt)
	assert.Equal(t, "1 answered, 1 refused, 0 beats", tasks.Count())
}

// slow is a Step Functions whose first answer takes a while to arrive.
type slow struct {
	*callbacktest.Tasks
	calls atomic.Int32
}

func (s *slow) SendTaskSuccess(ctx context.Context, in *sfn.SendTaskSuccessInput, o ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error) {
	if s.calls.Add(1) == 1 {
		time.Sleep(30 * time.Millisecond)
	}
	return s.Tasks.SendTaskSuccess(ctx, in, o...)
}

// TestFasterThanTheFirst: a repetition comes while the first delivery is about to
// answer. The first one's answer arrives, and it is not told that it is late.
func TestFasterThanTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, tasks, _ := setUp()
		d.Tasks = &slow{Tasks: tasks}
		_, err := d.Open(t.Context(), question("T"))
		require.NoError(t, err)
		var all sync.WaitGroup
		all.Go(func() {
			row, first, err := d.Settle(t.Context(), "A", says("yes"))
			assert.NoError(t, err)
			assert.True(t, first)
			assert.False(t, row.Late)
		})
		time.Sleep(time.Millisecond)
		row, first, err := d.Settle(t.Context(), "A", says("no"))
		require.NoError(t, err)
		assert.False(t, first)
		assert.Equal(t, "yes", row.Status)
		assert.Empty(t, row.TaskToken)
		all.Wait()
		assert.Equal(t, "1 answered, 0 refused, 0 beats", tasks.Count())
	})
}

// TestSettledUnderABeat: a sign of life that meets the outcome is not late.
func TestSettledUnderABeat(t *testing.T) {
	d, tasks, _ := setUp()
	_, err := d.Open(t.Context(), question("T"))
	require.NoError(t, err)
	d.Tasks = settledUnderABeat{tasks, d}
	row, waiting, err := d.Beat(t.Context(), "A")
	require.NoError(t, err)
	assert.False(t, waiting)
	assert.Equal(t, "yes", row.Status)
}

// settledUnderABeat settles the question just before a sign of life arrives.
type settledUnderABeat struct {
	callback.Tasks
	desk callback.Desk
}

func (s settledUnderABeat) SendTaskHeartbeat(ctx context.Context, in *sfn.SendTaskHeartbeatInput, o ...func(*sfn.Options)) (*sfn.SendTaskHeartbeatOutput, error) {
	if _, _, err := s.desk.Settle(ctx, "A", says("yes")); err != nil {
		return nil, err
	}
	return s.Tasks.SendTaskHeartbeat(ctx, in, o...)
}

// TestTwoHundredAtOnce: 200 questions, each answered three times at once, two of
// the answers contradicting the first. None is answered twice, and each as its row
// says.
func TestTwoHundredAtOnce(t *testing.T) {
	const questions, deliveries = 200, 3
	d, tasks, db := setUp()
	var wg sync.WaitGroup
	var firsts atomic.Int32
	for i := range questions {
		q := question(fmt.Sprint("T", i))
		q.OrderID = fmt.Sprint("ORD-", i)
		_, err := d.Open(t.Context(), q)
		require.NoError(t, err)
		for n := range deliveries {
			wg.Go(func() {
				row, first, err := d.Settle(t.Context(), q.OrderID, says([]string{"yes", "no", "no"}[n]))
				assert.NoError(t, err)
				assert.False(t, row.Late)
				if first {
					firsts.Add(1)
				}
			})
		}
	}
	wg.Wait()
	assert.Equal(t, int32(questions), firsts.Load())
	for i := range questions {
		var row callback.Row
		db.Load("Questions", fmt.Sprint("ORD-", i), &row)
		got, answered := tasks.Answer(fmt.Sprint("T", i))
		assert.True(t, answered)
		assert.Equal(t, row.Output, got)
		assert.Empty(t, row.TaskToken)
		assert.False(t, row.Late)
	}
	assert.True(t, strings.HasPrefix(tasks.Count(), "200 answered"), tasks.Count())
}

// TestAnyOrder: whatever order openings, answers, time-outs and lost calls come in,
// all tokens that were answered got the one outcome.
func TestAnyOrder(t *testing.T) {
	defer callback.WithoutMoments()()
	rapid.Check(t, func(t *rapid.T) {
		d, tasks, db := setUp()
		tokens, outcome := 0, ""
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"open", "yes", "no", "timeout", "lost"}).Draw(t, "step") {
			case "open":
				_, _ = d.Open(context.Background(), question(fmt.Sprint("T", tokens))) // a settled one answers, which may be lost
				tokens++
			case "timeout":
				tasks.Over[fmt.Sprint("T", tokens-1)] = true
			case "lost":
				tasks.Before = func() error { tasks.Before = nil; return errors.New("lost") }
			case "yes":
				_, _, _ = d.Settle(context.Background(), "A", says("yes"))
			case "no":
				_, _, _ = d.Settle(context.Background(), "A", fails("no", "because"))
			}
			var row callback.Row
			if db.Load("Questions", "A", &row); row.Settled() && outcome == "" {
				outcome = map[string]string{"yes": `{"status":"yes"}`, "no": "ExternalProcessFailed: because"}[row.Status]
			}
		}
		for i := range tokens {
			if got, answered := tasks.Answer(fmt.Sprint("T", i)); answered {
				require.Equal(t, outcome, got)
			}
		}
	})
}

func TestDeadline(t *testing.T) {
	at, err := callback.Row{}.ParseDeadline()
	require.NoError(t, err)
	assert.True(t, at.IsZero())
	_, err = callback.Row{Deadline: "tomorrow"}.ParseDeadline()
	require.Error(t, err)
}
