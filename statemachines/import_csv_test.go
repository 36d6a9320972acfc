package statemachines

// This file tests the import machine.

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/local/simulate"
)

const (
	anImport  = `{"bucket":"b","key":"k","tableName":"products","tenantCode":"t"}`
	threeRows = `[{"_line":"2","sku":"A"},{"_line":"3","sku":"B"},{"_line":"4","sku":"C"}]`
	prepared  = `{"bucket":"b","key":"work/x/rows.csv","rows":3,"sameRows":0,"badRows":1,"report":"work/x/structure.csv"}`
	noRows    = `{"bucket":"b","key":"work/x/rows.csv","rows":0,"sameRows":0,"badRows":0,"report":"work/x/structure.csv"}`
	imported  = `{"totalRows":3,"succeededRows":3,"unchangedRows":0,"failedRows":0,"errors":[]}`
	allIn     = `{"status":"COMPLETED","message":"3 rows"}`
	someOut   = `{"status":"FAILED","message":"3 rows, 2 failed"}`
)

var importWays = []struct {
	what string
	answers
	path, err, cause string
}{
	{"all rows come in", nil, "defaults with_defaults prepare_csv any_rows import-csv csv_rows_handler csv_finalize import_result success", "", ""},
	{"a header alone", answers{"prepare_csv": answer(noRows)}, "prepare_csv any_rows csv_finalize import_result success", "", ""},
	{"more failed than is tolerated", answers{"csv_finalize": answer(someOut)}, "csv_finalize import_result import_failed", "Import.Failed", "3 rows, 2 failed"},
	{"no table", answers{"prepare_csv": breaks("Import.Refused"), "csv_finalize": answer(someOut)}, "prepare_csv csv_finalize import_result import_failed", "Import.Failed", ""},
	{"a batch fails for good", answers{"csv_rows_handler": breaks("Access.Denied"), "csv_finalize": answer(someOut)}, "csv_finalize import_result import_failed", "Import.Failed", ""},
	{"it cannot be finalized", answers{"csv_finalize": breaks("Access.Denied")}, "csv_finalize finalize_failed", "Access.Denied", ""},
	{"trouble passes", answers{
		"prepare_csv": inTurn("Transient.Throttled", "Runtime.ExitError", "", prepared), "csv_rows_handler": inTurn("Transient.Throttled", "Runtime.ExitError", "", imported),
		"csv_finalize": inTurn("Transient.Throttled", "Runtime.ExitError", "", allIn),
	}, "csv_finalize import_result success", "", ""},
}

func TestImportCSV(t *testing.T) {
	m := load(t, "import-csv.asl.json")
	m.Items = map[string]string{"import-csv": threeRows}
	for _, w := range importWays {
		all := answers{"prepare_csv": answer(prepared), "csv_rows_handler": answer(imported), "csv_finalize": answer(allIn)}
		for state, then := range w.answers {
			all[state] = then
		}
		for state, then := range all {
			m.Task(state, then)
		}
		run := m.Run(anImport)
		path := strings.Join(run.Path, " ")
		assert.True(t, strings.HasSuffix(path, w.path), "%s: %s", w.what, path)
		assert.Equal(t, w.err, run.Error, "%s: %s", w.what, run.Cause)
		if w.cause != "" {
			assert.Equal(t, w.cause, run.Cause, w.what)
		}
	}
}

// TestWhatABatchHolds: the rows, and what the import says; the defaults are there
// when an execution is started by hand.
func TestWhatABatchHolds(t *testing.T) {
	m := load(t, "import-csv.asl.json")
	m.Items = map[string]string{"import-csv": "[" + strings.TrimSuffix(strings.Repeat(`{"_line":"2","sku":"A"},`, 25), ",") + "]"}
	var sizes []int
	m.Task("prepare_csv", answer(prepared))
	m.Task("csv_rows_handler", func(c simulate.Call) simulate.Answer {
		var in struct {
			Payload struct {
				BatchInput struct{ Attributes map[string]any }
				Items      []map[string]string
			}
		}
		if err := c.Decode(&in); err != nil {
			return simulate.Answer{Error: "Test", Cause: err.Error()}
		}
		sizes = append(sizes, len(in.Payload.Items))
		assert.Equal(t, "products", in.Payload.BatchInput.Attributes["tableName"])
		assert.Equal(t, true, in.Payload.BatchInput.Attributes["commands"])
		assert.Contains(t, in.Payload.BatchInput.Attributes["sourceId"], "simulated")
		return simulate.Answer{Output: imported}
	})
	var finalized string
	m.Task("csv_finalize", func(c simulate.Call) simulate.Answer {
		finalized = c.Input
		return simulate.Answer{Output: allIn, After: time.Second}
	})
	run := m.Run(anImport)
	require.Equal(t, simulate.Succeeded, run.Status, run.Cause)
	assert.ElementsMatch(t, []int{10, 10, 5}, sizes, "ten rows a batch")
	for _, want := range []string{`"toleratedFailurePercentage":0`, `"code":"simulated"`, `"sameRows":0`, `"mapOutput"`} {
		assert.Contains(t, finalized, want)
	}
}
