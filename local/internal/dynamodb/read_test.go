package dynamodb

import (
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/stepworks/stepworks/local/internal/dynamodb/expr"
	"github.com/stepworks/stepworks/local/internal/store"
)

// byCustomer gives a table an index that holds the keys and total.
func byCustomer(in *ddb.CreateTableInput) {
	in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: aws.String("customer"), AttributeType: types.ScalarAttributeTypeS},
		types.AttributeDefinition{AttributeName: aws.String("created"), AttributeType: types.ScalarAttributeTypeS})
	in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{{IndexName: aws.String("ByCustomer"),
		KeySchema:  []types.KeySchemaElement{{AttributeName: aws.String("customer"), KeyType: types.KeyTypeHash}, {AttributeName: aws.String("created"), KeyType: types.KeyTypeRange}},
		Projection: &types.Projection{ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: []string{"total"}}}}
}

func TestQueryAnIndex(t *testing.T) {
	w := newWorld(t)
	w.create("orders", false, byCustomer)
	for _, o := range []object{
		{"pk": "o1", "customer": "ada", "created": "2026-01-03", "total": 3, "note": "x"},
		{"pk": "o2", "customer": "ada", "created": "2026-01-01", "total": 1, "note": "x"},
		{"pk": "o3", "customer": "bob", "created": "2026-01-02", "total": 2, "note": "x"},
		{"pk": "o4", "customer": "ada", "total": 9},
	} {
		w.put("orders", o)
	}
	in := &ddb.QueryInput{TableName: aws.String("orders"), IndexName: aws.String("ByCustomer"), KeyConditionExpression: aws.String("customer = :c AND begins_with(created, :y)"),
		ExpressionAttributeValues: av(object{":c": "ada", ":y": "2026"}), ReturnConsumedCapacity: types.ReturnConsumedCapacityIndexes}
	out, err := w.db.Query(w.Context(), in)
	w.must(err)
	w.expect([]object{{"pk": "o2", "customer": "ada", "created": "2026-01-01", "total": 1.0}, {"pk": "o1", "customer": "ada", "created": "2026-01-03", "total": 3.0}}, plainAll(out.Items))
	w.expect(0.5, *out.ConsumedCapacity.GlobalSecondaryIndexes["ByCustomer"].CapacityUnits)

	in.Select, in.ReturnConsumedCapacity = types.SelectAllAttributes, ""
	_, err = w.db.Query(w.Context(), in)
	w.refuses("ValidationException", err)
	in.Select, in.ConsistentRead = "", aws.Bool(true)
	_, err = w.db.Query(w.Context(), in)
	w.refuses("ValidationException", err)
}

func plainAll(items []map[string]types.AttributeValue) []object {
	var all []object
	for _, i := range items {
		all = append(all, plain(i))
	}
	return all
}

func TestPagesOfOneMegabyte(t *testing.T) {
	w := newWorld(t)
	w.create("logs", true)
	for i := range 12 {
		w.put("logs", object{"pk": "p", "sk": i, "text": strings.Repeat("x", 100<<10), "odd": i % 2})
	}
	pages := ddb.NewQueryPaginator(w.db, &ddb.QueryInput{TableName: aws.String("logs"), KeyConditionExpression: aws.String("pk = :p"), FilterExpression: aws.String("odd = :one"),
		ProjectionExpression: aws.String("sk"), ExpressionAttributeValues: av(object{":p": "p", ":one": 1}), ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal, ConsistentRead: aws.Bool(true)})
	var scanned []int32
	var found []object
	units := 0.0
	for pages.HasMorePages() {
		out, err := pages.NextPage(w.Context())
		w.must(err)
		scanned = append(scanned, out.ScannedCount)
		found = append(found, plainAll(out.Items)...)
		units += *out.ConsumedCapacity.CapacityUnits
	}
	w.expect([]int32{11, 1}, scanned)
	w.expect([]object{{"sk": 1.0}, {"sk": 3.0}, {"sk": 5.0}, {"sk": 7.0}, {"sk": 9.0}, {"sk": 11.0}}, found)
	w.expect(276.0+26.0, units)
}

