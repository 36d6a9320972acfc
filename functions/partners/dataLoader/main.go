// Command dataLoader is the last step of data integration: it puts the JSON lines
// of dataTransformer into the table of partners' records, a slice at each
// invocation.
//
// In: [Input]. Out: [Progress], which is the next slice's input until done. A row
// that a newer request has written is left as it is, so repeating a slice, or a
// whole request late, changes nothing. Start at handler.go.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/object"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[Input, Progress], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("PARTNER_BUCKET", "PARTNER_RECORDS_TABLE")
	if err != nil {
		return nil, err
	}
	return handler{object.New(cfg, env["PARTNER_BUCKET"]), dynamodb.NewFromConfig(cfg), env["PARTNER_RECORDS_TABLE"], sliceRows}.handle, nil
}
