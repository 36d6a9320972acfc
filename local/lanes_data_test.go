package main

// This file defines the load of TestKills on tables, streams, functions and
// objects, and what each of them promises over a kill.

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	dds "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// tableLane: a conditional put that was acknowledged is there; a transaction that
// is asked for with its token until somebody answers happens once, and wholly; the
// stream tells each change once, in order, to a reader that goes on where it was.
type tableLane struct {
	put    numbers
	moved  int // transactions
	again  int
	stream streamReader
}

func text(s string) ddb.AttributeValue { return &ddb.AttributeValueMemberS{Value: s} }

func key(pk string) map[string]ddb.AttributeValue {
	return map[string]ddb.AttributeValue{"pk": text(pk)}
}

func (l *tableLane) prepare(c *crash) {
	c.call(func(ctx context.Context, sdk aws.Config) error {
		out, err := dynamodb.NewFromConfig(sdk).CreateTable(ctx, &dynamodb.CreateTableInput{TableName: aws.String("accounts"), BillingMode: ddb.BillingModePayPerRequest,
			KeySchema: []ddb.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: ddb.KeyTypeHash}}, AttributeDefinitions: []ddb.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: ddb.ScalarAttributeTypeS}},
			StreamSpecification: &ddb.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: ddb.StreamViewTypeNewAndOldImages}})
		if err == nil {
			l.stream.arn = *out.TableDescription.LatestStreamArn
		}
		return err
	})
	l.stream.last = map[string]string{}
}

func (l *tableLane) load(c *crash, n int) {
	if c.try(func(ctx context.Context, sdk aws.Config) error {
		_, err := dynamodb.NewFromConfig(sdk).PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("accounts"), Item: key(fmt.Sprint("put", n)), ConditionExpression: aws.String("attribute_not_exists(pk)")})
		return err
	}) {
		l.put.add(fmt.Sprint("put", n))
	}
	move := func(pk, by string) ddb.TransactWriteItem {
		return ddb.TransactWriteItem{Update: &ddb.Update{TableName: aws.String("accounts"), Key: key(pk), UpdateExpression: aws.String("ADD balance :by"), ExpressionAttributeValues: map[string]ddb.AttributeValue{":by": &ddb.AttributeValueMemberN{Value: by}}}}
	}
	tries := 0
	c.call(func(ctx context.Context, sdk aws.Config) error {
		tries++
		_, err := dynamodb.NewFromConfig(sdk).TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{ClientRequestToken: aws.String(fmt.Sprint("move", n)), TransactItems: []ddb.TransactWriteItem{
			move("from", "-1"), move("to", "1"),
			{Put: &ddb.Put{TableName: aws.String("accounts"), Item: key(fmt.Sprint("receipt", n)), ConditionExpression: aws.String("attribute_not_exists(pk)")}}}})
		return err
	})
	l.moved, l.again = n+1, l.again+tries-1
}

func (l *tableLane) consume(c *crash) { l.stream.read(c) }

func (l *tableLane) missing(c *crash) (missing []string) {
	there, balance := numbers{}, map[string]string{}
	c.call(func(ctx context.Context, sdk aws.Config) error {
		pages := dynamodb.NewScanPaginator(dynamodb.NewFromConfig(sdk), &dynamodb.ScanInput{TableName: aws.String("accounts"), ConsistentRead: aws.Bool(true)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return err
			}
			for _, item := range page.Items {
				pk := item["pk"].(*ddb.AttributeValueMemberS).Value
				there.add(pk)
				if n, ok := item["balance"].(*ddb.AttributeValueMemberN); ok {
					balance[pk] = n.Value
				}
			}
		}
		return nil
	})
	missing = l.put.without(&there, "item")
	for n := range l.moved {
		if receipt := fmt.Sprint("receipt", n); !there.has(receipt) {
			missing = append(missing, "item "+receipt)
		}
	}
	if want := strconv.Itoa(l.moved); balance["to"] != want || balance["from"] != "-"+want {
		missing = append(missing, fmt.Sprintf("balances %v after %d transactions", balance, l.moved))
	}
	there.mu.Lock()
	delete(there.seen, "from")
	delete(there.seen, "to")
	there.mu.Unlock()
	return append(missing, there.without(&l.stream.inserted, "in the stream")...)
}

