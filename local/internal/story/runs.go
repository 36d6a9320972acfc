package story

// This file defines executions as a story sees them: started by hand or found by
// what caused them, awaited, and read.

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// run is an execution, as far as it came.
type run struct {
	arn, status, err, cause string
	input, output           string
	states                  []string
	began, ended            time.Time
}

func (r run) end() string {
	if len(r.states) == 0 {
		return "nothing"
	}
	return r.states[len(r.states)-1]
}

// start starts an execution of a machine, by its name without the prefix.
func (w *World) start(ctx context.Context, machine string, input any) (arn string, err error) {
	of, err := w.machineARN(machine)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(input)
	if err != nil {
		return "", err
	}
	out, err := w.states.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &of, Input: aws.String(string(text))})
	if err != nil {
		return "", err
	}
	return *out.ExecutionArn, nil
}

// finish waits until an execution has ended.
func (w *World) finish(ctx context.Context, arn string) (run, error) {
	return poll(ctx, w, func(ctx context.Context) (run, bool, error) {
		if w.Advance != nil { // a queue that holds something is metered every minute of days
			w.ears.drain(ctx, func() bool { return true })
		}
		d, err := w.states.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
		if err != nil || d.Status == sfntypes.ExecutionStatusRunning {
			return run{}, false, err
		}
		r, err := w.read(ctx, arn)
		return r, true, err
	}, "the execution "+arn+" has not ended")
}

// caused waits until n executions of a machine whose input contains text have
// ended: those that an event started.
func (w *World) caused(ctx context.Context, machine, text string, n int) ([]run, error) {
	of, err := w.machineARN(machine)
	if err != nil {
		return nil, err
	}
	others := map[string]bool{} // an execution's input does not change
	return poll(ctx, w, func(ctx context.Context) ([]run, bool, error) {
		var runs []run
		list, err := w.states.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &of, MaxResults: 100}) // the newest hundred: more than a story starts
		if err != nil {
			return nil, false, err
		}
		for _, x := range list.Executions {
			if others[*x.ExecutionArn] {
				continue
			}
			d, err := w.states.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: x.ExecutionArn})
			if err != nil {
				return nil, false, err
			}
			others[*x.ExecutionArn] = !strings.Contains(aws.ToString(d.Input), text)
			if others[*x.ExecutionArn] || d.Status == sfntypes.ExecutionStatusRunning {
				continue
			}
			r, err := w.read(ctx, *x.ExecutionArn)
			if err != nil {
				return nil, false, err
			}
			runs = append(runs, r)
		}
		return runs, len(runs) >= n, nil
	}, fmt.Sprintf("%s has not ended %d executions about %s: did the rule match, and is nothing in the dead-letter queue?", machine, n, text))
}

// pace is the longest pause between two questions: ten a second, which AWS's limits
// allow one who asks alone, and fifty where the endpoint is this process.
// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html#service-limits-api-action-throttling-general
func (w *World) pace() time.Duration {
	if w.Advance != nil {
		return 20 * time.Millisecond
	}
	return 100 * time.Millisecond
}

// poll asks until there is an answer, a story's patience at the most.
func poll[T any](ctx context.Context, w *World, ask func(ctx context.Context) (T, bool, error), lacking string) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, w.pace()) {
		answer, ok, err := ask(ctx)
		switch {
		case ctx.Err() != nil:
			return answer, fmt.Errorf("after %v %s", patience, lacking)
		case err != nil || ok:
			return answer, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// read describes an execution with its way.
func (w *World) read(ctx context.Context, arn string) (run, error) {
	d, err := w.states.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if err != nil {
		return run{}, err
	}
	r := run{arn: arn, status: string(d.Status), input: aws.ToString(d.Input), output: aws.ToString(d.Output), began: *d.StartDate, ended: aws.ToTime(d.StopDate)}
	return r, w.history(ctx, &r)
}

// history reads an execution's way.
func (w *World) history(ctx context.Context, r *run) error {
	pages := sfn.NewGetExecutionHistoryPaginator(w.states, &sfn.GetExecutionHistoryInput{ExecutionArn: &r.arn, MaxResults: 1000})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			switch {
			case e.StateEnteredEventDetails != nil:
				r.states = append(r.states, *e.StateEnteredEventDetails.Name)
			case e.ExecutionFailedEventDetails != nil:
				r.err, r.cause = aws.ToString(e.ExecutionFailedEventDetails.Error), aws.ToString(e.ExecutionFailedEventDetails.Cause)
			}
		}
	}
	return nil
}
