// Command validateCustomer is a branch of the parallel order workflow: it decides,
// from what a customer ordered before, whether to take on another order.
//
// In: the order's id, in any contract, and the execution. Out: [Result]. A
// customer who is refused is an answer (customerValid false). It reads only, so
// it can be asked any number of times. It does not know who the customer is: that
// is the shop's. Start at handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[order.Step, Result], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("ORDERS_TABLE")
	if err != nil {
		return nil, err
	}
	db := dynamodb.NewFromConfig(cfg)
	return handler{order.Book{API: db, Orders: env["ORDERS_TABLE"]}, order.History{API: db, Orders: env["ORDERS_TABLE"]}}.handle, nil
}
