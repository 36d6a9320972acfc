package main

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/step/steptest"
	"github.com/stepworks/stepworks/shared/table"
	"github.com/stepworks/stepworks/shared/table/tabletest"
)

// index answers queries of CustomerIndex with rows, newest first.
type index struct {
	t    *testing.T
	rows []order.Record
	err  error
}

func (x index) Query(_ context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	assert.Equal(x.t, []any{"Orders", "CustomerIndex", "customerId = :customer", false, int32(26)},
		[]any{*in.TableName, *in.IndexName, *in.KeyConditionExpression, *in.ScanIndexForward, *in.Limit})
	var customer string
	require.NoError(x.t, attributevalue.Unmarshal(in.ExpressionAttributeValues[":customer"], &customer))
	assert.Equal(x.t, "CUST001", customer)
	out := &dynamodb.QueryOutput{}
	for _, r := range x.rows {
		item, err := attributevalue.MarshalMap(r)
		require.NoError(x.t, err)
		out.Items = append(out.Items, table.Item(item))
	}
	return out, x.err
}

// past makes a history of n orders of each status given.
func past(rows ...order.Record) []order.Record { return rows }

func times(n int, s order.Status) (rows []order.Record) {
	for range n {
		rows = append(rows, order.Record{OrderID: "before", Status: s})
	}
	return rows
}

func setUp(t *testing.T, history []order.Record, err error) handler {
	t.Helper()
	db := tabletest.New(map[string]string{"Orders": "orderId"})
	db.Set("Orders", order.Record{OrderID: "ORD-3001", CustomerID: "CUST001", Status: order.Reserved})
	return handler{order.Book{API: db, Orders: "Orders"}, order.History{API: index{t, history, err}, Orders: "Orders"}}
}

func TestAnswers(t *testing.T) {
	own := order.Record{OrderID: "ORD-3001", Status: order.Validated}
	for _, c := range []struct {
		what    string
		history []order.Record
		known   int
		reason  string
	}{
		{"the first order", nil, 0, ""},
		{"itself does not count", past(own), 0, ""},
		{"good orders", append(times(20, order.Fulfilled), own), 20, ""},
		{"nine under way", append(times(9, order.Paid), own), 9, ""},
		{"ten under way", append(times(10, order.Reserved), own), 10, "the customer has 10 orders under way, at most 10 are possible"},
		{"two declined", append(append(past(own), times(2, order.PaymentFailed)...), times(1, order.Fulfilled)...), 3, ""},
		{"three declined", append(times(3, order.PaymentFailed), times(5, order.Fulfilled)...), 8, "the last 3 payments of the customer failed"},
		{"three declined, and then one paid", append(times(1, order.Fulfilled), times(3, order.PaymentFailed)...), 4, ""},
	} {
		got, err := setUp(t, c.history, nil).handle(t.Context(), steptest.Sample[order.Step](t, "validateCustomer"))
		require.NoError(t, err, c.what)
		assert.Equal(t, Result{200, "ORD-3001", "CUST001", c.reason == "", c.known, c.reason}, got, c.what)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		what string
		in   order.Step
		err  error
		want failure.Name
	}{
		{"nobody's order", order.Step{}, nil, failure.InputMalformed},
		{"unknown order", order.Step{OrderID: "ORD-9999"}, nil, failure.OrderNotFound},
		{"index out of order", steptest.Sample[order.Step](t, "validateCustomer"), errors.New("no route to DynamoDB"), failure.InternalUnexpected},
	} {
		_, err := setUp(t, nil, c.err).handle(t.Context(), c.in)
		assert.Equal(t, c.want, failure.NameOf(err), c.what)
	}
}

// TestWire: what template.yaml gives the function is what it needs.
func TestWire(t *testing.T) {
	steptest.Wire(t, wire, "ORDERS_TABLE")
}
