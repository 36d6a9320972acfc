package dynamodb

// This file defines what the tests stand on: the service over the wire, driven by
// the Go SDK, under virtual time.

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/smithy-go"
	"github.com/go-json-experiment/json"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/store"
)

const testAccount = "123456789012"

type world struct {
	*testing.T
	service *Service
	server  *awswire.Server
	db      *ddb.Client
	streams *dynamodbstreams.Client
	clock   *clock.Virtual
	hold    func()
}

var testStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newWorld(t *testing.T) *world {
	t.Helper()
	st := store.Memory()
	t.Cleanup(func() { st.Close() })
	return newWorldOn(t, st, testStart)
}

func newWorldOn(t *testing.T, st *store.Store, start time.Time) *world {
	t.Helper()
	clk := clock.NewVirtual(start, 0)
	s, err := New(Config{Account: testAccount, Region: "us-east-1", Store: st, Clock: clk})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, service: s, clock: clk, hold: clk.Hold()}
	w.server = awswire.NewServer(awswire.Config{Account: testAccount, Region: "us-east-1", Clock: clk}, s.API(), s.StreamsAPI())
	h := httptest.NewServer(w.server)
	t.Cleanup(func() { h.Close(); s.Close(); w.hold() })
	keys := credentials.NewStaticCredentialsProvider("any", "thing", "")
	w.db = ddb.New(ddb.Options{Region: "us-east-1", BaseEndpoint: aws.String(h.URL), RetryMaxAttempts: 1, Credentials: keys})
	w.streams = dynamodbstreams.New(dynamodbstreams.Options{Region: "us-east-1", BaseEndpoint: aws.String(h.URL), RetryMaxAttempts: 1, Credentials: keys})
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

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) expect(want, got any) {
	w.Helper()
	if fmt.Sprint(want) != fmt.Sprint(got) {
		w.Errorf("want %v, got %v", want, got)
	}
}

// refuses expects an error with this code.
func (w *world) refuses(code string, err error) {
	w.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code {
		w.Errorf("want %s, got %v", code, err)
	}
}

// create makes a table with the string keys pk and, if range, sk.
func (w *world) create(name string, sort bool, change ...func(*ddb.CreateTableInput)) {
	w.Helper()
	in := &ddb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}}}
	if sort {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: aws.String("sk"), AttributeType: types.ScalarAttributeTypeN})
		in.KeySchema = append(in.KeySchema, types.KeySchemaElement{AttributeName: aws.String("sk"), KeyType: types.KeyTypeRange})
	}
	for _, f := range change {
		f(in)
	}
	_, err := w.db.CreateTable(w.Context(), in)
	w.must(err)
}

type object = map[string]any

// av turns a Go value into attributes.
func av(v object) map[string]types.AttributeValue {
	m, err := attributevalue.MarshalMap(v)
	if err != nil {
		panic(err)
	}
	return m
}

// plain turns attributes into a Go value.
func plain(m map[string]types.AttributeValue) object {
	out := object{}
	if err := attributevalue.UnmarshalMap(m, &out); err != nil {
		panic(err)
	}
	return out
}

func (w *world) put(table string, v object) {
	w.Helper()
	_, err := w.db.PutItem(w.Context(), &ddb.PutItemInput{TableName: &table, Item: av(v)})
	w.must(err)
}

func (w *world) get(table string, key object) object {
	w.Helper()
	out, err := w.db.GetItem(w.Context(), &ddb.GetItemInput{TableName: &table, Key: av(key)})
	w.must(err)
	if out.Item == nil {
		return nil
	}
	return plain(out.Item)
}

func asError[T error](err error, target *T) bool { return errors.As(err, target) }

// unmarshal reads a request as the wire does.
func (r *input[T]) unmarshal(text string) error { return json.Unmarshal([]byte(text), r) }
