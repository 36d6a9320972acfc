package story

// This file defines the story of the alarms: things are broken for real, each the
// alarm sees that watches them, and when they are mended it is calm again.
// What cannot be broken from outside (throttled transitions, a stream that is read
// late, a function near its timeout) is held by a test of local/internal/stack.

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

var alarmStories = []Story{
	{Name: "alarms", Title: "Things break, alarms fire; things are mended, and they clear", Virtual: true, tell: alarmDrills},
}

// mend undoes what a drill broke.
type mend func(ctx context.Context) error

// drill breaks something for some alarms.
type drill struct {
	what    string
	alarms  []string // names without the prefix, or kinds
	of      string   // logical id of what a kind's alarm watches
	breaks  func(ctx context.Context, w *World) (mend, error)
	minutes int // at the most, until the alarms fire
}

var drills = []drill{
	{"a handover fails", []string{"FailedExecutions"}, "ServiceIntegrationsStateMachine", failHandover, 15},
	{"an order fails", []string{"OrderProcessing-FailedExecutions", "FailedExecutions"}, "OrderProcessingStateMachine", failOrder, 15},
	{"a job takes too long", []string{"TimedOutExecutions", "SlowExecutions"}, "JobPollerStateMachine", overdueJob, 15},
	{"a function gets nonsense, five times", []string{"FunctionErrors"}, "JobStatusFunction", nonsense, 15},
	{"a function may not run at all", []string{"FunctionThrottles"}, "JobStatusFunction", throttle, 15},
	{"nobody reads the warehouse's queue", []string{"QueueAge"}, "OrdersQueue", leaveMessage, 30},
	{"a rule may not start its workflow", []string{"DeadLetters"}, "JobEventsDeadLetterQueue", deadLetter, 300},
	{"nor leave the event in its queue", []string{"LostEvents"}, "JobRequestedRule", loseEvent, 300},
}

func alarmDrills(ctx context.Context, w *World) error {
	fired := map[string]bool{}
	for _, d := range drills {
		if err := w.drill(ctx, d, fired); err != nil {
			return fmt.Errorf("%s: %w", d.what, err)
		}
	}
	w.say("%d alarms fired and cleared", len(fired))
	return nil
}

func (w *World) drill(ctx context.Context, d drill, fired map[string]bool) error {
	if err := w.calm(ctx, d); err != nil { // whatever earlier stories broke
		w.say("drill     %s: left out, for it fires already: %v", d.what, err)
		return nil
	}
	before, err := w.firings(ctx, d)
	if err != nil {
		return err
	}
	mend, err := d.breaks(ctx, w)
	if err != nil {
		return err
	}
	err = w.fire(ctx, d, before)
	if mend != nil {
		err = errors.Join(err, mend(ctx))
	}
	if err != nil {
		return err
	}
	if err := w.calm(ctx, d); err != nil {
		return err
	}
	for _, a := range d.alarms {
		fired[a] = true
	}
	w.say("drill     %s: %s", d.what, w.verdict(strings.Join(d.alarms, ", ")+" fired and cleared", true))
	return nil
}

// calm lets minutes pass until no alarm of a drill fires. Before anything was
// measured one knows nothing, which is as good.
func (w *World) calm(ctx context.Context, d drill) error {
	return w.minutes(ctx, 30, func() (string, error) {
		for _, name := range d.alarms {
			a, err := w.alarm(ctx, name, d.of)
			if err != nil {
				return "", err
			}
			if a.StateValue == cwtypes.StateValueAlarm {
				return fmt.Sprintf("%s still fires: %s", *a.AlarmName, aws.ToString(a.StateReason)), nil
			}
		}
		return "", nil
	})
}

// fire lets minutes pass until every alarm of a drill has fired once more. It
// asks the history: skipped time may have cleared the alarm already.
func (w *World) fire(ctx context.Context, d drill, before map[string]int) error {
	return w.minutes(ctx, d.minutes, func() (string, error) {
		now, err := w.firings(ctx, d)
		for name, n := range before {
			if now[name] <= n && err == nil {
				return name + " does not fire", nil
			}
		}
		return "", err
	})
}

