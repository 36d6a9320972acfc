// Package tabletest is a DynamoDB in memory for the workers' tests: it takes the
// very requests that package table makes and evaluates their expressions, so a
// test exercises the conditions that stand in production, and not a fake of
// them.
//
// It knows tables with a partition key, or with a partition and a sort key, and
// of the expression language what our workers and state machines use: comparisons,
// AND, OR, NOT, IN, attribute_exists, attribute_not_exists; SET with + - and
// if_not_exists, REMOVE, ADD of numbers. Numbers are whole numbers. Like DynamoDB it refuses a placeholder that
// no expression uses. Anything else is an error, never ignored.
//
// Requests are serial, so every interleaving of requests is one that DynamoDB
// could have shown.
//
// Start at [New].
package tabletest

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Item is an item as DynamoDB has it.
type Item = map[string]types.AttributeValue

// DB is a set of tables. Use it through table.API.
type DB struct {
	// Before is called before each request with its operation's name, Written
	// after one that wrote. An error of theirs is the request's answer: a request
	// that did not arrive, or an answer that got lost.
	Before, Written func(ctx context.Context, operation string) error
	// Partial makes BatchGetItem leave the second half of the keys unprocessed, as
	// DynamoDB may under load.
	Partial bool

	mu   sync.Mutex
	keys map[string][]string        // table -> its key attributes
	rows map[string]map[string]Item // table -> key -> item
}

// New makes empty tables; keys gives the key attribute of each, or both with a
// space between: "pk sk".
func New(keys map[string]string) *DB {
	db := &DB{keys: map[string][]string{}, rows: map[string]map[string]Item{}}
	for name, attributes := range keys {
		db.keys[name], db.rows[name] = strings.Fields(attributes), map[string]Item{}
	}
	return db
}

// Pair is the key of a row in a table that has a sort key, for Item and Load.
func Pair(partition, sort string) string { return partition + "\x00" + sort }

// Rows returns copies of a table's items in no particular order.
func (db *DB) Rows(table string) []Item {
	db.mu.Lock()
	defer db.mu.Unlock()
	var rows []Item
	for _, item := range db.rows[table] {
		rows = append(rows, maps.Clone(item))
	}
	return rows
}

// Set puts an item, any value that attributevalue can marshal.
func (db *DB) Set(table string, value any) {
	item, err := attributevalue.MarshalMap(value)
	if err != nil {
		panic(err) // a test's own value
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.rows[table][db.id(table, item)] = item
}

// Item returns a copy of an item, nil if there is none.
func (db *DB) Item(table, key string) Item {
	db.mu.Lock()
	defer db.mu.Unlock()
	return maps.Clone(db.rows[table][key])
}

// Load reads an item into into and tells whether there is one.
func (db *DB) Load(table, key string, into any) bool {
	item := db.Item(table, key)
	if err := attributevalue.UnmarshalMap(item, into); err != nil {
		panic(err) // a test's own type
	}
	return item != nil
}

func (db *DB) id(table string, item Item) string {
	var parts []string
	for _, attribute := range db.keys[table] {
		key, _ := item[attribute].(*types.AttributeValueMemberS)
		if key == nil || key.Value == "" {
			return ""
		}
		parts = append(parts, key.Value)
	}
	return strings.Join(parts, "\x00")
}

// begin is what each request starts with: the hook, then the lock.
func (db *DB) begin(ctx context.Context, operation string) error {
	if db.Before != nil {
		if err := db.Before(ctx, operation); err != nil {
			return err
		}
	}
	db.mu.Lock()
	return nil
}

// end unlocks, and loses the answer of a write if the test wants that.
func (db *DB) end(ctx context.Context, operation string, err *error) {
	db.mu.Unlock()
	if *err == nil && db.Written != nil {
		*err = db.Written(ctx, operation)
	}
}

// GetItem implements table.API.
func (db *DB) GetItem(ctx context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	if err := db.begin(ctx, "GetItem"); err != nil {
		return nil, err
	}
	defer db.mu.Unlock()
	return &dynamodb.GetItemOutput{Item: maps.Clone(db.rows[*in.TableName][db.id(*in.TableName, in.Key)])}, nil
}

// BatchGetItem implements table.API.
func (db *DB) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	if err := db.begin(ctx, "BatchGetItem"); err != nil {
		return nil, err
	}
	defer db.mu.Unlock()
	out := &dynamodb.BatchGetItemOutput{Responses: map[string][]Item{}, UnprocessedKeys: map[string]types.KeysAndAttributes{}}
	for name, ask := range in.RequestItems {
		n := len(ask.Keys)
		if db.Partial {
			n = (n + 1) / 2
		}
		for _, key := range ask.Keys[:n] {
			if item, ok := db.rows[name][db.id(name, key)]; ok {
				out.Responses[name] = append(out.Responses[name], maps.Clone(item))
			}
		}
		if rest := ask.Keys[n:]; len(rest) > 0 {
			out.UnprocessedKeys[name] = types.KeysAndAttributes{Keys: rest}
		}
	}
	return out, nil
}

