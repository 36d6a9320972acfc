package dynamodb

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// The model: a map of items, each a map of attributes to {"S": ...} or {"N": ...}.
// Everything the service answers is worked out from it the slow way.
type modelItem map[string]map[string]string

type model struct {
	*rapid.T
	server *rawServer
	items  map[string]modelItem // by partition and sort key
	events int
}

const modelTable = `{"TableName":"model","BillingMode":"PAY_PER_REQUEST",
	"AttributeDefinitions":[{"AttributeName":"p","AttributeType":"S"},{"AttributeName":"s","AttributeType":"N"},{"AttributeName":"g","AttributeType":"S"},{"AttributeName":"h","AttributeType":"N"}],
	"KeySchema":[{"AttributeName":"p","KeyType":"HASH"},{"AttributeName":"s","KeyType":"RANGE"}],
	"LocalSecondaryIndexes":[{"IndexName":"local","KeySchema":[{"AttributeName":"p","KeyType":"HASH"},{"AttributeName":"h","KeyType":"RANGE"}],"Projection":{"ProjectionType":"ALL"}}],
	"GlobalSecondaryIndexes":[{"IndexName":"global","KeySchema":[{"AttributeName":"g","KeyType":"HASH"},{"AttributeName":"h","KeyType":"RANGE"}],"Projection":{"ProjectionType":"KEYS_ONLY"}}],
	"StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES"}}`

var (
	partitions = rapid.SampledFrom([]string{"a", "b", "a\x00", "ä"})
	sortKeys   = rapid.SampledFrom([]string{"-15", "-1.5", "-1", "0", "0.5", "1", "1.5", "15", "150"})
	groups     = rapid.SampledFrom([]string{"x", "y"})
)

func (m *model) key() modelItem {
	return modelItem{"p": {"S": partitions.Draw(m.T, "p")}, "s": {"N": sortKeys.Draw(m.T, "s")}}
}

func place(i modelItem) string { return i["p"]["S"] + "|" + i["s"]["N"] }

func (m *model) item() modelItem {
	i := m.key()
	if rapid.Bool().Draw(m.T, "has g") {
		i["g"] = map[string]string{"S": groups.Draw(m.T, "g")}
	}
	if rapid.Bool().Draw(m.T, "has h") {
		i["h"] = map[string]string{"N": sortKeys.Draw(m.T, "h")}
	}
	i["n"] = map[string]string{"N": strconv.Itoa(rapid.IntRange(0, 3).Draw(m.T, "n"))}
	return i
}

func textOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// do sends a request and returns the status, the error's code and the answer.
func (m *model) do(operation string, request map[string]any) (code string, answer map[string]any) {
	request["TableName"] = "model"
	status, text := m.server.send("DynamoDB_20120810."+operation, "application/x-amz-json-1.0", []byte(textOf(request)))
	if err := json.Unmarshal(text, &answer); err != nil {
		m.Fatalf("%s answers %s", operation, text)
	}
	if status != 200 {
		code, _ = readFault(text)
	}
	return code, answer
}

// change stores what a write made, or removes it.
func (m *model) change(at string, to modelItem) {
	if textOf(m.items[at]) != textOf(to) {
		m.events++
	}
	if to == nil {
		delete(m.items, at)
	} else {
		m.items[at] = to
	}
}

func (m *model) expect(want, got any) {
	if a, b := textOf(want), textOf(got); a != b {
		m.Fatalf("\nwant %s\ngot  %s", a, b)
	}
}

func (m *model) put() {
	i := m.item()
	unless := rapid.Bool().Draw(m.T, "only if new")
	request := map[string]any{"Item": i, "ReturnValues": "ALL_OLD"}
	if unless {
		request["ConditionExpression"] = "attribute_not_exists(p)"
	}
	old, was := m.items[place(i)]
	code, answer := m.do("PutItem", request)
	if unless && was {
		m.expect("ConditionalCheckFailedException", code)
		return
	}
	m.expect("", code)
	if was {
		m.expect(old, answer["Attributes"])
	}
	m.change(place(i), i)
}

