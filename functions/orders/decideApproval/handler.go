package main

// This file defines what the decideApproval function does.

import (
	"context"
	"log/slog"
	"strings"
	"time"
	"unicode"

	"github.com/stepworks/stepworks/shared/approval"
	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/failure"
)

// What a decision may hold.
const (
	maxName    = 128
	maxComment = 1000
)

// Input is a decision: as it is, or in the detail of the event Approval Decided.
type Input struct {
	contract.ApprovalDecidedDetail
	Detail *contract.ApprovalDecidedDetail `json:"detail"`
	Time   time.Time                       `json:"time"` // of the event
}

// Result is the answer.
type Result struct {
	approval.Decision
	StatusCode int  `json:"statusCode"` // 200, or 409 when it had been decided otherwise
	Changed    bool `json:"changed"`    // false: it had been decided before
}

type handler struct{ desk approval.Desk }

func (h handler) handle(ctx context.Context, in Input) (Result, error) {
	said := in.ApprovalDecidedDetail
	if in.Detail != nil {
		said = *in.Detail
	}
	if err := check(said); err != nil {
		return Result{}, err
	}
	at := in.Time
	if at.IsZero() {
		at = time.Now()
	}
	d, changed, err := h.desk.Decide(ctx, said.OrderID, approval.Verdict{Status: said.Decision, Approver: said.Approver, Comment: said.Comment, At: at})
	if err != nil {
		return Result{}, err
	}
	result := Result{Decision: d, StatusCode: 200, Changed: changed}
	if d.Status != said.Decision {
		result.StatusCode = 409
	}
	slog.InfoContext(ctx, "approval decided", "orderId", said.OrderID, "asked", said.Decision, "status", d.Status, "changed", changed)
	return result, nil
}

func check(d contract.ApprovalDecidedDetail) error {
	switch {
	case d.Decision != approval.Approved && d.Decision != approval.Rejected:
		return failure.New(failure.InputMalformed, "decision must be approved or rejected, not %.40q", d.Decision)
	case !named(d.OrderID):
		return failure.New(failure.InputMalformed, "orderId must have 1 to %d bytes, without control characters", maxName)
	case !named(d.Approver):
		return failure.New(failure.InputMalformed, "approver must say who decides, in 1 to %d bytes without control characters", maxName)
	case len(d.Comment) > maxComment:
		return failure.New(failure.InputMalformed, "comment has %d bytes, at most %d are possible", len(d.Comment), maxComment)
	}
	return nil
}

func named(s string) bool {
	return s != "" && s == strings.TrimSpace(s) && len(s) <= maxName && !strings.ContainsFunc(s, unicode.IsControl)
}