func (l *tableLane) figure(*crash) string {
	return fmt.Sprintf("%d conditional puts, %d transactions of three items (%d asked for again by token), %d inserts and %d changes of one item read of the stream once and in order", l.put.len(), l.moved, l.again, l.stream.inserted.len(), l.stream.balance)
}

// streamReader reads a table's stream and remembers where it was, as a consumer
// does that checkpoints.
type streamReader struct {
	arn      string
	last     map[string]string // sequence number, by shard
	inserted numbers
	balance  int // of the account "to", as the stream told it
}

func (r *streamReader) read(c *crash) {
	c.try(func(ctx context.Context, sdk aws.Config) error {
		client := dynamodbstreams.NewFromConfig(sdk)
		stream, err := client.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: &r.arn})
		if err != nil {
			return err
		}
		for _, shard := range stream.StreamDescription.Shards {
			if err := r.readShard(ctx, c, client, *shard.ShardId); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *streamReader) readShard(ctx context.Context, c *crash, client *dynamodbstreams.Client, shard string) error {
	from := &dynamodbstreams.GetShardIteratorInput{StreamArn: &r.arn, ShardId: &shard, ShardIteratorType: dds.ShardIteratorTypeTrimHorizon}
	if last := r.last[shard]; last != "" {
		from.ShardIteratorType, from.SequenceNumber = dds.ShardIteratorTypeAfterSequenceNumber, &last
	}
	at, err := client.GetShardIterator(ctx, from)
	if err != nil {
		return err
	}
	out, err := client.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: at.ShardIterator})
	if err != nil {
		return err
	}
	for _, record := range out.Records {
		pk := record.Dynamodb.Keys["pk"].(*dds.AttributeValueMemberS).Value
		if pk == "to" {
			if got := record.Dynamodb.NewImage["balance"].(*dds.AttributeValueMemberN).Value; got != strconv.Itoa(r.balance+1) {
				c.Errorf("the stream tells a balance of %s after %d", got, r.balance)
			}
			r.balance++
		} else if pk != "from" {
			if r.inserted.has(pk) {
				c.Errorf("the stream tells of %s twice", pk)
			}
			r.inserted.add(pk)
		}
		r.last[shard] = *record.Dynamodb.SequenceNumber
	}
	return nil
}

// functionLane: an event source mapping goes on in the stream where it was, in
// order; an accepted asynchronous invocation runs.
type functionLane struct {
	file          string
	accepted, ran numbers
	balance       int // of the account "to", as the function was told it
	told          int
}

// consumer is the function. It writes down what it was invoked with.
func consumer(_ context.Context, payload json.RawMessage) error {
	var lines bytes.Buffer
	var e events.DynamoDBEvent
	if err := json.Unmarshal(payload, &e); err != nil {
		return err
	}
	for _, r := range e.Records {
		if r.Change.Keys["pk"].String() == "to" {
			fmt.Fprintln(&lines, "balance", r.Change.NewImage["balance"].Number())
		}
	}
	if len(e.Records) == 0 {
		fmt.Fprintln(&lines, "ran", string(payload[len(`{"n":`):len(payload)-1]))
	}
	return note(lines.Bytes())
}

// note is how functions say what they were invoked with, be the local AWS alive or
// not.
func note(lines []byte) error {
	file, err := os.OpenFile(os.Getenv("NOTES"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(lines)
	return errors.Join(err, file.Close())
}

const trust = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":["lambda.amazonaws.com","states.amazonaws.com","events.amazonaws.com","scheduler.amazonaws.com"]},"Action":"sts:AssumeRole"}}`

func (l *functionLane) prepare(c *crash) {
	l.file = c.dir + "/notes"
	c.call(func(ctx context.Context, sdk aws.Config) error {
		client := iam.NewFromConfig(sdk)
		_, err := client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("any"), AssumeRolePolicyDocument: aws.String(trust)})
		if err != nil {
			return err
		}
		_, err = client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("any"), PolicyName: aws.String("everything"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)})
		return err
	})
	c.function("consumer", l.file, 10)
	c.call(func(ctx context.Context, sdk aws.Config) error {
		client := lambda.NewFromConfig(sdk)
		table, err := dynamodb.NewFromConfig(sdk).DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("accounts")})
		if err != nil {
			return err
		}
		_, err = client.CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{FunctionName: aws.String("consumer"), EventSourceArn: table.Table.LatestStreamArn, StartingPosition: lambdatypes.EventSourcePositionTrimHorizon, BatchSize: aws.Int32(10)})
		return err
	})
}

