package sns

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/sqs"
	"github.com/stepworks/stepworks/local/internal/store"
)

const account = "123456789012"

// world is SNS and SQS over the wire, with a function that records what it gets.
type world struct {
	*testing.T
	sns   *awssns.Client
	sqs   *awssqs.Client
	clock *clock.Virtual

	mu      sync.Mutex
	invoked []string
	broken  int // how many deliveries to the function fail
}

type invokeInput struct {
	FunctionName, InvocationType string
	Payload                      []byte
}

func (w *world) invoke(_ context.Context, in *invokeInput) (*struct{}, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken > 0 {
		w.broken--
		return nil, awswire.Errorf("ServiceException", "try again")
	}
	w.invoked = append(w.invoked, string(in.Payload))
	return &struct{}{}, nil
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, clock: clock.NewVirtual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 0)}
	st := store.Memory()
	queues := sqs.New(sqs.Config{Account: account, Region: "us-east-1", URL: func() string { return "http://q" }, Store: st, Clock: w.clock})
	server := awswire.NewServer(awswire.Config{Account: account, Region: "us-east-1", Clock: w.clock}, queues.API(),
		awswire.Service{Name: "lambda", Operations: []awswire.Operation{awswire.Op("Invoke", nil, w.invoke)}})
	topics := New(Config{Account: account, Region: "us-east-1", Store: st, Clock: w.clock, Caller: server})
	server.Add(topics.API())
	h := httptest.NewServer(server)
	t.Cleanup(func() { h.Close(); topics.Close(); st.Close() })
	creds := credentials.NewStaticCredentialsProvider("any", "thing", "")
	w.sns = awssns.New(awssns.Options{Region: "us-east-1", BaseEndpoint: &h.URL, Credentials: creds, RetryMaxAttempts: 1})
	w.sqs = awssqs.New(awssqs.Options{Region: "us-east-1", BaseEndpoint: &h.URL, Credentials: creds, RetryMaxAttempts: 1})
	return w
}

func (w *world) topic(name string, attributes map[string]string) string {
	w.Helper()
	out, err := w.sns.CreateTopic(w.Context(), &awssns.CreateTopicInput{Name: &name, Attributes: attributes})
	if err != nil {
		w.Fatal(err)
	}
	return *out.TopicArn
}

func (w *world) queue(name string, attributes map[string]string) (url, arn string) {
	w.Helper()
	out, err := w.sqs.CreateQueue(w.Context(), &awssqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		w.Fatal(err)
	}
	return *out.QueueUrl, "arn:aws:sqs:us-east-1:" + account + ":" + name
}

func (w *world) subscribe(topic, protocol, endpoint string, attributes map[string]string) error {
	_, err := w.sns.Subscribe(w.Context(), &awssns.SubscribeInput{TopicArn: &topic, Protocol: &protocol, Endpoint: &endpoint, Attributes: attributes})
	return err
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) publish(topic, text string, attributes map[string]types.MessageAttributeValue) {
	w.Helper()
	_, err := w.sns.Publish(w.Context(), &awssns.PublishInput{TopicArn: &topic, Message: &text, MessageAttributes: attributes})
	w.must(err)
}

// bodies waits until all is delivered and takes a queue's messages.
func (w *world) bodies(url string) string {
	w.Helper()
	w.must(w.clock.Quiet(w.Context()))
	out, err := w.sqs.ReceiveMessage(w.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{"All"}})
	w.must(err)
	var all []string
	for _, m := range out.Messages {
		all = append(all, *m.Body)
	}
	return strings.Join(all, ",")
}

func (w *world) expect(want, got string) {
	w.Helper()
	if got != want {
		w.Errorf("got %q, want %q", got, want)
	}
}

func str(s string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &s}
}

