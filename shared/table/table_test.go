package table_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/table"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

type row struct {
	ID string `dynamodbav:"id"`
	N  int    `dynamodbav:"n"`
}

func rows(n ...int) *tabletest.DB {
	db := tabletest.New(map[string]string{"T": "id"})
	for i, n := range n {
		db.Set("T", row{fmt.Sprint(i), n})
	}
	return db
}

// lower is a write that takes by from a row, and not below zero.
func lower(id string, by int) table.Write {
	return table.Write{Table: "T", Key: table.Key("id", id), Update: "SET n = n - :by", Condition: "n >= :by", Values: map[string]any{":by": by}}
}

func TestGet(t *testing.T) {
	var r row
	found, err := table.Get(t.Context(), rows(7), "T", table.Key("id", "0"), &r)
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, row{"0", 7}, r)
	found, err = table.Get(t.Context(), rows(7), "T", table.Key("id", "1"), &r)
	require.NoError(t, err)
	assert.False(t, found)
}

func TestGetAllAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := rows(1, 2, 3, 4, 5)
		db.Partial = true
		var keys []table.Item
		for i := range 7 {
			keys = append(keys, table.Key("id", fmt.Sprint(i)))
		}
		got, err := table.GetAll[row](t.Context(), db, "T", keys)
		require.NoError(t, err)
		slices.SortFunc(got, func(a, b row) int { return a.N - b.N })
		assert.Equal(t, []row{{"0", 1}, {"1", 2}, {"2", 3}, {"3", 4}, {"4", 5}}, got)
	})
}

func TestGetAllEndsWithTheInvocation(t *testing.T) {
	db := rows(1, 2)
	db.Partial = true
	ctx, cancel := context.WithCancel(t.Context())
	db.Before = func(context.Context, string) error { cancel(); return nil }
	_, err := table.GetAll[row](ctx, db, "T", []table.Item{table.Key("id", "0"), table.Key("id", "1")})
	assert.ErrorIs(t, err, context.Canceled)
}

func TestRefusedSaysWhatStoodThere(t *testing.T) {
	var refused *table.Refused
	err := table.Update(t.Context(), rows(1), lower("0", 2), new(row))
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, &types.AttributeValueMemberN{Value: "1"}, refused.Old[0]["n"])

	err = table.Put(t.Context(), rows(1), "T", row{"0", 9}, "attribute_not_exists(id)")
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, &types.AttributeValueMemberN{Value: "1"}, refused.Old[0]["n"])

	db := rows(5, 1)
	err = table.Transact(t.Context(), db, lower("0", 1), lower("1", 2), lower("9", 1))
	require.ErrorAs(t, err, &refused)
	assert.Len(t, refused.Old, 2)
	assert.Equal(t, &types.AttributeValueMemberN{Value: "1"}, refused.Old[1]["n"])
	assert.Empty(t, refused.Old[2], "there is no such row")
	assert.Equal(t, &types.AttributeValueMemberN{Value: "5"}, db.Item("T", "0")["n"], "all or none")
	assert.ErrorContains(t, err, "the conditions of 2 writes did not hold")
}

func TestUpdateReadsWhatItWrote(t *testing.T) {
	var r row
	require.NoError(t, table.Update(t.Context(), rows(5), lower("0", 2), &r))
	assert.Equal(t, row{"0", 3}, r)
}

func cancelled(codes ...string) error {
	e := &types.TransactionCanceledException{}
	for _, code := range codes {
		e.CancellationReasons = append(e.CancellationReasons, types.CancellationReason{Code: aws.String(code)})
	}
	return e
}

func TestTransactTriesAgain(t *testing.T) {
	for _, c := range []struct {
		what     string
		answers  []error
		attempts int
		want     failure.Name
		refused  bool
	}{
		{"at once", nil, 1, "", false},
		{"met another", []error{cancelled("None", "TransactionConflict")}, 2, "", false},
		{"throttled", []error{cancelled("ThrottlingError", "None"), cancelled("None", "ProvisionedThroughputExceeded")}, 3, "", false},
		{"a condition and a conflict", []error{cancelled("ConditionalCheckFailed", "TransactionConflict")}, 1, "", true},
		{"never", slices.Repeat([]error{cancelled("TransactionConflict", "None")}, 99), 8, failure.TransientThrottled, false},
		{"a fault of ours", []error{cancelled("ValidationError", "None")}, 1, failure.InternalUnexpected, false},
		{"no answer", []error{errors.New("no route")}, 1, failure.InternalUnexpected, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			db, attempts := rows(5, 5), 0
			db.Before = func(context.Context, string) error {
				attempts++
				if attempts <= len(c.answers) {
					return c.answers[attempts-1]
				}
				return nil
			}
			err := table.Transact(t.Context(), db, lower("0", 1), lower("1", 1))
			assert.Equal(t, c.attempts, attempts, c.what)
			var refused *table.Refused
			assert.Equal(t, c.refused, errors.As(err, &refused), c.what)
			switch {
			case c.want != "":
				assert.Equal(t, c.want, failure.NameOf(err), c.what)
			case !c.refused:
				assert.NoError(t, err, c.what)
				assert.Equal(t, &types.AttributeValueMemberN{Value: "4"}, db.Item("T", "0")["n"], c.what)
			}
		})
	}
}

func TestTransactKnowsItsLimit(t *testing.T) {
	err := table.Transact(t.Context(), rows(), slices.Repeat([]table.Write{lower("0", 1)}, 101)...)
	assert.ErrorContains(t, err, "a transaction of 101 writes: DynamoDB takes 100")
}

func TestUnwritableValues(t *testing.T) {
	w := lower("0", 1)
	w.Values[":by"] = make(chan int)
	assert.Error(t, table.Update(t.Context(), rows(1), w, new(row)))
	assert.Error(t, table.Transact(t.Context(), rows(1), w))
	assert.Error(t, table.Put(t.Context(), rows(1), "T", make(chan int), "attribute_not_exists(id)"))
}
