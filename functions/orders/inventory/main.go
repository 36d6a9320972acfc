// Command inventory is the second step of the order workflow: it reserves all
// products of an order in one transaction, or none.
//
// In: the order's id, in any contract, and the execution. Out: [Result]. Too
// little stock and unknown products are answers (inventoryAvailable false).
// Asked again for the same order, it answers the same and takes nothing more.
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
	env, err := awsconf.Env("ORDERS_TABLE", "INVENTORY_TABLE")
	if err != nil {
		return nil, err
	}
	book := order.Book{API: dynamodb.NewFromConfig(cfg), Orders: env["ORDERS_TABLE"], Inventory: env["INVENTORY_TABLE"]}
	return handler{book}.handle, nil
}