// PutItem implements table.API.
func (db *DB) PutItem(ctx context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (out *dynamodb.PutItemOutput, err error) {
	if err := db.begin(ctx, "PutItem"); err != nil {
		return nil, err
	}
	defer db.end(ctx, "PutItem", &err)
	key := db.id(*in.TableName, in.Item)
	if key == "" {
		return nil, invalid("the item has no key")
	}
	old := db.rows[*in.TableName][key]
	holds, err := condition(aws.ToString(in.ConditionExpression), old, placeholders{names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues})
	if err != nil {
		return nil, err
	}
	if !holds {
		return nil, &types.ConditionalCheckFailedException{Message: aws.String("The conditional request failed"), Item: maps.Clone(old)}
	}
	db.rows[*in.TableName][key] = maps.Clone(in.Item)
	return &dynamodb.PutItemOutput{}, nil
}

// UpdateItem implements table.API.
func (db *DB) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (out *dynamodb.UpdateItemOutput, err error) {
	if err := db.begin(ctx, "UpdateItem"); err != nil {
		return nil, err
	}
	defer db.end(ctx, "UpdateItem", &err)
	next, holds, err := db.prepare(&types.Update{
		TableName: in.TableName, Key: in.Key, UpdateExpression: in.UpdateExpression, ConditionExpression: in.ConditionExpression,
		ExpressionAttributeNames: in.ExpressionAttributeNames, ExpressionAttributeValues: in.ExpressionAttributeValues,
	})
	if err != nil {
		return nil, err
	}
	if !holds {
		return nil, &types.ConditionalCheckFailedException{Message: aws.String("The conditional request failed"), Item: next}
	}
	db.rows[*in.TableName][db.id(*in.TableName, in.Key)] = next
	return &dynamodb.UpdateItemOutput{Attributes: maps.Clone(next)}, nil
}

// TransactWriteItems implements table.API, for updates and puts.
func (db *DB) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options)) (out *dynamodb.TransactWriteItemsOutput, err error) {
	if err := db.begin(ctx, "TransactWriteItems"); err != nil {
		return nil, err
	}
	defer db.end(ctx, "TransactWriteItems", &err)
	writes, reasons, refused := make([]write, len(in.TransactItems)), make([]types.CancellationReason, len(in.TransactItems)), false
	touched := map[string]bool{}
	for i, action := range in.TransactItems {
		w, holds, err := db.planned(action)
		if err != nil {
			return nil, err
		}
		place := w.table + "/" + w.key
		if touched[place] {
			return nil, invalid("Transaction request cannot include multiple operations on one item")
		}
		touched[place] = true
		writes[i], reasons[i].Code = w, aws.String("None")
		if !holds {
			refused = true
			reasons[i] = types.CancellationReason{Code: aws.String("ConditionalCheckFailed"), Item: w.item}
		}
	}
	if refused {
		return nil, &types.TransactionCanceledException{Message: aws.String("Transaction cancelled"), CancellationReasons: reasons}
	}
	for _, w := range writes {
		db.rows[w.table][w.key] = w.item
	}
	return &dynamodb.TransactWriteItemsOutput{}, nil
}

// write is what one action of a transaction comes to: the item as it would be,
// or, where the condition does not hold, as it is.
type write struct {
	table, key string
	item       Item
}

func (db *DB) planned(action types.TransactWriteItem) (w write, holds bool, err error) {
	switch {
	case action.Update != nil:
		w.table, w.key = *action.Update.TableName, db.id(*action.Update.TableName, action.Update.Key)
		w.item, holds, err = db.prepare(action.Update)
	case action.Put != nil:
		p := action.Put
		w.table, w.key = *p.TableName, db.id(*p.TableName, p.Item)
		if w.key == "" {
			return w, false, invalid("the item has no key")
		}
		old := db.rows[w.table][w.key]
		holds, err = condition(aws.ToString(p.ConditionExpression), old, placeholders{names: p.ExpressionAttributeNames, values: p.ExpressionAttributeValues})
		if w.item = maps.Clone(p.Item); !holds {
			w.item = maps.Clone(old)
		}
	default:
		err = invalid("only updates and puts are known here")
	}
	return w, holds, err
}

// prepare evaluates an update: the item as it would be, or, where the condition
// does not hold, as it is.
func (db *DB) prepare(u *types.Update) (Item, bool, error) {
	key := db.id(*u.TableName, u.Key)
	if key == "" {
		return nil, false, invalid("the key is empty")
	}
	old := db.rows[*u.TableName][key]
	p := placeholders{names: u.ExpressionAttributeNames, values: u.ExpressionAttributeValues, used: map[string]bool{}}
	holds, err := condition(aws.ToString(u.ConditionExpression), old, p)
	if err != nil || !holds {
		return maps.Clone(old), false, err
	}
	next, err := update(aws.ToString(u.UpdateExpression), old, u.Key, p)
	if err == nil {
		err = p.unused()
	}
	return next, err == nil, err
}

// fault is an answer of DynamoDB that says that the request is wrong.
type fault struct{ message string }

func invalid(format string, args ...any) error { return fault{fmt.Sprintf(format, args...)} }

func (f fault) Error() string     { return "ValidationException: " + f.message }
func (f fault) ErrorCode() string { return "ValidationException" }
