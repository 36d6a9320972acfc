package dynamodb

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/stepworks/stepworks/local/internal/dynamodb/expr"
)

// values draws attribute values that nest.
func values() *rapid.Generator[expr.Value] {
	text := rapid.OneOf(rapid.StringN(0, 8, -1), rapid.Just("\x00"), rapid.Just("ÿ😀"))
	// 1e-30 to 1e89: well inside DynamoDB's range of 1e-130 to 9.99e125, so every draw is a number.
	number := rapid.Map(rapid.StringMatching(`-?[1-9][0-9]{0,29}(\.[0-9]{1,8})?(e[1-5][0-9]|e-[1-2][0-9])?`), func(s string) string {
		n, err := expr.ParseNumber(s)
		if err != nil {
			panic("impossible: " + err.Error())
		}
		return string(n)
	})
	raw := rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 6), func(b []byte) string { return string(b) })
	set := func(of expr.Kind, member *rapid.Generator[string]) *rapid.Generator[expr.Value] {
		return rapid.Map(rapid.SliceOfNDistinct(member, 1, 4, rapid.ID[string]), func(m []string) expr.Value { return &expr.Set{Of: of, Members: m} })
	}
	scalar := rapid.OneOf(
		rapid.Map(text, func(s string) expr.Value { return expr.String(s) }),
		rapid.Map(number, func(s string) expr.Value { return expr.Number(s) }),
		rapid.Map(raw, func(s string) expr.Value { return expr.Binary(s) }),
		rapid.Map(rapid.Bool(), func(b bool) expr.Value { return expr.Bool(b) }),
		rapid.Just[expr.Value](expr.Null{}),
		set(expr.S, text), set(expr.N, number), set(expr.B, raw))
	all := scalar
	for range 3 {
		inner := all
		all = rapid.OneOf(inner,
			rapid.Map(rapid.SliceOfN(inner, 0, 3), func(l []expr.Value) expr.Value { return append(expr.List{}, l...) }),
			rapid.Map(rapid.SliceOfN(inner, 0, 20), func(l []expr.Value) expr.Value { return mapOf(l) }))
	}
	return all
}

func mapOf(list []expr.Value) *expr.Map {
	m := &expr.Map{}
	for i, v := range list {
		m.Put(strings.Repeat("n", i%5)+string(rune('a'+i)), v)
	}
	return m
}

// TestItemsComeBack checks that an item survives the store and the wire exactly.
func TestItemsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := mapOf(rapid.SliceOfN(values(), 0, 20).Draw(t, "item"))
		stored, err := decodeItem(encodeItem(m))
		if err != nil || expr.Show(stored) != expr.Show(m) || !expr.Equal(stored, m) {
			t.Fatalf("%s comes from the store as %s, %v", expr.Show(m), expr.Show(stored), err)
		}
		text := showItem(item{Map: m})
		var in input[putItemInput]
		if err := in.unmarshal(`{"TableName":"t","Item":` + text + `}`); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := showItem(*in.in.Item); got != text {
			t.Fatalf("%s comes from the wire as %s", text, got)
		}
	})
}

// FuzzStored checks that what is damaged is noticed or read, never a panic.
func FuzzStored(f *testing.F) {
	f.Add(encodeItem(mapOf([]expr.Value{expr.String("a"), expr.Number("1"), expr.List{expr.Null{}, &expr.Set{Of: expr.S, Members: []string{"x"}}}})))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeItem(b)
		if err != nil {
			return
		}
		if again, err := decodeItem(encodeItem(m)); err != nil || !expr.Equal(m, again) {
			t.Errorf("%x reads as %s and then as %s, %v", b, expr.Show(m), expr.Show(again), err)
		}
	})
}

// FuzzRequests checks that no body brings the service down.
func FuzzRequests(f *testing.F) {
	server := newRawServer(f)
	server.ask(f, "CreateTable", benchTable)
	for _, seed := range []string{
		`{"TableName":"stock","Item":{"pk":{"S":"a"},"m":{"M":{"l":{"L":[{"N":"1"},{"NULL":true},{"BS":["AA=="]}]}}}}}`,
		`{"TableName":"stock","Key":{"pk":{"S":"a"}},"UpdateExpression":"SET m.l[0] = :v REMOVE #n","ExpressionAttributeValues":{":v":{"N":"1"}},"ExpressionAttributeNames":{"#n":"x"}}`,
		`{"TableName":"stock","KeyConditionExpression":"pk = :v","ExpressionAttributeValues":{":v":{"S":"a"}},"ExclusiveStartKey":{"pk":{"S":"a"}}}`,
		`{"RequestItems":{"stock":[{"PutRequest":{"Item":{"pk":{"S":"a"}}}}]}}`, `{"RequestItems":{"stock":{"Keys":[{"pk":{"S":"a"}}]}}}`,
		`{"TransactItems":[{"Update":{"TableName":"stock","Key":{"pk":{"S":"a"}},"UpdateExpression":"ADD n :v","ExpressionAttributeValues":{":v":{"N":"1"}}}}],"ClientRequestToken":"t"}`,
		`{"TableName":"stock","AttributeUpdates":{"a":{"Action":"ADD","Value":{"L":[]}}},"Expected":{"a":{"Exists":false}},"Key":{"pk":{"S":"a"}}}`,
		`{"TableName":"stock","GlobalSecondaryIndexUpdates":[{"Delete":{"IndexName":"abc"}}]}`, `null`, `[]`, `{"TableName":null}`, `{"Item":{"a":null}}`, "{", "",
	} {
		f.Add([]byte(seed))
	}
	operations := []string{"PutItem", "GetItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchWriteItem", "BatchGetItem", "TransactWriteItems", "TransactGetItems", "UpdateTable", "CreateTable", "TagResource"}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, operation := range operations {
			status, text := server.send("DynamoDB_20120810."+operation, "application/x-amz-json-1.0", body)
			if status >= 500 || !json.Valid(text) && len(bytes.TrimSpace(text)) > 0 {
				t.Errorf("%s %s answers %d %s", operation, body, status, text)
			}
		}
	})
}

// TestAValueWithoutATypeIsShown: an error that is found before that one shows it.
func TestAValueWithoutATypeIsShown(t *testing.T) {
	if got, want := showItem(item{Map: mapOf([]expr.Value{nil, expr.List{nil}})}), `{"a":{},"nb":{"L":[{}]}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
