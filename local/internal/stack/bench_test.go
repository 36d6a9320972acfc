package stack

// This file defines what the services take over the wire, from the SDK's clients,
// with everything on disk. Each figure stands beside a baseline of the same run.
//
//	go test ./local/internal/stack -run '^$' -bench Wire
//	go test ./local/internal/stack -run TestQueueMemory -messages 1000000 -v -timeout 60m

import (
	"archive/zip"
	"bytes"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	lambdago "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eb "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

var messages = flag.Int("messages", 3000, "how many messages TestQueueMemory sends through a queue")

// stampFile makes this program the function that notes when it was invoked.
const stampFile = "STEPWORKS_STAMP_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(stampFile); path != "" {
		lambdago.Start(func(context.Context) error {
			return os.WriteFile(path, []byte(strconv.FormatInt(time.Now().UnixNano(), 10)), 0o600)
		})
		return
	}
	os.Exit(m.Run())
}

// onDisk is a local AWS on a directory, and the SDK's way to it.
func onDisk(tb testing.TB) aws.Config {
	tb.Helper()
	s, err := Start(tb.Context(), Options{Account: "123456789012", Region: "us-east-1", StateDir: tb.TempDir(), Clock: clock.Real(), Log: slog.New(slog.DiscardHandler), Lenient: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	transport := &http.Transport{MaxIdleConnsPerHost: 128}
	tb.Cleanup(transport.CloseIdleConnections)
	return aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(s.URL()), Credentials: credentials.NewStaticCredentialsProvider("any", "thing", ""), HTTPClient: &http.Client{Transport: transport}}
}

// must ends a test or benchmark that cannot go on.
func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkWireTables measures conditional updates and transactions of two items,
// each durable when it is answered. The baseline commits a row to SQLite as safely.
func BenchmarkWireTables(b *testing.B) {
	b.Run("baseline-commit", plainCommits)
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("conditional-update-%d", clients), func(b *testing.B) { tableLoad(b, clients, reserve) })
		b.Run(fmt.Sprintf("transaction-%d", clients), func(b *testing.B) { tableLoad(b, clients, order) })
	}
}

func plainCommits(b *testing.B) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "plain.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	must(b, err)
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(b.Context(), "CREATE TABLE t (k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID")
	must(b, err)
	value := make([]byte, 100)
	for i := 0; b.Loop(); i++ {
		_, err = db.ExecContext(b.Context(), "INSERT OR REPLACE INTO t VALUES (?, ?)", fmt.Sprint("product", i%100), value)
		must(b, err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

// tableLoad makes b.N requests by so many clients at once.
func tableLoad(b *testing.B, clients int, request func(ctx context.Context, client *dynamodb.Client, n int64) error) {
	client := dynamodb.NewFromConfig(onDisk(b))
	_, err := client.CreateTable(b.Context(), &dynamodb.CreateTableInput{TableName: aws.String("stock"), BillingMode: ddb.BillingModePayPerRequest,
		KeySchema: []ddb.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: ddb.KeyTypeHash}}, AttributeDefinitions: []ddb.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: ddb.ScalarAttributeTypeS}}})
	must(b, err)
	for i := range 100 {
		_, err := client.PutItem(b.Context(), &dynamodb.PutItemInput{TableName: aws.String("stock"), Item: map[string]ddb.AttributeValue{
			"pk": product(int64(i)), "quantity": &ddb.AttributeValueMemberN{Value: "1000000000"}, "name": &ddb.AttributeValueMemberS{Value: "a mouse"}}})
		must(b, err)
	}
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range clients {
		all.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := request(b.Context(), client, n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

func product(n int64) ddb.AttributeValue {
	return &ddb.AttributeValueMemberS{Value: fmt.Sprint("product", n%100)}
}

var two = map[string]ddb.AttributeValue{":n": &ddb.AttributeValueMemberN{Value: "2"}}

func reserve(ctx context.Context, client *dynamodb.Client, n int64) error {
	_, err := client.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: aws.String("stock"), Key: map[string]ddb.AttributeValue{"pk": product(n)},
		UpdateExpression: aws.String("SET quantity = quantity - :n"), ConditionExpression: aws.String("quantity >= :n"), ExpressionAttributeValues: two})
	return err
}

