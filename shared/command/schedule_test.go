package command_test

// This file checks what package command promises under every order of requests:
// executions are coroutines that stop before each request of theirs, and rapid
// draws who goes on, what fails, whose answer is lost, and who is started twice.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stepworks/stepworks/shared/command"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/notify"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

var theItem = command.Key{PK: "ORDER#tenant1", SK: "ORDER#order123"}

// attempt is one invocation under way; between its requests it stands still.
type attempt struct {
	resume func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
	fail   error // what the request that it stands before comes to
	lose   bool  // it is made, but its answer is lost
	out    any
	err    error
}

// execution is one execution of command-handler, as its definition has it.
type execution struct {
	version  int
	state    string   // "" when it succeeded, "fail" when it failed
	models   []string // still to be synced
	token    string   // awaited, in wait_prev_command
	attempt  *attempt // of the state; nil when it has yet to begin, or when only the token is awaited
	zombies  []*attempt
	reported string
}

func (e *execution) over() bool { return e.state == "" || e.state == "fail" }

// world is the tables, and everything that moves.
type world struct {
	t          *rapid.T
	db         *tabletest.DB
	flow       command.Flow
	executions []*execution
	tokens     int
	heartbeats int
	poison     int // the version whose sync fails for good; 0: none
	told       map[string]int
}

type who struct{}

var errLost = failure.New(failure.TransientUnavailable, "the answer got lost")

func newWorld(t *rapid.T) *world {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	w := &world{t: t, told: map[string]int{}}
	w.db = tabletest.New(map[string]string{"commands": "pk sk", "data": "pk sk", "history": "pk sk", "master": "pk sk"})
	w.db.Before = func(ctx context.Context, _ string) error { return before(ctx) }
	w.db.Written = func(ctx context.Context, _ string) error {
		if a, ok := ctx.Value(who{}).(*attempt); ok && a.lose {
			return errLost
		}
		return nil
	}
	w.flow = command.Flow{
		Ledger: command.Ledger{API: w.db, Commands: "commands", Data: "data", History: "history", Master: "master"},
		Tokens: w, Status: w, Alarm: w,
	}
	return w
}

// before is where an attempt stands still.
func before(ctx context.Context) error {
	a, ok := ctx.Value(who{}).(*attempt)
	if !ok {
		return nil // the test itself
	}
	if !a.yield(struct{}{}) {
		return context.Canceled
	}
	return a.fail
}

func (w *world) Tell(ctx context.Context, m notify.Message) error {
	w.told[string(m.Action)]++
	return nil
}

func (w *world) SendTaskSuccess(ctx context.Context, in *sfn.SendTaskSuccessInput, _ ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error) {
	return &sfn.SendTaskSuccessOutput{}, w.answer(ctx, *in.TaskToken, func(e *execution) { e.enter(command.StateTTL) })
}

func (w *world) SendTaskFailure(ctx context.Context, in *sfn.SendTaskFailureInput, _ ...func(*sfn.Options)) (*sfn.SendTaskFailureOutput, error) {
	return &sfn.SendTaskFailureOutput{}, w.answer(ctx, *in.TaskToken, func(e *execution) { e.give(*in.Error) })
}

func (w *world) answer(ctx context.Context, token string, then func(*execution)) error {
	if err := before(ctx); err != nil {
		return err
	}
	for _, e := range w.executions {
		if e.token == token && token != "" {
			then(e)
			return nil
		}
	}
	return &types.TaskTimedOut{}
}

// enter goes on to another state; an attempt of the one before may still run.
func (e *execution) enter(state string) {
	if e.attempt != nil {
		e.zombies = append(e.zombies, e.attempt)
	}
	e.attempt, e.token, e.state = nil, "", state
}

func (e *execution) give(name string) {
	e.reported = name
	e.enter(command.StateReport)
}

// begin begins an attempt at the execution's state.
func (w *world) begin(e *execution) {
	a := &attempt{}
	s := command.Step{State: e.state, PK: theItem.PK, SK: theItem.At(e.version), Entered: time.Unix(1e9, 0), Execution: fmt.Sprint(e.version)}
	switch e.state {
	case command.StateWait:
		w.tokens++
		e.token = fmt.Sprint("token-", w.tokens)
		s.Token = e.token
	case command.StateSync:
		s.Input = json.RawMessage(`{"prevStateName":"transform_data","result":"` + e.models[0] + `"}`)
	case command.StateReport:
		s.Input = json.RawMessage(`{"error":"` + e.reported + `","cause":"?"}`)
	}
	poisoned := e.state == command.StateSync && e.version == w.poison
	a.resume, a.stop = iter.Pull(func(yield func(struct{}) bool) {
		a.yield = yield
		if a.err = failure.New(failure.InternalUnexpected, "it cannot be"); !poisoned {
			a.out, a.err = w.flow.Do(context.WithValue(context.Background(), who{}, a), s)
		}
	})
	if e.attempt != nil {
		e.zombies = append(e.zombies, e.attempt)
	}
	e.attempt = a
}

