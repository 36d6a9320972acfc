package main

// This file defines the load of TestKills on queues, topics, events, schedules and
// executions, and what each of them promises over a kill.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eb "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	sch "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const anyRole = "arn:aws:iam::123456789012:role/any"

func arn(service, resource string) string {
	return "arn:aws:" + service + ":us-east-1:123456789012:" + resource
}

func queueURL(name string) *string {
	return aws.String("https://sqs.us-east-1.amazonaws.com/123456789012/" + name)
}

func (c *crash) queue(name string, attributes map[string]string) {
	c.call(func(ctx context.Context, sdk aws.Config) error {
		_, err := sqs.NewFromConfig(sdk).CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
		return err
	})
}

// drain receives some messages, notes their bodies and deletes them.
func (c *crash) drain(queue string, into *numbers) {
	c.try(func(ctx context.Context, sdk aws.Config) error {
		client := sqs.NewFromConfig(sdk)
		out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: queueURL(queue), MaxNumberOfMessages: 10})
		if err != nil || len(out.Messages) == 0 {
			return err
		}
		var entries []sqstypes.DeleteMessageBatchRequestEntry
		for i, m := range out.Messages {
			into.add(strings.Trim(*m.Body, `"`))
			entries = append(entries, sqstypes.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
		}
		_, err = client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: queueURL(queue), Entries: entries})
		return err
	})
}

// eventLane: every accepted event reaches a queue, another bus and its queue, a
// state machine that waits, and an archive, whose replay survives a kill too.
type eventLane struct {
	began                                   time.Time
	accepted, events, others, ran, replayed numbers
	once                                    sync.Once
}

func (l *eventLane) prepare(c *crash) {
	l.began = time.Now().Add(-time.Second)
	for _, name := range []string{"events", "others", "ran", "replayed"} {
		c.queue(name, map[string]string{"VisibilityTimeout": "2"})
	}
	c.machine("follows", `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"Next":"S"},
		"S":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":"`+*queueURL("ran")+`","MessageBody.$":"$.n"},"End":true}}}`)
	target := func(id, arn string) eb.Target {
		return eb.Target{Id: &id, Arn: &arn, RoleArn: aws.String(anyRole), InputPath: aws.String("$.detail")}
	}
	toQueue := func(name string) eb.Target {
		return eb.Target{Id: aws.String("queue"), Arn: aws.String(arn("sqs", name)), InputPath: aws.String("$.detail.n")}
	}
	onward := target("bus", arn("events", "event-bus/other"))
	onward.InputPath = nil
	c.call(func(ctx context.Context, sdk aws.Config) error {
		_, err := eventbridge.NewFromConfig(sdk).CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: aws.String("other")})
		return err
	})
	c.rule("default", "fresh", `{"source":["crash"],"replay-name":[{"exists":false}]}`, toQueue("events"), target("machine", arn("states", "stateMachine:follows")), onward)
	c.rule("default", "again", `{"source":["crash"],"replay-name":[{"exists":true}]}`, toQueue("replayed"))
	c.rule("other", "onward", `{"source":["crash"]}`, toQueue("others"))
	c.call(func(ctx context.Context, sdk aws.Config) error {
		_, err := eventbridge.NewFromConfig(sdk).CreateArchive(ctx, &eventbridge.CreateArchiveInput{ArchiveName: aws.String("all"), EventSourceArn: aws.String(arn("events", "event-bus/default")), EventPattern: aws.String(`{"source":["crash"]}`)})
		return err
	})
}

func (c *crash) rule(bus, name, pattern string, targets ...eb.Target) {
	c.call(func(ctx context.Context, sdk aws.Config) error {
		client := eventbridge.NewFromConfig(sdk)
		if _, err := client.PutRule(ctx, &eventbridge.PutRuleInput{Name: &name, EventBusName: &bus, EventPattern: &pattern}); err != nil {
			return err
		}
		out, err := client.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: &name, EventBusName: &bus, Targets: targets})
		if err == nil && out.FailedEntryCount > 0 {
			c.Errorf("targets of %s: %s", name, aws.ToString(out.FailedEntries[0].ErrorMessage))
		}
		return err
	})
}

func (l *eventLane) load(c *crash, n int) {
	var entries []eb.PutEventsRequestEntry
	for i := range 3 {
		entries = append(entries, eb.PutEventsRequestEntry{Source: aws.String("crash"), DetailType: aws.String("Load"), Detail: aws.String(fmt.Sprintf(`{"n":"%d.%d"}`, n, i))})
	}
	if c.try(func(ctx context.Context, sdk aws.Config) error {
		out, err := eventbridge.NewFromConfig(sdk).PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
		if err == nil && out.FailedEntryCount > 0 {
			c.Errorf("an event was refused: %v", out.Entries)
		}
		return err
	}) {
		for i := range 3 {
			l.accepted.add(fmt.Sprintf("%d.%d", n, i))
		}
	}
}

