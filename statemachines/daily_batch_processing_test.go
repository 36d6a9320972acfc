package statemachines

// This file tests the nightly reconciliation's machine.

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/local/simulate"
	"github.com/stepworks/stepworks/shared/contract"
)

const night = `{"batchDate":"2026-11-22T02:00:00Z","batchType":"daily-reconciliation","triggeredBy":"scheduled-event"}`

const reconciled = `{"processedDate":"2026-11-21","recordsProcessed":7,"errors":[{"kind":"order_stuck","count":2}],"status":"completed","differences":2,"reportBucket":"b","reportKey":"reports/2026-11-21.json"}`

func TestDailyBatchProcessing(t *testing.T) {
	more, done := `{"page":1,"done":false,"read":5}`, `{"page":1,"done":true,"read":7,"summary":`+reconciled+`}`
	usual := answers{"BatchProcessingTask": onPage(answer(more), answer(done)), "Announce Reconciliation": answer(`{}`)}
	end := "All Read?, Announce Reconciliation, Day Reconciled"
	refused, failed := "BatchProcessingTask, Day Refused", "BatchProcessingTask, Reconciliation Failed"
	nonsense := answers{"BatchProcessingTask": breaks("Input.Malformed")} // the function's tests say what it refuses
	routes := []route{
		{"two pages", night, answers{"BatchProcessingTask": onPage(answer(more), answer(done))}, "Begin, BatchProcessingTask, All Read?, BatchProcessingTask, " + end, "", reconciled},
		{"one page", night, answers{"BatchProcessingTask": answer(done)}, "Begin, BatchProcessingTask, " + end, "", reconciled},
		{"trouble that passes", night, answers{"BatchProcessingTask": onPage(inTurn("Lambda.TooManyRequestsException", "Transient.Timeout", "Runtime.ExitError", more), inTurn("", done)), "Announce Reconciliation": inTurn("EventBridge.FailedEntry", `{}`)}, end, "", reconciled},
		{"trouble that does not", night, answers{"BatchProcessingTask": breaks("Internal.Unexpected")}, failed, "ReconciliationFailed", ""},
		{"the page before is gone", night, answers{"BatchProcessingTask": onPage(answer(more), breaks("Object.NotFound"))}, failed, "ReconciliationFailed", ""},
		{"nobody can be told", night, answers{"BatchProcessingTask": answer(done), "Announce Reconciliation": breaks("EventBridge.FailedEntry")}, end, "", reconciled},
	}
	for _, input := range []string{`{}`, `null`, `7`, `"2026-11-21"`, `[]`, `{"batchDate":null}`, `{"batchDate":7}`, `{"batchDate":{"$":1}}`, `{"batchDate":"../../x"}`} {
		routes = append(routes, route{"input " + input, input, nonsense, refused, "DayRefused", ""})
	}
	m := follow(t, "daily-batch-processing.asl.json", usual, routes)
	m.Task("BatchProcessingTask", answer(done))
	m.Task("Announce Reconciliation", func(c simulate.Call) simulate.Answer {
		var in struct {
			Entries []struct {
				Source, DetailType, EventBusName string
				Detail                           contract.OrdersReconciledDetail
			}
		}
		require.NoError(t, c.Decode(&in))
		require.Len(t, in.Entries, 1)
		assert.Equal(t, []string{contract.SourceMyApp, contract.OrdersReconciled}, []string{in.Entries[0].Source, in.Entries[0].DetailType})
		d := in.Entries[0].Detail
		assert.NotEmpty(t, d.Timestamp)
		assert.NotEmpty(t, d.ExecutionID)
		d.Timestamp, d.ExecutionID = "", ""
		assert.Equal(t, contract.OrdersReconciledDetail{ProcessedDate: "2026-11-21", RecordsProcessed: 7, Differences: 2, Errors: []contract.Difference{{Kind: "order_stuck", Count: 2}},
			ReportBucket: "b", ReportKey: "reports/2026-11-21.json"}, d)
		return simulate.Answer{Output: `{}`}
	})
	assert.Equal(t, "SUCCEEDED", string(m.Run(night).Status))
}

// onPage answers each page in its own way.
func onPage(pages ...simulate.Task) simulate.Task {
	return func(c simulate.Call) simulate.Answer {
		var in struct{ Page int }
		if err := c.Decode(&in); err != nil {
			return simulate.Answer{Error: "Test.NoPage"}
		}
		return pages[in.Page](c)
	}
}

// TestPagesOfANight: each page is told which one it is, and that it is of the same
// execution and start; what the function says of one is not carried on but for its
// number. A thousand of them leave room in the execution's history.
func TestPagesOfANight(t *testing.T) {
	const pages = 1000
	m, next := load(t, "daily-batch-processing.asl.json"), 0
	var times []string
	m.Task("Announce Reconciliation", answer(`{}`))
	m.Task("BatchProcessingTask", func(c simulate.Call) simulate.Answer {
		var in struct {
			Request   struct{ BatchDate string }
			Page      int
			Execution struct{ ID, Time string }
		}
		require.NoError(t, c.Decode(&in))
		assert.Equal(t, "2026-11-22T02:00:00Z", in.Request.BatchDate)
		assert.Equal(t, next, in.Page)
		assert.NotEmpty(t, in.Execution.ID)
		assert.Less(t, len(c.Input), 400)
		times = append(times, in.Execution.Time)
		if next++; next == pages {
			return simulate.Answer{Output: `{"page":1,"done":true,"read":7,"summary":` + reconciled + `}`}
		}
		return simulate.Answer{Output: fmt.Sprintf(`{"page":%d,"done":false,"read":1}`, next)}
	})
	r := m.Run(night)
	require.Equal(t, "SUCCEEDED", string(r.Status), r.Cause)
	assert.JSONEq(t, reconciled, r.Output)
	assert.Equal(t, pages, next)
	assert.Equal(t, times[0], times[pages-1])
}