func order(ctx context.Context, client *dynamodb.Client, n int64) error {
	_, err := client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{ClientRequestToken: aws.String(fmt.Sprint("token", n)), TransactItems: []ddb.TransactWriteItem{
		{Put: &ddb.Put{TableName: aws.String("stock"), Item: map[string]ddb.AttributeValue{"pk": &ddb.AttributeValueMemberS{Value: fmt.Sprint("order", n)}}, ConditionExpression: aws.String("attribute_not_exists(pk)")}},
		{Update: &ddb.Update{TableName: aws.String("stock"), Key: map[string]ddb.AttributeValue{"pk": product(n)},
			UpdateExpression: aws.String("SET quantity = quantity - :n"), ConditionExpression: aws.String("quantity >= :n"), ExpressionAttributeValues: two}}}})
	return err
}

// BenchmarkWireEventToFunction measures from the call of PutEvents to the first
// line of the function that a rule invokes, in its own process. The baseline is
// Invoke, from its call to the same line.
func BenchmarkWireEventToFunction(b *testing.B) {
	sdk := onDisk(b)
	stamp := filepath.Join(b.TempDir(), "stamp")
	function := stamped(b, sdk, stamp)
	events, functions := eventbridge.NewFromConfig(sdk), lambda.NewFromConfig(sdk)
	_, err := events.PutRule(b.Context(), &eventbridge.PutRuleInput{Name: aws.String("placed"), EventPattern: aws.String(`{"source":["shop"]}`)})
	must(b, err)
	_, err = events.PutTargets(b.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("placed"), Targets: []eb.Target{{Id: aws.String("f"), Arn: &function}}})
	must(b, err)
	b.Run("baseline-invoke", func(b *testing.B) {
		invocations(b, stamp, func() error {
			_, err := functions.Invoke(b.Context(), &lambda.InvokeInput{FunctionName: aws.String("stamp"), Payload: []byte("{}")})
			return err
		})
	})
	b.Run("event", func(b *testing.B) {
		invocations(b, stamp, func() error {
			_, err := events.PutEvents(b.Context(), &eventbridge.PutEventsInput{Entries: []eb.PutEventsRequestEntry{{Source: aws.String("shop"), DetailType: aws.String("Order Placed"), Detail: aws.String(`{"orderId":"ORD-1"}`)}}})
			return err
		})
	})
}

// invocations reports how long after each cause the function ran.
func invocations(b *testing.B, stamp string, cause func() error) {
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		must(b, cause())
		at := stampAfter(b, stamp, began)
		if i > 0 { // the first starts the process
			took = append(took, at.Sub(began))
		}
	}
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// stampAfter waits until the function notes that it ran.
func stampAfter(b *testing.B, path string, began time.Time) time.Time {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Microsecond) {
		text, _ := os.ReadFile(path)
		if n, err := strconv.ParseInt(string(text), 10, 64); err == nil && n > began.UnixNano() {
			return time.Unix(0, n)
		}
	}
	b.Fatal("the function was not invoked")
	return time.Time{}
}

// stamped deploys this program as a function that notes when it was invoked.
func stamped(b *testing.B, sdk aws.Config, stamp string) (arn string) {
	b.Helper()
	program, err := os.Executable()
	must(b, err)
	var code bytes.Buffer
	z := zip.NewWriter(&code)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "bootstrap", ExternalAttrs: 0o755 << 16})
	must(b, err)
	_, err = io.WriteString(w, "#!/bin/sh\nexec '"+program+"'\n")
	must(b, err)
	must(b, z.Close())
	role, err := iam.NewFromConfig(sdk).CreateRole(b.Context(), &iam.CreateRoleInput{RoleName: aws.String("stamp"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
	must(b, err)
	client := lambda.NewFromConfig(sdk)
	out, err := client.CreateFunction(b.Context(), &lambda.CreateFunctionInput{FunctionName: aws.String("stamp"), Role: role.Role.Arn, Runtime: lambdatypes.RuntimeProvidedal2023,
		Handler: aws.String("bootstrap"), Timeout: aws.Int32(10), Code: &lambdatypes.FunctionCode{ZipFile: code.Bytes()}, Environment: &lambdatypes.Environment{Variables: map[string]string{stampFile: stamp}}})
	must(b, err)
	return *out.FunctionArn
}

// TestQueueMemory sends messages through a queue, by sixteen who send and sixteen
// who receive and delete, and compares what is alive on the heap after a tenth of
// them with what is at the end.
func TestQueueMemory(t *testing.T) {
	client := sqs.NewFromConfig(onDisk(t))
	made, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("through")})
	must(t, err)
	began := time.Now()
	through(t, client, made.QueueUrl, *messages/10)
	early := alive()
	t.Logf("%d messages in %.1f s: %.1f MiB alive", *messages/10, time.Since(began).Seconds(), float64(early)/(1<<20))
	through(t, client, made.QueueUrl, *messages-*messages/10)
	late := alive()
	t.Logf("%d messages through a queue in %.1f s, %.0f a second: %.1f MiB alive after a tenth, %.1f MiB at the end",
		*messages, time.Since(began).Seconds(), float64(*messages)/time.Since(began).Seconds(), float64(early)/(1<<20), float64(late)/(1<<20))
	if late > early+early/4+4<<20 {
		t.Errorf("memory grew from %d to %d bytes", early, late)
	}
}

