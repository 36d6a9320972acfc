// Command requestPayment asks the external gateway to charge an order, and keeps
// the task token with which the workflow waits for its callback.
//
// In: [Input]. Its answer is ignored by Step Functions. The token is stored before
// the gateway is asked, and is in no message: the gateway knows the order's id
// alone. Asked again, the newest token waits, and the gateway is asked again, which
// is one charge by its idempotency; a result that is there already is answered at
// once. Start at handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/callback"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[Input, Result], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("ORDERS_TABLE", "CALLBACK_TOKENS_TABLE", "PAYMENT_QUEUE_URL")
	if err != nil {
		return nil, err
	}
	db := dynamodb.NewFromConfig(cfg)
	desk := callback.Desk{API: db, Tasks: sfn.NewFromConfig(cfg), Table: env["CALLBACK_TOKENS_TABLE"], Unknown: failure.CallbackNotFound}
	return handler{order.Book{API: db, Orders: env["ORDERS_TABLE"]}, desk, sqs.NewFromConfig(cfg), env["PAYMENT_QUEUE_URL"]}.handle, nil
}
