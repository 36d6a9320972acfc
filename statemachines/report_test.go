package statemachines

// This file tests the machines of the report.

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/local/simulate"
	"github.com/stepworks/stepworks/shared/contract"
)

const reportStart = `{"id":"event-1","source":"project","detail-type":"start","detail":{"numberOfPeople":3}}`

// What the finisher answers tasks with.
const (
	threeNames = `{"names":["Ana","Ana","李"],"TaskToken":null,"meta":null}`
	someone    = `{"processed":"Ana"}`
	summed     = `{"totalCookiesConsumed":12}`
)

func TestEventDrivenReport(t *testing.T) {
	usual := answers{"GetMultiple": answer(threeNames), "ProcessSingle": answer(someone), "PostProcessAll": answer(summed)}
	passes := []string{"", "EventBridge.FailedEntry", "Transient.Unavailable"}
	routes := []route{
		{"three people", reportStart, nil, "ProcessSingle, ProcessSingle, ProcessSingle, PostProcessAll, Success", "",
			`{"id":"event-1","source":"project","detail-type":"start","detail":{"numberOfPeople":3},"names":{"value":["Ana","Ana","李"]},"totalCookiesConsumed":{"value":12}}`},
		{"nobody", reportStart, answers{"GetMultiple": answer(`{"names":[]}`)}, "GetMultiple, ProcessMultiple, PostProcessAll, Success", "", ""},
		{"by hand", `{"names":["Ana"]}`, nil, "PostProcessAll, Success", "",
			`{"id":"simulated","detail":{"names":["Ana"]},"names":{"value":["Ana","Ana","李"]},"totalCookiesConsumed":{"value":12}}`},
		{"by hand, a list", `[]`, nil, "PostProcessAll, Success", "", ""},
		{"an answer of something else", reportStart, answers{"GetMultiple": answer(someone)}, "Started By Event?, GetMultiple", "States.Runtime", ""},
	}
	for state := range usual {
		routes = append(routes,
			route{state + ": trouble that passes", reportStart, answers{state: inTurn(append(passes, threeNames[:len(threeNames)-1]+`,"totalCookiesConsumed":1}`)...)}, "PostProcessAll, Success", "", ""},
			route{state + ": refused", reportStart, answers{state: breaks("Input.Malformed")}, state, "Input.Malformed", ""},
			route{state + ": nobody answers", reportStart, answers{state: simulate.Never()}, state, "States.Timeout", ""},
			route{state + ": always busy", reportStart, answers{state: breaks("Transient.Throttled")}, state, "Transient.Throttled", ""})
	}
	m := follow(t, "event-driven-report.asl.json", usual, routes)
	m.Task("PostProcessAll", simulate.Never())
	assert.Less(t, m.Run(reportStart).Took, 20*time.Minute, "an execution that nobody answers ends by itself")
}

// TestReportAsksByTheContract: what the machine publishes has the fields of the
// contract's structs, and the token.
func TestReportAsksByTheContract(t *testing.T) {
	m := load(t, "event-driven-report.asl.json")
	got := map[string][]string{}
	for state, out := range map[string]string{"GetMultiple": threeNames, "ProcessSingle": someone, "PostProcessAll": summed} {
		m.Task(state, func(c simulate.Call) simulate.Answer {
			var in struct {
				Entries []struct {
					EventBusName, Source, DetailType string
					Detail                           json.RawMessage
				}
			}
			require.NoError(t, c.Decode(&in))
			e := in.Entries[0]
			assert.Equal(t, "EventBusName project", e.EventBusName+" "+e.Source)
			assert.Contains(t, string(e.Detail), c.Token)
			byContract(t, e.DetailType, e.Detail)
			got[e.DetailType] = append(got[e.DetailType], strings.ReplaceAll(string(e.Detail), c.Token, "TOKEN"))
			return simulate.Answer{Output: out}
		})
	}
	require.Equal(t, simulate.Succeeded, m.Run(reportStart).Status)
	const common = `"execution":"arn:aws:states:us-east-1:123456789012:execution:Simulated:simulated","correlation":"event-1","TaskToken":"TOKEN",`
	require.Len(t, got[contract.TaskProcessSingle], 3)
	assert.JSONEq(t, `{`+common+`"stateName":"GetMultiple","request":{"numberOfPeople":3}}`, got[contract.TaskGetMultiple][0])
	assert.JSONEq(t, `{`+common+`"stateName":"ProcessSingle","name":"李","index":2}`, got[contract.TaskProcessSingle][2])
	assert.JSONEq(t, `{`+common+`"stateName":"PostProcessAll","names":["Ana","Ana","李"]}`, got[contract.TaskProcessAll][0])
}

