package activity_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/activity"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/pause"
)

// states is a Step Functions with tasks to do. A poll waits a minute.
type states struct {
	tasks chan string // inputs; the token is "token-" and the input
	polls atomic.Int32
	// broken are the answers of the first polls.
	broken []error
	// over are the tasks that were given up: input -> what an answer gets.
	over map[string]error

	mu      sync.Mutex
	answers map[string]string // input -> output, or the error's name
	beats   map[string]int
}

func newStates(inputs ...string) *states {
	s := &states{tasks: make(chan string, 100), over: map[string]error{}, answers: map[string]string{}, beats: map[string]int{}}
	for _, in := range inputs {
		s.tasks <- in
	}
	return s
}

func (s *states) GetActivityTask(ctx context.Context, _ *sfn.GetActivityTaskInput, _ ...func(*sfn.Options)) (*sfn.GetActivityTaskOutput, error) {
	if n := int(s.polls.Add(1)); n <= len(s.broken) {
		return nil, s.broken[n-1]
	}
	select {
	case in := <-s.tasks:
		return &sfn.GetActivityTaskOutput{TaskToken: aws.String("token-" + in), Input: &in}, nil
	case <-time.After(time.Minute):
		return &sfn.GetActivityTaskOutput{}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *states) answer(token, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := token[len("token-"):]
	if s.answers[in] != "" {
		text = "twice: " + s.answers[in] + " and " + text
	}
	s.answers[in] = text
	return s.over[in]
}

func (s *states) SendTaskSuccess(_ context.Context, in *sfn.SendTaskSuccessInput, _ ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error) {
	return nil, s.answer(*in.TaskToken, *in.Output)
}

func (s *states) SendTaskFailure(_ context.Context, in *sfn.SendTaskFailureInput, _ ...func(*sfn.Options)) (*sfn.SendTaskFailureOutput, error) {
	return nil, s.answer(*in.TaskToken, *in.Error)
}

func (s *states) SendTaskHeartbeat(_ context.Context, in *sfn.SendTaskHeartbeatInput, _ ...func(*sfn.Options)) (*sfn.SendTaskHeartbeatOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := (*in.TaskToken)[len("token-"):]
	s.beats[name]++
	return nil, s.over[name]
}

// serve runs a worker until the virtual time stop, and says when it had ended.
func serve(t *testing.T, s *states, stop time.Duration, handle activity.Handler) (log string, took time.Duration) {
	t.Helper()
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), stop)
	defer cancel()
	began := time.Now()
	w := activity.Worker{API: s, Activity: "arn", Name: "test", Concurrency: 2, Heartbeat: 10 * time.Second, Grace: 20 * time.Second, Handle: handle,
		Log: slog.New(slog.NewJSONHandler(&out, nil))}
	require.NoError(t, w.Run(ctx))
	return out.String(), time.Since(began)
}

// packing takes a time.
func packing(d time.Duration) activity.Handler {
	return func(ctx context.Context, input []byte) (any, error) {
		return "done " + string(input), pause.For(ctx, d)
	}
}

func TestServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStates("a", "b", "c", "d", "e")
		serve(t, s, time.Hour, packing(35*time.Second))
		assert.Equal(t, map[string]string{"a": `"done a"`, "b": `"done b"`, "c": `"done c"`, "d": `"done d"`, "e": `"done e"`}, s.answers)
		assert.Equal(t, 3, s.beats["a"], "one every ten seconds")
	})
}

// TestTakesNoMoreThanItWorksAt: a task that it cannot begin stays for another.
func TestTakesNoMoreThanItWorksAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStates("a", "b", "c")
		var at, most atomic.Int32
		serve(t, s, time.Minute, func(ctx context.Context, _ []byte) (any, error) {
			most.Store(max(most.Load(), at.Add(1)))
			defer at.Add(-1)
			return nil, pause.For(ctx, 50*time.Second)
		})
		assert.Equal(t, int32(2), most.Load())
		assert.Equal(t, "Transient.Unavailable", s.answers["c"], "taken after 50 s, stopped at 60 s, out of grace at 80 s")
	})
}

func TestStopsGracefully(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStates("quick")
		_, took := serve(t, s, 5*time.Second, packing(15*time.Second))
		assert.Equal(t, 15*time.Second, took, "the task at work is finished")
		assert.Equal(t, map[string]string{"quick": `"done quick"`}, s.answers)

		s = newStates("slow")
		_, took = serve(t, s, 5*time.Second, packing(time.Hour))
		assert.Equal(t, 25*time.Second, took, "and no longer than the grace")
		assert.Equal(t, map[string]string{"slow": "Transient.Unavailable"}, s.answers, "the workflow retries it elsewhere")

		s = newStates()
		_, took = serve(t, s, 5*time.Second, packing(0))
		assert.Equal(t, 5*time.Second, took, "an idle poll is cut off")
	})
}

// TestGivenUp: a task that Step Functions has given up is abandoned.
func TestGivenUp(t *testing.T) {
	for _, over := range []error{&types.TaskTimedOut{}, &types.TaskDoesNotExist{}} {
		synctest.Test(t, func(t *testing.T) {
			s := newStates("late", "fine")
			s.over["late"] = over
			var ended time.Duration
			began := time.Now()
			log, _ := serve(t, s, time.Hour, func(ctx context.Context, input []byte) (any, error) {
				err := pause.For(ctx, 25*time.Second)
				if string(input) == "late" {
					ended = time.Since(began)
				}
				return "done", err
			})
			assert.Equal(t, 10*time.Second, ended, "at the first heartbeat")
			assert.Equal(t, map[string]string{"fine": `"done"`}, s.answers)
			assert.Contains(t, log, "abandoned")
			assert.NotContains(t, log, "token-")
		})
	}
}

// TestFailures: what a handler does wrong reaches the workflow by name, and the
// worker goes on.
func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStates("named", "wrapped", "panics", "unwritable", "late", "fine")
		s.over["late"] = &types.TaskTimedOut{}
		log, _ := serve(t, s, time.Minute, func(_ context.Context, input []byte) (any, error) {
			switch string(input) {
			case "named":
				return nil, failure.New(failure.InputMalformed, "no pieces")
			case "wrapped":
				return nil, fmt.Errorf("pack: %w", failure.New(failure.TransientThrottled, "busy"))
			case "panics":
				panic("out of tape")
			case "unwritable":
				return func() {}, nil
			}
			return 1, nil
		})
		assert.Equal(t, map[string]string{"named": "Input.Malformed", "wrapped": "Transient.Throttled", "panics": "Internal.Unexpected",
			"unwritable": "Internal.Unexpected", "late": "1", "fine": "1"}, s.answers)
		assert.Contains(t, log, "out of tape")
		assert.Contains(t, log, "too late")
	})
}

// TestPollingTroubleSpreads: a service that is down is not hammered.
func TestPollingTroubleSpreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStates("a")
		for range 8 {
			s.broken = append(s.broken, errors.New("connection refused"))
		}
		log, took := serve(t, s, 10*time.Minute, packing(0))
		assert.Equal(t, map[string]string{"a": `"done a"`}, s.answers)
		assert.Contains(t, log, "connection refused")
		assert.Equal(t, 10*time.Minute, took)
		assert.Less(t, s.polls.Load(), int32(8+2*10+5), "afterwards a poll a minute each")
	})
}

func TestNeedsToMakeSense(t *testing.T) {
	require.ErrorContains(t, activity.Worker{Heartbeat: time.Second}.Run(t.Context()), "concurrency of at least 1")
	require.ErrorContains(t, activity.Worker{Concurrency: 1}.Run(t.Context()), "heartbeats")
}
