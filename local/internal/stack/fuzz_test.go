package stack

// This file defines the fuzzing of every operation: what the SDK's clients send is
// where it starts from.
//
//	go test ./local/internal/stack -run '^$' -fuzz FuzzRequests -fuzztime 5m

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// recorder keeps the last request and lets none through.
type recorder struct {
	request *http.Request
	body    []byte
}

var errRecorded = errors.New("recorded, not sent")

// RoundTrip implements http.RoundTripper.
func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	r.request, r.body = request, nil
	if request.Body != nil {
		var err error
		if r.body, err = io.ReadAll(request.Body); err != nil {
			return nil, err
		}
	}
	return nil, errRecorded
}

// FuzzRequests: whatever a request carries, it is served or refused, by none of
// the errors that stand for a fault of the local AWS.
func FuzzRequests(f *testing.F) {
	log := &complaints{Handler: slog.DiscardHandler}
	s, err := Start(f.Context(), Options{Account: "123456789012", Region: "us-east-1", Memory: true, Clock: VirtualClock(), Log: slog.New(log)})
	must(f, err)
	f.Cleanup(func() { s.Close() })
	seed(f, s)
	f.Fuzz(func(t *testing.T, method, uri, target, authorization, contentType string, body []byte) {
		request, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1"+uri, bytes.NewReader(body))
		if err != nil || !strings.HasPrefix(uri, "/") {
			t.Skip("no HTTP")
		}
		request.Header = http.Header{"X-Amz-Target": {target}, "Authorization": {authorization}, "Content-Type": {contentType}, "X-Amz-Date": {"20261121T000000Z"}, "X-Amz-Content-Sha256": {"UNSIGNED-PAYLOAD"}}
		if target == "" {
			request.Header.Del("X-Amz-Target")
		}
		if strings.HasPrefix(uri, "/service/") {
			request.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
		}
		answer := httptest.NewRecorder()
		s.wire.ServeHTTP(answer, request)
		if answer.Code >= 500 && answer.Code != http.StatusNotImplemented {
			t.Errorf("status %d: %s", answer.Code, answer.Body)
		}
		for _, said := range log.take() {
			t.Error(said)
		}
	})
}

// seed adds a plausible request for each operation.
func seed(f *testing.F, s *Stack) {
	f.Helper()
	way := &recorder{}
	byName := clients(aws.Config{Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1"), Credentials: credentials.NewStaticCredentialsProvider("any", "thing", ""),
		HTTPClient: &http.Client{Transport: way}, Retryer: func() aws.Retryer { return aws.NopRetryer{} }})
	for name, service := range s.wire.Services() {
		for _, op := range service.Operations {
			if slices.Contains(inside, op.Name) {
				continue
			}
			a := &attack{invoke: reflect.ValueOf(byName[name]).MethodByName(op.Name)}
			way.request = nil
			if err := a.callIn(f.Context(), a.input(), unchecked); err == nil || way.request == nil {
				continue // what the client does not build without the right members
			}
			r := way.request
			f.Add(r.Method, r.URL.RequestURI(), r.Header.Get("X-Amz-Target"), r.Header.Get("Authorization"), r.Header.Get("Content-Type"), way.body)
		}
	}
}
