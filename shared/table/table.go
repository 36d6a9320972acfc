// Package table is how workers use DynamoDB: reads that see the latest write,
// writes that carry a condition, and transactions.
//
// A condition that does not hold is an answer, not a fault: it comes back as
// [*Refused], which says which writes were refused and what stood there instead,
// so that a worker can tell "done before" from "not possible" without a second
// read. Everything else that DynamoDB refuses keeps its AWS error code, which
// package failure knows.
//
//	Get, GetAll   strongly consistent; GetAll asks again for keys left out under load
//	Put, Update   one conditional write
//	Transact      up to 100 conditional writes, all or none; it tries again by
//	              itself when two transactions meet on an item
//
// It does not create tables, does not scan, and does not hide keys or
// expressions: those belong to whoever owns the item's shape.
//
// Start at [Write] and [Transact].
package table

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// API is the part of the DynamoDB client that workers use.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
}

// Item is an item as DynamoDB has it.
type Item = map[string]types.AttributeValue

// Key is the primary key of an item whose table has a partition key alone.
func Key(attribute, value string) Item {
	return Item{attribute: &types.AttributeValueMemberS{Value: value}}
}

// Pair is the primary key pk, sk of an item whose table has a sort key.
func Pair(pk, sk string) Item {
	return Item{"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: sk}}
}

// Write is one conditional write of one item: an update of what stands under
// Key, or Put in its place.
type Write struct {
	Table     string
	Key       Item
	Update    string            // update expression
	Put       any               // instead of Key and Update: a whole item, any value that attributevalue can marshal
	Condition string            // condition expression; none: write whatever stands there
	Names     map[string]string // for reserved words: #status -> status
	Values    map[string]any    // for the expressions' placeholders: :now -> any Go value
}

// Refused says that conditions did not hold, so nothing was written.
type Refused struct {
	// Old holds the item that each refused write met, under the write's place in
	// the transaction (0 for a single write). No item there: an empty Item.
	Old map[int]Item
}

// Error says how many conditions did not hold.
func (r *Refused) Error() string {
	return fmt.Sprintf("the conditions of %d writes did not hold", len(r.Old))
}

// Get reads the item under key into into; found tells whether there is one.
func Get(ctx context.Context, api API, table string, key Item, into any) (found bool, err error) {
	out, err := api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &table, Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil || len(out.Item) == 0 {
		return false, err
	}
	return true, attributevalue.UnmarshalMap(out.Item, into)
}

// GetAll reads the items under keys, 100 at the most, in no particular order.
// Keys without an item are left out.
func GetAll[T any](ctx context.Context, api API, table string, keys []Item) ([]T, error) {
	var items []Item
	for attempt := 0; len(keys) > 0; attempt++ {
		if err := backoff(ctx, attempt); err != nil {
			return nil, err
		}
		ask := map[string]types.KeysAndAttributes{table: {Keys: keys, ConsistentRead: aws.Bool(true)}}
		out, err := api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: ask})
		if err != nil {
			return nil, err
		}
		items = append(items, out.Responses[table]...)
		keys = out.UnprocessedKeys[table].Keys
	}
	var all []T
	return all, attributevalue.UnmarshalListOfMaps(items, &all)
}

// Put writes value as a whole item where condition holds.
func Put(ctx context.Context, api API, table string, value any, condition string) error {
	return Replace(ctx, api, Write{Table: table, Put: value, Condition: condition})
}

// Replace makes one write that puts a whole item.
func Replace(ctx context.Context, api API, w Write) error {
	item, values, err := w.item()
	if err != nil {
		return err
	}
	_, err = api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &w.Table, Item: item, ConditionExpression: w.condition(), ExpressionAttributeNames: w.Names, ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	return refusal(err)
}

// item is the item to put, and the values of its condition.
func (w Write) item() (item, values Item, err error) {
	if item, err = attributevalue.MarshalMap(w.Put); err != nil {
		return nil, nil, fmt.Errorf("write to %s: %w", w.Table, err)
	}
	values, err = w.values()
	return item, values, err
}

// Update makes one write and reads the item as it is then into into.
func Update(ctx context.Context, api API, w Write, into any) error {
	values, err := w.values()
	if err != nil {
		return err
	}
	out, err := api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &w.Table, Key: w.Key, UpdateExpression: &w.Update, ConditionExpression: w.condition(),
		ExpressionAttributeNames: w.Names, ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		ReturnValues:                        types.ReturnValueAllNew,
	})
	if err != nil {
		return refusal(err)
	}
	return attributevalue.UnmarshalMap(out.Attributes, into)
}

func (w Write) condition() *string {
	if w.Condition == "" {
		return nil
	}
	return &w.Condition
}

func (w Write) values() (Item, error) {
	if len(w.Values) == 0 { // DynamoDB takes no empty map
		return nil, nil
	}
	values, err := attributevalue.MarshalMap(w.Values)
	if err != nil {
		return nil, fmt.Errorf("write to %s: %w", w.Table, err)
	}
	return values, nil
}

// refusal turns the failed condition of a single write into a Refused.
func refusal(err error) error {
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		return &Refused{Old: map[int]Item{0: failed.Item}}
	}
	return err
}