// move lets an execution make its next request; where that was its last, it goes
// on as the machine says.
func (w *world) move(e *execution, trouble string) {
	if e.attempt == nil {
		w.begin(e)
	}
	a := e.attempt
	if trouble == "twice" {
		w.begin(e)
		return
	}
	if a.go1(trouble) || e.attempt != a {
		return // not done yet, or answered while it ran
	}
	e.attempt = nil
	if a.err != nil {
		w.failed(e, a.err)
		return
	}
	w.next(e, a.out)
}

// go1 makes one request; it tells whether the attempt goes on after it.
func (a *attempt) go1(trouble string) bool {
	a.fail, a.lose = nil, trouble == "lost"
	if trouble == "fails" {
		a.fail = failure.New(failure.TransientUnavailable, "no")
	}
	_, on := a.resume()
	return on
}

func (w *world) failed(e *execution, err error) {
	if failure.Retryable(err) || errors.Is(err, context.Canceled) {
		e.token = "" // the state is entered again, with a token of its own
		return
	}
	if e.state == command.StateReport {
		w.t.Fatalf("version %d: reporting its failure: %v", e.version, err)
	}
	e.give(string(failure.NameOf(err)))
}

func (w *world) next(e *execution, out any) {
	switch e.state {
	case command.StateCheck:
		switch c := out.(command.Checked); c.Result {
		case command.MyTurn:
			e.enter(command.StateTTL)
		case command.Wait:
			e.enter(command.StateWait)
		default:
			e.give(c.Error)
		}
	case command.StateWait: // now only the token is awaited
	case command.StateTTL:
		e.enter(command.StateHistory)
	case command.StateHistory:
		e.enter(command.StateTransform)
	case command.StateTransform:
		e.models = nil
		for _, m := range out.([]command.Model) {
			e.models = append(e.models, m.Result)
		}
		e.enter(command.StateSync)
	case command.StateSync:
		if e.models = e.models[1:]; len(e.models) == 0 {
			e.enter(command.StateFinish)
		}
	case command.StateFinish:
		e.enter("")
	case command.StateReport:
		e.enter("fail")
	}
}

// moving are the executions that can do something by themselves.
func (w *world) moving() []*execution {
	return slices.DeleteFunc(slices.Clone(w.executions), func(e *execution) bool {
		return e.over() || e.state == command.StateWait && e.attempt == nil && e.token != ""
	})
}

func (w *world) waiting() (waiting []*execution) {
	for _, e := range w.executions {
		if e.state == command.StateWait && e.token != "" && e.attempt == nil {
			waiting = append(waiting, e)
		}
	}
	return waiting
}

// heartbeat is what Step Functions does to a token that nobody answered.
func (w *world) heartbeat(e *execution) {
	w.heartbeats++
	e.token = ""
}

func (w *world) publish(n int) int {
	p, err := w.flow.Publish(context.Background(), command.Submission{Key: theItem, Version: command.Latest, Name: "x",
		Attributes: command.Attributes(fmt.Sprintf(`{"n":%d}`, n)), RequestID: fmt.Sprint("r", n)})
	require.NoError(w.t, err)
	return p.Row.Version
}

// deliver is the stream: an execution's name is its command's, so a second
// delivery starts none.
func (w *world) deliver(version int) {
	if !slices.ContainsFunc(w.executions, func(e *execution) bool { return e.version == version }) {
		w.executions = append(w.executions, &execution{version: version, state: command.StateCheck})
	}
}

// chaos draws what happens next, for a while.
func (w *world) chaos(versions int, troubles []string) {
	published, t := 0, w.t
	for range rapid.IntRange(0, 150*versions).Draw(t, "moves") {
		what := rapid.IntRange(0, 12).Draw(t, "what")
		running := w.moving()
		switch {
		case what == 0 && published < versions:
			published++
			w.publish(published)
		case what == 1 && published > 0:
			w.deliver(rapid.IntRange(1, published).Draw(t, "deliver"))
		case what == 2:
			for _, e := range w.waiting() {
				w.heartbeat(e)
				break
			}
		case what == 3:
			w.zombies(rapid.SampledFrom(troubles).Draw(t, "zombie"))
		case len(running) > 0:
			e := rapid.SampledFrom(running).Draw(t, "who")
			w.move(e, rapid.SampledFrom(troubles).Draw(t, "trouble"))
		}
	}
	for ; published < versions; published++ {
		w.publish(published + 1)
	}
	for v := range versions {
		w.deliver(versions - v)
	}
}