// function makes a function of one of this test's programs.
func (c *crash) function(name, notes string, timeout int32) {
	program, err := exec.LookPath(name)
	if err != nil {
		c.Fatal(err)
	}
	var code bytes.Buffer
	z := zip.NewWriter(&code)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "bootstrap", ExternalAttrs: 0o755 << 16})
	if err != nil {
		c.Fatal(err)
	}
	if _, err := io.WriteString(w, "#!/bin/sh\nexec '"+program+"'\n"); err != nil {
		c.Fatal(err)
	}
	if err := z.Close(); err != nil {
		c.Fatal(err)
	}
	c.call(func(ctx context.Context, sdk aws.Config) error {
		_, err := lambda.NewFromConfig(sdk).CreateFunction(ctx, &lambda.CreateFunctionInput{FunctionName: &name, Role: aws.String(anyRole), Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Timeout: &timeout,
			Code: &lambdatypes.FunctionCode{ZipFile: code.Bytes()}, Environment: &lambdatypes.Environment{Variables: map[string]string{"NOTES": notes}}})
		return err
	})
}

func (l *functionLane) load(c *crash, n int) {
	if c.try(func(ctx context.Context, sdk aws.Config) error {
		_, err := lambda.NewFromConfig(sdk).Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("consumer"), InvocationType: lambdatypes.InvocationTypeEvent, Payload: fmt.Appendf(nil, `{"n":%d}`, n)})
		return err
	}) {
		l.accepted.add(n)
	}
	rest(50 * time.Millisecond)
}

func (l *functionLane) consume(*crash) { time.Sleep(10 * time.Millisecond) }

func (l *functionLane) missing(c *crash) []string {
	notes, err := os.ReadFile(l.file)
	if err != nil {
		return []string{err.Error()}
	}
	l.balance, l.told, l.ran = 0, 0, numbers{}
	for line := range strings.Lines(string(notes)) {
		what, n, _ := strings.Cut(strings.TrimSpace(line), " ")
		if what == "ran" {
			l.ran.add(n)
			continue
		}
		balance, err := strconv.Atoi(n)
		if l.told++; err != nil || balance > l.balance+1 {
			c.Errorf("the function was told %q after a balance of %d", line, l.balance)
		}
		l.balance = max(l.balance, balance)
	}
	missing := l.accepted.without(&l.ran, "invocation")
	c.call(func(ctx context.Context, sdk aws.Config) error {
		out, err := dynamodb.NewFromConfig(sdk).GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("accounts"), Key: key("to")})
		if err == nil && out.Item["balance"].(*ddb.AttributeValueMemberN).Value != strconv.Itoa(l.balance) {
			missing = append(missing, fmt.Sprintf("changes after balance %d", l.balance))
		}
		return err
	})
	return missing
}

func (l *functionLane) figure(*crash) string {
	return fmt.Sprintf("%d asynchronous invocations, %d of them run again; %d changes of one item told by the mapping in order, %d of them again", l.accepted.len(), l.ran.again(), l.balance, l.told-l.balance)
}

// objectLane: an object is the latest that was acknowledged, or one that was on
// its way afterwards, and always whole; an upload in parts likewise.
type objectLane struct {
	mu    sync.Mutex
	acked map[string]int // by key
	parts numbers
	total int
	seen  map[string]bool
}

const objects = 20

// body is what object n holds.
func body(n, size int) []byte {
	line := fmt.Appendf(nil, "%09d\n", n)
	return bytes.Repeat(line, size/len(line))
}

