package main

// This file defines the claim: one execution handles a request.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"

	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/table"
)

const (
	// lease is longer than the machine's TimeoutSeconds (7200): whoever loses a
	// request is no longer running.
	lease = 125 * time.Minute
	kept  = 30 * 24 * time.Hour
)

// claim is a row of the Idempotency table. The state machine writes its status:
// completed or failed.
type claim struct {
	ID          string `dynamodbav:"id"`
	ExecutionID string `dynamodbav:"executionId"`
	What        string `dynamodbav:"what"` // a request id means one file
	Status      string `dynamodbav:"status"`
	Since       string `dynamodbav:"since"`
	ExpiresAt   int64  `dynamodbav:"expiresAt"`
}

type claims struct {
	api   table.API
	table string
}

// take claims a request that was found good. A request that failed may be made
// again; so may one whose execution has died.
func (c claims) take(ctx context.Context, r Checked, e order.Execution) (Checked, error) {
	now := e.Time
	if now.IsZero() {
		now = time.Now() // invoked by hand
	}
	mine := claim{ID: "sync#" + r.PartnerID + "#" + r.RequestID, ExecutionID: e.ID, Status: "running", Since: now.UTC().Format(time.RFC3339Nano),
		What: r.what(), ExpiresAt: now.Add(kept).Unix()}
	r.Claim, r.Since = mine.ID, now.UTC()
	err := table.Replace(ctx, c.api, table.Write{Table: c.table, Put: mine,
		Condition: "attribute_not_exists(id) OR what = :what AND (#status = :failed OR expiresAt < :dead)",
		Names:     map[string]string{"#status": "status"},
		Values:    map[string]any{":what": mine.What, ":failed": "failed", ":dead": now.Add(kept - lease).Unix()}})
	var refused *table.Refused
	if !errors.As(err, &refused) {
		r.IsValid = err == nil
		return r, err
	}
	var standing claim
	if err := attributevalue.UnmarshalMap(refused.Old[0], &standing); err != nil {
		return r, err
	}
	return r.after(standing, mine)
}

// what is what the request id stands for: the same id for anything else is refused.
func (c Checked) what() string {
	if c.Bulk {
		return fmt.Sprintf("%s %s bulk=true into %s of %s", c.Key, c.Format, c.Table, c.Tenant)
	}
	return fmt.Sprintf("%s %s bulk=false", c.Key, c.Format)
}

// after says what a claim that stands means for the request.
func (c Checked) after(standing, mine claim) (Checked, error) {
	switch {
	case standing.What != mine.What:
		c.Error = fmt.Sprintf("requestId %s was used before, for %s", c.RequestID, standing.What)
	case standing.ExecutionID == mine.ExecutionID && standing.Status == "running": // a repetition of our own step
		since, err := time.Parse(time.RFC3339Nano, standing.Since)
		c.IsValid, c.Since = err == nil, since
		return c, err
	default:
		c.Duplicate = true
	}
	return c, nil
}