func (l *eventLane) consume(c *crash) {
	c.drain("events", &l.events)
	c.drain("others", &l.others)
	c.drain("ran", &l.ran)
	c.drain("replayed", &l.replayed)
}

func (l *eventLane) missing(c *crash) []string {
	missing := append(l.accepted.without(&l.events, "event"), l.accepted.without(&l.others, "event of the other bus")...)
	missing = append(missing, l.accepted.without(&l.ran, "execution for")...)
	if len(missing) > 0 {
		return missing
	}
	l.once.Do(func() {
		c.call(func(ctx context.Context, sdk aws.Config) error {
			_, err := eventbridge.NewFromConfig(sdk).StartReplay(ctx, &eventbridge.StartReplayInput{ReplayName: aws.String("once-more"), EventSourceArn: aws.String(arn("events", "archive/all")),
				EventStartTime: &l.began, EventEndTime: aws.Time(time.Now().Add(time.Second)), Destination: &eb.ReplayDestination{Arn: aws.String(arn("events", "event-bus/default"))}})
			return err
		}, "ResourceAlreadyExistsException")
		rest(200 * time.Millisecond)
		c.kill()
		c.start()
	})
	return l.accepted.without(&l.replayed, "replayed")
}

func (l *eventLane) figure(*crash) string {
	return fmt.Sprintf("%d events, each at a queue, at another bus, in an execution and replayed of the archive; %d deliveries were made again", l.accepted.len(), l.events.again()+l.others.again()+l.ran.again()+l.replayed.again())
}

// queueLane: a message that was accepted comes until it is deleted, not before its
// visibility timeout, and never after.
type queueLane struct {
	accepted, came, left numbers
	deleted              map[string]bool      // by message id
	shown                map[string]time.Time // when the latest receive was asked for
}

const visibility = time.Second

func (l *queueLane) prepare(c *crash) {
	l.deleted, l.shown = map[string]bool{}, map[string]time.Time{}
	c.queue("work", map[string]string{"VisibilityTimeout": "1"})
}

func (l *queueLane) load(c *crash, n int) {
	if c.try(func(ctx context.Context, sdk aws.Config) error {
		_, err := sqs.NewFromConfig(sdk).SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queueURL("work"), MessageBody: aws.String(strconv.Itoa(n)), DelaySeconds: int32(n % 2)})
		return err
	}) {
		l.accepted.add(n)
	}
}

func (l *queueLane) consume(c *crash) {
	c.try(func(ctx context.Context, sdk aws.Config) error {
		client, asked := sqs.NewFromConfig(sdk), time.Now()
		out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: queueURL("work"), MaxNumberOfMessages: 10, WaitTimeSeconds: 1})
		if err != nil {
			return err
		}
		for _, m := range out.Messages {
			l.came.add(*m.Body)
			if l.deleted[*m.MessageId] {
				c.Errorf("message %s came back after it was deleted", *m.Body)
			}
			// Times are kept in milliseconds.
			if before, ok := l.shown[*m.MessageId]; ok && time.Since(before) < visibility-2*time.Millisecond {
				c.Errorf("message %s came back %v after it was received", *m.Body, time.Since(before))
			}
			if l.shown[*m.MessageId] = asked; rand.IntN(4) == 0 {
				l.left.add(*m.Body)
				continue // as a consumer that dies; it comes back
			}
			if _, err := client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: queueURL("work"), ReceiptHandle: m.ReceiptHandle}); err != nil {
				return err
			}
			l.deleted[*m.MessageId] = true
		}
		return nil
	})
}

func (l *queueLane) missing(c *crash) []string {
	if missing := l.accepted.without(&l.came, "message"); len(missing) > 0 {
		return missing
	}
	return c.held("work")
}

// held tells what a queue still has.
func (c *crash) held(queue string) (held []string) {
	c.try(func(ctx context.Context, sdk aws.Config) error {
		out, err := sqs.NewFromConfig(sdk).GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: queueURL(queue), AttributeNames: []sqstypes.QueueAttributeName{"All"}})
		if err != nil {
			return err
		}
		for _, name := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"} {
			if out.Attributes[name] != "0" {
				held = append(held, name+" "+out.Attributes[name])
			}
		}
		return nil
	})
	return held
}

func (l *queueLane) figure(*crash) string {
	return fmt.Sprintf("%d messages, %d of them received and left, and deleted at a later receive", l.accepted.len(), l.left.len())
}