func byContract(t *testing.T, detailType string, detail []byte) {
	t.Helper()
	for _, typ := range contract.Catalogue {
		if typ.DetailType == detailType {
			d := json.NewDecoder(strings.NewReader(string(detail)))
			d.DisallowUnknownFields()
			require.NoError(t, d.Decode(typ.Detail()), detailType)
			return
		}
	}
	t.Errorf("%s is not in the catalogue", detailType)
}

const (
	finished = `{"detail-type":"task.finished","detail":{"TaskToken":"T","execution":"e","meta":{"fn":"f"},"names":["a"]}}`
	refusedE = `{"detail-type":"task.failed","detail":{"TaskToken":"T","error":"Input.Malformed","cause":"no name"}}`
	lost     = `{"detail-type":"task.failed","detail":{"TaskToken":"T","error":"","cause":""}}`
)

func TestStepFinisher(t *testing.T) {
	usual := answers{"TaskSuccess": answer(`{}`), "TaskFailure": answer(`{}`), "Fail Unexplained": answer(`{}`), "Count Unanswered": answer(`{}`)}
	routes := []route{
		{"finished", finished, nil, "Which Answer?, Hide Secrets, TaskSuccess, TaskSucceeded", "", ""},
		{"failed", refusedE, nil, "Which Answer?, TaskFailure, TaskFailed", "", ""},
		{"lost", lost, nil, "Which Answer?, Fail Unexplained, TaskFailed", "", ""},
		{"failed without a reason", `{"detail-type":"task.failed","detail":{"TaskToken":"T"}}`, nil, "Fail Unexplained, TaskFailed", "", ""},
		{"no token", `{"detail-type":"task.finished","detail":{}}`, nil, "Which Answer?, No Token, Count Unanswered, Ended Quietly", "", ""},
		{"an empty token", `{"detail-type":"task.finished","detail":{"TaskToken":""}}`, nil, "No Token, Count Unanswered, Ended Quietly", "", ""},
		{"a number for a token", `{"detail-type":"task.finished","detail":{"TaskToken":7}}`, nil, "No Token, Count Unanswered, Ended Quietly", "", ""},
		{"it cannot be counted", `{"detail-type":"task.finished","detail":{}}`, answers{"Count Unanswered": inTurn("", "CloudWatch.CloudWatchException", `{}`)}, "Ended Quietly", "", ""},
	}
	for state, input := range map[string]string{"TaskSuccess": finished, "TaskFailure": refusedE, "Fail Unexplained": lost} {
		for _, name := range []string{"Sfn.TaskTimedOutException", "Sfn.TaskDoesNotExistException", "Sfn.InvalidTokenException"} {
			routes = append(routes, route{state + " " + name, input, answers{state: breaks(name)}, state + ", Count Unanswered, Ended Quietly", "", ""})
		}
		routes = append(routes,
			route{state + ": trouble that passes", input, answers{state: inTurn("", "Sfn.SfnException", `{}`)}, "", "", ""},
			route{state + ": trouble that stays", input, answers{state: breaks("Sfn.SfnException")}, state, "Sfn.SfnException", ""})
	}
	m := follow(t, "step-finisher.asl.json", usual, routes)
	m.Task("TaskSuccess", func(c simulate.Call) simulate.Answer {
		assert.JSONEq(t, `{"TaskToken":"T","Output":"{\"TaskToken\":null,\"execution\":\"e\",\"meta\":null,\"names\":[\"a\"]}"}`, c.Input, "the output tells no token")
		return simulate.Answer{Output: `{}`}
	})
	require.Equal(t, simulate.Succeeded, m.Run(finished).Status)
	m.Task("TaskSuccess", breaks("Sfn.TaskTimedOutException"))
	m.Task("Count Unanswered", func(c simulate.Call) simulate.Answer {
		assert.Contains(t, c.Input, `"Value":"Sfn.TaskTimedOutException"`, "counted by its reason")
		return simulate.Answer{Output: `{}`}
	})
	require.Equal(t, simulate.Succeeded, m.Run(finished).Status)
}
