package dynamodb

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stepworks/stepworks/local/internal/store"
)

// These measure what one request costs from its raw text to its answer: signature
// header, decoding, checks, store, encoding; no network. In memory nothing is
// synced to disk, and the figure that counts is the processor's time, which other
// processes change least. Durable is as `up` runs: every write is synced, and
// writes that wait together share a sync.

const benchTable = `{"TableName":"stock","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}`

const (
	benchUpdate = `{"TableName":"stock","Key":{"pk":{"S":"product%d"}},"UpdateExpression":"SET quantity = quantity - :n","ConditionExpression":"quantity >= :n","ExpressionAttributeValues":{":n":{"N":"2"}}}`
	benchOrder  = `{"ClientRequestToken":"token%[1]d","TransactItems":[
		{"Put":{"TableName":"stock","Item":{"pk":{"S":"reservation%[1]d"},"order":{"S":"o"}},"ConditionExpression":"attribute_not_exists(pk)"}},
		{"Update":{"TableName":"stock","Key":{"pk":{"S":"product%[2]d"}},"UpdateExpression":"SET quantity = quantity - :n","ConditionExpression":"quantity >= :n","ExpressionAttributeValues":{":n":{"N":"2"}}}}]}`
)

func updateRequest(n int64) (operation, body string) {
	return "UpdateItem", fmt.Sprintf(benchUpdate, n%100)
}

func orderRequest(n int64) (operation, body string) {
	return "TransactWriteItems", fmt.Sprintf(benchOrder, n, n%100)
}

func getRequest(n int64) (operation, body string) {
	return "GetItem", fmt.Sprintf(`{"TableName":"stock","Key":{"pk":{"S":"product%d"}}}`, n%100)
}

func BenchmarkMemory(b *testing.B) {
	b.Run("get", func(b *testing.B) { sequential(b, store.Memory(), getRequest) })
	b.Run("update", func(b *testing.B) { sequential(b, store.Memory(), updateRequest) })
	b.Run("transaction", func(b *testing.B) { sequential(b, store.Memory(), orderRequest) })
	b.Run("update-32-at-once", func(b *testing.B) { atOnce(b, store.Memory(), updateRequest) })
	b.Run("transaction-32-at-once", func(b *testing.B) { atOnce(b, store.Memory(), orderRequest) })
}

func BenchmarkDurable(b *testing.B) {
	b.Run("update", func(b *testing.B) { sequential(b, onDisk(b), updateRequest) })
	b.Run("transaction", func(b *testing.B) { sequential(b, onDisk(b), orderRequest) })
	b.Run("update-32-at-once", func(b *testing.B) { atOnce(b, onDisk(b), updateRequest) })
	b.Run("transaction-32-at-once", func(b *testing.B) { atOnce(b, onDisk(b), orderRequest) })
}

func onDisk(b *testing.B) *store.Store {
	b.Helper()
	st, err := store.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	return st
}

func sequential(b *testing.B, st *store.Store, request func(n int64) (operation, body string)) {
	b.Helper()
	r := benchServer(b, st)
	defer measureCPU(b)()
	n := int64(0)
	for b.Loop() {
		n++
		operation, body := request(n)
		r.ask(b, operation, body)
	}
}

func atOnce(b *testing.B, st *store.Store, request func(n int64) (operation, body string)) {
	b.Helper()
	r := benchServer(b, st)
	defer measureCPU(b)()
	var n atomic.Int64
	b.SetParallelism(16) // per processor; two of them make 32
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			operation, body := request(n.Add(1))
			r.ask(b, operation, body)
		}
	})
}

func benchServer(b *testing.B, st *store.Store) *rawServer {
	b.Helper()
	r := newRawServerOn(b, testAccount, st)
	r.ask(b, "CreateTable", benchTable)
	for i := range 100 {
		r.ask(b, "PutItem", fmt.Sprintf(`{"TableName":"stock","Item":{"pk":{"S":"product%d"},"quantity":{"N":"1000000000"},"price":{"N":"29.99"},"name":{"S":"a mouse"}}}`, i))
	}
	b.ResetTimer()
	return r
}

func (r *rawServer) ask(tb testing.TB, operation, body string) []byte {
	tb.Helper()
	status, text := r.send("DynamoDB_20120810."+operation, "application/x-amz-json-1.0", []byte(body))
	if status != 200 {
		tb.Fatalf("%s %s: %d %s", operation, body, status, text)
	}
	return text
}
