// Command csvPrepare is the first step of import-csv: it reads the file as it came
// and writes a clean copy, with the line number in front of each row, for the
// distributed map, and a report of every line that is no row.
//
// Step Functions reads CSV itself, but drops fields that are too many, knows no
// line numbers, and its delimiter stands in the definition; and the file could
// change while it is read. So it reads the copy. In: the import. Out: [Prepared].
// Memory does not grow with the file. Start at handler.go.
package main

import (
	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/object"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[Input, Prepared], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("IMPORTS_BUCKET")
	if err != nil {
		return nil, err
	}
	return handler{object.New(cfg, env["IMPORTS_BUCKET"])}.handle, nil
}
