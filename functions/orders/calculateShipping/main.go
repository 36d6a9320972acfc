// Command calculateShipping is a branch of the parallel order workflow: it says
// what it costs to ship an order, and how long it takes.
//
// In: the order's id, in any contract, and the execution. Out: [Result]. An
// address that nobody ships to is an answer (deliverable false). The cost follows
// from the stored order and the tariff alone, so asking again answers the same.
// Start at handler.go.
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
	return handler{order.Book{API: dynamodb.NewFromConfig(cfg), Orders: env["ORDERS_TABLE"]}}.handle, nil
}
