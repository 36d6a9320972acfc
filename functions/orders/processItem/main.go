// Command processItem books one item of a batch: a movement of stock, such as a
// delivery that came in or pieces that broke.
//
// In: [Input]. Out: [Result]. An item that cannot be booked is an answer (status
// failed), not an error, so that it does not fail its batch. An item is booked
// once in a batch, however often it arrives. Start at handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[Input, Result], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("INVENTORY_TABLE", "IDEMPOTENCY_TABLE")
	if err != nil {
		return nil, err
	}
	return handler{dynamodb.NewFromConfig(cfg), env["INVENTORY_TABLE"], env["IDEMPOTENCY_TABLE"]}.handle, nil
}