const part = 5 << 20 // AWS takes no smaller part but the last

func (l *objectLane) client(sdk aws.Config) *s3.Client {
	return s3.NewFromConfig(sdk, func(o *s3.Options) { o.UsePathStyle = true })
}

func (l *objectLane) prepare(c *crash) {
	l.acked, l.seen = map[string]int{}, map[string]bool{}
	c.call(func(ctx context.Context, sdk aws.Config) error {
		_, err := l.client(sdk).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("crash")})
		return err
	})
}

func (l *objectLane) load(c *crash, n int) {
	if n%25 == 24 {
		l.upload(c, n)
		return
	}
	name := fmt.Sprint("object", n%objects)
	if c.try(func(ctx context.Context, sdk aws.Config) error {
		_, err := l.client(sdk).PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("crash"), Key: &name, Body: bytes.NewReader(body(n, 10+n*1000%200_000))})
		return err
	}) {
		l.mu.Lock()
		l.acked[name] = n
		l.total++
		l.mu.Unlock()
	}
}

// upload uploads two parts; a step without an answer is taken again.
func (l *objectLane) upload(c *crash, n int) {
	name := fmt.Sprint("parts", n)
	var id *string
	c.call(func(ctx context.Context, sdk aws.Config) error {
		out, err := l.client(sdk).CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String("crash"), Key: &name})
		if err == nil {
			id = out.UploadId
		}
		return err
	})
	var parts []s3types.CompletedPart
	for number, size := range []int{part, 1000} {
		c.call(func(ctx context.Context, sdk aws.Config) error {
			out, err := l.client(sdk).UploadPart(ctx, &s3.UploadPartInput{Bucket: aws.String("crash"), Key: &name, UploadId: id, PartNumber: aws.Int32(int32(number + 1)), Body: bytes.NewReader(body(n, size))})
			if err == nil {
				parts = append(parts, s3types.CompletedPart{ETag: out.ETag, PartNumber: aws.Int32(int32(number + 1)), ChecksumCRC32: out.ChecksumCRC32})
			}
			return err
		})
	}
	c.call(func(ctx context.Context, sdk aws.Config) error {
		_, err := l.client(sdk).CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: aws.String("crash"), Key: &name, UploadId: id, MultipartUpload: &s3types.CompletedMultipartUpload{Parts: parts}})
		return err
	}, "NoSuchUpload") // it was completed before the kill: what is there is looked at below
	l.parts.add(name)
}

func (l *objectLane) consume(*crash) { time.Sleep(10 * time.Millisecond) }

func (l *objectLane) missing(c *crash) (missing []string) {
	for name, n := range l.acked {
		missing = append(missing, l.look(c, name, n)...)
	}
	for name := range l.parts.seen {
		n, _ := strconv.Atoi(strings.TrimPrefix(name, "parts"))
		missing = append(missing, l.look(c, name, n)...)
	}
	return missing
}

func (l *objectLane) look(c *crash, name string, acked int) (missing []string) {
	if l.seen[name] {
		return nil
	}
	c.call(func(ctx context.Context, sdk aws.Config) error {
		missing = nil
		out, err := l.client(sdk).GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("crash"), Key: &name})
		var refused smithy.APIError
		if errors.As(err, &refused) {
			missing = []string{name}
			return nil
		}
		if err != nil {
			return err
		}
		defer out.Body.Close()
		got, err := io.ReadAll(out.Body)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(got[:9]))
		want := body(n, 10+n*1000%200_000)
		if strings.HasPrefix(name, "parts") {
			want = append(body(n, part), body(n, 1000)...)
		}
		if err != nil || n < acked || !bytes.Equal(got, want) {
			c.Errorf("%s: object %d of %d bytes; %d was acknowledged, %d bytes are right", name, n, len(got), acked, len(want))
		}
		l.seen[name] = true
		return nil
	})
	return missing
}

func (l *objectLane) figure(*crash) string {
	return fmt.Sprintf("%d objects put, %d uploads of two parts, every object whole and the latest", l.total, l.parts.len())
}
