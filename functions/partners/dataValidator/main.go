// Command dataValidator is the first step of data integration: it decides whether
// a partner's file may be read, and claims the request for one execution.
//
// In: [Input]. Out: [Checked]. A request that is refused is an answer (isValid
// false); so is one that was handled before (duplicate true). It looks at the
// object's size, not into it, and only below the partner's own folder. Start at
// handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/object"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[Input, Checked], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("PARTNER_BUCKET", "IDEMPOTENCY_TABLE")
	if err != nil {
		return nil, err
	}
	return handler{object.New(cfg, env["PARTNER_BUCKET"]), claims{dynamodb.NewFromConfig(cfg), env["IDEMPOTENCY_TABLE"]}}.handle, nil
}
