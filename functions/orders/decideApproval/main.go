// Command decideApproval approves or rejects an order that waits for it, once.
//
// In: [Input], by hand or as the event Approval Decided. Out: [Result]. Whoever
// decides after somebody else gets that decision as the answer (changed false). A
// workflow that waits with a task token hears of it at once; one that looks from
// time to time, when it looks. Start at handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/stepworks/stepworks/shared/approval"
	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/callback"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[Input, Result], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("APPROVALS_TABLE")
	if err != nil {
		return nil, err
	}
	questions := callback.Desk{API: dynamodb.NewFromConfig(cfg), Tasks: sfn.NewFromConfig(cfg), Table: env["APPROVALS_TABLE"], Unknown: failure.ApprovalNotFound}
	return handler{approval.Desk{Questions: questions}}.handle, nil
}
