package order

// This file defines what a customer ordered before, which CustomerIndex finds,
// and what the parallel workflow writes about the way to the customer.

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/money"
	"github.com/stepworks/stepworks/shared/table"
)

// customerIndex is the index by customer and date; template.yaml declares it.
const customerIndex = "CustomerIndex"

// Querier is the part of the DynamoDB client that History uses.
type Querier interface {
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// History reads the orders of customers.
type History struct {
	API    Querier
	Orders string // name of the Orders table
}

// Of returns a customer's newest orders, newest first, n at the most. An index
// follows its table with a delay, so the very last one may be missing.
func (h History) Of(ctx context.Context, customerID string, n int32) ([]Record, error) {
	values, err := attributevalue.MarshalMap(map[string]any{":customer": customerID})
	if err != nil {
		return nil, err
	}
	out, err := h.API.Query(ctx, &dynamodb.QueryInput{
		TableName: &h.Orders, IndexName: aws.String(customerIndex), KeyConditionExpression: aws.String("customerId = :customer"),
		ExpressionAttributeValues: values, ScanIndexForward: aws.Bool(false), Limit: &n,
	})
	if err != nil {
		return nil, err
	}
	var records []Record
	return records, attributevalue.UnmarshalListOfMaps(out.Items, &records)
}

// Shipping is what it takes to bring an order to its customer.
type Shipping struct {
	Zone string
	Cost money.Amount
	Days int // from fulfillment to the door
}

// RecordShipping notes on an open order how it will be shipped. Asked again, it
// notes the same.
func (b Book) RecordShipping(ctx context.Context, id string, e Execution, s Shipping) (Record, error) {
	record, refused, err := b.update(ctx, id, table.Write{
		Update:    "SET shippingZone = :zone, shippingCost = :cost, shippingDays = :days, updatedAt = :now",
		Condition: "executionId = :me AND #status IN (:reserved, :paid, :fulfilled)",
		Names:     statusName,
		Values: map[string]any{":zone": s.Zone, ":cost": attributevalue.Number(s.Cost.String()), ":days": s.Days,
			":reserved": Reserved, ":paid": Paid, ":fulfilled": Fulfilled, ":me": e.ID, ":now": stamp(b.now(e))},
	})
	if refused {
		err = superseded(record, e, "record the shipping of")
	}
	return record, err
}

// Country is where an order goes: the country of its address as two capital
// letters, or empty where the address names none. It refuses a country that is
// not one.
func (r Record) Country() (string, error) {
	var address struct {
		Country string `json:"country"`
	}
	if r.ShippingAddress == "" || r.ShippingAddress[0] != '{' {
		return "", nil
	}
	reader := &reader{}
	reader.into([]byte(r.ShippingAddress), "shippingAddress", &address)
	if reader.problem == "" && address.Country != "" && (len(address.Country) != 2 || notCapital(rune(address.Country[0])) || notCapital(rune(address.Country[1]))) {
		reader.fail("shippingAddress.country must be two capital letters such as US, not %s", excerpt([]byte(address.Country)))
	}
	if reader.problem != "" {
		return "", failure.New(failure.InputMalformed, "order %s: %s", r.OrderID, reader.problem)
	}
	return address.Country, nil
}

func notCapital(c rune) bool { return c < 'A' || c > 'Z' }
