// Command paymentGateway stands in for an external payment gateway: it takes
// requests from a queue, thinks, and calls back by the event Payment Result.
//
// In: messages of the queue payment-requests. Out: a partial batch response. It
// decides like the simulator of package payment, so a repeated request is answered
// the same, and loses requests of orders whose id begins with LOST-. It takes no
// money. With a real gateway (parameter PaymentGateway: external) its mapping is
// off, and that gateway's adapter reads the queue. Start at handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/bus"
	"github.com/stepworks/stepworks/shared/feed"
	"github.com/stepworks/stepworks/shared/payment"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[feed.Batch, feed.Response], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("EVENT_BUS_NAME", "PAYMENT_DELAY", "PAYMENT_DECLINE_PERCENT")
	if err != nil {
		return nil, err
	}
	simulator, err := payment.NewSimulator(env["PAYMENT_DELAY"], env["PAYMENT_DECLINE_PERCENT"])
	return handler{simulator, bus.Publisher{API: eventbridge.NewFromConfig(cfg), Bus: env["EVENT_BUS_NAME"]}}.handle, err
}
