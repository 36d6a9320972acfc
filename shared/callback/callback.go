// Package callback keeps the questions that workflows wait for: a task token, and
// what somebody outside will say.
//
// A question is one row, under the order's id. It is open (pending) until it is
// settled, once: the first outcome stays, whatever arrives afterwards, in any
// number and at once. If a workflow waits with a token, settling answers it.
//
// What is guaranteed:
//
//   - A row changes from pending to its outcome by one conditional write. Whoever
//     comes later finds the outcome, and nothing is answered otherwise.
//   - A crash between that write and the answer loses nothing: the next delivery
//     finds the outcome unanswered, gives whoever wrote it a moment, and answers
//     with it. Step Functions takes the first answer of a token and refuses all
//     others, which counts as done.
//   - Late is an outcome only when the workflow had stopped waiting before anybody
//     answered it: not because another delivery of it was faster.
//   - A workflow that asks again (a retry, or an execution that takes over) gets a
//     new token. It replaces the old one while the question is open, and is
//     answered at once when it is settled.
//   - A token is removed from the row when it was answered. It appears in no log
//     and in no error.
//   - Rows forget themselves (TTL).
//
// It does not decide who may settle, and does not time out: Step Functions does,
// and its workflow settles the question then.
//
// Start at [Desk].
package callback

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/pause"
	"github.com/stepworks/stepworks/shared/table"
)

// Pending is the status of a question that is open.
const Pending = "pending"

// keep is how long a row is kept after it was opened or its deadline is over.
const keep = 30 * 24 * time.Hour

// What SendTaskFailure takes.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html
const (
	maxError = 256
	maxCause = 32768
)

// Tasks is the part of Step Functions that answers tokens.
type Tasks interface {
	SendTaskSuccess(context.Context, *sfn.SendTaskSuccessInput, ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error)
	SendTaskFailure(context.Context, *sfn.SendTaskFailureInput, ...func(*sfn.Options)) (*sfn.SendTaskFailureOutput, error)
	SendTaskHeartbeat(context.Context, *sfn.SendTaskHeartbeatInput, ...func(*sfn.Options)) (*sfn.SendTaskHeartbeatOutput, error)
}

// Desk is where questions of one kind are opened and settled.
type Desk struct {
	API     table.API
	Tasks   Tasks        // nil for a desk that only reads
	Table   string       // its key is orderId
	Unknown failure.Name // what settling a question that nobody asked is called
}

// Question is what is opened.
type Question struct {
	OrderID     string
	Token       string // of the task that waits; empty if none does
	ExecutionID string
	Request     any // what is asked, for people who look at the row
	At          time.Time
	Deadline    time.Time // zero if there is none
}

// Outcome is how a question is settled.
type Outcome struct {
	Status string // anything but pending
	Output any    // the answer; what the workflow gets if Error is empty
	Error  string // the name under which the waiting task fails
	Cause  string
	At     time.Time
}

// Row is a question as it is stored.
type Row struct {
	OrderID     string `dynamodbav:"orderId"`
	Status      string `dynamodbav:"status"`
	TaskToken   string `dynamodbav:"taskToken,omitempty"`
	ExecutionID string `dynamodbav:"executionId,omitempty"`
	Request     string `dynamodbav:"asked,omitempty"`    // JSON
	Output      string `dynamodbav:"outcome,omitempty"`  // JSON
	Error       string `dynamodbav:"error,omitempty"`    // see Outcome
	Cause       string `dynamodbav:"cause,omitempty"`    // see Outcome
	OpenedAt    string `dynamodbav:"openedAt,omitempty"` // RFC 3339, as all times here
	Deadline    string `dynamodbav:"deadline,omitempty"`
	SettledAt   string `dynamodbav:"settledAt,omitempty"`
	AnsweredAt  string `dynamodbav:"answeredAt,omitempty"` // when the token was answered
	Late        bool   `dynamodbav:"late,omitempty"`       // nobody waited any more
	ExpiresAt   int64  `dynamodbav:"expiresAt,omitempty"`  // TTL
}