// fifoLane: within a group nothing is skipped, and what is sent again for want of
// an answer is one message.
type fifoLane struct {
	queue   string
	mu      sync.Mutex
	sent    [3]int
	next    [3]int
	ids     map[string]string // message id by body
	deleted map[string]bool
	again   int
}

func (l *fifoLane) prepare(c *crash) {
	l.ids, l.deleted = map[string]string{}, map[string]bool{}
	c.queue(l.queue, map[string]string{"FifoQueue": "true", "VisibilityTimeout": "1"})
}

func (l *fifoLane) load(c *crash, n int) {
	group, body, id := l.following(n)
	again := -1
	c.call(func(ctx context.Context, sdk aws.Config) error {
		again++
		_, err := sqs.NewFromConfig(sdk).SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queueURL(l.queue), MessageBody: &body, MessageGroupId: aws.String(strconv.Itoa(group)), MessageDeduplicationId: &id})
		return err
	})
	l.sentOne(group, again)
}

// following is the message that comes next.
func (l *fifoLane) following(n int) (group int, body, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	group = n % len(l.sent)
	return group, fmt.Sprintf("%d %d", group, l.sent[group]), fmt.Sprintf("%d-%d", group, l.sent[group])
}

func (l *fifoLane) sentOne(group, again int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[group]++
	l.again += again
}

func (l *fifoLane) consume(c *crash) {
	c.try(func(ctx context.Context, sdk aws.Config) error {
		client := sqs.NewFromConfig(sdk)
		out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: queueURL(l.queue), MaxNumberOfMessages: 10})
		if err != nil {
			return err
		}
		for _, m := range out.Messages {
			l.see(c, *m.Body, *m.MessageId)
			if rand.IntN(20) == 0 {
				return nil // with the rest of what was received
			}
			if _, err := client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: queueURL(l.queue), ReceiptHandle: m.ReceiptHandle}); err != nil {
				return err
			}
			l.deleted[*m.Body] = true
		}
		return nil
	})
}

func (l *fifoLane) see(c *crash, body, id string) {
	var group, k int
	if _, err := fmt.Sscan(body, &group, &k); err != nil {
		c.Error(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if first, ok := l.ids[body]; ok && first != id {
		c.Errorf("message %s was stored twice", body)
	}
	l.ids[body] = id
	switch {
	case l.deleted[body]:
		c.Errorf("message %s came back after it was deleted", body)
	case k > l.next[group]:
		c.Errorf("group %d: message %d came before %d", group, k, l.next[group])
	}
	l.next[group] = max(l.next[group], k+1)
}

func (l *fifoLane) missing(c *crash) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next != l.sent {
		return []string{fmt.Sprintf("%v of %v", l.next, l.sent)}
	}
	return c.held(l.queue)
}

func (l *fifoLane) figure(*crash) string {
	return fmt.Sprintf("%d ordered messages in %d groups, none out of order, %d sent again and stored once", l.sent[0]+l.sent[1]+l.sent[2], len(l.sent), l.again)
}

// topicLane: what a topic accepted reaches its queue.
type topicLane struct{ accepted, arrived numbers }

func (l *topicLane) prepare(c *crash) {
	c.queue("news", map[string]string{"VisibilityTimeout": "2"})
	c.call(func(ctx context.Context, sdk aws.Config) error {
		client := sns.NewFromConfig(sdk)
		topic, err := client.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("news")})
		if err != nil {
			return err
		}
		_, err = client.Subscribe(ctx, &sns.SubscribeInput{TopicArn: topic.TopicArn, Protocol: aws.String("sqs"), Endpoint: aws.String(arn("sqs", "news")), Attributes: map[string]string{"RawMessageDelivery": "true"}})
		return err
	})
}

func (l *topicLane) load(c *crash, n int) {
	if c.try(func(ctx context.Context, sdk aws.Config) error {
		_, err := sns.NewFromConfig(sdk).Publish(ctx, &sns.PublishInput{TopicArn: aws.String(arn("sns", "news")), Message: aws.String(strconv.Itoa(n))})
		return err
	}) {
		l.accepted.add(n)
	}
}

func (l *topicLane) consume(c *crash)        { c.drain("news", &l.arrived) }
func (l *topicLane) missing(*crash) []string { return l.accepted.without(&l.arrived, "publication") }
func (l *topicLane) figure(*crash) string {
	return fmt.Sprintf("%d publications, all at the topic's queue", l.accepted.len())
}

// scheduleLane: a schedule for one moment fires, be the process dead at that
// moment, and is gone afterwards.
type scheduleLane struct{ accepted, fired numbers }

