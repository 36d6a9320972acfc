package stack

// This file defines the way out of the machine: requests of http:invoke tasks and
// API destinations, and the routes that keep them on it.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/stepfunctions"
)

// routes sends requests for a host to another place, a stub on this machine for
// one: host -> base URL. Hosts without a route are what they are.
type routes map[string]*url.URL

func parseRoutes(given map[string]string) (routes, error) {
	r := routes{}
	for host, target := range given {
		u, err := url.Parse(target)
		if err != nil || u.Host == "" || u.Scheme == "" {
			return nil, fmt.Errorf("--route %s=%s: the target must be a URL such as http://127.0.0.1:8080", host, target)
		}
		r[host] = u
	}
	return r, nil
}

// RoundTrip implements http.RoundTripper.
func (r routes) RoundTrip(req *http.Request) (*http.Response, error) {
	if to, ok := r[req.URL.Host]; ok {
		req = req.Clone(req.Context())
		req.URL.Scheme, req.URL.Host = to.Scheme, to.Host
	}
	return http.DefaultTransport.RoundTrip(req)
}

// httpTasks performs http:invoke with what the connection adds.
type httpTasks struct {
	caller interface {
		Call(ctx context.Context, as awswire.Identity, service, operation string, params jsonvalue.Value) (jsonvalue.Value, error)
	}
	client http.Client
	allow  func(ctx context.Context, as awswire.Identity, access awswire.Access) error
}

// Limits of http:invoke: https://docs.aws.amazon.com/step-functions/latest/dg/call-https-apis.html
const (
	httpTaskTime = 60 * time.Second
	httpTaskBody = 256 << 10
)

// InvokeHTTP implements [stepfunctions.HTTPInvoker].
func (h *httpTasks) InvokeHTTP(ctx context.Context, as awswire.Identity, r stepfunctions.HTTPRequest) (stepfunctions.HTTPResponse, error) {
	added, err := h.permit(ctx, as, r)
	if err != nil {
		return stepfunctions.HTTPResponse{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, httpTaskTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return stepfunctions.HTTPResponse{}, err
	}
	req.Header = r.Header.Clone()
	authorize(req, added)
	resp, err := h.client.Do(req)
	if err != nil {
		return stepfunctions.HTTPResponse{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, httpTaskBody))
	return stepfunctions.HTTPResponse{StatusCode: resp.StatusCode, Header: resp.Header, Body: body}, err
}

// permit asks whether the machine's role may call the endpoint, and for what the
// connection adds, which takes permissions for it and its secret. AWS's own error
// names: https://github.com/serverless-operations/serverless-step-functions/issues/599 and
// https://vimson.co/posts/aws-step-function-http-invoke-task-access-denied-error
func (h *httpTasks) permit(ctx context.Context, as awswire.Identity, r stepfunctions.HTTPRequest) (jsonvalue.Value, error) {
	err := h.allow(ctx, as, awswire.Access{Action: "states:InvokeHTTPEndpoint", Resource: r.MachineARN, Context: map[string][]string{
		"states:HTTPEndpoint": {r.Endpoint}, "states:HTTPMethod": {r.Method}}})
	if err != nil {
		return nil, &stepfunctions.HTTPRefusal{Name: "States.Http.AccessDenied", Cause: "AWS Step Functions is not authorized to perform states:InvokeHTTPEndpoint on API Endpoint " + r.Endpoint +
			". Ensure that the StateMachine role contains the states:InvokeHTTPEndpoint permission for the given API Endpoint"}
	}
	added, err := h.caller.Call(ctx, as, "events", "RetrieveConnectionCredentials", jsonvalue.NewObject(jsonvalue.Member{Name: "ConnectionArn", Value: r.ConnectionARN}))
	if e := (*awswire.Error)(nil); errors.As(err, &e) && e.Code == "AccessDeniedException" {
		return nil, &stepfunctions.HTTPRefusal{Name: "Events.ConnectionResource.AccessDenied", Cause: e.Message}
	}
	return added, err
}

// authorize adds a connection's headers and query parameters.
func authorize(req *http.Request, added jsonvalue.Value) {
	o, _ := added.(*jsonvalue.Object)
	query := req.URL.Query()
	for list, set := range map[string]func(name, value string){"HeaderParameters": req.Header.Set, "QueryStringParameters": query.Set} {
		v, _ := o.Get(list)
		items, _ := v.([]any)
		for _, item := range items {
			p, _ := item.(*jsonvalue.Object)
			name, _ := p.Get("Key")
			value, _ := p.Get("Value")
			n, _ := name.(string)
			t, _ := value.(string)
			set(n, t)
		}
	}
	req.URL.RawQuery = query.Encode()
}
