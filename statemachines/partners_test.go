package statemachines

// This file tests the machines of batches and partners.

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/local/simulate"
)

const batch = `{"batchId":"B","items":[{"itemId":"1"},{"itemId":"2"}]}`

func TestBatchProcessing(t *testing.T) {
	booked := `{"itemId":"1","productId":"P","status":"processed"}`
	usual := answers{"ProcessSingleItem": answer(booked), "Announce Batch": answer(`{}`)}
	end := "Count, Sum Up, Announce Batch, Batch Processed"
	refused := "Items Given?, Batch Refused"
	list := func(n int) string { return `{"items":[1` + strings.Repeat(",1", n-1) + `]}` }
	m := follow(t, "batch-processing.asl.json", usual, []route{
		{"booked", batch, nil, end, "", `{"batchId":"B","items":2,"failed":0,"processedItems":[` + booked + `,` + booked + `],"failedItems":[]}`},
		{"without a name", list(1), nil, end, "", ""},
		{"a name that is none", `{"batchId":7,"items":[1]}`, nil, "Batch Named?, Name Batch, ProcessItemsMap, ProcessSingleItem, " + end, "", ""},
		{"trouble that passes", list(1), answers{"ProcessSingleItem": inTurn("", "Lambda.TooManyRequestsException", "Runtime.ExitError", booked), "Announce Batch": inTurn("EventBridge.FailedEntry", `{}`)}, end, "", ""},
		{"one item breaks the function", batch, answers{"ProcessSingleItem": first("Internal.Unexpected", booked)}, end, "",
			`{"batchId":"B","items":2,"failed":1,"processedItems":[{"itemId":"","status":"failed","error":"Internal.Unexpected"},` + booked + `],"failedItems":[{"itemId":"","status":"failed","error":"Internal.Unexpected"}]}`},
		{"nobody can be told", batch, answers{"Announce Batch": breaks("EventBridge.FailedEntry")}, end, "", ""},
		{"a thousand", list(1000), nil, end, "", ""},
		{"more", list(1001), nil, refused, "BatchRefused", ""},
		{"none", `{"items":[]}`, nil, refused, "BatchRefused", ""},
		{"null", `{"items":null}`, nil, refused, "BatchRefused", ""},
		{"no list", `{"items":{"0":1}}`, nil, refused, "BatchRefused", ""},
		{"text", `{"items":"[1]"}`, nil, refused, "BatchRefused", ""},
		{"missing", `{}`, nil, refused, "BatchRefused", ""},
		{"no object", `7`, nil, refused, "BatchRefused", ""},
	})
	assert.Contains(t, m.Run(batch).Output, `"failed":0`)
}

// first fails for the first item of a map and answers the others.
func first(name, output string) simulate.Task {
	return func(c simulate.Call) simulate.Answer {
		if strings.Contains(c.Input, `"itemId":"1"`) {
			return simulate.Answer{Error: name}
		}
		return simulate.Answer{Output: output}
	}
}

func external(path string) string {
	text, _ := json.Marshal(path)
	return fmt.Sprintf(`{"apiEndpoint":%s,"requestPayload":{"a":1},"metadata":{"requestId":"R","timestamp":"now"}}`, text)
}

