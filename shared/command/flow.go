package command

// This file defines the states of the command-handler machine: what each does,
// and the status that it writes before and after.

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/notify"
	"github.com/stepworks/stepworks/shared/table"
)

// The states that run code, as the machine names them.
const (
	StateCheck     = "check_version"
	StateWait      = "wait_prev_command"
	StateTTL       = "set_ttl_command"
	StateHistory   = "history_copy"
	StateTransform = "transform_data"
	StateSync      = "sync_data"
	StateFinish    = "finish"
	StateReport    = "report_failure"
)

// What check_version answers.
const (
	MyTurn   = 0
	Wait     = 1
	Mismatch = -1
)

// Tokens answers the task tokens of executions that wait.
type Tokens interface {
	SendTaskSuccess(context.Context, *sfn.SendTaskSuccessInput, ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error)
	SendTaskFailure(context.Context, *sfn.SendTaskFailureInput, ...func(*sfn.Options)) (*sfn.SendTaskFailureOutput, error)
}

// Teller tells what happened.
type Teller interface {
	Tell(context.Context, notify.Message) error
}

// Flow carries commands out.
type Flow struct {
	Ledger
	Tokens Tokens
	Status Teller // command-status, for everybody
	Alarm  Teller // sfn-alarm, for operators
}

// Step is one state of one execution.
type Step struct {
	State     string
	PK, SK    string    // of the command, with its version
	Entered   time.Time // when the state was entered: the time that rows get
	Execution string
	Token     string          // of wait_prev_command
	Input     json.RawMessage // of the state
}

// Checked is what check_version answers, in the words of the machine.
type Checked struct {
	Result int    `json:"result"`
	Error  string `json:"error,omitempty"`
	Cause  string `json:"cause,omitempty"`
}

// Done is what a state answers that has nothing to say.
type Done struct {
	Result string `json:"result"`
}

// Resumed is what wait_prev_command comes to.
type Resumed struct {
	Result      string `json:"result"`
	PrevVersion int    `json:"prevVersion"`
}

// Model is one read model that concerns a command: an element of what
// transform_data answers and sync_data_all maps over.
type Model struct {
	PrevStateName string `json:"prevStateName"`
	Result        string `json:"result"`
}

// states has the handler of every state.
var states = map[string]func(Flow, context.Context, Step, Row) (any, error){
	StateCheck:     Flow.check,
	StateWait:      Flow.wait,
	StateTTL:       Flow.setTTL,
	StateHistory:   Flow.copyHistory,
	StateTransform: Flow.transform,
	StateSync:      Flow.sync,
	StateFinish:    Flow.finish,
	StateReport:    Flow.report,
}

// Do does what a state of the machine is for. Every state may be done again.
func (f Flow) Do(ctx context.Context, s Step) (any, error) {
	handle, ok := states[s.State]
	if !ok {
		return nil, failure.New(failure.CommandUnknownState, "there is no handler for state %q of the machine: shared/command/flow.go names them", s.State)
	}
	if _, _, err := Split(s.PK, s.SK); err != nil {
		return nil, err
	}
	row, found, err := f.Command(ctx, s.PK, s.SK)
	if err == nil && !found {
		err = failure.New(failure.CommandNotFound, "command %s %s is not stored", s.PK, s.SK)
	}
	if err != nil {
		return nil, err
	}
	if s.State == StateReport {
		return handle(f, ctx, s, row)
	}
	if err := f.status(ctx, s, row, Started); err != nil {
		return nil, err
	}
	out, err := handle(f, ctx, s, row)
	if err != nil {
		return nil, errors.Join(err, f.status(ctx, s, row, Failed))
	}
	return out, f.status(ctx, s, row, Finished)
}

// status writes a command's status, and tells it.
func (f Flow) status(ctx context.Context, s Step, r Row, p Phase) error {
	return f.write(ctx, s, r, StatusOf(s.State, p), "")
}

// write writes a status, and why the command failed for good: apart from the
// status, which an invocation that was given up may still overwrite.
func (f Flow) write(ctx context.Context, s Step, r Row, status, why string) error {
	w := table.Write{
		Table: f.Commands, Key: table.Pair(r.PK, r.SK), Update: "SET #status = :status, updatedAt = :at", Condition: "attribute_exists(pk)",
		Names: map[string]string{"#status": "status"}, Values: map[string]any{":status": status, ":at": stamp(s.Entered)},
	}
	if why != "" {
		w.Update += ", failure = :why"
		w.Values[":why"] = why
	}
	if err := table.Update(ctx, f.API, w, &Row{}); err != nil {
		return err
	}
	return f.Status.Tell(ctx, f.message(notify.CommandStatus, r, map[string]string{"status": status, "source": r.Source}))
}

func (f Flow) message(action notify.Action, r Row, content any) notify.Message {
	id := r.RequestID
	if id == "" {
		id = f.Commands + separator + r.PK + separator + r.SK
	}
	return notify.Message{Action: action, ID: id, Table: f.Commands, PK: r.PK, SK: r.SK, TenantCode: r.TenantCode, Content: content}
}

// alarm tells operators.
func (f Flow) alarm(ctx context.Context, s Step, r Row, problem string) error {
	return f.Alarm.Tell(ctx, f.message(notify.CommandAlarm, r, map[string]string{"errorMessage": problem, "sfnId": s.Execution}))
}

