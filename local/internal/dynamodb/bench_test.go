package dynamodb

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// These measure what one request costs from its raw text to its answer: signature
// header, decoding, checks, store, encoding; no network, no sync of the disk. The
// figure that counts is the processor's time, which other processes do not change.

const benchTable = `{"TableName":"stock","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}`

func benchServer(b *testing.B) *rawServer {
	b.Helper()
	r := newRawServer(b)
	r.ask(b, "CreateTable", benchTable)
	for i := range 100 {
		r.ask(b, "PutItem", fmt.Sprintf(`{"TableName":"stock","Item":{"pk":{"S":"product%d"},"quantity":{"N":"1000000000"},"price":{"N":"29.99"},"name":{"S":"a mouse"}}}`, i))
	}
	return r
}

// measureCPU reports the processor's time per operation when the benchmark ends.
func measureCPU(b *testing.B) func() {
	b.Helper()
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64((used()-before).Microseconds())/float64(b.N), "cpu-µs/op") }
}

func (r *rawServer) ask(tb testing.TB, operation, body string) []byte {
	tb.Helper()
	status, text := r.send("DynamoDB_20120810."+operation, "application/x-amz-json-1.0", []byte(body))
	if status != 200 {
		tb.Fatalf("%s %s: %d %s", operation, body, status, text)
	}
	return text
}

func BenchmarkConditionalUpdate(b *testing.B) {
	r := benchServer(b)
	defer measureCPU(b)()
	n := 0
	for b.Loop() {
		n++
		r.ask(b, "UpdateItem", fmt.Sprintf(`{"TableName":"stock","Key":{"pk":{"S":"product%d"}},"UpdateExpression":"SET quantity = quantity - :n","ConditionExpression":"quantity >= :n","ExpressionAttributeValues":{":n":{"N":"2"}}}`, n%100))
	}
}

func BenchmarkTransactionOfTwo(b *testing.B) {
	r := benchServer(b)
	defer measureCPU(b)()
	n := 0
	for b.Loop() {
		n++
		r.ask(b, "TransactWriteItems", fmt.Sprintf(`{"ClientRequestToken":"token%d","TransactItems":[
			{"Put":{"TableName":"stock","Item":{"pk":{"S":"reservation%d"},"order":{"S":"o"}},"ConditionExpression":"attribute_not_exists(pk)"}},
			{"Update":{"TableName":"stock","Key":{"pk":{"S":"product%d"}},"UpdateExpression":"SET quantity = quantity - :n","ConditionExpression":"quantity >= :n","ExpressionAttributeValues":{":n":{"N":"2"}}}}]}`, n, n, n%100))
	}
}

func BenchmarkGetItem(b *testing.B) {
	r := benchServer(b)
	defer measureCPU(b)()
	for b.Loop() {
		r.ask(b, "GetItem", `{"TableName":"stock","Key":{"pk":{"S":"product7"}}}`)
	}
}

// BenchmarkConcurrentUpdates shows what shared commits bring.
func BenchmarkConcurrentUpdates(b *testing.B) {
	r := benchServer(b)
	defer measureCPU(b)()
	var n atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			r.ask(b, "UpdateItem", fmt.Sprintf(`{"TableName":"stock","Key":{"pk":{"S":"product%d"}},"UpdateExpression":"SET quantity = quantity - :n","ConditionExpression":"quantity >= :n","ExpressionAttributeValues":{":n":{"N":"2"}}}`, n.Add(1)%100))
		}
	})
}
