// Command checkApproval asks for the approval of an order, and looks how it
// stands. In the waiting form of the approval workflow it is asked from time to
// time; in the callback form it stores the task token that the decision answers.
//
// In: [Input]. Out: [Result]; with a token, Step Functions ignores it and takes
// the decision instead. Asked again, it joins the approval that is there. Start at
// handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/stepworks/stepworks/shared/approval"
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
	env, err := awsconf.Env("ORDERS_TABLE", "APPROVALS_TABLE", "APPROVAL_WAIT", "APPROVAL_DEADLINE")
	if err != nil {
		return nil, err
	}
	wait, deadline, err := approval.Durations(env["APPROVAL_WAIT"], env["APPROVAL_DEADLINE"])
	db := dynamodb.NewFromConfig(cfg)
	questions := callback.Desk{API: db, Tasks: sfn.NewFromConfig(cfg), Table: env["APPROVALS_TABLE"], Unknown: failure.ApprovalNotFound}
	return handler{approval.Desk{Book: order.Book{API: db, Orders: env["ORDERS_TABLE"]}, Questions: questions, Wait: wait, Deadline: deadline}}.handle, err
}