// check decides whether it is this version's turn.
func (f Flow) check(ctx context.Context, _ Step, r Row) (any, error) {
	data, err := f.Read(ctx, r.key())
	if err != nil {
		return nil, err
	}
	next := data.Version + 1
	switch {
	case r.Version == next, r.Version == data.Version && data.CSK == r.SK: // or done before: an execution that is run again
		return Checked{Result: MyTurn}, nil
	case r.Version > next:
		_, found, err := f.Command(ctx, r.PK, r.key().At(r.Version-1))
		if err != nil || found {
			return Checked{Result: Wait}, err
		}
		return Checked{Result: MyTurn}, nil // the one before has expired
	}
	return Checked{Result: Mismatch, Error: string(failure.CommandMismatch), Cause: mismatch(next, r.Version)}, nil
}

func mismatch(next, got int) string {
	return failure.New(failure.CommandMismatch, "version is not match: next version must be %d but got %d", next, got).Error()
}

// wait stores the token and then looks whether the version before is done: its
// finish writes the data before it looks for a token, so one of the two sees the
// other, whatever the order.
func (f Flow) wait(ctx context.Context, s Step, r Row) (any, error) {
	if s.Token == "" {
		return nil, failure.New(failure.InputMalformed, "%s needs a task token", StateWait)
	}
	err := table.Update(ctx, f.API, table.Write{
		Table: f.Commands, Key: table.Pair(r.PK, r.SK), Update: "SET taskToken = :token", Condition: "attribute_exists(pk)",
		Values: map[string]any{":token": s.Token},
	}, &Row{})
	if err != nil {
		return nil, err
	}
	r.TaskToken = s.Token
	before, found, err := f.Command(ctx, r.PK, r.key().At(r.Version-1))
	if err != nil {
		return nil, err
	}
	data, err := f.Read(ctx, r.key())
	switch {
	case err != nil:
		return nil, err
	case data.Version >= r.Version-1 || !found:
		return Done{"ok"}, f.resume(ctx, r)
	case before.Failure != "":
		return Done{"ok"}, f.giveUp(ctx, r)
	}
	return Done{"ok"}, nil
}

// resume lets a waiting execution go on. That its token is spent means that
// somebody else was faster, or that it looks again by itself.
func (f Flow) resume(ctx context.Context, waiting Row) error {
	out, err := json.Marshal(Resumed{"resumed_by_prev_version", waiting.Version - 1})
	if err != nil {
		return err
	}
	text := string(out)
	_, err = f.Tokens.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &waiting.TaskToken, Output: &text})
	return spent(ctx, waiting, err)
}

// giveUp ends a waiting execution whose turn never comes.
func (f Flow) giveUp(ctx context.Context, waiting Row) error {
	name := string(failure.CommandPredecessor)
	cause := failure.New(failure.CommandPredecessor, "%s: version %d failed for good; redrive its execution, and then this one", waiting.ID, waiting.Version-1).Error()
	_, err := f.Tokens.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{TaskToken: &waiting.TaskToken, Error: &name, Cause: &cause})
	return spent(ctx, waiting, err)
}

// spent takes the errors of a token that is no longer awaited for what they are.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html#API_SendTaskSuccess_Errors
func spent(ctx context.Context, waiting Row, err error) error {
	var coded interface{ ErrorCode() string }
	if errors.As(err, &coded) && (coded.ErrorCode() == "TaskTimedOut" || coded.ErrorCode() == "InvalidToken" || coded.ErrorCode() == "TaskDoesNotExist") {
		slog.InfoContext(ctx, "the execution does not wait any more", "pk", waiting.PK, "sk", waiting.SK)
		return nil
	}
	return err
}

// finish wakes the version after, if it waits. An execution that was redriven has
// failed no longer.
func (f Flow) finish(ctx context.Context, _ Step, r Row) (any, error) {
	if r.Failure != "" {
		w := table.Write{Table: f.Commands, Key: table.Pair(r.PK, r.SK), Update: "REMOVE failure"}
		if err := table.Update(ctx, f.API, w, &Row{}); err != nil {
			return nil, err
		}
	}
	return Done{"ok"}, f.successor(ctx, r, f.resume)
}

func (f Flow) successor(ctx context.Context, r Row, answer func(context.Context, Row) error) error {
	after, found, err := f.Command(ctx, r.PK, r.key().At(r.Version+1))
	if err != nil || !found || after.TaskToken == "" {
		return err
	}
	return answer(ctx, after)
}

// report ends a command for good: its status first, so that who begins to wait
// now sees it, then those who wait already, then operators.
func (f Flow) report(ctx context.Context, s Step, r Row) (any, error) {
	var why struct{ Error, Cause string }
	if err := json.Unmarshal(s.Input, &why); err != nil {
		return nil, failure.Wrap(failure.InputMalformed, err, "%s takes what failed: {error, cause}", StateReport)
	}
	problem := why.Error + ": " + why.Cause
	if err := f.write(ctx, s, r, FailedForGood, problem); err != nil {
		return nil, err
	}
	if err := f.successor(ctx, r, f.giveUp); err != nil {
		return nil, err
	}
	return Done{"reported"}, f.alarm(ctx, s, r, problem)
}
