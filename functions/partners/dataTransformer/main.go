// Command dataTransformer is the second step of data integration: it turns a
// partner's CSV, JSON or JSON lines into JSON lines of one shape, from S3 to S3.
//
// In: [Input]. Out: [Result]. Rows go through one at a time, so its memory does
// not grow with the file: measured by `go test ./functions/partners/dataTransformer
// -run TestMemory -size 500`. A row that cannot be taken is left out and counted;
// a file that is not its format fails the step, and nothing appears. Start at
// handler.go; rows.go reads.
package main

import (
	"runtime/debug"

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
	env, err := awsconf.Env("PARTNER_BUCKET")
	if err != nil {
		return nil, err
	}
	debug.SetMemoryLimit(memoryLimit)
	return handler{object.New(cfg, env["PARTNER_BUCKET"])}.handle, nil
}