func TestExternalIntegration(t *testing.T) {
	ok := answer(`{"StatusCode":201,"ResponseBody":{"id":7},"Headers":{}}`)
	usual := answers{"Call Partner": ok, "Announce Success": answer(`{}`), "Announce Failure": answer(`{}`)}
	good := external("/v1/shipments")
	badPath, failed := "Request Good?, Note Bad Path, Announce Failure, Call Failed", "PartnerCallFailed"
	routes := []route{
		{"called", good, nil, "Request Good?, Call Partner, Announce Success, Partner Called", "", ""},
		{"busy for a while", good, answers{"Call Partner": inTurn("States.Http.StatusCode.429", "States.Http.StatusCode.503", "States.Http.Socket", `{"StatusCode":200,"ResponseBody":""}`)}, "Partner Called", "", ""},
		{"busy for ever", good, answers{"Call Partner": breaks("States.Http.StatusCode.503")}, "Note Refusal, Announce Failure, Call Failed", failed, ""},
		{"refused by the partner", good, answers{"Call Partner": breaks("States.Http.StatusCode.403")}, "Call Partner, Note Refusal, Announce Failure, Call Failed", failed, ""},
		{"nobody can be told of success", good, answers{"Announce Success": inTurn("EventBridge.FailedEntry", "EventBridge.FailedEntry", "EventBridge.FailedEntry", "EventBridge.FailedEntry", "EventBridge.FailedEntry", "EventBridge.FailedEntry")}, "Partner Called", "", ""},
		{"nor of failure", external("x"), answers{"Announce Failure": breaks("EventBridge.FailedEntry")}, badPath, failed, ""},
		{"no id", `{"apiEndpoint":"/v1/a","requestPayload":{}}`, nil, "Note Nameless, Announce Failure, Call Failed", failed, ""},
		{"an empty id", `{"apiEndpoint":"/v1/a","requestPayload":{},"metadata":{"requestId":""}}`, nil, "Note Nameless, Announce Failure, Call Failed", failed, ""},
		{"a number for an id", `{"apiEndpoint":"/v1/a","requestPayload":{},"metadata":{"requestId":7}}`, nil, "Note Nameless, Announce Failure, Call Failed", failed, ""},
		{"no path", `{"requestPayload":{},"metadata":{"requestId":"R"}}`, nil, badPath, failed, ""},
		{"a path that is no text", `{"apiEndpoint":{"a":1},"requestPayload":{},"metadata":{"requestId":"R"}}`, nil, badPath, failed, ""},
		{"no object", `[]`, nil, "Note Nameless, Announce Failure, Call Failed", failed, ""},
	}
	for _, path := range []string{"", "/", "/v1", "/v2/a", "v1/a", "https://evil.example/v1/", "//evil.example/v1/", "@evil.example/v1/", ".evil.example/v1/", ":8080/v1/a",
		"/v1/../admin", "/v1/..", "/v1/%2e%2e/admin", "/v1//a", "/v1/a?x=1", "/v1/a#b", `/v1\a`, "/v1/a b", "/v1/a\nHost: evil", "/v1/a\r", "/v1/a\tb", "/v1/user@evil", "/v1/a:b"} {
		routes = append(routes, route{"path " + path, external(path), nil, badPath, failed, ""})
	}
	for _, payload := range []string{`""`, `null`, `7`, `true`} {
		routes = append(routes, route{"payload " + payload, `{"apiEndpoint":"/v1/a","requestPayload":` + payload + `,"metadata":{"requestId":"R"}}`, nil, "Note Bad Payload, Announce Failure, Call Failed", failed, ""})
	}
	m := follow(t, "external-integration.asl.json", usual, routes)
	m.Task("Call Partner", func(c simulate.Call) simulate.Answer {
		var in struct {
			ApiEndpoint string //nolint:revive // AWS's name
			Headers     map[string]string
			RequestBody any
		}
		require.NoError(t, c.Decode(&in))
		assert.True(t, strings.HasPrefix(in.ApiEndpoint, "https://"), in.ApiEndpoint)
		assert.True(t, strings.HasSuffix(in.ApiEndpoint, "/v1/shipments"), in.ApiEndpoint)
		assert.Len(t, in.Headers["Idempotency-Key"], 64)
		assert.Equal(t, map[string]any{"a": 1.0}, in.RequestBody)
		return simulate.Answer{Error: "States.Http.StatusCode.400", Cause: "secret words of the partner"}
	})
	assert.Equal(t, "States.Http.StatusCode.400", m.Run(good).Cause, "the partner's words stay out of the failure")
}

