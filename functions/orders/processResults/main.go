// Command processResults joins the branches of the parallel order workflow: it
// decides, from what stock, customer and shipping said, whether the order goes on,
// and if it does, notes on the order how it will be shipped.
//
// In: [Input], with the branches' answers in their order. Out: [Result]. A
// refusal is an answer (accepted false) that says how the order is to end; the
// state machine compensates. Asked again, it answers the same. Start at
// handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[Input, Result], error) {
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
