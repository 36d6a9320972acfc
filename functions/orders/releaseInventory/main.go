// Command releaseInventory is the compensation of the order workflow: it closes
// an order that failed and gives back the stock it holds, in one transaction.
//
// In: [Input], the order's id in any contract and how the order ends. Out:
// [Result]. An order that was fulfilled after all is left fulfilled, and the
// answer says so. Asked again, it answers the same and gives nothing back twice.
// Start at handler.go.
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
	env, err := awsconf.Env("ORDERS_TABLE", "INVENTORY_TABLE")
	if err != nil {
		return nil, err
	}
	book := order.Book{API: dynamodb.NewFromConfig(cfg), Orders: env["ORDERS_TABLE"], Inventory: env["INVENTORY_TABLE"]}
	return handler{book}.handle, nil
}
