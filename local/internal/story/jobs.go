package story

// This file defines the stories of jobs and integrations.

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

var jobStories = []Story{
	{Name: "job", Title: "A warehouse job is asked for and followed to its end", tell: jobDone},
	{Name: "job-failed", Title: "A job fails, and so does who followed it", tell: jobFailed},
	{Name: "job-endless", Title: "A job takes longer than anybody waits", Virtual: true, tell: jobEndless},
	{Name: "all-jobs", Title: "Label, pick and count for one order, in parallel", Virtual: true, tell: allJobs},
	{Name: "handover", Title: "An order is handed over to the warehouse, by every way there is", tell: handOver},
	{Name: "containers", Title: "Work in containers, of which only the answers are here", tell: containers},
}

// jobFails repeats the documented rule of the jobs (docs/jobs.md): the 64-bit FNV-1a
// hash of kind, a slash and reference, modulo 100, is below the failing share.
func jobFails(kind, reference string, percent uint64) bool {
	h := fnv.New64a()
	_, _ = h.Write([]byte(kind + "/" + reference))
	return h.Sum64()%100 < percent
}

// The shares that fail, as documented.
const (
	pickFails  = 10
	countFails = 20
)

// newReference derives a reference that no run has used and whose jobs end as
// wanted.
func (w *World) newReference(base string, fails bool) string {
	for {
		w.serial++
		r := fmt.Sprintf("%s-%s%d", base, w.tag, w.serial)
		if jobFails("pick-items", r, pickFails) == fails && (fails || !jobFails("count-stock", r, countFails)) {
			return r
		}
	}
}

// request publishes the sample with a kind and a reference of its own, and so many
// seconds between two looks.
func (w *World) request(ctx context.Context, kind, reference string, wait int) ([]run, error) {
	entries, err := w.sample("job-requested")
	if err != nil {
		return nil, err
	}
	entries[0].detail["wait_time"] = wait
	entries[0].detail["job"] = map[string]any{"kind": kind, "reference": reference, "pieces": 3}
	w.say("job      %s for %s, 3 pieces", kind, reference)
	if err := w.publish(ctx, entries...); err != nil {
		return nil, err
	}
	runs, err := w.caused(ctx, "JobPollerWorkflow", reference, 1)
	for _, r := range runs {
		w.tellRun(r)
	}
	return runs, err
}

func jobDone(ctx context.Context, w *World) error {
	runs, err := w.request(ctx, "pick-items", w.newReference("ORD-1001", false), 5)
	if err != nil {
		return err
	}
	var report struct {
		Status string
		Result map[string]int
	}
	_ = json.Unmarshal([]byte(runs[0].output), &report) // a failed run has none, which the next line says
	w.expect(report.Status == "SUCCEEDED" && report.Result["totes"] == 1, "the job must succeed with one tote, but its report is %q", runs[0].output)
	w.say("report   %s, %v", report.Status, report.Result)
	return nil
}

func jobFailed(ctx context.Context, w *World) error {
	runs, err := w.request(ctx, "pick-items", w.newReference("ORD-1016", true), 5)
	if err != nil {
		return err
	}
	w.expect(runs[0].err == "DescribeJob returned FAILED", "the execution must end as the job did, but its error is %q", runs[0].err)
	return nil
}

func jobEndless(ctx context.Context, w *World) error {
	runs, err := w.request(ctx, "rebuild-aisle", w.newReference("AISLE-7", false), 60)
	if err != nil {
		return err
	}
	w.expect(runs[0].status == "TIMED_OUT", "the execution must time out after five minutes, but is %s", runs[0].status)
	return nil
}

func allJobs(ctx context.Context, w *World) error {
	for _, c := range []struct {
		fails bool
		end   string
	}{{false, "All Done"}, {true, "Some Failed"}} {
		reference := w.newReference("ORD-1001", c.fails)
		w.say("order    %s, 3 pieces", reference)
		arn, err := w.start(ctx, "AllJobs", map[string]any{"reference": reference, "pieces": 3})
		if err != nil {
			return err
		}
		r, err := w.finish(ctx, arn)
		if err != nil {
			return err
		}
		w.tellRun(r)
		w.expect(r.end() == c.end, "all jobs must end in %q, but end in %q (%s: %s)", c.end, r.end(), r.err, r.cause)
		children, err := w.caused(ctx, "JobPollerWorkflow", reference, 3)
		if err != nil {
			return err
		}
		w.expect(len(children) == 3, "there must be three nested executions, but there are %d", len(children))
	}
	return nil
}

