// Command fulfillment is the last step of the order workflow: it commits a paid
// order's reservation, marks the order fulfilled and announces Order Fulfilled.
//
// In: the order's id, in any contract, and the execution. Out: [Result]. Asked
// again, it answers the same and announces again. Start at handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/bus"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[order.Step, Result], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("ORDERS_TABLE", "EVENT_BUS_NAME")
	if err != nil {
		return nil, err
	}
	book := order.Book{API: dynamodb.NewFromConfig(cfg), Orders: env["ORDERS_TABLE"]}
	publisher := bus.Publisher{API: eventbridge.NewFromConfig(cfg), Bus: env["EVENT_BUS_NAME"]}
	return handler{book, publisher}.handle, nil
}