func TestParallelScan(t *testing.T) {
	w := newWorld(t)
	w.create("many", false)
	for i := range 200 {
		w.put("many", object{"pk": strings.Repeat("k", i+1)})
	}
	const segments = 7
	var wait sync.WaitGroup
	counts := make([]int, segments)
	for n := range segments {
		wait.Go(func() {
			pages := ddb.NewScanPaginator(w.db, &ddb.ScanInput{TableName: aws.String("many"), Segment: aws.Int32(int32(n)), TotalSegments: aws.Int32(segments), Limit: aws.Int32(9), Select: types.SelectCount})
			for pages.HasMorePages() {
				out, err := pages.NextPage(w.Context())
				if err != nil {
					t.Error(err)
					return
				}
				counts[n] += int(out.Count)
			}
		})
	}
	wait.Wait()
	total := 0
	for n, count := range counts {
		if total += count; count == 0 {
			t.Errorf("segment %d of %v is empty", n, counts)
		}
	}
	w.expect(200, total)
}

func TestBatches(t *testing.T) {
	w := newWorld(t)
	w.create("one", false)
	w.create("two", true)
	var writes []types.WriteRequest
	for _, k := range []string{"a", "b", "c"} {
		writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: av(object{"pk": k})}})
	}
	write := func(one, two []types.WriteRequest) error {
		_, err := w.db.BatchWriteItem(w.Context(), &ddb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"one": one, "two": two}})
		return err
	}
	two := []types.WriteRequest{{PutRequest: &types.PutRequest{Item: av(object{"pk": "x", "sk": 1})}}}
	w.must(write(writes, two))
	w.refuses("ValidationException", write(append(writes, writes[0]), two))
	w.must(write([]types.WriteRequest{{DeleteRequest: &types.DeleteRequest{Key: av(object{"pk": "b"})}}}, two))

	out, err := w.db.BatchGetItem(w.Context(), &ddb.BatchGetItemInput{ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal, RequestItems: map[string]types.KeysAndAttributes{
		"one": {Keys: []map[string]types.AttributeValue{av(object{"pk": "c"}), av(object{"pk": "b"}), av(object{"pk": "a"})}},
		"two": {Keys: []map[string]types.AttributeValue{av(object{"pk": "x", "sk": 1})}, ProjectionExpression: aws.String("sk"), ConsistentRead: aws.Bool(true)}}})
	w.must(err)
	w.expect([]object{{"pk": "c"}, {"pk": "a"}}, plainAll(out.Responses["one"]))
	w.expect([]object{{"sk": 1.0}}, plainAll(out.Responses["two"]))
	w.expect(1.5+1, *out.ConsumedCapacity[0].CapacityUnits+*out.ConsumedCapacity[1].CapacityUnits)
}

func TestBatchGetLeavesWhatDoesNotFit(t *testing.T) {
	w := newWorld(t)
	w.create("large", false)
	in := batchGetItemInput{RequestItems: entries[keysAndAttributes]{{Name: "large"}}}
	for _, k := range []string{"a", "b", "c"} {
		w.put("large", object{"pk": k, "text": strings.Repeat("x", 1<<10)})
		in.RequestItems[0].Value.Keys = append(in.RequestItems[0].Value.Keys, item{Map: (&expr.Map{}).With("pk", expr.String(k))})
	}
	parts, err := in.parts()
	w.must(err)
	w.must(parts[0].resolve(w.service))
	size := maxResponse - 1<<10 // room for one item, and a byte of the next
	w.must(w.service.Store.View(func(r store.Reader) error { return parts[0].read(r, &size) }))
	w.expect([2]int{1, 2}, [2]int{len(parts[0].found), len(parts[0].left)})
}

func TestTransactGet(t *testing.T) {
	w := newWorld(t)
	w.create("things", false)
	w.put("things", object{"pk": "a", "n": 1})
	out, err := w.db.TransactGetItems(w.Context(), &ddb.TransactGetItemsInput{ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal, TransactItems: []types.TransactGetItem{
		{Get: &types.Get{TableName: aws.String("things"), Key: av(object{"pk": "a"}), ProjectionExpression: aws.String("n")}},
		{Get: &types.Get{TableName: aws.String("things"), Key: av(object{"pk": "b"})}}}})
	w.must(err)
	w.expect(object{"n": 1.0}, plain(out.Responses[0].Item))
	w.expect(0, len(out.Responses[1].Item))
	w.expect(4.0, *out.ConsumedCapacity[0].CapacityUnits)
}