func TestDataIntegration(t *testing.T) {
	const asked, failed = `{"requestId":"R"}`, "DataIntegrationFailed"
	checked := func(more string) simulate.Task {
		return answer(`{"isValid":true,"duplicate":false,"bulk":false,"error":"","requestId":"R","partnerId":"P","claim":"sync#P#R","since":"2026-11-21T10:00:00Z","bucket":"b","key":"k","etag":"e","format":"csv","tableName":"t","tenantCode":"c","toleratedFailurePercentage":20` + more + `}`)
	}
	good := checked("")
	transformed, loaded, part := `{"key":"work/k","rows":3,"rejected":1,"problems":[]}`, `{"done":true,"offset":9,"loaded":3,"stale":0}`, `{"done":false,"offset":5,"loaded":2,"stale":0}`
	usual := answers{"Validate": good, "Transform": answer(transformed), "Load": answer(loaded), "Hand Over": answer(`{"id":"I"}`)}
	for _, state := range []string{"Close Request", "Close Handed Over", "Close Failed", "Announce Completion", "Announce Handover", "Announce Failure"} {
		usual[state] = answer(`{}`)
	}
	bulk := answer(`{"isValid":true,"duplicate":false,"bulk":true,"error":"","requestId":"R","partnerId":"P","claim":"sync#P#R","since":"2026-11-21T10:00:00Z","bucket":"b","key":"k","tableName":"t","tenantCode":"c","toleratedFailurePercentage":20}`)
	trouble := "Note Trouble, Close Failed, Announce Failure, Data Integration Failed"
	passes := func(output string) simulate.Task {
		return inTurn("", "Lambda.TooManyRequestsException", "Runtime.ExitError", output)
	}
	routes := []route{
		{"loaded", asked, nil, "Transform, Begin Load, Load, All Loaded?, Close Request, Announce Completion, Data Loaded", "", ""},
		{"in two slices", asked, answers{"Load": slicesOf(part, loaded)}, "Load, All Loaded?, Load, All Loaded?, Close Request, Announce Completion, Data Loaded", "", ""},
		{"handled before", asked, answers{"Validate": answer(`{"isValid":false,"duplicate":true}`)}, "Valid?, Handled Elsewhere", "", ""},
		{"refused", asked, answers{"Validate": answer(`{"isValid":false,"duplicate":false,"error":"format must be","requestId":"R","partnerId":""}`)}, "Valid?, Note Refusal, Announce Failure, Data Integration Failed", failed, ""},
		{"not checked", `[]`, answers{"Validate": breaks("Internal.Unexpected")}, "Validate, Note Unchecked, Announce Failure, Data Integration Failed", failed, ""},
		{"no such format", asked, answers{"Transform": breaks("Data.Malformed")}, "Transform, " + trouble, failed, ""},
		{"replaced while it was loaded", asked, answers{"Load": breaks("Data.Changed")}, "Load, " + trouble, failed, ""},
		{"handed over", asked, answers{"Validate": bulk}, "Hand Over, Close Handed Over, Announce Handover, Handed Over", "", ""},
		{"not taken by the import", asked, answers{"Validate": bulk, "Hand Over": breaks("Import.Refused")}, "Hand Over, " + trouble, failed, ""},
		{"trouble that passes", asked, answers{"Validate": inTurn("", "Lambda.Unknown", "Runtime.ExitError", `{"isValid":false,"duplicate":true}`)}, "Handled Elsewhere", "", ""},
		{"and while transforming and loading", asked, answers{"Transform": passes(transformed), "Load": passes(loaded)}, "Data Loaded", "", ""},
		{"and while handing over", asked, answers{"Validate": bulk, "Hand Over": passes(`{}`)}, "Handed Over", "", ""},
		{"nobody can be told or write it down", asked, answers{"Close Request": breaks("DynamoDB.InternalServerError"), "Announce Completion": breaks("EventBridge.FailedEntry")}, "Data Loaded", "", ""},
		{"of an import neither", asked, answers{"Validate": bulk, "Close Handed Over": breaks("DynamoDB.InternalServerError"), "Announce Handover": breaks("EventBridge.FailedEntry")}, "Handed Over", "", ""},
		{"nor of failure", asked, answers{"Transform": breaks("Access.Denied"), "Close Failed": breaks("DynamoDB.InternalServerError"), "Announce Failure": breaks("EventBridge.FailedEntry")}, trouble, failed, ""},
		{"another has the request now", asked, answers{"Close Request": breaks("DynamoDB.ConditionalCheckFailedException")}, "Data Loaded", "", ""},
	}
	follow(t, "data-integration.asl.json", usual, routes)
}

// slicesOf answers one state's visits one after the other.
func slicesOf(all ...string) simulate.Task {
	n := 0
	return func(simulate.Call) simulate.Answer {
		n++
		return simulate.Answer{Output: all[min(n, len(all))-1]}
	}
}