// minutes asks once a minute whether something is lacking.
func (w *World) minutes(ctx context.Context, n int, lacking func() (string, error)) error {
	for i := 0; ; i++ {
		text, err := lacking()
		if err != nil || text == "" {
			return err
		}
		if i == n {
			return fmt.Errorf("after %d minutes %s", n, text)
		}
		if err := w.Advance(ctx, time.Minute); err != nil {
			return err
		}
	}
}

// firings are how often each alarm of a drill has begun to fire.
func (w *World) firings(ctx context.Context, d drill) (map[string]int, error) {
	all := map[string]int{}
	for _, name := range d.alarms {
		a, err := w.alarm(ctx, name, d.of)
		if err != nil {
			return nil, err
		}
		all[*a.AlarmName] = 0
		pages := cloudwatch.NewDescribeAlarmHistoryPaginator(cloudwatch.NewFromConfig(w.sdk), &cloudwatch.DescribeAlarmHistoryInput{AlarmName: a.AlarmName, HistoryItemType: cwtypes.HistoryItemTypeStateUpdate})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, item := range page.AlarmHistoryItems {
				if strings.HasSuffix(aws.ToString(item.HistorySummary), "to ALARM") {
					all[*a.AlarmName]++
				}
			}
		}
	}
	return all, nil
}

// alarm finds one by its name, or of a kind the one that watches a resource.
func (w *World) alarm(ctx context.Context, name, of string) (cwtypes.MetricAlarm, error) {
	out, err := cloudwatch.NewFromConfig(w.sdk).DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: aws.String(w.Prefix + name)})
	if err != nil {
		return cwtypes.MetricAlarm{}, err
	}
	for _, a := range out.MetricAlarms {
		if *a.AlarmName == w.Prefix+name || strings.Contains(aws.ToString(a.AlarmDescription), " "+of) {
			return a, nil
		}
	}
	return cwtypes.MetricAlarm{}, fmt.Errorf("there is no alarm %s%s that watches %s", w.Prefix, name, of)
}

func failHandover(ctx context.Context, w *World) (mend, error) {
	return nil, w.fails(ctx, "ServiceIntegrations", map[string]any{})
}

func failOrder(ctx context.Context, w *World) (mend, error) {
	return nil, w.fails(ctx, "OrderProcessingWorkflow", map[string]any{"orderId": w.newOrderID("ORD-1006", accepted)})
}

func (w *World) fails(ctx context.Context, machine string, input any) error {
	arn, err := w.start(ctx, machine, input)
	if err != nil {
		return err
	}
	r, err := w.finish(ctx, arn)
	w.expect(err != nil || r.status == "FAILED", "the execution must fail, but is %s", r.status)
	return err
}

func overdueJob(ctx context.Context, w *World) (mend, error) {
	_, err := w.request(ctx, "rebuild-aisle", w.newReference("AISLE-7", false), 60)
	return nil, err
}

func nonsense(ctx context.Context, w *World) (mend, error) {
	for range 5 {
		if err := w.ask(ctx, "job-status", "7"); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// ask calls a function, by its name without the prefix. That it fails is what
// the drill wants; err says that it could not be asked.
func (w *World) ask(ctx context.Context, function, payload string) error {
	client := lambda.NewFromConfig(w.sdk, func(o *lambda.Options) { o.RetryMaxAttempts = 1 })
	_, err := client.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(w.Prefix + function), Payload: []byte(payload)})
	return err
}

func throttle(ctx context.Context, w *World) (mend, error) {
	client, name := lambda.NewFromConfig(w.sdk), aws.String(w.Prefix+"job-status")
	_, err := client.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{FunctionName: name, ReservedConcurrentExecutions: aws.Int32(0)})
	if err != nil {
		return nil, err
	}
	err = w.ask(ctx, "job-status", `"job_1"`)
	w.expect(err != nil, "a function without concurrency must not be invoked")
	return func(ctx context.Context) error {
		_, err := client.DeleteFunctionConcurrency(ctx, &lambda.DeleteFunctionConcurrencyInput{FunctionName: name})
		return err
	}, nil
}

