package sqs

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/store"
)

// world is SQS over the wire, with virtual time.
type world struct {
	*testing.T
	sqs   *awssqs.Client
	clock *clock.Virtual
	hold  func()
}

func newWorld(t *testing.T, st *store.Store) *world {
	clk := clock.NewVirtual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 0)
	hold := clk.Hold()
	var url string
	s := New(Config{Account: "123456789012", Region: "us-east-1", URL: func() string { return url }, Store: st, Clock: clk})
	h := httptest.NewServer(awswire.NewServer(awswire.Config{Account: "123456789012", Region: "us-east-1", Clock: clk}, s.API()))
	url = h.URL
	t.Cleanup(h.Close)
	client := awssqs.New(awssqs.Options{Region: "us-east-1", BaseEndpoint: aws.String(h.URL), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("any", "thing", "")})
	w := &world{T: t, sqs: client, clock: clk, hold: hold}
	t.Cleanup(func() { w.hold() })
	return w
}

// pass lets d go by.
func (w *world) pass(d time.Duration) {
	w.Helper()
	done := make(chan struct{})
	w.clock.AfterFunc(d, func() { w.hold = w.clock.Hold(); close(done) })
	w.hold()
	<-done
}

func (w *world) create(name string, attributes map[string]string) string {
	w.Helper()
	out, err := w.sqs.CreateQueue(w.Context(), &awssqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		w.Fatal(err)
	}
	return *out.QueueUrl
}

func (w *world) send(url, body string, change ...func(*awssqs.SendMessageInput)) *awssqs.SendMessageOutput {
	w.Helper()
	in := &awssqs.SendMessageInput{QueueUrl: &url, MessageBody: &body}
	for _, f := range change {
		f(in)
	}
	out, err := w.sqs.SendMessage(w.Context(), in)
	if err != nil {
		w.Fatal(err)
	}
	return out
}

func group(g, dedup string) func(*awssqs.SendMessageInput) {
	return func(in *awssqs.SendMessageInput) {
		in.MessageGroupId = &g
		if dedup != "" {
			in.MessageDeduplicationId = &dedup
		}
	}
}

func (w *world) receive(url string, n int32) []types.Message {
	w.Helper()
	out, err := w.sqs.ReceiveMessage(w.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: n,
		MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}})
	if err != nil {
		w.Fatal(err)
	}
	return out.Messages
}

func bodies(messages []types.Message) string {
	var b []string
	for _, m := range messages {
		b = append(b, *m.Body)
	}
	return strings.Join(b, ",")
}

func (w *world) delete(url string, m types.Message) error {
	_, err := w.sqs.DeleteMessage(w.Context(), &awssqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle})
	return err
}

func (w *world) expect(want, got string) {
	w.Helper()
	if got != want {
		w.Errorf("got %q, want %q", got, want)
	}
}

func TestVisibilityDelayAndDelete(t *testing.T) {
	w := newWorld(t, store.Memory())
	q := w.create("q", map[string]string{"VisibilityTimeout": "30"})
	w.send(q, "a")
	w.send(q, "late", func(in *awssqs.SendMessageInput) { in.DelaySeconds = 60 })
	first := w.receive(q, 10)
	w.expect("a", bodies(first))
	w.expect("", bodies(w.receive(q, 10)))
	w.pass(30 * time.Second)
	again := w.receive(q, 10)
	w.expect("a", bodies(again))
	w.expect("2", again[0].Attributes["ApproximateReceiveCount"])
	if err := w.delete(q, first[0]); err != nil { // an old handle deletes from a standard queue
		t.Error(err)
	}
	w.pass(time.Minute)
	w.expect("late", bodies(w.receive(q, 10)))
	at, err := w.sqs.GetQueueAttributes(t.Context(), &awssqs.GetQueueAttributesInput{QueueUrl: &q, AttributeNames: []types.QueueAttributeName{"All"}})
	if err != nil {
		t.Fatal(err)
	}
	w.expect("0 0 1", fmt.Sprint(at.Attributes["ApproximateNumberOfMessages"], " ", at.Attributes["ApproximateNumberOfMessagesDelayed"], " ", at.Attributes["ApproximateNumberOfMessagesNotVisible"]))
	w.expect("arn:aws:sqs:us-east-1:123456789012:q", at.Attributes["QueueArn"])
}

