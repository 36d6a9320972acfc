package tabletest

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var values = Item{
	":one": &types.AttributeValueMemberN{Value: "1"}, ":two": &types.AttributeValueMemberN{Value: "2"},
	":a": &types.AttributeValueMemberS{Value: "a"}, ":b": &types.AttributeValueMemberS{Value: "b"},
}

// TestConditions evaluates against {id: "x", n: 2, status: "a"}.
func TestConditions(t *testing.T) {
	item := Item{"id": &types.AttributeValueMemberS{Value: "x"}, "n": values[":two"], "status": values[":a"]}
	for text, want := range map[string]bool{
		"": true, "n = :two": true, "n = :one": false, "n <> :one": true, "n >= :two": true, "n > :two": false, "n < :two": false, "n <= :one": false,
		"#s = :a": true, "#s IN (:b, :a)": true, "#s IN (:b)": false, "attribute_exists(n)": true, "attribute_not_exists(n)": false,
		"attribute_not_exists(gone)": true, "gone = :one": false, "gone <> :one": true, "gone >= :one": false, "n >= :a": false,
		"n = :one OR n = :two AND #s = :a": true, "(n = :one OR n = :two) AND #s = :b": false, "NOT n = :one": true, "NOT (n = :two AND #s = :a)": false,
	} {
		got, err := condition(text, item, placeholders{names: map[string]string{"#s": "status"}, values: values})
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"n =", "n", "n = :nothing", "#nothing = :a", "status = :a", "n = :one n = :two", "size(n) > :one", "n = 1", "(n = :one", "n + :one"} {
		_, err := condition(text, item, placeholders{values: values})
		assert.Error(t, err, text)
	}
}

func TestUpdates(t *testing.T) {
	key := Item{"id": &types.AttributeValueMemberS{Value: "x"}}
	for text, want := range map[string]string{
		"SET n = n + :one": "3", "SET n = n - :one": "1", "SET n = :one": "1", "SET n = if_not_exists(n, :one)": "2", "SET n = if_not_exists(gone, :one)": "1",
		"ADD n :one": "3", "SET other = :a ADD n :two": "4", "SET n = if_not_exists(gone, :one) + :two": "3",
		"REMOVE other SET n = :two": "2",
	} {
		next, err := update(text, Item{"n": values[":two"]}, key, placeholders{values: values, used: map[string]bool{}})
		require.NoError(t, err, text)
		assert.Equal(t, &types.AttributeValueMemberN{Value: want}, next["n"], text)
	}
	next, err := update("ADD n :one", nil, key, placeholders{values: values, used: map[string]bool{}})
	require.NoError(t, err)
	assert.Equal(t, Item{"id": key["id"], "n": values[":one"]}, next, "an update makes an item")
	for _, text := range []string{"SET n = gone", "SET n = gone + :one", "SET n = n + :a", "SET n = :one, n = :two", "DELETE n :one", "SET n :one", "SET"} {
		_, err := update(text, Item{"n": values[":two"]}, key, placeholders{values: values})
		assert.Error(t, err, text)
	}
}

func TestUnusedPlaceholders(t *testing.T) {
	db := New(map[string]string{"T": "id"})
	db.Set("T", map[string]any{"id": "x", "n": 1})
	in := &dynamodb.UpdateItemInput{TableName: aws.String("T"), Key: Item{"id": &types.AttributeValueMemberS{Value: "x"}},
		UpdateExpression: aws.String("SET n = :one"), ExpressionAttributeValues: Item{":one": values[":one"], ":two": values[":two"]}}
	_, err := db.UpdateItem(t.Context(), in)
	assert.ErrorContains(t, err, "unused in expressions: keys: {:two}")
	delete(in.ExpressionAttributeValues, ":two")
	in.ExpressionAttributeNames = map[string]string{"#s": "status"}
	_, err = db.UpdateItem(t.Context(), in)
	assert.ErrorContains(t, err, "unused in expressions: keys: {#s}")
}

func TestTransactionTouchesAnItemOnce(t *testing.T) {
	db := New(map[string]string{"T": "id"})
	write := types.TransactWriteItem{Update: &types.Update{TableName: aws.String("T"), Key: Item{"id": &types.AttributeValueMemberS{Value: "x"}},
		UpdateExpression: aws.String("ADD n :one"), ExpressionAttributeValues: Item{":one": values[":one"]}}}
	_, err := db.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{write, write}})
	assert.ErrorContains(t, err, "multiple operations on one item")
	_, err = db.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Delete: &types.Delete{}}}})
	assert.Error(t, err)
	assert.Nil(t, db.Item("T", "x"))
}

func TestSortKeys(t *testing.T) {
	db := New(map[string]string{"T": "pk sk"})
	db.Set("T", map[string]any{"pk": "a", "sk": "1"})
	db.Set("T", map[string]any{"pk": "a", "sk": "2"})
	assert.Len(t, db.Rows("T"), 2)
	assert.NotNil(t, db.Item("T", Pair("a", "2")))
	_, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("T"), Item: Item{"pk": values[":a"]}})
	assert.ErrorContains(t, err, "no key")
}
