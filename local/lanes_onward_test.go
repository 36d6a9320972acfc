package main

// This file defines the load of TestKills on what is handed on: by ordered topics to
// ordered queues, by queues to a function, by express executions, by API
// destinations to a partner, by dead-letter queues back to where it came from; and
// on the versions of objects.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eb "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// orderedTopicLane: what an ordered topic accepted is once at each of its ordered
// queues, and within its group in order.
type orderedTopicLane struct{ left, right fifoLane }

func (l *orderedTopicLane) prepare(c *crash) {
	l.left.queue, l.right.queue = "left.fifo", "right.fifo"
	c.call(func(ctx context.Context, sdk aws.Config) error {
		_, err := sns.NewFromConfig(sdk).CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("ordered.fifo"), Attributes: map[string]string{"FifoTopic": "true"}})
		return err
	})
	for _, queue := range []*fifoLane{&l.left, &l.right} {
		queue.prepare(c)
		c.call(func(ctx context.Context, sdk aws.Config) error {
			_, err := sns.NewFromConfig(sdk).Subscribe(ctx, &sns.SubscribeInput{TopicArn: aws.String(arn("sns", "ordered.fifo")), Protocol: aws.String("sqs"), Endpoint: aws.String(arn("sqs", queue.queue)), Attributes: map[string]string{"RawMessageDelivery": "true"}})
			return err
		})
	}
}

func (l *orderedTopicLane) load(c *crash, n int) {
	group, body, id := l.left.following(n)
	again := -1
	c.call(func(ctx context.Context, sdk aws.Config) error {
		again++
		_, err := sns.NewFromConfig(sdk).Publish(ctx, &sns.PublishInput{TopicArn: aws.String(arn("sns", "ordered.fifo")), Message: &body, MessageGroupId: aws.String(strconv.Itoa(group)), MessageDeduplicationId: &id})
		return err
	})
	l.left.sentOne(group, again)
	l.right.sentOne(group, again)
}

func (l *orderedTopicLane) consume(c *crash) {
	l.left.consume(c)
	l.right.consume(c)
}

func (l *orderedTopicLane) missing(c *crash) []string {
	return append(l.left.missing(c), l.right.missing(c)...)
}

func (l *orderedTopicLane) figure(c *crash) string {
	return "of a topic, at each of two queues: " + l.left.figure(c)
}

// mappingLane: a message is deleted when the function has done with it, not before;
// one that it failed at comes again.
type mappingLane struct {
	file                   string
	accepted, done, failed numbers
}

// worker is the function. It writes down what it did, and fails at every fifth.
func worker(_ context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	var out events.SQSEventResponse
	var lines bytes.Buffer
	for _, m := range batch.Records {
		what := "done"
		if rand.IntN(5) == 0 {
			what = "failed"
			out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
		}
		fmt.Fprintln(&lines, what, m.Body)
	}
	return out, note(lines.Bytes())
}

func (l *mappingLane) prepare(c *crash) {
	l.file = c.dir + "/worked"
	c.queue("jobs", map[string]string{"VisibilityTimeout": "2"})
	c.function("worker", l.file, 2)
	c.call(func(ctx context.Context, sdk aws.Config) error {
		_, err := lambda.NewFromConfig(sdk).CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{FunctionName: aws.String("worker"), EventSourceArn: aws.String(arn("sqs", "jobs")), BatchSize: aws.Int32(5),
			FunctionResponseTypes: []lambdatypes.FunctionResponseType{lambdatypes.FunctionResponseTypeReportBatchItemFailures}})
		return err
	})
}

func (l *mappingLane) load(c *crash, n int) {
	if c.try(func(ctx context.Context, sdk aws.Config) error {
		_, err := sqs.NewFromConfig(sdk).SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queueURL("jobs"), MessageBody: aws.String(strconv.Itoa(n))})
		return err
	}) {
		l.accepted.add(n)
	}
}

func (l *mappingLane) consume(*crash) { time.Sleep(10 * time.Millisecond) }

func (l *mappingLane) missing(c *crash) []string {
	notes, err := os.ReadFile(l.file)
	if err != nil {
		return []string{err.Error()}
	}
	l.done, l.failed = numbers{}, numbers{}
	for line := range strings.Lines(string(notes)) {
		if what, n, _ := strings.Cut(strings.TrimSpace(line), " "); what == "done" {
			l.done.add(n)
		} else {
			l.failed.add(n)
		}
	}
	return append(l.accepted.without(&l.done, "job"), c.held("jobs")...)
}

