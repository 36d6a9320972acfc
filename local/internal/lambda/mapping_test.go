package lambda

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/dynamodb"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/sqs"
	"github.com/stepworks/stepworks/local/internal/store"
)

const (
	queueARN = "arn:aws:sqs:us-east-1:123456789012:q"
	deadARN  = "arn:aws:sqs:us-east-1:123456789012:dead"
)

// sources is a world with the real SQS and DynamoDB behind the caller. A function
// of its tests appends the batches that it gets to a file.
type sources struct {
	*world
	queues *sqs.Service
	tables *dynamodb.Service
	file   string
}

func newSources(t *testing.T) *sources {
	x := &sources{file: filepath.ToSlash(filepath.Join(t.TempDir(), "batches"))}
	w := &world{TB: t, clock: clock.NewVirtual(start, 0), store: store.Memory(), dir: t.TempDir()}
	t.Cleanup(func() { _ = w.store.Close() })
	x.world = w
	x.queues = sqs.New(sqs.Config{Account: account, Region: region, URL: func() string { return "http://localhost" }, Store: w.store, Clock: w.clock})
	var err error
	x.tables, err = dynamodb.New(dynamodb.Config{Account: account, Region: region, Store: w.store, Clock: w.clock, StreamWritten: func(arn string) { w.service.Arrived(arn) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.tables.Close)
	w.change = func(c *Config) { c.Caller, c.Announced = x, []string{"sqs", "dynamodb"} }
	w.beside = func() []awswire.Service {
		return []awswire.Service{x.queues.API(), x.tables.API(), x.tables.StreamsAPI()}
	}
	w.boot()
	for _, name := range []string{"q", "dead", "q.fifo"} {
		attributes := jsonvalue.NewObject(member("VisibilityTimeout", "60"))
		if strings.HasSuffix(name, ".fifo") {
			attributes = attributes.With("FifoQueue", "true").With("ContentBasedDeduplication", "true")
		}
		x.do("sqs", "CreateQueue", jsonvalue.NewObject(member("QueueName", name), member("Attributes", attributes)))
	}
	return x
}

// withFunction makes the function of the tests.
func (x *sources) withFunction() *sources {
	x.Helper()
	x.create("f")
	return x
}

// Call implements Caller, and does what the local AWS does around it: arrivals in
// a queue are announced, those by the end of a visibility timeout too.
func (x *sources) Call(ctx context.Context, as awswire.Identity, service, operation string, params jsonvalue.Value) (jsonvalue.Value, error) {
	release := x.clock.Hold()
	defer release()
	out, err := x.server.Call(ctx, as, service, operation, params)
	if o, ok := out.(*jsonvalue.Object); ok && service == "sqs" {
		url := textOf(params.(*jsonvalue.Object), "QueueUrl")
		arn := "arn:aws:sqs:us-east-1:123456789012:" + lastOf(url)
		switch {
		case operation == "ReceiveMessage" && o.Has("Messages"):
			x.clock.AfterFunc(time.Minute, func() { x.service.Arrived(arn) })
		case strings.HasPrefix(operation, "SendMessage"):
			x.service.Arrived(arn)
		}
	}
	return out, err
}

// do calls an operation as the account's root.
func (x *sources) do(service, operation string, params jsonvalue.Value) *jsonvalue.Object {
	x.Helper()
	out, err := x.Call(context.Background(), awswire.Root(account), service, operation, params)
	if err != nil {
		x.Fatalf("%s:%s: %v", service, operation, err)
	}
	o, _ := out.(*jsonvalue.Object)
	return o
}

func (x *sources) parse(text string) jsonvalue.Value {
	x.Helper()
	v, err := jsonvalue.Parse([]byte(replace(text, map[string]string{"arn": "arn:aws:lambda:us-east-1:123456789012", "queue": queueARN, "dead": deadARN})))
	if err != nil {
		x.Fatal(text, err)
	}
	return v
}

// mapping makes an event source mapping and returns its id.
func (x *sources) mapping(text string) string {
	x.Helper()
	return textOf(x.do("lambda", "CreateEventSourceMapping", x.parse(text)), "UUID")
}

// message sends a message whose body tells the function what to do; batches go to
// the test's file.
func (x *sources) message(queue, body string, more ...jsonvalue.Member) {
	x.Helper()
	params := jsonvalue.NewObject(append([]jsonvalue.Member{member("QueueUrl", "http://localhost/123456789012/"+queue), member("MessageBody", body)}, more...)...)
	x.do("sqs", "SendMessage", params)
}

// batches are what the function got, a line an invocation: virtual time and
// bodies or keys.
func (x *sources) batches() []string {
	x.Helper()
	x.quiet()
	text, err := os.ReadFile(x.file)
	if err != nil && !os.IsNotExist(err) {
		x.Fatal(err)
	}
	_ = os.Remove(x.file)
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// settings tells the function where to write and which records to fail.
func (x *sources) settings(fail string, partial bool) {
	x.Helper()
	vars := jsonvalue.NewObject(member("BATCHES", x.file), member("FAIL", fail))
	if partial {
		vars = vars.With("PARTIAL", "1")
	}
	x.do("lambda", "UpdateFunctionConfiguration", jsonvalue.NewObject(member("FunctionName", "f"), member("Environment", jsonvalue.NewObject(member("Variables", vars)))))
}

func (x *sources) count(queue string) string {
	out := x.do("sqs", "GetQueueAttributes", jsonvalue.NewObject(member("QueueUrl", "http://localhost/123456789012/"+queue), member("AttributeNames", []any{"All"})))
	a := objectAt(out, "Attributes")
	return textOf(a, "ApproximateNumberOfMessages") + "+" + textOf(a, "ApproximateNumberOfMessagesNotVisible")
}

func (x *sources) check(got, want []string) {
	x.Helper()
	if !slices.Equal(got, want) {
		x.Errorf("batches\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// TestQueueMappings sends messages a, b, c ... and reads the batches that the
// function got. A batch of bodies that contain FAIL fails; with partial
// responses, only those messages do.
func TestQueueMappings(t *testing.T) {
	for _, c := range []struct {
		name, mapping, queue, fail string
		send                       []string
		want                       []string
		anyOrder                   bool // batches run at once
	}{
		{name: "one at a time", anyOrder: true, mapping: `{"BatchSize":1`, send: []string{"a", "b"}, want: []string{"a", "b"}},
		{name: "together within a window", mapping: `{"BatchSize":10,"MaximumBatchingWindowInSeconds":5`, send: []string{"a", "b", "c"}, want: []string{"a b c"}},
		{name: "more than ten", mapping: `{"BatchSize":12,"MaximumBatchingWindowInSeconds":5`, send: strings.Fields("a b c d e f g h i j k l m"), want: []string{"a b c d e f g h i j k l", "m"}},
		{name: "filtered", mapping: `{"BatchSize":10,"MaximumBatchingWindowInSeconds":1,"FilterCriteria":{"Filters":[{"Pattern":"{\"body\":{\"n\":[{\"numeric\":[\">\",1]}]}}"}]}`,
			send: []string{`{"n":1}`, `{"n":2}`, `text`, `{"n":3}`}, want: []string{`{"n":2} {"n":3}`}},
		{name: "fails and comes again", mapping: `{"BatchSize":10,"MaximumBatchingWindowInSeconds":1`, fail: "b once", send: []string{"a", "b once"}, want: []string{"a b once", "a b once"}},
		{name: "fails in part", mapping: `{"BatchSize":10,"MaximumBatchingWindowInSeconds":1,"FunctionResponseTypes":["ReportBatchItemFailures"]`, fail: "b once",
			send: []string{"a", "b once", "c"}, want: []string{"a b once c", "b once"}},
		{name: "an unknown item fails the batch", mapping: `{"BatchSize":10,"MaximumBatchingWindowInSeconds":1,"FunctionResponseTypes":["ReportBatchItemFailures"]`, fail: "unknown once",
			send: []string{"a", "unknown once"}, want: []string{"a unknown once", "a unknown once"}},
		{name: "in order within a group", queue: "q.fifo", mapping: `{"BatchSize":10`, fail: "a once", send: []string{"a once", "b"}, want: []string{"a once a once b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newSources(t).withFunction()
			x.settings(c.fail, strings.Contains(c.mapping, "ReportBatchItemFailures"))
			if c.queue == "" {
				c.queue = "q"
			}
			x.mapping(c.mapping + `,"FunctionName":"f","EventSourceArn":"arn:aws:sqs:us-east-1:123456789012:` + c.queue + `"}`)
			for _, body := range c.send {
				var more []jsonvalue.Member
				if c.queue == "q.fifo" {
					more = append(more, member("MessageGroupId", "g"))
				}
				x.message(c.queue, body, more...)
			}
			got := x.batches()
			if c.anyOrder {
				slices.Sort(got)
			}
			if c.queue == "q.fifo" { // the second may come with the first or behind it
				got = []string{strings.Replace(strings.Join(got, " "), "a once b a", "a once a", 1)}
			}
			x.check(got, c.want)
			if left := x.count(c.queue); left != "0+0" {
				t.Errorf("%s messages are left", left)
			}
		})
	}
}

func TestQueueRecords(t *testing.T) {
	x := newSources(t).withFunction()
	x.do("lambda", "UpdateFunctionConfiguration", x.parse(`{"FunctionName":"f","Environment":{"Variables":{"BATCHES":"`+x.file+`","WHOLE":"1"}}}`))
	x.mapping(`{"FunctionName":"f","EventSourceArn":"{queue}"}`)
	x.message("q", "hello", member("MessageAttributes", x.parse(`{"kind":{"DataType":"String","StringValue":"greeting"}}`)))
	v, err := jsonvalue.Parse([]byte(x.batches()[0]))
	if err != nil {
		t.Fatal(err)
	}
	want := x.parse(`{"Records":[{"messageId":"*","receiptHandle":"*","body":"hello","attributes":{"ApproximateReceiveCount":"1","SentTimestamp":"1795168800000"},
		"messageAttributes":{"kind":{"stringValue":"greeting","stringListValues":[],"binaryListValues":[],"dataType":"String"}},"md5OfMessageAttributes":"*",
		"md5OfBody":"5d41402abc4b2a76b9719d911017c592","eventSource":"aws:sqs","eventSourceARN":"{queue}","awsRegion":"us-east-1"}]}`)
	if difference := lacks(v, want, "", map[string]string{}); difference != "" {
		t.Error(difference)
	}
}

// stream makes a table with a stream and returns the stream's ARN.
func (x *sources) stream() string {
	x.Helper()
	out := x.do("dynamodb", "CreateTable", x.parse(`{"TableName":"Table","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],
		"BillingMode":"PAY_PER_REQUEST","StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES"}}`))
	return textOf(objectAt(out, "TableDescription"), "LatestStreamArn")
}

func (x *sources) put(id string) {
	x.Helper()
	x.do("dynamodb", "PutItem", x.parse(`{"TableName":"Table","Item":{"id":{"S":"`+id+`"}}}`))
}

// TestStreamMappings writes items and reads the batches that the function got.
func TestStreamMappings(t *testing.T) {
	const toDead = `,"DestinationConfig":{"OnFailure":{"Destination":"` + deadARN + `"}}`
	for _, c := range []struct {
		name, mapping, fail string
		before, after       []string // written before and after the mapping is made
		want                []string
		dead                []string // parts of the records at the on-failure destination
	}{
		{name: "from the beginning", mapping: `{"BatchSize":10,"StartingPosition":"TRIM_HORIZON"`, before: []string{"a", "b"}, want: []string{"a b"}},
		{name: "from the end", mapping: `{"BatchSize":10,"StartingPosition":"LATEST","MaximumBatchingWindowInSeconds":1`, before: []string{"a", "b"}, after: []string{"c", "d"}, want: []string{"c d"}},
		{name: "in batches", mapping: `{"BatchSize":2,"StartingPosition":"TRIM_HORIZON"`, before: []string{"a", "b", "c", "d", "e"}, want: []string{"a b", "c d", "e"}},
		{name: "filtered", mapping: `{"BatchSize":2,"StartingPosition":"TRIM_HORIZON","FilterCriteria":{"Filters":[{"Pattern":"{\"dynamodb\":{\"Keys\":{\"id\":{\"S\":[{\"prefix\":\"x\"}]}}}}"}]}`,
			before: []string{"a", "x1", "b", "x2"}, want: []string{"x1", "x2"}},
		{name: "again until it succeeds", mapping: `{"BatchSize":10,"StartingPosition":"TRIM_HORIZON"`, fail: "b twice", before: []string{"a", "b twice", "c"}, want: []string{"a b twice c", "a b twice c", "a b twice c"}},
		{name: "given up", mapping: `{"BatchSize":2,"StartingPosition":"TRIM_HORIZON","MaximumRetryAttempts":1` + toDead, fail: "b", before: []string{"a", "b", "c"}, want: []string{"a b", "a b", "c"},
			dead: []string{`"condition":"RetryAttemptsExhausted","approximateInvokeCount":2},"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"version":"1.0"`, `"batchSize":2,"streamArn":"arn:aws:dynamodb:us-east-1:123456789012:table/Table/stream/`}},
		{name: "halved", mapping: `{"BatchSize":4,"StartingPosition":"TRIM_HORIZON","BisectBatchOnFunctionError":true,"MaximumRetryAttempts":0` + toDead, fail: "c", before: []string{"a", "b", "c", "d"},
			want: []string{"a b c d", "a b", "c d", "c", "d"}, dead: []string{`"approximateInvokeCount":1`, `"batchSize":1`}},
		{name: "in part", mapping: `{"BatchSize":4,"StartingPosition":"TRIM_HORIZON","MaximumRetryAttempts":1,"FunctionResponseTypes":["ReportBatchItemFailures"]` + toDead, fail: "c", before: []string{"a", "b", "c", "d"},
			want: []string{"a b c d", "c d"}, dead: []string{`"approximateInvokeCount":2},"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":null}`, `"batchSize":2`}},
		{name: "too old", mapping: `{"BatchSize":1,"StartingPosition":"TRIM_HORIZON","MaximumRecordAgeInSeconds":60` + toDead, fail: "a", before: []string{"a"},
			want: []string{"a", "a", "a", "a", "a", "a"}, dead: []string{`"condition":"RecordAgeExceeded"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newSources(t).withFunction()
			x.settings(c.fail, strings.Contains(c.mapping, "ReportBatchItemFailures"))
			arn := x.stream()
			for _, id := range c.before {
				x.put(id)
			}
			x.mapping(c.mapping + `,"FunctionName":"f","EventSourceArn":"` + arn + `"}`)
			for _, id := range c.after {
				x.put(id)
			}
			x.check(x.batches(), c.want)
			if got := x.count("dead"); (got == "1+0") != (c.dead != nil) {
				t.Errorf("%s messages at the on-failure destination", got)
			}
			if c.dead == nil {
				return
			}
			body := jsonvalue.String(x.do("sqs", "ReceiveMessage", x.parse(`{"QueueUrl":"http://localhost/123456789012/dead"}`)))
			for _, part := range c.dead {
				if !strings.Contains(strings.ReplaceAll(body, `\"`, `"`), part) {
					t.Errorf("on-failure record %s\nlacks %s", body, part)
				}
			}
		})
	}
}

// TestStreamLanes delivers keys in parallel, each key in order.
func TestStreamLanes(t *testing.T) {
	x := newSources(t).withFunction()
	x.settings("", false)
	arn := x.stream()
	for n := range 3 {
		for _, id := range []string{"a", "b", "c", "d"} {
			x.do("dynamodb", "PutItem", x.parse(fmt.Sprintf(`{"TableName":"Table","Item":{"id":{"S":"%s"},"n":{"N":"%d"}}}`, id, n)))
		}
	}
	x.do("lambda", "UpdateFunctionConfiguration", x.parse(`{"FunctionName":"f","Environment":{"Variables":{"BATCHES":"`+x.file+`","SHOW":"n"}}}`))
	x.mapping(`{"BatchSize":1,"ParallelizationFactor":4,"StartingPosition":"TRIM_HORIZON","FunctionName":"f","EventSourceArn":"` + arn + `"}`)
	order := map[string]string{}
	for _, line := range x.batches() {
		order[line[:1]] += line[1:]
	}
	for id, got := range order {
		if got != "012" {
			t.Errorf("%s came in the order %s", id, got)
		}
	}
	if len(order) != 4 {
		t.Errorf("got %v", order)
	}
}

// TestStreamsKeepTheirPlace restarts between batches.
func TestStreamsKeepTheirPlace(t *testing.T) {
	x := newSources(t).withFunction()
	x.settings("", false)
	arn := x.stream()
	x.put("a")
	x.mapping(`{"BatchSize":10,"StartingPosition":"TRIM_HORIZON","FunctionName":"f","EventSourceArn":"` + arn + `"}`)
	x.check(x.batches(), []string{"a"})
	x.service.Close()
	x.put("b")
	x.boot()
	x.check(x.batches(), []string{"b"})
}

func TestMappingOperations(t *testing.T) {
	x := newSources(t).withFunction()
	stream := x.stream()
	x.do("sqs", "CreateQueue", x.parse(`{"QueueName":"hasty","Attributes":{"VisibilityTimeout":"1"}}`))
	x.world.play("testdata/mappings.txt", map[string]string{"stream": stream, "queue": queueARN, "dead": deadARN})
}
