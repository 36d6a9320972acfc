package stepfunctions

// This file defines http:invoke: a call of somebody else's HTTPS endpoint with
// the credentials of an EventBridge connection.
// https://docs.aws.amazon.com/step-functions/latest/dg/call-https-apis.html

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// HTTPInvoker performs requests with the authorization that a connection holds.
type HTTPInvoker interface {
	InvokeHTTP(ctx context.Context, as awswire.Identity, request HTTPRequest) (HTTPResponse, error)
}

// HTTPRequest is what an http:invoke task asks for.
type HTTPRequest struct {
	MachineARN    string // whose task asks
	ConnectionARN string
	Endpoint      string // as the task names it, which is what permissions are about
	Method, URL   string // URL with the task's query parameters
	Header        http.Header
	Body          []byte
}

// HTTPRefusal is a request that was not made, under the name that Retry and Catch
// match.
type HTTPRefusal struct{ Name, Cause string }

func (r *HTTPRefusal) Error() string { return r.Name + ": " + r.Cause }

// HTTPResponse is what came back.
type HTTPResponse struct {
	StatusCode int
	Header     http.Header
	Body       []byte
}

var httpMethods = []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"}

func invokeHTTP(s *Service, c *call) answer {
	if s.HTTP == nil {
		return failed("States.Runtime", unsupported(c.Resource))
	}
	request, err := httpRequest(c.Parameters, s.Region)
	if err != nil {
		return failed("States.Runtime", fmt.Sprintf("The Parameters '%s' could not be used to start the Task: [%s]", jsonvalue.String(c.Parameters), err))
	}
	request.MachineARN = c.machineARN
	response, err := s.HTTP.InvokeHTTP(c.context(), c.as, request)
	if err != nil {
		if r := (*HTTPRefusal)(nil); errors.As(err, &r) {
			return failed(r.Name, r.Cause)
		}
		if e := (*awswire.Error)(nil); errors.As(err, &e) {
			return failed("Events."+class(e.Code), e.Message)
		}
		return failed("States.Http.Socket", err.Error())
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return failed(fmt.Sprintf("States.Http.StatusCode.%d", response.StatusCode), string(response.Body))
	}
	return succeeded(httpResult(response))
}

func httpRequest(params jsonvalue.Value, region string) (HTTPRequest, error) {
	r := HTTPRequest{Method: text(member(params, "Method")), Header: http.Header{}}
	for _, where := range []string{"InvocationConfig", "Authentication"} { // the older name goes on to work
		if arn := text(member(member(params, where), "ConnectionArn")); arn != "" {
			r.ConnectionARN = arn
		}
	}
	endpoint := text(member(params, "ApiEndpoint"))
	u, err := url.Parse(endpoint)
	switch {
	case r.ConnectionARN == "":
		return r, errors.New("The field 'ConnectionArn' is required but was missing") //nolint:staticcheck // AWS's words
	case endpoint == "":
		return r, errors.New("The field 'ApiEndpoint' is required but was missing") //nolint:staticcheck // AWS's words
	case err != nil || u.Host == "":
		return r, errors.New("The value of the field 'ApiEndpoint' has an invalid format") //nolint:staticcheck // AWS's words
	case !slices.Contains(httpMethods, r.Method):
		return r, errors.New("The value of the field 'Method' has an invalid format") //nolint:staticcheck // AWS's words
	}
	query := u.Query()
	for name, v := range pairs(member(params, "QueryParameters")) {
		query[name] = v
	}
	u.RawQuery = query.Encode()
	r.Endpoint, r.URL = endpoint, u.String()
	for name, v := range pairs(member(params, "Headers")) {
		r.Header[http.CanonicalHeaderKey(name)] = v
	}
	r.Header.Set("User-Agent", "Amazon|StepFunctions|HttpInvoke|"+region)
	r.Header.Set("Range", fmt.Sprintf("bytes=0-%d", maxData))
	r.Body = httpBody(params, r.Header)
	return r, nil
}

// pairs reads an object whose values are texts, numbers or lists of them.
func pairs(v jsonvalue.Value) map[string][]string {
	o, _ := v.(*jsonvalue.Object)
	out := map[string][]string{}
	for name, x := range o.All() {
		items, ok := x.([]any)
		if !ok {
			items = []any{x}
		}
		for _, item := range items {
			out[name] = append(out[name], plain(item))
		}
	}
	return out
}

func plain(v jsonvalue.Value) string {
	if s, ok := v.(string); ok {
		return s
	}
	return jsonvalue.String(v)
}

// httpBody is JSON, or a form when the task's Transform says so.
func httpBody(params jsonvalue.Value, h http.Header) []byte {
	body, present := (&jsonvalue.Object{}).Get("")
	if o, ok := params.(*jsonvalue.Object); ok {
		body, present = o.Get("RequestBody")
	}
	if !present || body == nil {
		return nil
	}
	if text(member(member(params, "Transform"), "RequestBodyEncoding")) == "URL_ENCODED" {
		h.Set("Content-Type", "application/x-www-form-urlencoded")
		style := text(member(member(member(params, "Transform"), "RequestEncodingOptions"), "ArrayFormat"))
		return []byte(formBody(body, style))
	}
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	return payload(body)
}

// formBody encodes an object; style says how its arrays are spelled.
// https://docs.aws.amazon.com/step-functions/latest/dg/call-https-apis.html#http-task-definition
func formBody(body jsonvalue.Value, style string) string {
	o, _ := body.(*jsonvalue.Object)
	var parts []string
	add := func(name, value string) {
		parts = append(parts, url.QueryEscape(name)+"="+url.QueryEscape(value))
	}
	for name, v := range o.All() {
		items, ok := v.([]any)
		switch {
		case !ok:
			add(name, plain(v))
		case style == "COMMAS":
			words := make([]string, len(items))
			for i, item := range items {
				words[i] = plain(item)
			}
			add(name, strings.Join(words, ","))
		default:
			for i, item := range items {
				add(arrayName(name, style, i), plain(item))
			}
		}
	}
	return strings.Join(parts, "&")
}

func arrayName(name, style string, i int) string {
	switch style {
	case "BRACKETS":
		return name + "[]"
	case "REPEAT", "NONE":
		return name
	}
	return fmt.Sprintf("%s[%d]", name, i) // INDICES, the default
}

func httpResult(r HTTPResponse) jsonvalue.Value {
	var headers, b jsonvalue.Builder
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		values := make([]any, len(r.Header[name]))
		for i, v := range r.Header[name] {
			values[i] = v
		}
		headers.Set(strings.ToLower(name), values)
	}
	b.Set("Headers", headers.Object()).Set("ResponseBody", textOrJSON(r.Body))
	b.Set("StatusCode", jsonvalue.Int(int64(r.StatusCode))).Set("StatusText", http.StatusText(r.StatusCode))
	return b.Object()
}
