package story

// This file defines how placed orders are followed where they start Express
// executions (the stack's parameter OrderWorkflowType). Of those Step Functions keeps
// no list and no history: their log is all there is, and it says nothing of the input.
// https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

// expressMachine is what placed orders start with OrderWorkflowType=EXPRESS; a
// stack has it only then.
const expressMachine = "OrderProcessingExpress"

// logLine is a line of an execution's log.
type logLine struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	Timestamp string `json:"event_timestamp"`
	Execution string `json:"execution_arn"`
	Details   struct {
		Name  string `json:"name"`
		Error string `json:"error"`
		Cause string `json:"cause"`
	} `json:"details"`
}

// expressRuns reads from its log every execution of the Express form.
func (w *World) expressRuns(ctx context.Context) ([]run, error) {
	lines := map[string][]logLine{}
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(cloudwatchlogs.NewFromConfig(w.sdk),
		&cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/vendedlogs/states/" + w.Prefix + expressMachine), StartTime: aws.Int64(w.since.UnixMilli())})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Events {
			var line logLine
			if err := json.Unmarshal([]byte(*e.Message), &line); err != nil {
				return nil, fmt.Errorf("the log of %s has a line that is not an event: %q", expressMachine, *e.Message)
			}
			lines[line.Execution] = append(lines[line.Execution], line)
		}
	}
	var runs []run
	for arn, of := range lines {
		runs = append(runs, runOf(arn, of))
	}
	slices.SortFunc(runs, func(a, b run) int { return cmp.Or(a.began.Compare(b.began), strings.Compare(a.arn, b.arn)) })
	return runs, nil
}

// runOf is what the log says of an execution; lines of one millisecond come in any order.
func runOf(arn string, lines []logLine) run {
	slices.SortFunc(lines, func(a, b logLine) int { return cmp.Compare(decimal(a.ID), decimal(b.ID)) })
	r := run{arn: arn, status: "RUNNING", began: time.UnixMilli(decimal(lines[0].Timestamp))}
	for _, l := range lines {
		end, ofExecution := strings.CutPrefix(l.Type, "Execution")
		switch {
		case strings.HasSuffix(l.Type, "StateEntered"):
			r.states = append(r.states, l.Details.Name)
		case ofExecution && end != "Started":
			r.status, r.ended = strings.ToUpper(end), time.UnixMilli(decimal(l.Timestamp))
			r.err, r.cause = l.Details.Error, l.Details.Cause
		}
	}
	return r
}

func decimal(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// endedExpress lists the Express executions that ended, by order. An order's record
// names the execution that works at it; one that no record names is a repeated
// delivery, so it belongs to the story's only order.
func (w *World) endedExpress(ctx context.Context, want map[string]expected) (map[string][]run, error) {
	runs, err := w.expressRuns(ctx)
	if err != nil {
		return nil, err
	}
	of := map[string]string{}
	only := ""
	for id := range want {
		record, err := w.item(ctx, "Orders", id)
		if err != nil {
			return nil, err
		}
		of[record["executionId"]] = id
		if len(want) == 1 {
			only = id
		}
	}
	ended := map[string][]run{}
	for _, r := range runs {
		if r.status == "RUNNING" || w.earlier[r.arn] {
			continue
		}
		if id := cmp.Or(of[r.arn], only); id != "" {
			ended[id] = append(ended[id], r)
		}
	}
	return ended, nil
}

// forgetExpress leaves the executions so far to the stories before, or to the orders
// of one.
func (w *World) forgetExpress(ctx context.Context) error {
	if !w.express {
		return nil
	}
	runs, err := w.expressRuns(ctx)
	w.earlier = map[string]bool{}
	for _, r := range runs {
		w.earlier[r.arn] = true
	}
	return err
}
