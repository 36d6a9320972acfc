// Command reconcile holds a day's orders against what they were paid, what stock
// they hold and what became of them, and writes a report of the differences.
//
// It does a page of work in an invocation and says where the next one begins, so
// that a day of any size is a matter of how often the state machine asks. In:
// [Input]. Out: [Result]. It changes nothing but its report, which another
// reconciliation of the same day replaces.
//
// Start at handler.go; what is a difference stands in judge.go.
package main

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/object"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[Input, Result], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("ORDERS_TABLE", "INVENTORY_TABLE", "CALLBACK_TOKENS_TABLE", "RECONCILIATIONS_BUCKET", "APPROVAL_DEADLINE")
	if err != nil {
		return nil, err
	}
	h := handler{
		api: dynamodb.NewFromConfig(cfg), orders: env["ORDERS_TABLE"], inventory: env["INVENTORY_TABLE"], callbacks: env["CALLBACK_TOKENS_TABLE"],
		bucket: object.New(cfg, env["RECONCILIATIONS_BUCKET"]),
	}
	h.approval, err = time.ParseDuration(env["APPROVAL_DEADLINE"])
	return h.handle, err
}
