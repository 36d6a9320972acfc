package order

// This file defines the orders of a day, as StatusIndex lists them: for whoever
// looks at all of them, and works at none.

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/stepworks/stepworks/shared/table"
)

// statusIndex is the index by status and date; template.yaml declares it. Both
// attributes are on every record, refused submissions included.
const statusIndex = "StatusIndex"

// Placed reads orders by status and by when they were placed.
type Placed struct {
	API    Querier
	Orders string // name of the Orders table
}

// Cursor is where a page ended; the zero value is before the first.
type Cursor struct {
	OrderID   string `dynamodbav:"orderId" json:"orderId,omitempty"`
	CreatedAt string `dynamodbav:"createdAt" json:"createdAt,omitempty"`
}

// Listed is an order of a page. Where somebody has written by hand what is no
// order, Problem says so, and the record has its id, status and date alone.
type Listed struct {
	Record
	Problem string
}

// Page returns the orders of a status that were placed from one stamp to another,
// both included, oldest first: n at the most, and those after the cursor. The
// cursor that it returns is zero when there are no more.
//
// Pages show each order that stays in the status once. One that moves on between
// two pages may be missed here, and is in a page of where it went.
func (p Placed) Page(ctx context.Context, status Status, from, until string, after Cursor, n int32) ([]Listed, Cursor, error) {
	values, err := attributevalue.MarshalMap(map[string]any{":status": status, ":from": from, ":until": until})
	if err != nil {
		return nil, Cursor{}, err
	}
	in := &dynamodb.QueryInput{
		TableName: &p.Orders, IndexName: aws.String(statusIndex), Limit: &n,
		KeyConditionExpression:   aws.String("#status = :status AND createdAt BETWEEN :from AND :until"),
		ExpressionAttributeNames: statusName, ExpressionAttributeValues: values,
	}
	if after != (Cursor{}) {
		in.ExclusiveStartKey, err = attributevalue.MarshalMap(map[string]any{"orderId": after.OrderID, "status": status, "createdAt": after.CreatedAt})
		if err != nil {
			return nil, Cursor{}, err
		}
	}
	out, err := p.API.Query(ctx, in)
	if err != nil {
		return nil, Cursor{}, err
	}
	page := make([]Listed, len(out.Items))
	for i, item := range out.Items {
		if page[i], err = listed(item); err != nil {
			return nil, Cursor{}, err
		}
	}
	var next Cursor
	return page, next, attributevalue.UnmarshalMap(out.LastEvaluatedKey, &next)
}

// listed reads an item; one that is no order is no reason to read no others.
func listed(item table.Item) (Listed, error) {
	var l Listed
	problem := attributevalue.UnmarshalMap(item, &l.Record)
	if problem == nil {
		return l, nil
	}
	var keys struct {
		Cursor
		Status Status `dynamodbav:"status"`
	}
	err := attributevalue.UnmarshalMap(item, &keys)
	return Listed{Record{OrderID: keys.OrderID, CreatedAt: keys.CreatedAt, Status: keys.Status}, problem.Error()}, err
}