func (l *mappingLane) figure(*crash) string {
	return fmt.Sprintf("%d messages that a mapping brought to a function until it had done with them; it failed at %d of them first, and did %d again", l.accepted.len(), l.failed.len(), l.done.again())
}

// expressLane: an asynchronous express execution that was accepted runs to its end
// at least once: https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
type expressLane struct{ accepted, ran numbers }

func (l *expressLane) prepare(c *crash) {
	c.queue("hurried", map[string]string{"VisibilityTimeout": "2"})
	c.call(func(ctx context.Context, sdk aws.Config) error {
		_, err := sfn.NewFromConfig(sdk).CreateStateMachine(ctx, &sfn.CreateStateMachineInput{Name: aws.String("hurries"), Type: sfntypes.StateMachineTypeExpress, RoleArn: aws.String(anyRole),
			Definition: aws.String(`{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"Next":"S"},
				"S":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":"` + *queueURL("hurried") + `","MessageBody.$":"$.n"},"End":true}}}`)})
		return err
	})
}

func (l *expressLane) load(c *crash, n int) {
	if c.try(func(ctx context.Context, sdk aws.Config) error {
		_, err := sfn.NewFromConfig(sdk).StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: aws.String(arn("states", "stateMachine:hurries")), Input: aws.String(fmt.Sprintf(`{"n":"%d"}`, n))})
		return err
	}) {
		l.accepted.add(n)
	}
}

func (l *expressLane) consume(c *crash) { c.drain("hurried", &l.ran) }
func (l *expressLane) missing(*crash) []string {
	return l.accepted.without(&l.ran, "express execution")
}
func (l *expressLane) figure(*crash) string {
	return fmt.Sprintf("%d express executions, %d of them run again", l.accepted.len(), l.ran.again())
}

// partnerLane: an accepted event reaches the partner of an API destination, who is
// not always there, at least once.
type partnerLane struct {
	accepted, arrived numbers
	refused           atomic.Int64
}

const partnerKey = "of-the-partner"

func (l *partnerLane) prepare(c *crash) {
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var event struct{ N string }
		body, err := io.ReadAll(r.Body)
		switch {
		case r.Header.Get("X-Key") != partnerKey:
			c.Errorf("the partner was called without its key")
		case err != nil || json.Unmarshal(body, &event) != nil:
			return // the caller was killed
		case rand.IntN(8) == 0:
			l.refused.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			l.arrived.add(event.N)
		}
	}))
	c.Cleanup(partner.Close)
	c.call(func(ctx context.Context, sdk aws.Config) error {
		client := eventbridge.NewFromConfig(sdk)
		connection, err := client.CreateConnection(ctx, &eventbridge.CreateConnectionInput{Name: aws.String("partner"), AuthorizationType: eb.ConnectionAuthorizationTypeApiKey,
			AuthParameters: &eb.CreateConnectionAuthRequestParameters{ApiKeyAuthParameters: &eb.CreateConnectionApiKeyAuthRequestParameters{ApiKeyName: aws.String("X-Key"), ApiKeyValue: aws.String(partnerKey)}}})
		if err != nil {
			return err
		}
		destination, err := client.CreateApiDestination(ctx, &eventbridge.CreateApiDestinationInput{Name: aws.String("partner"), ConnectionArn: connection.ConnectionArn, HttpMethod: eb.ApiDestinationHttpMethodPost, InvocationEndpoint: &partner.URL})
		if err != nil {
			return err
		}
		c.rule("default", "partner", `{"source":["for-the-partner"]}`, eb.Target{Id: aws.String("partner"), Arn: destination.ApiDestinationArn, RoleArn: aws.String(anyRole), InputPath: aws.String("$.detail")})
		return nil
	})
}

func (l *partnerLane) load(c *crash, n int) {
	if c.try(func(ctx context.Context, sdk aws.Config) error {
		_, err := eventbridge.NewFromConfig(sdk).PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []eb.PutEventsRequestEntry{{Source: aws.String("for-the-partner"), DetailType: aws.String("Load"), Detail: aws.String(fmt.Sprintf(`{"n":"%d"}`, n))}}})
		return err
	}) {
		l.accepted.add(n)
	}
}