func (l *scheduleLane) prepare(c *crash) {
	c.queue("moments", map[string]string{"VisibilityTimeout": "2"})
}

func (l *scheduleLane) load(c *crash, n int) {
	if c.try(func(ctx context.Context, sdk aws.Config) error {
		_, err := scheduler.NewFromConfig(sdk).CreateSchedule(ctx, &scheduler.CreateScheduleInput{Name: aws.String(fmt.Sprint("moment-", n)), ActionAfterCompletion: sch.ActionAfterCompletionDelete,
			ScheduleExpression: aws.String("at(" + time.Now().Add(2*time.Second).UTC().Format("2006-01-02T15:04:05") + ")"), FlexibleTimeWindow: &sch.FlexibleTimeWindow{Mode: sch.FlexibleTimeWindowModeOff},
			Target: &sch.Target{Arn: aws.String(arn("sqs", "moments")), RoleArn: aws.String(anyRole), Input: aws.String(strconv.Itoa(n))}})
		return err
	}) {
		l.accepted.add(n)
	}
	rest(50 * time.Millisecond)
}

func (l *scheduleLane) consume(c *crash) { c.drain("moments", &l.fired) }

func (l *scheduleLane) missing(c *crash) []string {
	missing := l.accepted.without(&l.fired, "schedule")
	c.try(func(ctx context.Context, sdk aws.Config) error {
		out, err := scheduler.NewFromConfig(sdk).ListSchedules(ctx, &scheduler.ListSchedulesInput{})
		if err == nil && len(out.Schedules) > 0 {
			missing = append(missing, "the end of "+*out.Schedules[0].Name)
		}
		return err
	})
	return missing
}

func (l *scheduleLane) figure(*crash) string {
	return fmt.Sprintf("%d schedules for one moment, %d fired again", l.accepted.len(), l.fired.again())
}

// executionLane: what was started ends once, with its output, after waiting.
type executionLane struct {
	started int
	ended   numbers
}

func (c *crash) machine(name, definition string) {
	c.call(func(ctx context.Context, sdk aws.Config) error {
		_, err := sfn.NewFromConfig(sdk).CreateStateMachine(ctx, &sfn.CreateStateMachineInput{Name: &name, Definition: &definition, RoleArn: aws.String(anyRole)})
		return err
	})
}

func (l *executionLane) prepare(c *crash) {
	c.machine("waits", `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"Next":"P"},
		"P":{"Type":"Task","Resource":"arn:aws:states:::dynamodb:putItem","Parameters":{"TableName":"accounts","Item":{"pk":{"S.$":"$.pk"}}},"ResultPath":null,"Next":"V"},
		"V":{"Type":"Wait","Seconds":1,"End":true}}}`)
}

func (l *executionLane) load(c *crash, n int) {
	c.call(func(ctx context.Context, sdk aws.Config) error {
		_, err := sfn.NewFromConfig(sdk).StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: aws.String(arn("states", "stateMachine:waits")), Name: aws.String(fmt.Sprint("x", n)), Input: aws.String(fmt.Sprintf(`{"pk":"execution%d"}`, n))})
		return err
	}, "ExecutionAlreadyExists")
	l.started = n + 1
}

func (l *executionLane) consume(*crash) { time.Sleep(10 * time.Millisecond) }

func (l *executionLane) missing(c *crash) (missing []string) {
	for n := range l.started {
		if l.ended.has(n) {
			continue
		}
		c.try(func(ctx context.Context, sdk aws.Config) error {
			client, name := sfn.NewFromConfig(sdk), aws.String(arn("states", fmt.Sprint("execution:waits:x", n)))
			out, err := client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: name})
			if err != nil || out.Status == sfntypes.ExecutionStatusRunning {
				return err
			}
			if out.Status != sfntypes.ExecutionStatusSucceeded {
				c.Errorf("execution %d ended %s: %s %s", n, out.Status, aws.ToString(out.Error), aws.ToString(out.Cause))
			}
			history, err := client.GetExecutionHistory(ctx, &sfn.GetExecutionHistoryInput{ExecutionArn: name})
			if err != nil {
				return err
			}
			if last := history.Events[len(history.Events)-1]; last.Type != sfntypes.HistoryEventTypeExecutionSucceeded || len(history.Events) != 11 {
				c.Errorf("execution %d has a history of %d events that ends in %s", n, len(history.Events), last.Type)
			}
			l.ended.add(n)
			return nil
		})
		if !l.ended.has(n) {
			missing = append(missing, fmt.Sprint("execution ", n))
		}
	}
	return missing
}

func (l *executionLane) figure(*crash) string {
	return fmt.Sprintf("%d executions, each ended once with a whole history", l.ended.len())
}
