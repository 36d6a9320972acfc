// Command paymentCompleted hears every Payment Completed event and confirms the
// payment on its order.
//
// In: the event as EventBridge delivers it. Out: [Result]. The same event again
// changes nothing. A payment that the order does not have, or of another amount,
// is an error: Lambda tries twice more and then leaves the event in the queue
// order-event-failures. It publishes nothing, so it cannot loop. Start at
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
	book := order.Book{API: dynamodb.NewFromConfig(cfg), Orders: env["ORDERS_TABLE"]}
	return handler{book}.handle, nil
}