func (l *partnerLane) consume(*crash) { time.Sleep(10 * time.Millisecond) }
func (l *partnerLane) missing(*crash) []string {
	return l.accepted.without(&l.arrived, "event for the partner")
}
func (l *partnerLane) figure(*crash) string {
	return fmt.Sprintf("%d events at the partner of an API destination, who was not there %d times; %d came again", l.accepted.len(), l.refused.Load(), l.arrived.again())
}

// versionLane: every version and every delete marker that was acknowledged is there,
// whole and in order, until it is deleted itself; then it is gone.
type versionLane struct {
	mu      sync.Mutex
	kept    map[string][]version // by key, oldest first
	tried   map[string]bool      // bodies that were sent
	deleted map[string]bool      // version ids
}

type version struct{ id, body string } // without a body: a delete marker

func (l *versionLane) client(sdk aws.Config) *s3.Client {
	return s3.NewFromConfig(sdk, func(o *s3.Options) { o.UsePathStyle = true })
}

var versions = aws.String("versions")

func (l *versionLane) prepare(c *crash) {
	l.kept, l.tried, l.deleted = map[string][]version{}, map[string]bool{}, map[string]bool{}
	c.call(func(ctx context.Context, sdk aws.Config) error {
		if _, err := l.client(sdk).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: versions}); err != nil {
			return err
		}
		_, err := l.client(sdk).PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: versions, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}})
		return err
	})
}

func (l *versionLane) load(c *crash, n int) {
	name := fmt.Sprint("key", n%4)
	switch {
	case n%7 == 6:
		l.mark(c, name)
	case n%11 == 10 && len(l.kept[name]) > 0:
		l.remove(c, name)
	default:
		l.put(c, name, strconv.Itoa(n))
	}
}

func (l *versionLane) put(c *crash, name, body string) {
	l.mu.Lock()
	l.tried[body] = true
	l.mu.Unlock()
	c.try(func(ctx context.Context, sdk aws.Config) error {
		out, err := l.client(sdk).PutObject(ctx, &s3.PutObjectInput{Bucket: versions, Key: &name, Body: strings.NewReader(body)})
		if err == nil {
			l.kept[name] = append(l.kept[name], version{*out.VersionId, body})
		}
		return err
	})
}

func (l *versionLane) mark(c *crash, name string) {
	c.try(func(ctx context.Context, sdk aws.Config) error {
		out, err := l.client(sdk).DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: versions, Key: &name})
		if err == nil {
			l.kept[name] = append(l.kept[name], version{id: *out.VersionId})
		}
		return err
	})
}

// remove deletes a version itself, until that is acknowledged.
func (l *versionLane) remove(c *crash, name string) {
	i := rand.IntN(len(l.kept[name]))
	id := l.kept[name][i].id
	c.call(func(ctx context.Context, sdk aws.Config) error {
		_, err := l.client(sdk).DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: versions, Key: &name, VersionId: &id})
		return err
	})
	l.deleted[id] = true
	l.kept[name] = slices.Delete(l.kept[name], i, i+1)
}

func (l *versionLane) consume(*crash) { time.Sleep(10 * time.Millisecond) }

func (l *versionLane) missing(c *crash) (missing []string) {
	c.call(func(ctx context.Context, sdk aws.Config) error {
		missing = nil
		for name, kept := range l.kept {
			there, latest, err := l.list(ctx, c, l.client(sdk), name)
			if err != nil {
				return err
			}
			last := map[bool]int{true: -1, false: -1} // of markers and of versions
			for i, v := range kept {
				at, marker := slices.Index(there, v), v.body == ""
				if at < 0 {
					missing = append(missing, fmt.Sprintf("version %+v of %s", v, name))
				}
				if at < last[marker] || v.id == latest && i < len(kept)-1 {
					c.Errorf("version %+v of %s is before an older one", v, name)
				}
				last[marker] = at
			}
		}
		return nil
	})
	return missing
}