func TestChangeVisibilityAndRetention(t *testing.T) {
	w := newWorld(t, store.Memory())
	q := w.create("q", map[string]string{"MessageRetentionPeriod": "60"})
	w.send(q, "a")
	m := w.receive(q, 1)[0]
	change := func(seconds int32) error {
		_, err := w.sqs.ChangeMessageVisibility(t.Context(), &awssqs.ChangeMessageVisibilityInput{QueueUrl: &q, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: seconds})
		return err
	}
	if err := change(0); err != nil {
		t.Fatal(err)
	}
	if err := change(0); err == nil || !strings.Contains(err.Error(), "not available for visibility timeout change") {
		t.Errorf("a message that is not in flight: %v", err)
	}
	w.expect("a", bodies(w.receive(q, 1)))
	w.pass(61 * time.Second)
	w.expect("", bodies(w.receive(q, 1)))
}

func TestDeadLettersGoAndComeBack(t *testing.T) {
	w := newWorld(t, store.Memory())
	dlq := w.create("dead", nil)
	q := w.create("q", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:dead","maxReceiveCount":"2"}`, "VisibilityTimeout": "0"})
	sent := w.send(q, "poison")
	for range 2 {
		w.expect("poison", bodies(w.receive(q, 1)))
	}
	w.expect("", bodies(w.receive(q, 1)))
	dead := w.receive(dlq, 1)
	w.expect(*sent.MessageId, *dead[0].MessageId)
	w.expect("arn:aws:sqs:us-east-1:123456789012:q", dead[0].Attributes["DeadLetterQueueSourceArn"])
	sources, err := w.sqs.ListDeadLetterSourceQueues(t.Context(), &awssqs.ListDeadLetterSourceQueuesInput{QueueUrl: &dlq})
	if err != nil || !slices.Equal(sources.QueueUrls, []string{q}) {
		t.Errorf("%v %v", sources, err)
	}
	w.pass(31 * time.Second)
	if _, err := w.sqs.StartMessageMoveTask(t.Context(), &awssqs.StartMessageMoveTaskInput{SourceArn: aws.String("arn:aws:sqs:us-east-1:123456789012:dead")}); err != nil {
		t.Fatal(err)
	}
	home := w.receive(q, 1)
	w.expect("poison", bodies(home))
	w.expect("1", home[0].Attributes["ApproximateReceiveCount"])
}

func TestFIFOKeepsOrderWithinGroups(t *testing.T) {
	w := newWorld(t, store.Memory())
	q := w.create("q.fifo", map[string]string{"FifoQueue": "true"})
	for _, m := range [][2]string{{"a", "a1"}, {"a", "a2"}, {"b", "b1"}, {"a", "a3"}} {
		w.send(q, m[1], group(m[0], m[1]))
	}
	first := w.receive(q, 1)
	w.expect("a1", bodies(first))
	w.expect("b1", bodies(w.receive(q, 10))) // group a is locked while a1 is in flight
	if err := w.delete(q, first[0]); err != nil {
		t.Fatal(err)
	}
	rest := w.receive(q, 10)
	w.expect("a2,a3", bodies(rest))
	w.pass(31 * time.Second)
	if err := w.delete(q, rest[0]); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("an expired handle: %v", err)
	}
	w.expect("a2,b1,a3", bodies(w.receive(q, 10)))
}

func TestFIFODeduplicatesForFiveMinutes(t *testing.T) {
	w := newWorld(t, store.Memory())
	q := w.create("q.fifo", map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true"})
	first := w.send(q, "x", group("g", ""))
	again := w.send(q, "x", group("g", ""))
	w.expect(*first.MessageId, *again.MessageId)
	w.expect(*first.SequenceNumber, *again.SequenceNumber)
	w.pass(5*time.Minute + time.Second)
	w.send(q, "x", group("g", ""))
	w.expect("x,x", bodies(w.receive(q, 10)))
}

func TestLongPollIsWokenBySendAndByTime(t *testing.T) {
	w := newWorld(t, store.Memory())
	q := w.create("q", nil)
	poll := func() string {
		out, err := w.sqs.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &q, WaitTimeSeconds: 20})
		if err != nil || len(out.Messages) != 1 {
			t.Fatal(out, err)
		}
		if err := w.delete(q, out.Messages[0]); err != nil {
			t.Error(err)
		}
		return bodies(out.Messages)
	}
	got := make(chan string)
	go func() { got <- poll() }()
	w.send(q, "now")
	w.expect("now", <-got)
	w.send(q, "later", func(in *awssqs.SendMessageInput) { in.DelaySeconds = 900 })
	w.hold() // nobody works: the clock may jump to the delayed message
	w.expect("later", poll())
	w.hold = w.clock.Hold()
}

func TestQueuesSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	st, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, st)
	q := w.create("q", nil)
	w.send(q, "ready")
	w.send(q, "flying")
	w.expect("ready", bodies(w.receive(q, 1)))
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if st, err = store.Open(dir); err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	w = newWorld(t, st)
	q = strings.Replace(q, q[:strings.LastIndex(q, "/")], "http://x/123456789012", 1)
	w.expect("flying", bodies(w.receive(q, 10)))
	w.pass(31 * time.Second)
	w.expect("ready,flying", bodies(w.receive(q, 10)))
}

func TestManyConsumersGetEachMessageOnce(t *testing.T) {
	w := newWorld(t, store.Memory())
	q := w.create("q", nil)
	const messages = 200
	var wg sync.WaitGroup
	for i := range messages {
		wg.Go(func() { w.send(q, fmt.Sprint(i)) })
	}
	wg.Wait()
	var mu sync.Mutex
	seen := map[string]int{}
	for range 8 {
		wg.Go(func() {
			for {
				got := w.receive(q, 10)
				if len(got) == 0 {
					return
				}
				mu.Lock()
				for _, m := range got {
					seen[*m.Body]++
				}
				mu.Unlock()
				for _, m := range got {
					if err := w.delete(q, m); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if len(seen) != messages {
		t.Errorf("%d of %d messages arrived", len(seen), messages)
	}
	for body, n := range seen {
		if n != 1 {
			t.Errorf("message %s arrived %d times", body, n)
		}
	}
}

// TestRefusals holds AWS's codes and words, as its answers were recorded.
func TestRefusals(t *testing.T) {
	w := newWorld(t, store.Memory())
	std, fifo := w.create("std", nil), w.create("f.fifo", map[string]string{"FifoQueue": "true"})
	gone := strings.Replace(std, "std", "gone", 1)
	ctx := t.Context()
	send := func(url, body string, change func(*awssqs.SendMessageInput)) error {
		in := &awssqs.SendMessageInput{QueueUrl: &url, MessageBody: &body}
		if change != nil {
			change(in)
		}
		_, err := w.sqs.SendMessage(ctx, in)
		return err
	}
	create := func(name string, attributes map[string]string) error {
		_, err := w.sqs.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
		return err
	}
	batch := func(ids ...string) error {
		in := &awssqs.SendMessageBatchInput{QueueUrl: &std}
		for _, id := range ids {
			in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String(id), MessageBody: aws.String("x")})
		}
		_, err := w.sqs.SendMessageBatch(ctx, in)
		return err
	}
	for _, c := range []struct {
		name, code, text string
		err              error
	}{
		{"no such queue", "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.", send(gone, "x", nil)},
		{"too long", "InvalidParameterValue", "Message must be shorter than 1048576 bytes.", send(std, strings.Repeat("x", 1<<20+1), nil)},
		{"control character", "InvalidMessageContents", "Invalid characters found", send(std, "\x01", nil)},
		{"no group", "MissingParameter", "MessageGroupId", send(fifo, "x", nil)},
		{"no deduplication", "InvalidParameterValue", "ContentBasedDeduplication enabled or", send(fifo, "x", group("g", ""))},
		{"bad group", "InvalidParameterValue", "1 to 128 in length", send(fifo, "x", group("a b", "d"))},
		{"delay in FIFO", "InvalidParameterValue", "not valid for this queue type", send(fifo, "x", func(in *awssqs.SendMessageInput) { group("g", "d")(in); in.DelaySeconds = 2 })},
		{"empty attribute", "InvalidParameterValue", "must contain a non-empty value of type 'String'", send(std, "x", func(in *awssqs.SendMessageInput) {
			in.MessageAttributes = map[string]types.MessageAttributeValue{"a": {DataType: aws.String("String"), StringValue: aws.String("")}}
		})},
		{"other attributes", "QueueAlreadyExists", "a different value for attribute DelaySeconds", create("std", map[string]string{"DelaySeconds": "1"})},
		{"same attributes", "", "", create("std", map[string]string{"DelaySeconds": "0"})},
		{"fifo attribute", "InvalidAttributeName", "Unknown Attribute ContentBasedDeduplication.", create("s2", map[string]string{"ContentBasedDeduplication": "true"})},
		{"out of range", "InvalidAttributeValue", "VisibilityTimeout", create("s2", map[string]string{"VisibilityTimeout": "43201"})},
		{"no such dead-letter queue", "InvalidParameterValue", "Dead letter target does not exist", create("s2", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:none","maxReceiveCount":1}`})},
		{"bad name", "InvalidParameterValue", "1 to 80 in length", create("a b", nil)},
		{"large batch", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", "You have sent 11.", batch("0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10")},
		{"same id", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", "Id a repeated.", batch("a", "a")},
		{"bad id", "AWS.SimpleQueueService.InvalidBatchEntryId", "at most 80 letters", batch("a b")},
		{"bad handle", "ReceiptHandleIsInvalid", "not a valid receipt handle", w.delete(std, types.Message{ReceiptHandle: aws.String("x")})},
		{"move without source", "InvalidParameterValue", "must be configured as a Dead Letter Queue", func() error {
			_, err := w.sqs.StartMessageMoveTask(ctx, &awssqs.StartMessageMoveTaskInput{SourceArn: aws.String("arn:aws:sqs:us-east-1:123456789012:std")})
			return err
		}()},
	} {
		var api smithy.APIError
		if !errors.As(c.err, &api) {
			if c.code != "" || c.err != nil {
				t.Errorf("%s: %v, want %s", c.name, c.err, c.code)
			}
			continue
		}
		if api.ErrorCode() != c.code || !strings.Contains(api.ErrorMessage(), c.text) {
			t.Errorf("%s: %s: %s", c.name, api.ErrorCode(), api.ErrorMessage())
		}
	}
}

func TestMessageAttributesAndTags(t *testing.T) {
	w := newWorld(t, store.Memory())
	q := w.create("q", nil)
	w.send(q, "x", func(in *awssqs.SendMessageInput) { // the SDK verifies the checksums
		in.MessageAttributes = map[string]types.MessageAttributeValue{
			"s": {DataType: aws.String("String"), StringValue: aws.String("v")},
			"b": {DataType: aws.String("Binary"), BinaryValue: []byte{1, 2}},
		}
		in.MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String("Root=1-1-1")}}
	})
	m := w.receive(q, 1)[0]
	w.expect("v", *m.MessageAttributes["s"].StringValue)
	w.expect("Root=1-1-1", m.Attributes["AWSTraceHeader"])
	if _, err := w.sqs.TagQueue(t.Context(), &awssqs.TagQueueInput{QueueUrl: &q, Tags: map[string]string{"k": "v"}}); err != nil {
		t.Fatal(err)
	}
	tags, err := w.sqs.ListQueueTags(t.Context(), &awssqs.ListQueueTagsInput{QueueUrl: &q})
	if err != nil || tags.Tags["k"] != "v" {
		t.Errorf("%v %v", tags, err)
	}
	for _, f := range []func() error{
		func() error {
			_, err := w.sqs.AddPermission(t.Context(), &awssqs.AddPermissionInput{QueueUrl: &q, Label: aws.String("l"), AWSAccountIds: []string{"111111111111"}, Actions: []string{"SendMessage"}})
			return err
		},
		func() error {
			_, err := w.sqs.RemovePermission(t.Context(), &awssqs.RemovePermissionInput{QueueUrl: &q, Label: aws.String("l")})
			return err
		},
		func() error {
			_, err := w.sqs.PurgeQueue(t.Context(), &awssqs.PurgeQueueInput{QueueUrl: &q})
			return err
		},
		func() error {
			_, err := w.sqs.DeleteQueue(t.Context(), &awssqs.DeleteQueueInput{QueueUrl: &q})
			return err
		},
	} {
		if err := f(); err != nil {
			t.Error(err)
		}
	}
	list, err := w.sqs.ListQueues(t.Context(), &awssqs.ListQueuesInput{})
	if err != nil || len(list.QueueUrls) != 0 {
		t.Errorf("%v %v", list, err)
	}
}