// containers runs the test case Done of the mock file that `run` gives to the
// local AWS. On AWS the machine is there only with EnableContainerTasks.
func containers(ctx context.Context, w *World) error {
	of, err := w.machineARN("ContainerTasks")
	if err != nil || w.Advance == nil {
		w.say("left out: the stack here has no answers for containers")
		return nil //nolint:nilerr // the machine is behind a condition
	}
	for _, c := range []struct{ testCase, end string }{{"Done", "Batch Inference"}, {"TrainingFails", "Containers Failed"}} {
		out, err := w.states.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: aws.String(of + "#" + c.testCase), Input: aws.String(`{"valueFromStateData": "ORD-1001"}`)})
		if err != nil {
			return err
		}
		r, err := w.finish(ctx, *out.ExecutionArn)
		if err != nil {
			return err
		}
		w.tellRun(r)
		w.expect(r.end() == c.end, "case %s must end in %q, but ends in %q (%s: %s)", c.testCase, c.end, r.end(), r.err, r.cause)
	}
	return nil
}

func handOver(ctx context.Context, w *World) error {
	reference := w.newReference("ORD-1001", false)
	mail, err := w.subscribe(ctx, "order-updates")
	if err != nil {
		return err
	}
	defer mail.close(ctx)
	packers, err := w.hirePackers(ctx)
	if err != nil {
		return err
	}
	defer func() { _, _ = packers.dismiss() }() // when something failed before
	arn, err := w.start(ctx, "ServiceIntegrations", map[string]any{
		"state": map[string]any{"message": "Order " + reference + " goes to the warehouse"}, "message": reference, "field2": map[string]any{"orderId": reference},
		"input": map[string]any{"job": map[string]any{"kind": "print-labels", "reference": reference, "pieces": 3}},
	})
	if err != nil {
		return err
	}
	r, err := w.finish(ctx, arn)
	if err != nil {
		return err
	}
	w.tellRun(r)
	w.expect(r.end() == "We did it!", "the handover must end in \"We did it!\", but ends in %q (%s: %s)", r.end(), r.err, r.cause)
	w.handedOver(r)
	if err := w.heardInOrder(ctx, mail, reference); err != nil {
		return err
	}
	log, err := packers.dismiss()
	w.expect(err == nil && strings.Contains(log, `"task done"`) && strings.Contains(log, `"stopped"`), "the packers must have done a task and stopped gracefully, but: %v, %s", err, log)
	w.say("packers  did it and were stopped gracefully")
	return nil
}

// handedOver looks at what each way answered.
func (w *World) handedOver(r run) {
	var out struct {
		GUID   string                         `json:"guid"`
		Job    struct{ JobID, Status string } `json:"job"`
		Parcel struct{ Parcels int }          `json:"parcel"`
		Child  struct{ Foo, ClosedBy string } `json:"child"`
	}
	if err := json.Unmarshal([]byte(r.output), &out); err != nil {
		w.expect(false, "the handover's output cannot be read: %v", err)
		return
	}
	w.say("answers  job %s confirmed as %s, %d parcel, closed by its child", out.GUID, out.Job.Status, out.Parcel.Parcels)
	w.expect(out.GUID != "" && out.Job.JobID == out.GUID, "Invoke2 must confirm the job %s that Invoke1 submitted, not %s", out.GUID, out.Job.JobID)
	w.expect(out.Parcel.Parcels == 1, "three pieces make one parcel, not %d", out.Parcel.Parcels)
	w.expect(out.Child.Foo == "bar" && out.Child.ClosedBy != "", "the child must answer foo and its name, but answered %+v", out.Child)
}

// heardInOrder reads what the topic and the FIFO queue got.
func (w *World) heardInOrder(ctx context.Context, mail *mailbox, reference string) error {
	told, err := mail.collect(ctx, reference, 2)
	if err != nil {
		return err
	}
	w.expect(len(told) == 2, "the topic must have told two things, but told %d: %q", len(told), told)
	queue, err := w.queue(ctx, "orders.fifo")
	if err != nil {
		return err
	}
	sent, err := queue.collect(ctx, reference, 2)
	if err != nil {
		return err
	}
	w.expect(len(sent) == 2 && sent[0] == reference && strings.Contains(sent[1], "somedata"), "the queue must hold both messages in order, but holds %q", sent)
	slices.Sort(told)
	w.say("told     %s", strings.Join(told, " | "))
	w.say("queued   %s", strings.Join(sent, " | "))
	return nil
}