func TestQueuesGetWhatTheirFiltersLetThrough(t *testing.T) {
	w := newWorld(t)
	topic := w.topic("t", nil)
	all, allARN := w.queue("all", nil)
	some, someARN := w.queue("some", nil)
	body, bodyARN := w.queue("body", nil)
	w.must(w.subscribe(topic, "sqs", allARN, map[string]string{"RawMessageDelivery": "true"}))
	w.must(w.subscribe(topic, "sqs", someARN, map[string]string{"RawMessageDelivery": "true", "FilterPolicy": `{"action":["task-execute",{"prefix":"import-"}]}`}))
	w.must(w.subscribe(topic, "sqs", bodyARN, map[string]string{"RawMessageDelivery": "true", "FilterPolicyScope": "MessageBody", "FilterPolicy": `{"order":{"total":[{"numeric":[">",100]}]}}`}))
	w.publish(topic, "plain", nil)
	w.publish(topic, "task", map[string]types.MessageAttributeValue{"action": str("task-execute")})
	w.publish(topic, "other", map[string]types.MessageAttributeValue{"action": str("command-status")})
	w.publish(topic, `{"order":{"total":101}}`, map[string]types.MessageAttributeValue{"action": str("import-execute")})
	w.expect(`plain,task,other,{"order":{"total":101}}`, w.bodies(all))
	w.expect(`task,{"order":{"total":101}}`, w.bodies(some))
	w.expect(`{"order":{"total":101}}`, w.bodies(body))
}

func TestEnvelopeAndFunctionEvent(t *testing.T) {
	w := newWorld(t)
	topic := w.topic("t", nil)
	q, arn := w.queue("q", nil)
	w.must(w.subscribe(topic, "sqs", arn, nil))
	w.must(w.subscribe(topic, "lambda", "arn:aws:lambda:us-east-1:"+account+":function:f", nil))
	_, err := w.sns.Publish(t.Context(), &awssns.PublishInput{TopicArn: &topic, Message: aws.String(`{"default":"d","sqs":"for the queue"}`), MessageStructure: aws.String("json"), Subject: aws.String("s"),
		MessageAttributes: map[string]types.MessageAttributeValue{"a": str("v")}})
	w.must(err)
	var e map[string]any
	w.must(json.Unmarshal([]byte(w.bodies(q)), &e))
	if e["Type"] != "Notification" || e["Message"] != "for the queue" || e["Subject"] != "s" || e["TopicArn"] != topic {
		t.Errorf("envelope %v", e)
	}
	if len(w.invoked) != 1 {
		t.Fatalf("invoked %v", w.invoked)
	}
	var f struct {
		Records []struct {
			EventSource string
			Sns         struct {
				Message           string
				MessageAttributes map[string]struct{ Type, Value string }
			}
		}
	}
	w.must(json.Unmarshal([]byte(w.invoked[0]), &f))
	if r := f.Records[0]; r.EventSource != "aws:sns" || r.Sns.Message != "d" || r.Sns.MessageAttributes["a"].Value != "v" {
		t.Errorf("event %+v", f)
	}
}

func TestFailedDeliveriesAreRetriedAndThenBuried(t *testing.T) {
	w := newWorld(t)
	topic := w.topic("t", nil)
	w.broken = 8
	w.must(w.subscribe(topic, "lambda", "arn:aws:lambda:us-east-1:"+account+":function:f", nil))
	before := w.clock.Now()
	w.publish(topic, "m", nil)
	w.must(w.clock.Quiet(t.Context()))
	if len(w.invoked) != 1 || w.clock.Now().Sub(before) < 2*time.Second {
		t.Errorf("%d deliveries after %v", len(w.invoked), w.clock.Now().Sub(before))
	}
	dlq, dlqARN := w.queue("dead", nil)
	w.must(w.subscribe(topic, "sqs", "arn:aws:sqs:us-east-1:"+account+":gone", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + dlqARN + `"}`}))
	w.publish(topic, "lost", nil)
	if got := w.bodies(dlq); !strings.Contains(got, `"Message":"lost"`) {
		t.Errorf("dead letters: %q", got)
	}
}

func TestFIFOTopicsDeduplicateAndKeepOrder(t *testing.T) {
	w := newWorld(t)
	topic := w.topic("t.fifo", map[string]string{"FifoTopic": "true", "ContentBasedDeduplication": "true"})
	q, arn := w.queue("q.fifo", map[string]string{"FifoQueue": "true"})
	w.must(w.subscribe(topic, "sqs", arn, map[string]string{"RawMessageDelivery": "true"}))
	for _, text := range []string{"1", "2", "1", "3"} {
		_, err := w.sns.Publish(t.Context(), &awssns.PublishInput{TopicArn: &topic, Message: &text, MessageGroupId: aws.String("g")})
		w.must(err)
	}
	w.expect("1,2,3", w.bodies(q))
}

