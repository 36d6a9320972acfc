package story

// This file tests the order workflow as Express executions, one more deployment of
// everything, so in the slow tier: the stories of orders, which must end as they do
// with Standard ones, and what is otherwise. (.ci/run has `run` tell all stories so.)

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/stack"
)

func TestExpress(t *testing.T) {
	if os.Getenv("SLOW") == "" {
		t.Skip("deploys everything as Express: SLOW=1")
	}
	clk := stack.VirtualClock()
	options := stack.Options{Account: "123456789012", Region: "us-east-1", StateDir: t.TempDir(), Clock: clk, Log: slog.New(slog.DiscardHandler)}
	w, crash := express(t, options, clk)
	for _, story := range orderStories {
		t.Run(story.Name, func(t *testing.T) { w.asExpected(t, w.whole(t.Context(), story)) })
	}
	t.Run("AWS keeps neither list nor history", func(t *testing.T) { keepsNothing(t, w) })
	t.Run("the same name twice", func(t *testing.T) { startedTwice(t, w) })
	t.Run("a crash in the middle", func(t *testing.T) {
		id, arn := payingExpress(t, w)
		crash()
		clk = clock.NewVirtual(clk.Now(), 50*time.Millisecond)
		options.Clock = clk
		after, _ := express(t, options, clk)
		runsAgain(t, after, id, arn)
	})
}

// express starts a local AWS with the stack, whose orders are Express executions;
// crash ends it in the middle of whatever it does.
func express(t *testing.T, options stack.Options, clk *clock.Virtual) (w *World, crash func()) {
	t.Helper()
	s, err := stack.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	crash = sync.OnceFunc(func() { _ = s.Close() })
	t.Cleanup(crash)
	orders := map[string]string{"OrderWorkflowType": "EXPRESS", "PaymentDelay": "1s"}
	if err := s.Deploy(t.Context(), stack.Deployment{Template: "../../../template.yaml", Preferred: orders, Progress: io.Discard}); err != nil {
		t.Fatal(err)
	}
	w, err = newWorld(t.Context(), Config{Endpoint: s.URL(), Region: "us-east-1", Files: os.DirFS("../../.."), Out: t.Output(), Advance: clk.Advance})
	if err != nil {
		t.Fatal(err)
	}
	return w, crash
}

// anOrder makes an order that nothing has placed yet, as an execution's input.
func (w *World) anOrder(t *testing.T) (id, input string) {
	t.Helper()
	e, err := w.newOrder(t.Context(), "order-placed", accepted)
	if err = errors.Join(err, w.forgetExpress(t.Context())); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(e.detail)
	if err != nil {
		t.Fatal(err)
	}
	return e.orderID(), string(text)
}

// asExpected fails the test with what was not.
func (w *World) asExpected(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range w.differences {
		t.Error(d)
	}
	w.differences = nil
}

// keepsNothing: https://docs.aws.amazon.com/step-functions/latest/dg/express-at-least-once-execution.html
func keepsNothing(t *testing.T, w *World) {
	runs, err := w.expressRuns(t.Context())
	if err != nil || len(runs) == 0 {
		t.Fatal(len(runs), err)
	}
	arn, machine := runs[0].arn, w.arns[expressMachine]
	_, describe := w.states.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	_, history := w.states.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: &arn})
	_, redrive := w.states.RedriveExecution(t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: &arn})
	_, list := w.states.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &machine})
	for call, err := range map[string]error{"DescribeExecution": describe, "GetExecutionHistory": history, "RedriveExecution": redrive, "ListExecutions": list} {
		if err == nil {
			t.Errorf("%s answers for an Express execution", call)
		}
	}
}

// startedTwice: a name does not tell executions apart, so the order has to.
func startedTwice(t *testing.T, w *World) {
	id, input := w.anOrder(t)
	start := func(machine string) string {
		out, err := w.states.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &machine, Name: &id, Input: &input})
		if err != nil {
			t.Fatal(err)
		}
		return *out.ExecutionArn
	}
	first, second := start(w.arns[expressMachine]), start(w.arns[expressMachine])
	if first == second {
		t.Error("one name must be two Express executions")
	}
	want := fulfilled
	want.executions, want.ends = 2, []string{"OrderCompleted", "HandledElsewhere"}
	w.asExpected(t, w.follow(t.Context(), map[string]expected{id: want}, map[string]int{"LAPTOP001": -1, "MOUSE001": -1}))
	arn := start(w.machine)
	if start(w.machine) != arn {
		t.Error("one name must be one Standard execution")
	}
	if r, err := w.finish(t.Context(), arn); err != nil || r.end() != "OrderCompleted" {
		t.Errorf("the Standard form must replay what the Express one did: %v %v", r, err)
	}
	w.asExpected(t, w.compareStock(t.Context(), map[string]int{"LAPTOP001": -1, "MOUSE001": -1}))
}

// payingExpress starts an order and leaves it while its payment is under way.
func payingExpress(t *testing.T, w *World) (id, arn string) {
	id, input := w.anOrder(t)
	out, err := w.states.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: aws.String(w.arns[expressMachine]), Input: &input})
	if err != nil {
		t.Fatal(err)
	}
	_, err = poll(t.Context(), w, func(ctx context.Context) (struct{}, bool, error) {
		record, err := w.item(ctx, "Orders", id)
		return struct{}{}, record["status"] == "reserved", err
	}, "the order is not reserved")
	if err != nil {
		t.Fatal(err)
	}
	return id, *out.ExecutionArn
}

// runsAgain: what a crash interrupts runs from the start, under the same ARN. The
// claim on the order lets it pass, so the steps must know what they have done.
func runsAgain(t *testing.T, w *World, id, arn string) {
	r, err := poll(t.Context(), w, func(ctx context.Context) (run, bool, error) {
		runs, err := w.expressRuns(ctx)
		i := slices.IndexFunc(runs, func(r run) bool { return r.arn == arn && r.status != "RUNNING" })
		if i < 0 {
			return run{}, false, err
		}
		return runs[i], true, nil
	}, "the order has not ended")
	if err != nil {
		t.Fatal(err)
	}
	began := strings.Count(strings.Join(r.states, " ")+" ", "ValidateOrder ")
	record, err := w.item(t.Context(), "Orders", id)
	if err != nil || began != 2 || r.status != "SUCCEEDED" || record["status"] != "fulfilled" || record["paymentId"] == "" {
		t.Errorf("the order began %d times, %v, and is %v %v", began, r, record, err)
	}
	w.before = seedStock
	w.asExpected(t, w.compareStock(t.Context(), map[string]int{"LAPTOP001": -1, "MOUSE001": -1}))
	w.eventsOf(t.Context(), map[string]expected{id: fulfilled})
	t.Logf("%v; heard after the crash: %v", r.states, w.seen[id])
}
