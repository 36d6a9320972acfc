package dynamodb

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

func TestConditionalUpdate(t *testing.T) {
	w := newWorld(t)
	w.create("stock", false)
	w.put("stock", object{"pk": "LAPTOP", "quantity": 5})
	reserve := func(n int) error {
		_, err := w.db.UpdateItem(w.Context(), &ddb.UpdateItemInput{TableName: aws.String("stock"), Key: av(object{"pk": "LAPTOP"}),
			UpdateExpression: aws.String("SET quantity = quantity - :n ADD reserved :n"), ConditionExpression: aws.String("quantity >= :n"),
			ExpressionAttributeValues: av(object{":n": n}), ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld})
		return err
	}
	w.must(reserve(3))
	err := reserve(3)
	w.refuses("ConditionalCheckFailedException", err)
	var failed *types.ConditionalCheckFailedException
	if !asError(err, &failed) || plain(failed.Item)["quantity"] != 2.0 {
		t.Errorf("the refusal lacks the item: %v", err)
	}
	w.expect(object{"pk": "LAPTOP", "quantity": 2.0, "reserved": 3.0}, w.get("stock", object{"pk": "LAPTOP"}))
}

func TestReturnValues(t *testing.T) {
	w := newWorld(t)
	w.create("things", false)
	update := func(returns types.ReturnValue) object {
		out, err := w.db.UpdateItem(w.Context(), &ddb.UpdateItemInput{TableName: aws.String("things"), Key: av(object{"pk": "a"}), ReturnValues: returns,
			UpdateExpression: aws.String("SET m.x = :x, l[1] = :x REMOVE gone"), ExpressionAttributeValues: av(object{":x": "new"})})
		w.must(err)
		return plain(out.Attributes)
	}
	for returns, want := range map[types.ReturnValue]object{
		types.ReturnValueNone:       {},
		types.ReturnValueAllOld:     {"pk": "a", "m": object{"x": "old", "y": "y"}, "l": []any{"1", "2"}, "gone": "g"},
		types.ReturnValueAllNew:     {"pk": "a", "m": object{"x": "new", "y": "y"}, "l": []any{"1", "new"}},
		types.ReturnValueUpdatedOld: {"m": object{"x": "old"}, "l": []any{"2"}, "gone": "g"},
		types.ReturnValueUpdatedNew: {"m": object{"x": "new"}, "l": []any{"new"}},
	} {
		w.put("things", object{"pk": "a", "m": object{"x": "old", "y": "y"}, "l": []string{"1", "2"}, "gone": "g"})
		w.expect(want, update(returns))
	}
}

func TestTransaction(t *testing.T) {
	w := newWorld(t)
	w.create("orders", false)
	w.create("stock", false)
	w.put("stock", object{"pk": "MOUSE", "quantity": 1})
	order := func(id, token string) error {
		_, err := w.db.TransactWriteItems(w.Context(), &ddb.TransactWriteItemsInput{ClientRequestToken: aws.String(token), TransactItems: []types.TransactWriteItem{
			{Put: &types.Put{TableName: aws.String("orders"), Item: av(object{"pk": id}), ConditionExpression: aws.String("attribute_not_exists(pk)")}},
			{Update: &types.Update{TableName: aws.String("stock"), Key: av(object{"pk": "MOUSE"}), UpdateExpression: aws.String("SET quantity = quantity - :one"),
				ConditionExpression: aws.String("quantity >= :one"), ExpressionAttributeValues: av(object{":one": 1}),
				ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld}},
		}})
		return err
	}
	w.must(order("o1", "token1"))
	w.must(order("o1", "token1")) // the same request again is done once
	w.expect(0.0, w.get("stock", object{"pk": "MOUSE"})["quantity"])
	w.refuses("IdempotentParameterMismatchException", order("o2", "token1"))

	err := order("o2", "token2")
	var cancelled *types.TransactionCanceledException
	if !asError(err, &cancelled) {
		t.Fatal(err)
	}
	w.expect("None ConditionalCheckFailed", *cancelled.CancellationReasons[0].Code+" "+*cancelled.CancellationReasons[1].Code)
	w.expect(object{"pk": "MOUSE", "quantity": 0.0}, plain(cancelled.CancellationReasons[1].Item))
	w.expect(object(nil), w.get("orders", object{"pk": "o2"}))

	w.pass(11 * time.Minute) // a token is forgotten: the condition speaks
	w.refuses("TransactionCanceledException", order("o1", "token1"))
}

func TestTransactionRefusesOneItemTwice(t *testing.T) {
	w := newWorld(t)
	w.create("things", false)
	put := types.TransactWriteItem{Put: &types.Put{TableName: aws.String("things"), Item: av(object{"pk": "a"})}}
	_, err := w.db.TransactWriteItems(w.Context(), &ddb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{put, put}})
	w.refuses("ValidationException", err)
	_, err = w.db.TransactWriteItems(w.Context(), &ddb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{ConditionCheck: &types.ConditionCheck{TableName: aws.String("things"), Key: av(object{"pk": "a"}), ConditionExpression: aws.String("attribute_exists(pk)")}}}})
	w.refuses("TransactionCanceledException", err)
}