// zombies lets one attempt go on whose state is over.
func (w *world) zombies(trouble string) {
	for _, e := range w.executions {
		if len(e.zombies) == 0 {
			continue
		}
		if z := e.zombies[0]; !z.go1(trouble) {
			e.zombies = e.zombies[1:]
		}
		return
	}
}

// settle lets everything come to its end, heartbeats only where nothing moves.
func (w *world) settle() {
	for range 100_000 {
		running, waiting := w.moving(), w.waiting()
		switch {
		case len(running) > 0:
			w.move(running[0], "")
		case w.lingering():
			w.zombies("")
		case len(waiting) > 0:
			for _, e := range waiting {
				w.heartbeat(e)
			}
		default:
			return
		}
	}
	w.t.Fatalf("it never ends")
}

func (w *world) lingering() bool {
	return slices.ContainsFunc(w.executions, func(e *execution) bool { return len(e.zombies) > 0 })
}

// check holds the tables against what package command promises.
func (w *world) check(versions int) {
	for _, e := range w.executions {
		require.Equal(w.t, "", e.state, "version %d (%s)", e.version, e.reported)
	}
	var data command.Row
	require.True(w.t, w.db.Load("data", tabletest.Pair(theItem.PK, theItem.SK), &data))
	require.Equal(w.t, versions, data.Version, "data is the highest version")
	require.JSONEq(w.t, fmt.Sprintf(`{"n":%d}`, versions), string(data.Attributes))
	var line command.Row
	require.True(w.t, w.db.Load("data", tabletest.Pair("SUMMARY#tenant1", theItem.ID()), &line))
	require.Equal(w.t, versions, line.Version, "so is its line in the summary")
	require.Len(w.t, w.db.Rows("history"), versions-1, "history holds every earlier version")
	for v := 1; v < versions; v++ {
		var old command.Row
		require.True(w.t, w.db.Load("history", tabletest.Pair(theItem.PK, theItem.At(v)), &old), "version %d", v)
		require.Equal(w.t, v, old.Version)
		require.JSONEq(w.t, fmt.Sprintf(`{"n":%d}`, v), string(old.Attributes))
	}
}

func (w *world) close() {
	for _, e := range w.executions {
		for _, a := range append(e.zombies, e.attempt) {
			if a != nil {
				a.stop()
			}
		}
	}
}

// TestEverySchedule: versions published and delivered in any order and often,
// requests that fail, answers that get lost, invocations that are given up and
// run on: in the end data is the highest version and history holds the others.
func TestEverySchedule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		defer w.close()
		versions := rapid.IntRange(1, 5).Draw(t, "versions")
		w.chaos(versions, []string{"", "", "", "", "", "", "fails", "lost", "twice"})
		w.settle()
		w.check(versions)
	})
}

// TestNoWakeUpIsLost: without invocations that run on after they were given up,
// nobody ever needs the heartbeat, whatever the order of requests.
func TestNoWakeUpIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		defer w.close()
		versions := rapid.IntRange(2, 4).Draw(t, "versions")
		w.chaos(versions, []string{"", "", "", "", "fails", "lost"})
		w.heartbeats = 0
		w.settle()
		w.check(versions)
		require.Zero(t, w.heartbeats, "an execution waited for a version that was done")
	})
}

// TestFailureForGood: one version fails for good. Those after it fail too and say
// why; nobody waits. When the executions are redriven in order, all is as if
// nothing had happened.
func TestFailureForGood(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		defer w.close()
		versions := rapid.IntRange(1, 4).Draw(t, "versions")
		w.poison = rapid.IntRange(1, versions).Draw(t, "poison")
		w.chaos(versions, []string{"", "", "", "fails", "lost"})
		w.settle()
		for _, e := range w.executions {
			if e.version < w.poison {
				require.Equal(t, "", e.state)
				continue
			}
			require.Equal(t, "fail", e.state, "version %d", e.version)
			if e.version > w.poison {
				require.Equal(t, string(failure.CommandPredecessor), e.reported)
			}
		}
		require.GreaterOrEqual(t, w.told[string(notify.CommandAlarm)], versions-w.poison+1, "operators hear of each")
		w.redrive()
		w.settle()
		w.check(versions)
	})
}

// redrive starts the failed executions again at the states that failed, the
// oldest first, as an operator would.
func (w *world) redrive() {
	w.poison = 0
	slices.SortFunc(w.executions, func(a, b *execution) int { return a.version - b.version })
	for _, e := range w.executions {
		if e.state != "fail" {
			continue
		}
		if e.state = command.StateWait; strings.HasPrefix(e.reported, "Internal") {
			e.state = command.StateSync
		}
		for e.state != "" {
			w.move(e, "")
			if e.state == "fail" {
				w.t.Fatalf("version %d failed again: %s", e.version, e.reported)
			}
		}
	}
}
