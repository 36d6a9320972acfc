package story

// This file defines how a story hears the buses: a rule of its own on each, with
// a queue of its own as target.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eb "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// sources are what the stories' rules listen to: everything but what AWS says
// of itself.
const sources = `{"source": [{"anything-but": {"prefix": "aws."}}]}`

type ears struct {
	w     *World
	queue string
	rules []eb.Target // Id: rule name, Arn: bus
	all   []heard
}

// heard is an event that was on a bus.
type heard struct {
	Source     string          `json:"source"`
	DetailType string          `json:"detail-type"`
	Detail     json.RawMessage `json:"detail"`
}

// hear waits until n events of the detail-type whose detail contains text were on
// the buses, or none came for a while, and returns those that were.
func (w *World) hear(ctx context.Context, detailType, text string, n int) []heard {
	var found []heard
	w.ears.drain(ctx, func() bool {
		found = found[:0]
		for _, h := range w.ears.all {
			if h.DetailType == detailType && strings.Contains(string(h.Detail), text) {
				found = append(found, h)
			}
		}
		return len(found) >= n
	})
	return found
}

func (w *World) listen(ctx context.Context, buses ...string) (*ears, error) {
	name := w.Prefix + "story-" + w.tag
	q, err := w.queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name})
	if err != nil {
		return nil, err
	}
	e := &ears{w: w, queue: *q.QueueUrl}
	a, err := w.queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: q.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{"QueueArn"}})
	if err != nil {
		return e, err
	}
	arn := a.Attributes["QueueArn"]
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sqs:SendMessage","Resource":%q,"Condition":{"ArnLike":{"aws:SourceArn":%q}}}]}`,
		arn, strings.Replace(arn[:strings.LastIndex(arn, ":")], ":sqs:", ":events:", 1)+":rule/*")
	if _, err := w.queues.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: q.QueueUrl, Attributes: map[string]string{"Policy": policy}}); err != nil {
		return e, err
	}
	for _, bus := range buses {
		if _, err := w.events.PutRule(ctx, &eventbridge.PutRuleInput{Name: &name, EventBusName: &bus, EventPattern: aws.String(sources)}); err != nil {
			return e, err
		}
		e.rules = append(e.rules, eb.Target{Id: &name, Arn: aws.String(bus)})
		if _, err := w.events.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: &name, EventBusName: &bus, Targets: []eb.Target{{Id: aws.String("queue"), Arn: &arn}}}); err != nil {
			return e, err
		}
	}
	return e, nil
}

func (e *ears) close(ctx context.Context) error {
	if e == nil {
		return nil
	}
	var errs []error
	for _, r := range e.rules {
		_, err := e.w.events.RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{Rule: r.Id, EventBusName: r.Arn, Ids: []string{"queue"}})
		errs = append(errs, err)
		_, err = e.w.events.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: r.Id, EventBusName: r.Arn})
		errs = append(errs, err)
	}
	_, err := e.w.queues.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &e.queue})
	return errors.Join(append(errs, err)...)
}

// drain takes what was heard since, until it is quiet or every expected event
// was heard.
func (e *ears) drain(ctx context.Context, enough func() bool) {
	for quiet := 0; quiet < 3; {
		wait := int32(0)
		if !enough() {
			wait = 1
		}
		out, err := e.w.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &e.queue, MaxNumberOfMessages: 10, WaitTimeSeconds: wait})
		if err != nil {
			e.w.expect(false, "the queue that listens to the buses cannot be read: %v", err)
			return
		}
		if len(out.Messages) == 0 {
			if enough() {
				return
			}
			quiet++
			continue
		}
		quiet = 0
		in := &sqs.DeleteMessageBatchInput{QueueUrl: &e.queue}
		for i, m := range out.Messages {
			e.note(*m.Body)
			in.Entries = append(in.Entries, sqstypes.DeleteMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), ReceiptHandle: m.ReceiptHandle})
		}
		if _, err := e.w.queues.DeleteMessageBatch(ctx, in); err != nil {
			e.w.expect(false, "what was heard cannot be deleted: %v", err)
			return
		}
	}
}

func (e *ears) note(body string) {
	var event heard
	if json.Unmarshal([]byte(body), &event) != nil {
		return
	}
	e.all = append(e.all, event)
	var detail struct {
		OrderID   string `json:"orderId"`
		OrderData struct {
			OrderID string `json:"orderId"`
		} `json:"orderData"`
	}
	_ = json.Unmarshal(event.Detail, &detail) // a detail of another shape is no order's
	id := detail.OrderID
	if id == "" {
		id = detail.OrderData.OrderID
	}
	if e.w.seen[id] == nil {
		e.w.seen[id] = map[string]int{}
	}
	e.w.seen[id][event.DetailType]++
}

// eventsOf listens until the expected events of the orders were heard, and words
// what was.
func (w *World) eventsOf(ctx context.Context, want map[string]expected) string {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	w.ears.drain(ctx, func() bool {
		for id, e := range want {
			for detailType, n := range e.events {
				if w.seen[id][detailType] < n {
					return false
				}
			}
		}
		return true
	})
	sum := map[string]int{}
	for id := range want {
		for detailType, n := range w.seen[id] {
			sum[detailType] += n
		}
	}
	var words []string
	for detailType, n := range sum {
		if n > 1 {
			detailType = fmt.Sprintf("%d × %s", n, detailType)
		}
		words = append(words, detailType)
	}
	slices.Sort(words)
	if words == nil {
		return "none"
	}
	return strings.Join(words, ", ")
}