func leaveMessage(ctx context.Context, w *World) (mend, error) {
	q, err := w.queue(ctx, "orders.fifo")
	if err != nil {
		return nil, err
	}
	_, err = w.queues.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: aws.String("drill"), MessageGroupId: aws.String("drill"), MessageDeduplicationId: aws.String(w.newOrderID("drill", accepted))})
	return func(ctx context.Context) error { return w.take(ctx, q, "drill") }, err
}

// take takes the one message about text from a queue.
func (w *World) take(ctx context.Context, q *mailbox, text string) error {
	got, err := q.collect(ctx, text, 1)
	w.expect(err != nil || len(got) == 1, "the message must be in the queue still, but there are %d", len(got))
	return err
}

// deadLetter takes the rule's permission away, so that its event ends in the
// dead-letter queue.
func deadLetter(ctx context.Context, w *World) (mend, error) {
	restore, err := w.revoke(ctx)
	if err != nil {
		return nil, err
	}
	reference := w.newReference("ORD-1001", false)
	if err := w.requestInVain(ctx, reference); err != nil {
		return nil, errors.Join(err, restore(ctx))
	}
	return func(ctx context.Context) error {
		q, err := w.queue(ctx, "job-event-failures")
		if err == nil {
			err = w.take(ctx, q, reference)
		}
		return errors.Join(err, restore(ctx))
	}, nil
}

// loseEvent takes the queue's policy away too, so that the event is lost.
func loseEvent(ctx context.Context, w *World) (mend, error) {
	q, err := w.queue(ctx, "job-event-failures")
	if err != nil {
		return nil, err
	}
	const policy = string(sqstypes.QueueAttributeNamePolicy)
	before, err := w.queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &q.url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNamePolicy}})
	if err != nil {
		return nil, err
	}
	restore, err := w.revoke(ctx)
	if err != nil {
		return nil, err
	}
	set := func(ctx context.Context, text string) error {
		_, err := w.queues.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &q.url, Attributes: map[string]string{policy: text}})
		return err
	}
	err = set(ctx, "")
	if err == nil {
		err = w.requestInVain(ctx, w.newReference("ORD-1001", false))
	}
	return func(ctx context.Context) error { return errors.Join(set(ctx, before.Attributes[policy]), restore(ctx)) }, err
}

// revoke takes away what lets JobRequestedRule start its workflow.
func (w *World) revoke(ctx context.Context) (restore mend, err error) {
	targets, err := w.events.ListTargetsByRule(ctx, &eventbridge.ListTargetsByRuleInput{Rule: aws.String(w.Prefix + "JobRequestedRule")})
	if err != nil {
		return nil, err
	}
	arn := *targets.Targets[0].RoleArn
	client, role, policy := iam.NewFromConfig(w.sdk), aws.String(arn[strings.LastIndex(arn, "/")+1:]), aws.String("StartJobPoller")
	granted, err := client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: role, PolicyName: policy})
	if err != nil {
		return nil, err
	}
	document, err := url.QueryUnescape(*granted.PolicyDocument)
	if err != nil {
		return nil, err
	}
	_, err = client.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: role, PolicyName: policy})
	return func(ctx context.Context) error {
		_, err := client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: role, PolicyName: policy, PolicyDocument: &document})
		return err
	}, err
}

// requestInVain publishes a request that will start nothing.
func (w *World) requestInVain(ctx context.Context, reference string) error {
	entries, err := w.sample("job-requested")
	if err != nil {
		return err
	}
	entries[0].detail["job"] = map[string]any{"kind": "print-labels", "reference": reference, "pieces": 1}
	return w.publish(ctx, entries...)
}