// Settled tells whether the question has its outcome.
func (r Row) Settled() bool { return r.Status != Pending && r.Status != "" }

var names = map[string]string{"#status": "status"}

// Open enters a question, or finds it. An open one gets the new token; a settled
// one answers it at once and stays as it is. The first deadline counts.
func (d Desk) Open(ctx context.Context, q Question) (Row, error) {
	request, err := json.Marshal(q.Request)
	if err != nil {
		return Row{}, failure.Wrap(failure.InternalUnexpected, err, "the request about order %s cannot be written", q.OrderID)
	}
	last := q.At
	if q.Deadline.After(last) {
		last = q.Deadline
	}
	w := table.Write{
		Update: "SET #status = :pending, executionId = :me, openedAt = if_not_exists(openedAt, :now), deadline = if_not_exists(deadline, :deadline), " +
			"asked = if_not_exists(asked, :asked), expiresAt = if_not_exists(expiresAt, :ttl)",
		Condition: "attribute_not_exists(orderId) OR #status = :pending",
		Names:     names,
		Values: map[string]any{":pending": Pending, ":me": q.ExecutionID, ":now": stamp(q.At), ":deadline": stamp(q.Deadline), ":asked": string(request),
			":ttl": last.Add(keep).Unix()},
	}
	if q.Token != "" {
		w.Update += ", taskToken = :token"
		w.Values[":token"] = q.Token
	}
	row, refused, err := d.update(ctx, q.OrderID, w)
	if err != nil || !refused || q.Token == "" {
		return row, err
	}
	row.TaskToken = q.Token
	_, err = d.answer(ctx, row)
	return row, err
}

// Find reads a question; one that nobody asked is an error.
func (d Desk) Find(ctx context.Context, orderID string) (Row, error) {
	var row Row
	found, err := table.Get(ctx, d.API, d.Table, key(orderID), &row)
	if err == nil && !found {
		err = d.unknown(orderID)
	}
	return row, err
}

// Settle ends a question, if it is open, and answers whoever waits. The row says
// how it ended, which may be otherwise than asked; first tells whether it was this
// call that ended it.
func (d Desk) Settle(ctx context.Context, orderID string, o Outcome) (row Row, first bool, err error) {
	output, err := json.Marshal(o.Output)
	if err != nil {
		return row, false, failure.Wrap(failure.InternalUnexpected, err, "the outcome of order %s cannot be written", orderID)
	}
	values, update := map[string]any{":pending": Pending, ":status": o.Status, ":output": string(output), ":now": stamp(o.At)}, ""
	if o.Error != "" {
		values[":error"], values[":cause"], update = cut(o.Error, maxError), cut(o.Cause, maxCause), ", #error = :error, cause = :cause"
	}
	w := table.Write{
		Update:    "SET #status = :status, outcome = :output, settledAt = :now" + update,
		Condition: "#status = :pending",
		Names:     map[string]string{"#status": "status"},
		Values:    values,
	}
	if o.Error != "" {
		w.Names["#error"] = "error"
	}
	row, refused, err := d.update(ctx, orderID, w)
	switch {
	case err != nil:
		return row, false, err
	case row.Status == "":
		return row, false, d.unknown(orderID)
	case refused && row.TaskToken != "":
		if row, err = d.await(ctx, orderID, w, row); err != nil {
			return row, false, err
		}
	}
	if row.TaskToken == "" {
		return row, !refused, nil
	}
	open, err := d.answer(ctx, row)
	if err != nil {
		return row, !refused, err
	}
	return d.answered(ctx, row, open, !refused, o.At), !refused, nil
}

// moments are how long a delivery waits for the one that brought the outcome, and is
// about to answer. Without them it might answer first, and the other one would
// believe that the workflow had stopped waiting.
var moments = []time.Duration{20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond}

