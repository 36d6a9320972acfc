package table

// This file defines transactions, and the patience they need: a transaction that
// meets another on an item is cancelled, not queued.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/pause"
)

// MaxWrites is how many writes one transaction takes.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
const MaxWrites = 100

// attempts is how often a transaction that meets others is tried. With the
// pauses of [backoff] that is about two seconds, well inside a function's timeout;
// whoever loses all of them is retried by the state machine.
const attempts = 8

// Transact makes all writes or none. When a condition does not hold it returns
// [*Refused] with every refused write.
func Transact(ctx context.Context, api API, writes ...Write) error {
	items, err := transactItems(writes)
	if err != nil {
		return err
	}
	for attempt := 0; ; attempt++ {
		if err := backoff(ctx, attempt); err != nil {
			return err
		}
		_, err := api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: items})
		var cancelled *types.TransactionCanceledException
		if !errors.As(err, &cancelled) {
			return err
		}
		if refused := refusals(cancelled); refused != nil {
			return refused
		}
		if !contended(cancelled) {
			return err
		}
		if attempt == attempts-1 {
			return failure.Wrap(failure.TransientThrottled, err, "the transaction met others %d times", attempts)
		}
	}
}

func transactItems(writes []Write) ([]types.TransactWriteItem, error) {
	if len(writes) > MaxWrites {
		return nil, fmt.Errorf("a transaction of %d writes: DynamoDB takes %d", len(writes), MaxWrites)
	}
	items := make([]types.TransactWriteItem, len(writes))
	for i, w := range writes {
		if w.Put != nil {
			item, values, err := w.item()
			if err != nil {
				return nil, err
			}
			items[i].Put = &types.Put{
				TableName: &w.Table, Item: item, ConditionExpression: w.condition(),
				ExpressionAttributeNames: w.Names, ExpressionAttributeValues: values,
				ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
			}
			continue
		}
		values, err := w.values()
		if err != nil {
			return nil, err
		}
		items[i].Update = &types.Update{
			TableName: &w.Table, Key: w.Key, UpdateExpression: &w.Update, ConditionExpression: w.condition(),
			ExpressionAttributeNames: w.Names, ExpressionAttributeValues: values,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}
	}
	return items, nil
}

// refusals returns the writes whose conditions failed, or nil. The reasons stand
// in the order of the writes.
func refusals(cancelled *types.TransactionCanceledException) *Refused {
	old := map[int]Item{}
	for i, reason := range cancelled.CancellationReasons {
		if aws.ToString(reason.Code) == "ConditionalCheckFailed" {
			old[i] = reason.Item
		}
	}
	if len(old) == 0 {
		return nil
	}
	return &Refused{Old: old}
}

// contended tells whether the transaction may succeed when tried again.
func contended(cancelled *types.TransactionCanceledException) bool {
	for _, reason := range cancelled.CancellationReasons {
		switch aws.ToString(reason.Code) {
		case "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
			return true
		}
	}
	return false
}

// backoff waits before an attempt: not before the first, then a random part of
// 40 ms, 80 ms and so on up to 640 ms, so that contenders spread out.
func backoff(ctx context.Context, attempt int) error {
	if attempt == 0 {
		return nil
	}
	return pause.For(ctx, rand.N(20*time.Millisecond<<min(attempt, 5)))
}
