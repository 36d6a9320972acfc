package stack

// This file defines the fuzzing of every operation. It starts from what the SDK's
// clients send: a plausible request for each operation, and all of operations.txt,
// whose resources are there to be asked for.
//
//	go test ./local/internal/stack -run '^$' -fuzz FuzzRequests -fuzztime 5m

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// recorder keeps the last request.
type recorder struct {
	through http.RoundTripper // nil: none goes through
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
	if r.through == nil {
		return nil, errRecorded
	}
	request.Body = io.NopCloser(bytes.NewReader(r.body))
	return r.through.RoundTrip(request)
}

// attacked is a local AWS under fuzzing, made anew from time to time, because its
// resources go by and by.
type attacked struct {
	log   *complaints
	stack *Stack
	left  int                                // requests until it is made anew
	keep  func(r *http.Request, body []byte) // is given what the first one is sent
}

const (
	requestsEach = 5000
	patience     = 100 * time.Millisecond // of a client that waits for messages
)

// FuzzRequests: whatever a request carries, it is served or refused, by none of
// the errors that stand for a fault of the local AWS.
func FuzzRequests(f *testing.F) {
	a := newAttacked(f, func(r *http.Request, body []byte) {
		f.Add(r.Method, r.URL.RequestURI(), r.Header.Get("X-Amz-Target"), r.Header.Get("Authorization"), r.Header.Get("Content-Type"), body)
	})
	f.Fuzz(func(t *testing.T, method, uri, target, authorization, contentType string, body []byte) {
		request, err := http.NewRequest(method, "http://127.0.0.1"+uri, nil)
		if err != nil || !strings.HasPrefix(uri, "/") {
			t.Skip("no HTTP")
		}
		request.Header = http.Header{"X-Amz-Target": {target}, "Authorization": {authorization}, "Content-Type": {contentType}}
		if target == "" {
			request.Header.Del("X-Amz-Target")
		}
		if strings.HasPrefix(uri, "/service/") {
			request.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
		}
		a.send(t, request, body)
	})
}

// newAttacked starts one, and tells keep what may be sent to it.
func newAttacked(t testing.TB, keep func(r *http.Request, body []byte)) *attacked {
	a := &attacked{log: &complaints{Handler: slog.DiscardHandler}, keep: keep}
	a.renew(t)
	a.plausible(t)
	a.keep = nil
	t.Cleanup(func() { _ = a.stack.Close() })
	return a
}

// send sends a request, whose answer must not stand for a fault.
func (a *attacked) send(t testing.TB, request *http.Request, body []byte) {
	ctx, gone := context.WithTimeout(t.Context(), patience)
	defer gone()
	request = request.WithContext(ctx)
	request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	request.Header.Set("X-Amz-Date", "20261121T000000Z")
	request.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	if a.left--; a.left == 0 {
		_ = a.stack.Close()
		a.renew(t)
	}
	answer := httptest.NewRecorder()
	a.stack.wire.ServeHTTP(answer, request)
	if answer.Code >= 500 && answer.Code != http.StatusNotImplemented {
		t.Errorf("%s %s %s: status %d: %s", request.Method, request.URL.RequestURI(), request.Header.Get("X-Amz-Target"), answer.Code, answer.Body)
	}
	for _, said := range a.log.take() {
		t.Errorf("%s %s %s: %s", request.Method, request.URL.RequestURI(), request.Header.Get("X-Amz-Target"), said)
	}
}

// renew starts a local AWS with the resources of operations.txt.
func (a *attacked) renew(t testing.TB) {
	s, err := Start(context.Background(), Options{Account: account, Region: "us-east-1", Memory: true, Clock: VirtualClock(), Log: slog.New(a.log)})
	if err != nil {
		t.Fatal(err)
	}
	a.stack, a.left = s, requestsEach
	a.furnish(t)
	a.log.take() // some of the script's requests miss what another one has left
}

// undoing are operations that would take away what others are to find.
var undoing = regexp.MustCompile(`^(Delete|Detach|Remove|Untag|Unsubscribe|Cancel|Stop|Purge|Abort|Disable|Deregister)`)

// furnish plays operations.txt, without what undoes.
func (a *attacked) furnish(t testing.TB) {
	way := &recorder{}
	p := newPlayer(t, sdkClients(a.stack.URL(), way))
	for at, m := range scriptLines(t) {
		if way.through = http.DefaultTransport; undoing.MatchString(m[2]) {
			way.through = nil
		}
		way.request = nil
		out, err := p.call(m[1], m[2], p.params(at, m))
		for end := time.Now().Add(time.Second); err == nil && m[5] != "" && find(out, m[5]) != m[6] && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			out, err = p.call(m[1], m[2], p.params(at, m))
		}
		for _, capture := range strings.Fields(m[7]) {
			if name, path, _ := strings.Cut(capture, "="); err == nil {
				p.known[name] = find(out, path)
			}
		}
		if a.keep != nil && way.request != nil {
			a.keep(way.request, way.body)
		}
	}
}

// plausible keeps a plausible request for each operation.
func (a *attacked) plausible(t testing.TB) {
	way := &recorder{}
	byName := clients(aws.Config{Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1"), Credentials: credentials.NewStaticCredentialsProvider("any", "thing", ""),
		HTTPClient: &http.Client{Transport: way}, Retryer: func() aws.Retryer { return aws.NopRetryer{} }})
	for name, service := range a.stack.wire.Services() {
		for _, op := range service.Operations {
			if slices.Contains(inside, op.Name) {
				continue
			}
			one := &attack{invoke: reflect.ValueOf(byName[name]).MethodByName(op.Name)}
			way.request = nil
			if err := one.callIn(t.Context(), one.input(), unchecked); err == nil || way.request == nil {
				continue // what the client does not build without the right members
			}
			a.keep(way.request, way.body)
		}
	}
}
