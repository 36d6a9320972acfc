package order

// This file tests what is asked of StatusIndex, and what is read of its answers.
// The reconciliation's tests read whole days.

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/table"
)

// asked answers one query, and keeps it.
type asked struct {
	*dynamodb.QueryInput
	answer dynamodb.QueryOutput
	err    error
}

func (a *asked) Query(_ context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	a.QueryInput = in
	return &a.answer, a.err
}

func marshalled(t *testing.T, v any) table.Item {
	t.Helper()
	item, err := attributevalue.MarshalMap(v)
	require.NoError(t, err)
	return item
}

func TestPlacedPages(t *testing.T) {
	good := Record{OrderID: "A", Status: Paid, CreatedAt: "2026-11-21T10:00:00.000Z", TotalAmount: "10.01", Currency: "USD"}
	last := map[string]any{"orderId": "B", "status": "paid", "createdAt": "2026-11-21T11:00:00.000Z"}
	odd := map[string]any{"orderId": "B", "status": "paid", "createdAt": "2026-11-21T11:00:00.000Z", "totalAmount": []int{1}}
	a := &asked{answer: dynamodb.QueryOutput{Items: []table.Item{marshalled(t, good), marshalled(t, odd)}, LastEvaluatedKey: marshalled(t, last)}}
	p := Placed{API: a, Orders: "Orders"}
	page, next, err := p.Page(t.Context(), Paid, "2026-11-21T", "2026-11-21T~", Cursor{}, 2)
	require.NoError(t, err)
	assert.Equal(t, Cursor{"B", "2026-11-21T11:00:00.000Z"}, next)
	assert.Equal(t, good, page[0].Record)
	assert.Empty(t, page[0].Problem)
	assert.Equal(t, Record{OrderID: "B", Status: Paid, CreatedAt: "2026-11-21T11:00:00.000Z"}, page[1].Record, "its keys alone")
	assert.NotEmpty(t, page[1].Problem)
	assert.Nil(t, a.ExclusiveStartKey)
	assert.Equal(t, []any{"Orders", "StatusIndex", int32(2)}, []any{*a.TableName, *a.IndexName, *a.Limit})
	assert.Equal(t, marshalled(t, map[string]any{":status": "paid", ":from": "2026-11-21T", ":until": "2026-11-21T~"}), table.Item(a.ExpressionAttributeValues))

	a.answer = dynamodb.QueryOutput{}
	page, end, err := p.Page(t.Context(), Paid, "2026-11-21T", "2026-11-21T~", next, 2)
	require.NoError(t, err)
	assert.Empty(t, page)
	assert.Equal(t, Cursor{}, end, "there are no more")
	assert.Equal(t, marshalled(t, last), table.Item(a.ExclusiveStartKey))

	a.err = errors.New("no route")
	_, _, err = p.Page(t.Context(), Paid, "a", "b", next, 2)
	require.ErrorContains(t, err, "no route")
}
