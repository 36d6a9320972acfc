// Command validate is the first step of the order workflow: it checks an order
// and enters it in the book, once.
//
// In: {orderData: {...}} or flat {orderId, customerId, amount, currency, items,
// shippingAddress, eventMetadata}. Out: [Result]. An order that cannot be taken
// on is an answer (isValid false), not an error; so is one that another
// execution has (duplicate true). It does not write refusals down: the state
// machine does. Start at handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[order.Submission, Result], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("ORDERS_TABLE")
	if err != nil {
		return nil, err
	}
	book := order.Book{API: dynamodb.NewFromConfig(cfg), Orders: env["ORDERS_TABLE"]}
	return handler{book}.handle, nil
}