func TestPendingMessagesSurviveARestart(t *testing.T) {
	st := store.Memory()
	defer st.Close()
	clk := clock.NewVirtual(time.Now(), 0)
	s := New(Config{Account: account, Region: "us-east-1", Store: st, Clock: clk})
	_, err := s.createTopic(t.Context(), &createTopicInput{Name: "t"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = s.subscribe(t.Context(), &subscribeInput{byTopic: byTopic{s.topicARN("t")}, Protocol: "lambda", Endpoint: "arn:aws:lambda:us-east-1:1:function:f"}); err != nil {
		t.Fatal(err)
	}
	s.Close() // delivers nothing any more, as a process that is about to be killed
	if _, err := s.publish(t.Context(), &publishInput{byTopic: byTopic{s.topicARN("t")}, publishEntry: publishEntry{Message: "m"}}); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	again := New(Config{Account: account, Region: "us-east-1", Store: st, Clock: clk, Caller: callerFunc(func(service, operation string) { got <- service + ":" + operation })})
	again.Resume()
	if call := <-got; call != "lambda:Invoke" {
		t.Error(call)
	}
	again.Close()
}

type callerFunc func(service, operation string)

func (f callerFunc) Call(_ context.Context, _ awswire.Identity, service, operation string, _ jsonvalue.Value) (jsonvalue.Value, error) {
	f(service, operation)
	return nil, nil
}

// TestRefusals holds AWS's codes and words, as its answers were recorded.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	topic, fifo := w.topic("t", nil), w.topic("f.fifo", map[string]string{"FifoTopic": "true"})
	gone := topic + "gone"
	publish := func(in awssns.PublishInput) error { _, err := w.sns.Publish(ctx, &in); return err }
	create := func(name string, attributes map[string]string) error {
		_, err := w.sns.CreateTopic(ctx, &awssns.CreateTopicInput{Name: &name, Attributes: attributes})
		return err
	}
	many := func(n int) (entries []types.PublishBatchRequestEntry) {
		for i := range n {
			entries = append(entries, types.PublishBatchRequestEntry{Id: aws.String(strings.Repeat("i", i+1)), Message: aws.String("m")})
		}
		return entries
	}
	for _, c := range []struct {
		name, code, text string
		err              error
	}{
		{"no topic", "NotFound", "Topic does not exist", publish(awssns.PublishInput{TopicArn: &gone, Message: aws.String("m")})},
		{"no target", "InvalidParameter", "No endpoint found", publish(awssns.PublishInput{TargetArn: &gone, Message: aws.String("m")})},
		{"empty", "InvalidParameter", "Invalid parameter: Empty message", publish(awssns.PublishInput{TopicArn: &topic, Message: aws.String("")})},
		{"long", "InvalidParameter", "Message too long", publish(awssns.PublishInput{TopicArn: &topic, Message: aws.String(strings.Repeat("x", maxMessage+1))})},
		{"subject", "InvalidParameter", "Invalid parameter: Subject", publish(awssns.PublishInput{TopicArn: &topic, Message: aws.String("m"), Subject: aws.String("")})},
		{"no default", "InvalidParameter", "No default entry", publish(awssns.PublishInput{TopicArn: &topic, Message: aws.String("{}"), MessageStructure: aws.String("json")})},
		{"not JSON", "InvalidParameter", "failed to parse", publish(awssns.PublishInput{TopicArn: &topic, Message: aws.String("x"), MessageStructure: aws.String("json")})},
		{"no group", "InvalidParameter", "MessageGroupId parameter is required", publish(awssns.PublishInput{TopicArn: &fifo, Message: aws.String("m")})},
		{"deduplication", "InvalidParameter", "not valid for this topic type", publish(awssns.PublishInput{TopicArn: &topic, Message: aws.String("m"), MessageDeduplicationId: aws.String("d")})},
		{"name", "InvalidParameter", "Topic Name", create("a b", nil)},
		{"other attributes", "InvalidParameter", "already exists with different attributes", create("t", map[string]string{"DisplayName": "x"})},
		{"protocol", "InvalidParameter", "does not support this protocol string: pigeon", w.subscribe(topic, "pigeon", "x", nil)},
		{"leaves the machine", "InvalidParameter", "leaves the machine", w.subscribe(topic, "https", "https://x", nil)},
		{"endpoint", "InvalidParameter", "SQS endpoint ARN", w.subscribe(topic, "sqs", "q", nil)},
		{"fifo queue", "InvalidParameter", "FIFO SQS Queues can not be subscribed", w.subscribe(topic, "sqs", "arn:aws:sqs:us-east-1:1:q.fifo", nil)},
		{"nested filter", "InvalidParameter", "does not support nested", w.subscribe(topic, "sqs", "arn:aws:sqs:us-east-1:1:q", map[string]string{"FilterPolicy": `{"a":{"b":["c"]}}`})},
		{"many keys", "InvalidParameter", "more than 5 keys", w.subscribe(topic, "sqs", "arn:aws:sqs:us-east-1:1:q", map[string]string{"FilterPolicy": `{"a":["1"],"b":["1"],"c":["1"],"d":["1"],"e":["1"],"f":["1"]}`})},
		{"raw", "InvalidParameter", "Must be true or false", w.subscribe(topic, "sqs", "arn:aws:sqs:us-east-1:1:q", map[string]string{"RawMessageDelivery": "yes"})},
		{"arn", "InvalidParameter", "An ARN must have at least 6 elements, not 1", func() error {
			_, err := w.sns.Unsubscribe(ctx, &awssns.UnsubscribeInput{SubscriptionArn: aws.String("x")})
			return err
		}()},
		{"batch", "TooManyEntriesInBatchRequest", "more entries than permissible", func() error {
			_, err := w.sns.PublishBatch(ctx, &awssns.PublishBatchInput{TopicArn: &topic, PublishBatchRequestEntries: many(11)})
			return err
		}()},
	} {
		var api smithy.APIError
		if !errors.As(c.err, &api) {
			t.Errorf("%s: %v, want %s", c.name, c.err, c.code)
			continue
		}
		if api.ErrorCode() != c.code || !strings.Contains(api.ErrorMessage(), c.text) {
			t.Errorf("%s: %s: %s", c.name, api.ErrorCode(), api.ErrorMessage())
		}
	}
}

func TestTopicsSubscriptionsAndTagsAreListed(t *testing.T) {
	w := newWorld(t)
	topic := w.topic("t", nil)
	_, arn := w.queue("q", nil)
	w.must(w.subscribe(topic, "sqs", arn, nil))
	_, err := w.sns.TagResource(t.Context(), &awssns.TagResourceInput{ResourceArn: &topic, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
	w.must(err)
	tags, err := w.sns.ListTagsForResource(t.Context(), &awssns.ListTagsForResourceInput{ResourceArn: &topic})
	w.must(err)
	topics, err := w.sns.ListTopics(t.Context(), &awssns.ListTopicsInput{})
	w.must(err)
	subs, err := w.sns.ListSubscriptionsByTopic(t.Context(), &awssns.ListSubscriptionsByTopicInput{TopicArn: &topic})
	w.must(err)
	at, err := w.sns.GetTopicAttributes(t.Context(), &awssns.GetTopicAttributesInput{TopicArn: &topic})
	w.must(err)
	if len(tags.Tags) != 1 || len(topics.Topics) != 1 || len(subs.Subscriptions) != 1 || at.Attributes["SubscriptionsConfirmed"] != "1" {
		t.Errorf("%v %v %v %v", tags.Tags, topics.Topics, subs.Subscriptions, at.Attributes)
	}
	sub := subs.Subscriptions[0].SubscriptionArn
	_, err = w.sns.SetSubscriptionAttributes(t.Context(), &awssns.SetSubscriptionAttributesInput{SubscriptionArn: sub, AttributeName: aws.String("RawMessageDelivery"), AttributeValue: aws.String("true")})
	w.must(err)
	got, err := w.sns.GetSubscriptionAttributes(t.Context(), &awssns.GetSubscriptionAttributesInput{SubscriptionArn: sub})
	w.must(err)
	w.expect("true", got.Attributes["RawMessageDelivery"])
	_, err = w.sns.Unsubscribe(t.Context(), &awssns.UnsubscribeInput{SubscriptionArn: sub})
	w.must(err)
	_, err = w.sns.DeleteTopic(t.Context(), &awssns.DeleteTopicInput{TopicArn: &topic})
	w.must(err)
}