// list reads all versions of a key, with what is in them: markers, and then
// versions, the oldest of each first.
func (l *versionLane) list(ctx context.Context, c *crash, client *s3.Client, name string) (there []version, latest string, err error) {
	out, err := client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: versions, Prefix: &name})
	if err != nil {
		return nil, "", err
	}
	if aws.ToBool(out.IsTruncated) {
		c.Errorf("%s has more versions than a page", name)
	}
	for _, m := range slices.Backward(out.DeleteMarkers) {
		there = append(there, version{id: *m.VersionId})
		if *m.IsLatest {
			latest = *m.VersionId
		}
	}
	for _, v := range slices.Backward(out.Versions) {
		object, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: versions, Key: &name, VersionId: v.VersionId})
		if err != nil {
			return nil, "", err
		}
		body, err := io.ReadAll(object.Body)
		if err != nil {
			return nil, "", err
		}
		if !l.tried[string(body)] || l.deleted[*v.VersionId] {
			c.Errorf("a version of %s that nobody put, or that was deleted: %q", name, body)
		}
		there = append(there, version{*v.VersionId, string(body)})
		if *v.IsLatest {
			latest = *v.VersionId
		}
	}
	return there, latest, nil
}

func (l *versionLane) figure(*crash) string {
	objects, markers := 0, 0
	for _, kept := range l.kept {
		for _, v := range kept {
			if objects++; v.body == "" {
				markers++
			}
		}
	}
	return fmt.Sprintf("%d versions of %d objects, %d of them delete markers, in order; %d versions deleted and gone", objects, len(l.kept), markers, len(l.deleted))
}

// redriveLane: what is given up, and moved back from the dead letters at a bounded
// rate, again and again, is one message all the time.
type redriveLane struct {
	accepted, done numbers
	deleted        map[string]bool
	moves          atomic.Int64
}

func (l *redriveLane) prepare(c *crash) {
	l.deleted = map[string]bool{}
	c.queue("given-up", map[string]string{"VisibilityTimeout": "1"})
	c.queue("tried-once", map[string]string{"VisibilityTimeout": "1", "RedrivePolicy": `{"deadLetterTargetArn":"` + arn("sqs", "given-up") + `","maxReceiveCount":"1"}`})
}

func (l *redriveLane) load(c *crash, n int) {
	if c.try(func(ctx context.Context, sdk aws.Config) error {
		_, err := sqs.NewFromConfig(sdk).SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queueURL("tried-once"), MessageBody: aws.String(strconv.Itoa(n))})
		return err
	}) {
		l.accepted.add(n)
	}
	if n%10 == 9 {
		l.move(c, aws.Int32(5))
	}
}

// move starts a move, unless one is under way.
func (l *redriveLane) move(c *crash, rate *int32) {
	c.try(func(ctx context.Context, sdk aws.Config) error {
		_, err := sqs.NewFromConfig(sdk).StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: aws.String(arn("sqs", "given-up")), MaxNumberOfMessagesPerSecond: rate})
		if err == nil {
			l.moves.Add(1)
		}
		return err
	}, "InvalidParameterValue")
}

func (l *redriveLane) consume(c *crash) {
	c.try(func(ctx context.Context, sdk aws.Config) error {
		client := sqs.NewFromConfig(sdk)
		out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: queueURL("tried-once"), MaxNumberOfMessages: 10})
		if err != nil {
			return err
		}
		for _, m := range out.Messages {
			if l.deleted[*m.Body] {
				c.Errorf("message %s came back after it was deleted", *m.Body)
			}
			if rand.IntN(2) == 0 {
				continue // it is given up
			}
			if _, err := client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: queueURL("tried-once"), ReceiptHandle: m.ReceiptHandle}); err != nil {
				l.done.add(*m.Body) // perhaps it was deleted: it may come back or not
				return err
			}
			l.done.add(*m.Body)
			l.deleted[*m.Body] = true
		}
		return nil
	})
}

func (l *redriveLane) missing(c *crash) []string {
	missing := append(l.accepted.without(&l.done, "message"), append(c.held("tried-once"), c.held("given-up")...)...)
	if len(missing) > 0 {
		l.move(c, nil)
	}
	return missing
}

func (l *redriveLane) figure(*crash) string {
	return fmt.Sprintf("%d messages, each given up by half of those who got it, and moved back in %d tasks of 5 a second", l.accepted.len(), l.moves.Load())
}
