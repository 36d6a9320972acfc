// Package approval is how an order is approved: somebody is asked, decides once,
// and a workflow hears of it.
//
// An approval is a question of package callback, under the order's id: so an order
// is approved or rejected once, whoever asks and however often. It is pending,
// and then approved, rejected, or expired when its deadline went by. The workflow
// either looks from time to time ([Desk.Ask] without a token), or waits with a
// task token, which the decision answers; both end in a [Decision].
//
// Only [Desk.Ask] lets an approval expire, by the time of the workflow that asks;
// [Desk.Decide] takes any decision while the approval is pending. It does not know
// who may decide: whoever may call decideApproval may.
//
// Start at [Desk].
package approval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/stepworks/stepworks/shared/callback"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/order"
)

// What an approval can be, beside pending.
const (
	Approved = "approved"
	Rejected = "rejected"
	Expired  = "expired"
)

// Decision is how an approval stands. Every field is always there, so that a
// state machine can ask for any of them.
type Decision struct {
	OrderID   string `json:"orderId"`
	Status    string `json:"status"` // pending, approved, rejected or expired
	Approved  bool   `json:"approved"`
	Approver  string `json:"approver"`
	Comment   string `json:"comment"`
	Reason    string `json:"reason"` // for people: how it came to this
	DecidedAt string `json:"decidedAt"`
}

// Request is what people are told who decide.
type Request struct {
	CustomerID  string      `json:"customerId"`
	TotalAmount json.Number `json:"totalAmount"`
	Currency    string      `json:"currency"`
}

// Standing is an approval with its times, as a workflow sees it.
type Standing struct {
	Decision
	Deadline  time.Time
	NextCheck time.Time // when to look again; never after the deadline
}

// Desk is where approvals are asked for and decided.
type Desk struct {
	Book      order.Book
	Questions callback.Desk
	Wait      time.Duration // between two looks
	Deadline  time.Duration // for a decision, since it was asked for first
}

// Ask asks for the approval of an order, or looks how it stands. With a token, the
// decision answers it. An approval whose deadline is over expires.
func (d Desk) Ask(ctx context.Context, id string, e order.Execution, token string) (Standing, error) {
	record, err := d.Book.Load(ctx, id)
	if err != nil {
		return Standing{}, err
	}
	if e.Time.IsZero() {
		return Standing{}, failure.New(failure.InputMalformed, "execution.time is missing: an approval's deadline follows from it")
	}
	row, err := d.Questions.Open(ctx, callback.Question{
		OrderID: id, Token: token, ExecutionID: e.ID, At: e.Time, Deadline: e.Time.Add(d.Deadline),
		Request: Request{record.CustomerID, json.Number(record.TotalAmount), record.Currency},
	})
	if err != nil {
		return Standing{}, err
	}
	deadline, err := row.ParseDeadline()
	if err != nil {
		return Standing{}, err
	}
	if !row.Settled() && !e.Time.Before(deadline) {
		row, _, err = d.Questions.Settle(ctx, id, outcome(Decision{OrderID: id, Status: Expired,
			Reason: "nobody decided until " + row.Deadline, DecidedAt: e.Time.UTC().Format(time.RFC3339)}, e.Time))
		if err != nil {
			return Standing{}, err
		}
	}
	decision, err := read(row)
	next := e.Time.Add(d.Wait)
	if next.After(deadline) {
		next = deadline
	}
	return Standing{decision, deadline, next}, err
}

// Verdict is what somebody says about an approval.
type Verdict struct {
	Status   string // Approved or Rejected
	Approver string
	Comment  string
	At       time.Time
}

// Decide settles an approval. The decision says how it stands then, which is
// otherwise than asked if it was settled before; changed tells whether this call
// settled it.
func (d Desk) Decide(ctx context.Context, id string, v Verdict) (decision Decision, changed bool, err error) {
	reason := v.Status + " by " + v.Approver
	if v.Comment != "" {
		reason += ": " + v.Comment
	}
	row, changed, err := d.Questions.Settle(ctx, id, outcome(Decision{OrderID: id, Status: v.Status, Approved: v.Status == Approved,
		Approver: v.Approver, Comment: v.Comment, Reason: reason, DecidedAt: v.At.UTC().Format(time.RFC3339)}, v.At))
	if err != nil {
		return Decision{}, false, err
	}
	decision, err = read(row)
	return decision, changed, err
}

func outcome(d Decision, at time.Time) callback.Outcome {
	return callback.Outcome{Status: d.Status, Output: d, At: at}
}

// read is the decision in a row; a pending one is empty.
func read(row callback.Row) (Decision, error) {
	if !row.Settled() {
		return Decision{OrderID: row.OrderID, Status: callback.Pending}, nil
	}
	var d Decision
	if err := json.Unmarshal([]byte(row.Output), &d); err != nil {
		return d, fmt.Errorf("stored approval of order %s: outcome: %w", row.OrderID, err)
	}
	return d, nil
}

// Durations reads a desk's times as the template gives them.
func Durations(wait, deadline string) (time.Duration, time.Duration, error) {
	w, err := time.ParseDuration(wait)
	d, err2 := time.ParseDuration(deadline)
	if err = errors.Join(err, err2); err != nil || w <= 0 || d <= 0 {
		return 0, 0, fmt.Errorf("approvals need a time between two looks and a deadline such as 24h and 72h, not %q and %q", wait, deadline)
	}
	return w, d, nil
}