func (m *model) update() {
	key := m.key()
	by := rapid.IntRange(1, 2).Draw(m.T, "by")
	limit := rapid.IntRange(0, 3).Draw(m.T, "limit")
	to := groups.Draw(m.T, "to")
	code, answer := m.do("UpdateItem", map[string]any{"Key": key, "UpdateExpression": "SET n = n + :by, g = :g REMOVE h", "ConditionExpression": "n <= :limit", "ReturnValues": "ALL_NEW",
		"ExpressionAttributeValues": map[string]any{":by": map[string]any{"N": strconv.Itoa(by)}, ":limit": map[string]any{"N": strconv.Itoa(limit)}, ":g": map[string]any{"S": to}}})
	old := m.items[place(key)]
	n, err := strconv.Atoi(old["n"]["N"])
	if err != nil || n > limit {
		m.expect("ConditionalCheckFailedException", code)
		return
	}
	next := maps.Clone(old)
	delete(next, "h")
	next["n"], next["g"] = map[string]string{"N": strconv.Itoa(n + by)}, map[string]string{"S": to}
	m.expect("", code)
	m.expect(next, answer["Attributes"])
	m.change(place(key), next)
}

func (m *model) remove() {
	key := m.key()
	code, _ := m.do("DeleteItem", map[string]any{"Key": key})
	m.expect("", code)
	if _, was := m.items[place(key)]; was {
		m.change(place(key), nil)
	}
}

// transact puts one item and deletes another, if both conditions hold.
func (m *model) transact() {
	i, key := m.item(), m.key()
	if place(i) == place(key) {
		return
	}
	code, _ := m.do("TransactWriteItems", map[string]any{"TransactItems": []any{
		map[string]any{"Put": map[string]any{"TableName": "model", "Item": i, "ConditionExpression": "attribute_not_exists(p)"}},
		map[string]any{"Delete": map[string]any{"TableName": "model", "Key": key, "ConditionExpression": "attribute_exists(p)"}}}})
	_, there := m.items[place(i)]
	_, other := m.items[place(key)]
	if there || !other {
		m.expect("TransactionCanceledException", code)
		return
	}
	m.expect("", code)
	m.change(place(i), i)
	m.change(place(key), nil)
}

func number(i modelItem, name string) float64 {
	f, _ := strconv.ParseFloat(i[name]["N"], 64)
	return f
}

// query asks for part of a partition, of the table or an index, page by page.
func (m *model) query() {
	index := rapid.SampledFrom([]string{"", "local", "global"}).Draw(m.T, "index")
	hash, sort := "p", "s"
	value := partitions.Draw(m.T, "partition")
	if index == "global" {
		hash, value = "g", groups.Draw(m.T, "group")
	}
	if index != "" {
		sort = "h"
	}
	low, high := sortKeys.Draw(m.T, "low"), sortKeys.Draw(m.T, "high")
	lo, _ := strconv.ParseFloat(low, 64)
	hi, _ := strconv.ParseFloat(high, 64)
	if lo > hi {
		low, high, lo, hi = high, low, hi, lo
	}
	backwards := rapid.Bool().Draw(m.T, "backwards")
	request := map[string]any{"KeyConditionExpression": fmt.Sprintf("%s = :h AND %s BETWEEN :lo AND :hi", hash, sort), "ScanIndexForward": !backwards,
		"Limit":                     rapid.IntRange(1, 4).Draw(m.T, "page"),
		"ExpressionAttributeValues": map[string]any{":h": map[string]any{"S": value}, ":lo": map[string]any{"N": low}, ":hi": map[string]any{"N": high}}}
	if index != "" {
		request["IndexName"] = index
	}
	var want []modelItem
	for _, i := range m.items {
		if n := number(i, sort); i[hash] != nil && i[sort] != nil && i[hash]["S"] == value && n >= lo && n <= hi {
			want = append(want, i)
		}
	}
	got := m.pages("Query", request)
	order := func(a, b any) int { return compareFloats(sortOf(a, sort), sortOf(b, sort)) }
	if backwards {
		slices.Reverse(got)
	}
	if !slices.IsSortedFunc(got, order) {
		m.Fatalf("out of order: %s", textOf(got))
	}
	m.sameItems(want, got, index == "global")
}

