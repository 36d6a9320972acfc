package stepfunctions

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// endpoint is an HTTPInvoker that answers what it is told to.
type endpoint struct {
	request HTTPRequest
	answer  HTTPResponse
	err     error
}

func (e *endpoint) InvokeHTTP(_ context.Context, _ awswire.Identity, r HTTPRequest) (HTTPResponse, error) {
	e.request = r
	return e.answer, e.err
}

func TestHTTPTask(t *testing.T) {
	const connection = `"Authentication":{"ConnectionArn":"c"},`
	for _, c := range []struct {
		name, params string
		answer       HTTPResponse
		err          error
		sent, want   string
	}{
		{"get", connection + `"ApiEndpoint":"https://x.example/a","Method":"GET","QueryParameters":{"q":["1","2"],"n":3}`,
			HTTPResponse{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"ok":true}`)}, nil,
			`GET https://x.example/a?n=3&q=1&q=2 `, `SUCCEEDED {"Headers":{"content-type":["application/json"]},"ResponseBody":{"ok":true},"StatusCode":200,"StatusText":"OK"}`},
		{"text", `"InvocationConfig":{"ConnectionArn":"c"},"ApiEndpoint":"https://x.example","Method":"POST","RequestBody":{"a":[1]}`,
			HTTPResponse{StatusCode: 201, Body: []byte(`hello`)}, nil,
			`POST https://x.example {"a":[1]}`, `SUCCEEDED {"Headers":{},"ResponseBody":"hello","StatusCode":201,"StatusText":"Created"}`},
		{"form", connection + `"ApiEndpoint":"https://x.example","Method":"POST","RequestBody":{"a":[1,"b c"],"d":"e"},"Transform":{"RequestBodyEncoding":"URL_ENCODED","RequestEncodingOptions":{"ArrayFormat":"BRACKETS"}}`,
			HTTPResponse{StatusCode: 204}, nil,
			`POST https://x.example a%5B%5D=1&a%5B%5D=b+c&d=e`, `SUCCEEDED {"Headers":{},"ResponseBody":"","StatusCode":204,"StatusText":"No Content"}`},
		{"refused", connection + `"ApiEndpoint":"https://x.example","Method":"GET"`, HTTPResponse{StatusCode: 429, Body: []byte("slow down")}, nil,
			`GET https://x.example `, `FAILED States.Http.StatusCode.429 slow down`},
		{"no answer", connection + `"ApiEndpoint":"https://x.example","Method":"GET"`, HTTPResponse{}, errors.New("connection refused"),
			`GET https://x.example `, `FAILED States.Http.Socket connection refused`},
		{"not allowed", connection + `"ApiEndpoint":"https://x.example","Method":"GET"`, HTTPResponse{}, &HTTPRefusal{"States.Http.AccessDenied", "why"},
			`GET https://x.example `, `FAILED States.Http.AccessDenied why`},
		{"no endpoint", connection + `"Method":"GET"`, HTTPResponse{}, nil, "  ",
			`FAILED States.Runtime The Parameters '{"Authentication":{"ConnectionArn":"c"},"Method":"GET"}' could not be used to start the Task: [The field 'ApiEndpoint' is required but was missing]`},
		{"bad method", connection + `"ApiEndpoint":"https://x.example","Method":"FETCH"`, HTTPResponse{}, nil, "  ", ``},
		{"no connection", `"ApiEndpoint":"https://x.example","Method":"GET"`, HTTPResponse{}, nil, "  ", ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &endpoint{answer: c.answer, err: c.err}
			s := &Service{Config: Config{Region: "us-east-1", HTTP: e, Account: account}}
			a := invokeHTTP(s, &call{run: &run{s: s}, ctx: t.Context(), ScheduleTask: interp.ScheduleTask{Parameters: jsonvalue.MustParse("{" + c.params + "}")}})
			got := "FAILED " + a.err + " " + a.cause
			if !a.failed() {
				got = "SUCCEEDED " + jsonvalue.String(a.output)
			}
			if sent := fmt.Sprintf("%s %s %s", e.request.Method, e.request.URL, e.request.Body); sent != c.sent {
				t.Errorf("sent %q, want %q", sent, c.sent)
			}
			if c.want == "" && !strings.HasPrefix(got, "FAILED States.Runtime") || c.want != "" && got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