func alive() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// through returns when n more messages have been sent, received and deleted; who
// sends waits while ten thousand are on their way.
func through(t *testing.T, client *sqs.Client, queue *string, n int) {
	const workers, batch = 16, 10
	room := make(chan struct{}, 10_000/batch)
	var sent, gone atomic.Int64
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range workers {
		all.Go(func() {
			for from := sent.Add(batch); from <= int64(n); from = sent.Add(batch) {
				select {
				case room <- struct{}{}:
				case <-ctx.Done():
					return
				}
				var entries []sqstypes.SendMessageBatchRequestEntry
				for i := range batch {
					entries = append(entries, sqstypes.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(fmt.Sprintf(`{"orderId":"ORD-%d","amount":"29.99"}`, from))})
				}
				if out, err := client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: queue, Entries: entries}); err != nil || len(out.Failed) > 0 {
					t.Errorf("a batch was not sent: %v", err)
					cancel()
					return
				}
			}
		})
		all.Go(func() {
			for gone.Load() < int64(n/batch*batch) && ctx.Err() == nil {
				taken, err := takeSome(ctx, client, queue)
				if err != nil {
					t.Error(err)
					cancel()
				}
				now := gone.Add(int64(taken))
				for range now/batch - (now-int64(taken))/batch {
					<-room
				}
			}
		})
	}
	all.Wait()
}

func takeSome(ctx context.Context, client *sqs.Client, queue *string) (int, error) {
	out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: queue, MaxNumberOfMessages: 10, WaitTimeSeconds: 1})
	if err != nil || len(out.Messages) == 0 {
		return 0, err
	}
	var entries []sqstypes.DeleteMessageBatchRequestEntry
	for i, m := range out.Messages {
		entries = append(entries, sqstypes.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
	}
	_, err = client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: queue, Entries: entries})
	return len(entries), err
}

// BenchmarkSkippedDay measures what it takes to skip a day while a queue holds a message
// and two alarms look at it, 1,440 looks at each. The baseline skips a day in which
// nothing is to be looked at.
func BenchmarkSkippedDay(b *testing.B) {
	for _, full := range []bool{false, true} {
		b.Run(map[bool]string{false: "baseline-nothing-to-look-at", true: "queue-with-alarms"}[full], func(b *testing.B) { skipDays(b, full) })
	}
}

func skipDays(b *testing.B, full bool) {
	clk := clock.NewVirtual(time.Now(), 0)
	s, err := Start(b.Context(), Options{Account: account, Region: "us-east-1", StateDir: b.TempDir(), Clock: clk, Log: slog.New(slog.DiscardHandler)})
	must(b, err)
	b.Cleanup(func() { _ = s.Close() })
	call := func(service, operation, params string) {
		_, err := s.wire.Call(b.Context(), awswire.Root(account), service, operation, jsonvalue.MustParse(params))
		must(b, err)
	}
	call("sqs", "CreateQueue", `{"QueueName":"dead","Attributes":{"MessageRetentionPeriod":"1209600"}}`)
	for metric, threshold := range map[string]string{"ApproximateNumberOfMessagesVisible": "0", "ApproximateAgeOfOldestMessage": "300"} {
		call("cloudwatch", "PutMetricAlarm", `{"AlarmName":"`+metric+`","Namespace":"AWS/SQS","MetricName":"`+metric+`","Dimensions":[{"Name":"QueueName","Value":"dead"}],"Statistic":"Maximum","Period":60,
			"EvaluationPeriods":5,"Threshold":`+threshold+`,"ComparisonOperator":"GreaterThanThreshold","TreatMissingData":"notBreaching"}`)
	}
	for b.Loop() {
		if full {
			call("sqs", "SendMessage", `{"QueueUrl":"`+s.URL()+`/123456789012/dead","MessageBody":"x"}`)
		}
		must(b, clk.Advance(b.Context(), 24*time.Hour))
		if full {
			call("sqs", "PurgeQueue", `{"QueueUrl":"`+s.URL()+`/123456789012/dead"}`)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/day")
}