// TestLastLaptops sells five laptops to twenty buyers at once.
func TestLastLaptops(t *testing.T) {
	w := newWorld(t)
	w.create("stock", false)
	w.put("stock", object{"pk": "LAPTOP", "quantity": 5})
	var wait sync.WaitGroup
	var sold atomic.Int32
	for range 20 {
		wait.Go(func() {
			_, err := w.db.UpdateItem(w.Context(), &ddb.UpdateItemInput{TableName: aws.String("stock"), Key: av(object{"pk": "LAPTOP"}), UpdateExpression: aws.String("ADD quantity :less"),
				ConditionExpression: aws.String("quantity > :zero"), ExpressionAttributeValues: av(object{":less": -1, ":zero": 0})})
			if err == nil {
				sold.Add(1)
			}
		})
	}
	wait.Wait()
	w.expect("5 0", fmt.Sprint(sold.Load(), " ", w.get("stock", object{"pk": "LAPTOP"})["quantity"]))
}

// TestInProcess calls as a state machine does.
func TestInProcess(t *testing.T) {
	w := newWorld(t)
	w.create("orders", false)
	call := func(operation, params string) (string, error) {
		v, err := w.server.Call(w.Context(), awswire.Root(testAccount), "dynamodb", operation, jsonvalue.MustParse(params))
		return string(jsonvalue.Append(nil, v)), err
	}
	_, err := call("UpdateItem", `{"TableName":"orders","Key":{"pk":{"S":"o1"}},"UpdateExpression":"SET #s = :s","ExpressionAttributeNames":{"#s":"status"},"ExpressionAttributeValues":{":s":{"S":"paid"}}}`)
	w.must(err)
	got, err := call("GetItem", `{"TableName":"orders","Key":{"pk":{"S":"o1"}}}`)
	w.must(err)
	w.expect(`{"Item":{"pk":{"S":"o1"},"status":{"S":"paid"}}}`, got)
	_, err = call("PutItem", `{"TableName":"orders","Item":{"pk":{"S":"o1"}},"ConditionExpression":"attribute_not_exists(pk)"}`)
	w.expect("ConditionalCheckFailedException", awswire.CodeOf(err))
}

// accesses records what callers needed to be allowed, and allows it.
type accesses struct{ needed []string }

func (a *accesses) Authorize(_ context.Context, _ awswire.Identity, need awswire.Access) error {
	a.needed = append(a.needed, fmt.Sprint(need.Action, " ", strings.TrimPrefix(need.Resource, "arn:aws:dynamodb:us-east-1:"+testAccount+":"), " ", need.Context["dynamodb:LeadingKeys"]))
	return nil
}

func TestPermissions(t *testing.T) {
	w := newWorld(t)
	w.create("orders", true, byCustomer)
	asked := &accesses{}
	w.server.Authorizer = asked
	for _, c := range []struct{ operation, params, needs string }{
		{"PutItem", `{"TableName":"orders","Item":{"pk":{"S":"a"},"sk":{"N":"1"}}}`, "dynamodb:PutItem table/orders [a]"},
		{"GetItem", `{"TableName":"arn:aws:dynamodb:us-east-1:` + testAccount + `:table/orders","Key":{"pk":{"S":"a"},"sk":{"N":"1"}}}`, "dynamodb:GetItem table/orders [a]"},
		{"Query", `{"TableName":"orders","IndexName":"ByCustomer","KeyConditionExpression":"customer = :c","ExpressionAttributeValues":{":c":{"S":"ada"}}}`, "dynamodb:Query table/orders/index/ByCustomer []"},
		{"BatchWriteItem", `{"RequestItems":{"orders":[{"DeleteRequest":{"Key":{"pk":{"S":"a"},"sk":{"N":"1"}}}},{"PutRequest":{"Item":{"pk":{"S":"b"},"sk":{"N":"1"}}}}]}}`, "dynamodb:BatchWriteItem table/orders [a b]"},
		{"TransactWriteItems", `{"TransactItems":[{"ConditionCheck":{"TableName":"orders","Key":{"pk":{"S":"b"},"sk":{"N":"1"}},"ConditionExpression":"attribute_exists(pk)"}},
			{"Update":{"TableName":"orders","Key":{"pk":{"S":"a"},"sk":{"N":"1"}},"UpdateExpression":"REMOVE x"}}]}`, "dynamodb:ConditionCheckItem table/orders [b], dynamodb:UpdateItem table/orders [a]"},
		{"ListTables", `{}`, "dynamodb:ListTables * []"},
	} {
		asked.needed = nil
		_, err := w.server.Call(w.Context(), awswire.Root(testAccount), "dynamodb", c.operation, jsonvalue.MustParse(c.params))
		w.must(err)
		w.expect(c.needs, strings.Join(asked.needed, ", "))
	}
}
