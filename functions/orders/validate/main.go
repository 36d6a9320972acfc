// Command validate is the first step of the order workflow: it checks an order
// and enters it in the book, once.
//
// In: {orderData: {...}} or flat {orderId, customerId, amount, currency, items,
// shippingAddress, eventMetadata}. Out: [Result]. An order that cannot be taken
// on is an answer (isValid false), not an error; so is one that another
// execution has (duplicate true), and one that somebody must approve first
// (approvalRequired true). It does not write refusals down: the state
// machine does. Start at handler.go.
package main

import (
	"fmt"
	"strconv"

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
	env, err := awsconf.Env("ORDERS_TABLE", "APPROVAL_THRESHOLD")
	if err != nil {
		return nil, err
	}
	threshold, err := strconv.ParseInt(env["APPROVAL_THRESHOLD"], 10, 64)
	if err != nil || threshold < 0 {
		return nil, fmt.Errorf("APPROVAL_THRESHOLD must be a whole number, 0 for none, not %q", env["APPROVAL_THRESHOLD"])
	}
	book := order.Book{API: dynamodb.NewFromConfig(cfg), Orders: env["ORDERS_TABLE"]}
	return handler{book, threshold}.handle, nil
}
