package eventbridge

// This file defines the invocation of an API destination.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/delivery"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// invocationTimeout is how long an endpoint may take, on the wall clock: "Requests
// to API destinations have a maximum client execution timeout of 5 seconds".
const invocationTimeout = 5 * time.Second

// HTTPParameters are what a target adds to the request. Values that are paths
// are taken from the event.
type HTTPParameters struct {
	PathParameterValues   []string          `json:"PathParameterValues,omitzero"`
	HeaderParameters      map[string]string `json:"HeaderParameters,omitzero"`
	QueryStringParameters map[string]string `json:"QueryStringParameters,omitzero"`
}

// resolved replaces values that are paths by what the event has there.
func (p *HTTPParameters) resolved(event *jsonvalue.Object) *jsonvalue.Object {
	if p == nil {
		return object()
	}
	path := []any{}
	for _, v := range p.PathParameterValues {
		path = append(path, dynamic(v, event))
	}
	resolve := func(values map[string]string) *jsonvalue.Object {
		var b jsonvalue.Builder
		for _, name := range slices.Sorted(maps.Keys(values)) {
			b.Set(name, dynamic(values[name], event))
		}
		return b.Object()
	}
	return object(member("PathParameterValues", path), member("HeaderParameters", resolve(p.HeaderParameters)),
		member("QueryStringParameters", resolve(p.QueryStringParameters)))
}

func dynamic(value string, event *jsonvalue.Object) string {
	if !strings.HasPrefix(value, "$.") {
		return value
	}
	p, err := parsePath(value)
	if err != nil {
		return value
	}
	found, ok := p.find(event)
	return spell(found, ok, true, false)
}

type invokeDestinationInput struct {
	ApiDestinationArn string         `json:"ApiDestinationArn" check:"required"`
	Body              string         `json:"Body"`
	HTTPParameters    HTTPParameters `json:"HttpParameters"`
}

type invokeDestinationOutput struct {
	StatusCode   int    `json:"StatusCode,omitzero"`
	FailureCode  string `json:"FailureCode,omitzero"`
	Failure      string `json:"Failure,omitzero"`
	Retry        bool   `json:"Retry,omitzero"`
	AfterSeconds int    `json:"AfterSeconds,omitzero"`
}

// invokeDestination is not in AWS's API, though the permission of its name is: a
// delivery calls it as its target's role.
func (s *Service) invokeDestination(ctx context.Context, in *invokeDestinationInput) (*invokeDestinationOutput, error) {
	d, err := s.destinationByARN(in.ApiDestinationArn)
	if err != nil {
		return nil, err
	}
	c, err := s.connectionByARN(d.Connection)
	if err != nil {
		return nil, err
	}
	if wait := s.rates.wait(in.ApiDestinationArn, d.Rate, s.Clock.Now()); wait > 0 {
		return &invokeDestinationOutput{FailureCode: delivery.Postponed, AfterSeconds: int((wait + time.Second - 1) / time.Second)}, nil
	}
	out, err := s.invokeOnce(ctx, d, c, in, false)
	if err == nil && c.Type == oauth && (out.StatusCode == http.StatusUnauthorized || out.StatusCode == http.StatusProxyAuthRequired) {
		return s.invokeOnce(ctx, d, c, in, true)
	}
	return out, err
}

func (s *Service) invokeOnce(ctx context.Context, d destination, c connection, in *invokeDestinationInput, refresh bool) (*invokeDestinationOutput, error) {
	added, err := s.credentials(ctx, c, refresh)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, invocationTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, d.Method, withPath(d.Endpoint, in.HTTPParameters.PathParameterValues), strings.NewReader(withBody(in.Body, added.Body)))
	if err != nil {
		return nil, invalid("the endpoint of API destination %s: %v", d.Name, err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "Amazon/EventBridge/ApiDestinations")
	in.HTTPParameters.asParameters().addTo(req)
	added.addTo(req) // last: "values from the Connection take precedence"
	resp, err := s.send(req)
	if err != nil {
		return unreached(err), nil
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return outcome(resp), nil
}

// send makes a request. Redirects are answers here, not followed.
func (s *Service) send(req *http.Request) (*http.Response, error) {
	client := http.Client{Transport: s.HTTP, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return client.Do(req)
}

func (p HTTPParameters) asParameters() httpParameters {
	var out httpParameters
	for name, v := range p.HeaderParameters {
		out.Header = append(out.Header, httpParameter{Key: name, Value: v})
	}
	for name, v := range p.QueryStringParameters {
		out.Query = append(out.Query, httpParameter{Key: name, Value: v})
	}
	return out
}

// withPath puts values where an endpoint has asterisks, one after the other.
func withPath(endpoint string, values []string) string {
	for _, v := range values {
		endpoint = strings.Replace(endpoint, "*", url.PathEscape(v), 1)
	}
	return endpoint
}

// withBody adds a connection's parameters to a body that is a JSON object.
func withBody(body string, added []httpParameter) string {
	v, err := jsonvalue.Parse([]byte(body))
	o, ok := v.(*jsonvalue.Object)
	if err != nil || !ok || len(added) == 0 {
		return body
	}
	for _, p := range added {
		o = o.With(p.Key, p.Value)
	}
	return jsonvalue.String(o)
}

func unreached(err error) *invokeDestinationOutput {
	code := "CONNECTION_FAILURE"
	if errors.Is(err, context.DeadlineExceeded) {
		code = "TIMEOUT"
	}
	return &invokeDestinationOutput{FailureCode: code, Failure: err.Error(), Retry: true}
}

// outcome says what an answer means: which are tried again AWS documents.
func outcome(resp *http.Response) *invokeDestinationOutput {
	out := &invokeDestinationOutput{StatusCode: resp.StatusCode}
	if resp.StatusCode/100 == 2 {
		return out
	}
	out.FailureCode, out.Failure = "ERROR_FROM_TARGET", "the endpoint answered "+resp.Status
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired, http.StatusConflict, http.StatusTooManyRequests:
		out.Retry = true
	default:
		out.Retry = resp.StatusCode >= 500
	}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		out.AfterSeconds = min(seconds, int(delivery.DefaultPolicy.Age/time.Second))
	}
	return out
}

// rates are the invocations of the current second, by destination ARN.
type rates struct {
	mu    sync.Mutex
	byARN map[string]window
}

type window struct {
	second time.Time
	made   int
}

// wait takes a place in the current second and returns zero, or how long it is
// until the next second.
func (r *rates) wait(arn string, perSecond int, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.byARN[arn]
	if second := now.Truncate(time.Second); !w.second.Equal(second) {
		w = window{second: second}
	}
	if w.made >= perSecond {
		return w.second.Add(time.Second).Sub(now)
	}
	w.made++
	r.byARN[arn] = w
	return 0
}