// await repeats a write that is refused, to see the row, until it was answered. A
// row that has its token still belongs to somebody who died.
func (d Desk) await(ctx context.Context, orderID string, w table.Write, row Row) (Row, error) {
	for _, moment := range moments {
		if err := pause.For(ctx, moment); err != nil {
			return row, err
		}
		after, _, err := d.update(ctx, orderID, w)
		if row = after; err != nil || row.TaskToken == "" {
			return row, err
		}
	}
	return row, nil
}

// answered takes the token off the row, and notes whether anybody heard: open says
// that this call was heard, first that it brought the outcome. One that was not
// heard though another delivery was, a moment before, does not overwrite that.
func (d Desk) answered(ctx context.Context, row Row, open, first bool, at time.Time) Row {
	w := table.Write{
		Update:    "SET answeredAt = :now, late = :late REMOVE taskToken",
		Condition: "attribute_exists(orderId)",
		Values:    map[string]any{":now": stamp(at), ":late": !open && first},
	}
	if !open {
		w.Condition, w.Values[":token"] = "taskToken = :token", row.TaskToken
	}
	after, refused, err := d.update(ctx, row.OrderID, w)
	if err != nil || refused && after.Status == "" {
		row.TaskToken, row.Late = "", !open && first
		return row // it was answered, which is what counts; the next delivery tidies up
	}
	return after
}

// Beat tells the workflow that its answer is being worked on. It reports false
// when nobody waits any more; the row says whether that is because it is settled.
func (d Desk) Beat(ctx context.Context, orderID string) (row Row, waiting bool, err error) {
	row, err = d.Find(ctx, orderID)
	if err != nil || row.TaskToken == "" || row.Settled() {
		return row, false, err
	}
	_, err = d.Tasks.SendTaskHeartbeat(ctx, &sfn.SendTaskHeartbeatInput{TaskToken: &row.TaskToken})
	if waiting, err = closed(err); err != nil || waiting {
		return row, waiting, err
	}
	row, err = d.Find(ctx, orderID) // it may have been settled meanwhile
	return row, false, err
}

// answer sends the row's outcome to whoever has the token; open is false when
// nobody waits any more.
func (d Desk) answer(ctx context.Context, row Row) (open bool, err error) {
	if row.Error != "" {
		_, err = d.Tasks.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{TaskToken: &row.TaskToken, Error: aws.String(row.Error), Cause: aws.String(row.Cause)})
	} else {
		_, err = d.Tasks.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &row.TaskToken, Output: aws.String(row.Output)})
	}
	return closed(err)
}

// closed tells a task that is over from one that heard us.
func closed(err error) (open bool, _ error) {
	var late *types.TaskTimedOut
	var gone *types.TaskDoesNotExist
	var invalid *types.InvalidToken
	if errors.As(err, &late) || errors.As(err, &gone) || errors.As(err, &invalid) {
		return false, nil
	}
	return err == nil, err
}

// update makes one write and returns the row as it stands then: written, or
// refused. A row that does not exist is refused and empty.
func (d Desk) update(ctx context.Context, orderID string, w table.Write) (row Row, refused bool, err error) {
	w.Table, w.Key = d.Table, key(orderID)
	err = table.Update(ctx, d.API, w, &row)
	var r *table.Refused
	if !errors.As(err, &r) {
		return row, false, err
	}
	return row, true, attributevalue.UnmarshalMap(r.Old[0], &row)
}

func (d Desk) unknown(orderID string) error {
	return failure.New(d.Unknown, "nobody waits for an answer about order %s", orderID)
}

func key(orderID string) table.Item { return table.Key("orderId", orderID) }

// cut shortens text to n bytes, at a whole character.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && text[n]&0xC0 == 0x80 {
		n--
	}
	return text[:n]
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// ParseDeadline reads the row's deadline; a row without one has the zero time.
func (r Row) ParseDeadline() (time.Time, error) {
	if r.Deadline == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, r.Deadline)
	if err != nil {
		return t, fmt.Errorf("stored question about order %s: deadline: %w", r.OrderID, err)
	}
	return t, nil
}