func sortOf(item any, name string) float64 {
	f, _ := strconv.ParseFloat(item.(map[string]any)[name].(map[string]any)["N"].(string), 64)
	return f
}

func compareFloats(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// pages follows LastEvaluatedKey to the end.
func (m *model) pages(operation string, request map[string]any) []any {
	var all []any
	for range 100 {
		code, answer := m.do(operation, request)
		m.expect("", code)
		all = append(all, answer["Items"].([]any)...)
		if answer["LastEvaluatedKey"] == nil {
			return all
		}
		request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
	}
	m.Fatalf("%s does not end", operation)
	return nil
}

// sameItems compares without order; keysOnly, as the global index holds them.
func (m *model) sameItems(want []modelItem, got []any, keysOnly bool) {
	texts := func(n int, at func(int) any) []string {
		var out []string
		for i := range n {
			out = append(out, textOf(at(i)))
		}
		slices.Sort(out)
		return out
	}
	a := texts(len(want), func(i int) any {
		if keysOnly {
			kept := maps.Clone(want[i])
			delete(kept, "n")
			return kept
		}
		return want[i]
	})
	m.expect(a, texts(len(got), func(i int) any { return got[i] }))
}

func (m *model) scan() {
	segments := rapid.IntRange(1, 4).Draw(m.T, "segments")
	var got []any
	for n := range segments {
		got = append(got, m.pages("Scan", map[string]any{"Segment": n, "TotalSegments": segments, "Limit": 3})...)
	}
	m.sameItems(slices.Collect(maps.Values(m.items)), got, false)
}

// check asks what must hold after every step and at the end.
func (m *model) check() {
	_, answer := m.do("DescribeTable", map[string]any{})
	m.expect(len(m.items), answer["Table"].(map[string]any)["ItemCount"])
}

// TestAgainstModel runs random operations on the service and on the model.
func TestAgainstModel(t *testing.T) {
	server := newRawServer(t)
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{T: rt, server: server, items: map[string]modelItem{}}
		_, _ = server.send("DynamoDB_20120810.DeleteTable", "application/x-amz-json-1.0", []byte(`{"TableName":"model"}`))
		server.ask(t, "CreateTable", modelTable)
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(*rapid.T) { m.put() }, "put again": func(*rapid.T) { m.put() }, "update": func(*rapid.T) { m.update() },
			"delete": func(*rapid.T) { m.remove() }, "transact": func(*rapid.T) { m.transact() },
			"query": func(*rapid.T) { m.query() }, "scan": func(*rapid.T) { m.scan() },
			"": func(*rapid.T) { m.check() },
		})
		m.replay()
	})
}

// replay follows the stream: every change of the model is one record, and they
// lead to the same items.
func (m *model) replay() {
	streams := func(operation string, request map[string]any) map[string]any {
		status, text := m.server.send("DynamoDBStreams_20120810."+operation, "application/x-amz-json-1.0", []byte(textOf(request)))
		var answer map[string]any
		if json.Unmarshal(text, &answer) != nil || status != 200 {
			m.Fatalf("%s answers %s", operation, text)
		}
		return answer
	}
	_, table := m.do("DescribeTable", map[string]any{})
	arn := table["Table"].(map[string]any)["LatestStreamArn"]
	description := streams("DescribeStream", map[string]any{"StreamArn": arn})["StreamDescription"].(map[string]any)
	shard := description["Shards"].([]any)[0].(map[string]any)["ShardId"]
	at := streams("GetShardIterator", map[string]any{"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"})["ShardIterator"]
	items, events := map[string]any{}, 0
	for {
		answer := streams("GetRecords", map[string]any{"ShardIterator": at, "Limit": 7})
		records := answer["Records"].([]any)
		if len(records) == 0 {
			break
		}
		for _, r := range records {
			change := r.(map[string]any)["dynamodb"].(map[string]any)
			key := textOf(change["Keys"])
			m.expect(items[key], change["OldImage"])
			if items[key] = change["NewImage"]; items[key] == nil {
				delete(items, key)
			}
			events++
		}
		at = answer["NextShardIterator"]
	}
	m.expect(m.events, events)
	m.sameItems(slices.Collect(maps.Values(m.items)), slices.Collect(maps.Values(items)), false)
}
