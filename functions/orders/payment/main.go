// Command payment is the third step of the order workflow: it charges an order
// once and announces Payment Completed; asked with action "refund", it gives
// back what was charged for an order that failed, and with "record" it writes down
// and announces what an external gateway has charged.
//
// In: [Input], the order's id in any contract. Out: [Result]. A decline is an
// answer (paymentStatus failed). What is charged is the stored order's total; an
// amount in the input is only compared with it. Start at handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/bus"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/payment"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[Input, Result], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("ORDERS_TABLE", "EVENT_BUS_NAME", "PAYMENT_DELAY", "PAYMENT_DECLINE_PERCENT")
	if err != nil {
		return nil, err
	}
	gateway, err := payment.NewSimulator(env["PAYMENT_DELAY"], env["PAYMENT_DECLINE_PERCENT"])
	book := order.Book{API: dynamodb.NewFromConfig(cfg), Orders: env["ORDERS_TABLE"]}
	publisher := bus.Publisher{API: eventbridge.NewFromConfig(cfg), Bus: env["EVENT_BUS_NAME"]}
	return handler{book, gateway, publisher}.handle, err
}
