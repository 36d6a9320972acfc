package story

// This file defines what must not be left when a story is over: messages that
// nobody works off, and what was given up into a dead-letter queue.

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// forPeople are the queues that somebody outside of the stack reads.
var forPeople = []string{"orders.fifo", "orders-failures.fifo", "notification-queue", "failed-executions"}

// settling is how long retries of functions and streams may take, on the
// endpoint's clock: Lambda tries an event again after one minute and after two.
const settling = 5 * time.Minute

// backlog counts what is in the stack's own queues, taken out and not deleted
// included.
func (w *World) backlog(ctx context.Context) (map[string]int, error) {
	found := map[string]int{}
	pages := sqs.NewListQueuesPaginator(w.queues, &sqs.ListQueuesInput{QueueNamePrefix: aws.String(w.Prefix), MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, url := range page.QueueUrls {
			name := strings.TrimPrefix(url[strings.LastIndexByte(url, '/')+1:], w.Prefix)
			if strings.HasPrefix(name, "story-") || slices.Contains(forPeople, name) {
				continue
			}
			out, err := w.queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll}})
			if err != nil {
				return nil, err
			}
			for _, count := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"} {
				n, _ := strconv.Atoi(out.Attributes[count])
				found[name] += n
			}
		}
	}
	return found, nil
}

// nothingLeft lets retries end and expects no more in the queues than before the
// story. Where time cannot be skipped others may be at work, and nothing is said.
func (w *World) nothingLeft(ctx context.Context, before map[string]int) error {
	if w.Advance == nil {
		return nil
	}
	if err := w.Advance(ctx, settling); err != nil {
		return err
	}
	var now map[string]int
	var err error
	for range 20 {
		if now, err = w.backlog(ctx); err != nil {
			return err
		}
		if !grown(before, now) {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for name, n := range now {
		w.expect(n <= before[name], "%d messages are left in %s: what was given up, or was not worked off", n-before[name], name)
	}
	return nil
}

func grown(before, now map[string]int) bool {
	for name, n := range now {
		if n > before[name] {
			return true
		}
	}
	return false
}

// playPeople reads what a story left for people, where nobody else does: a queue
// that is never empty is metered every minute of skipped time, so that a story that
// waits for days would take half a minute.
func (w *World) playPeople(ctx context.Context) error {
	if w.Advance == nil {
		return nil
	}
	for _, name := range forPeople {
		q, err := w.queue(ctx, name)
		if err != nil {
			return err
		}
		if err := w.workOff(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// workOff empties a queue, as its reader would.
func (w *World) workOff(ctx context.Context, q *mailbox) error {
	for {
		out, err := w.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &q.url, MaxNumberOfMessages: 10})
		if err != nil || len(out.Messages) == 0 {
			return err
		}
		for _, msg := range out.Messages {
			if _, err := w.queues.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &q.url, ReceiptHandle: msg.ReceiptHandle}); err != nil {
				return err
			}
		}
	}
}
