package stack

// This file defines requests that no SDK would send, over a real listener and for
// every protocol: bodies cut off, too large or slow, wrong signatures, expired
// URLs, operations that are none, and connections without end.

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// request is a good request of a protocol.
type request struct {
	service, method, path string
	headers               string // lines
	body                  string
}

// protocols has one request for each. What it asks for is there or allowed.
var protocols = map[string]request{
	"JSON 1.0":  {"dynamodb", "POST", "/", "X-Amz-Target: DynamoDB_20120810.ListTables\nContent-Type: application/x-amz-json-1.0", `{"Limit":10}`},
	"JSON 1.1":  {"events", "POST", "/", "X-Amz-Target: AWSEvents.ListRules\nContent-Type: application/x-amz-json-1.1", `{"Limit":10}`},
	"REST JSON": {"scheduler", "POST", "/schedule-groups/nightly", "Content-Type: application/json", `{"ClientToken":"t"}`},
	"query":     {"sns", "POST", "/", "Content-Type: application/x-www-form-urlencoded", "Action=ListTopics&Version=2010-03-31"},
	"CBOR":      {"monitoring", "POST", "/service/GraniteServiceVersion20100801/operation/ListMetrics", "Smithy-Protocol: rpc-v2-cbor\nContent-Type: application/cbor", "\xa1\x69Namespace\x61x"},
	"S3":        {"s3", "PUT", "/hostile/object", "X-Amz-Content-Sha256: UNSIGNED-PAYLOAD", "content"},
}

// hostile is a listener whose patience is short.
type hostile struct {
	*testing.T
	stack   *Stack
	address string
}

func newHostile(t *testing.T) *hostile {
	s, err := Start(t.Context(), Options{Account: "123456789012", Region: "us-east-1", Memory: true, Clock: clock.Real(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	server := awswire.HTTPServer(s.wire)
	if server.ReadHeaderTimeout == 0 || server.ReadTimeout == 0 || server.IdleTimeout == 0 {
		t.Fatalf("a client may take as long as it likes: %+v", server)
	}
	server.ReadHeaderTimeout, server.ReadTimeout = 100*time.Millisecond, 200*time.Millisecond
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	h := &hostile{T: t, stack: s, address: l.Addr().String()}
	if status, answer := h.send(h.text(request{"s3", "PUT", "/hostile", "", ""}, -1)); status != 200 {
		t.Fatal(answer)
	}
	return h
}

// text is r on the wire, with a length that its header says; -1: the right one.
func (h *hostile) text(r request, length int) string {
	if length < 0 {
		length = len(r.body)
	}
	headers := fmt.Sprintf("Host: %s\nX-Amz-Date: %s\nAuthorization: AWS4-HMAC-SHA256 Credential=any/%s/us-east-1/%s/aws4_request, SignedHeaders=host, Signature=0\nContent-Length: %d",
		h.address, time.Now().UTC().Format("20060102T150405Z"), time.Now().UTC().Format("20060102"), r.service, length)
	if r.headers != "" {
		headers += "\n" + r.headers
	}
	return r.method + " " + r.path + " HTTP/1.1\r\n" + strings.ReplaceAll(headers, "\n", "\r\n") + "\r\n\r\n" + r.body
}

// send sends bytes, ends its side, and reads the answer.
func (h *hostile) send(text string) (status int, answer string) {
	h.Helper()
	c := h.dial()
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, text) // it may be refused half-way
	_ = c.(*net.TCPConn).CloseWrite()
	return h.answer(c)
}

func (h *hostile) dial() net.Conn {
	h.Helper()
	c, err := net.Dial("tcp", h.address)
	if err != nil {
		h.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

func (h *hostile) answer(c net.Conn) (status int, answer string) {
	all, _ := io.ReadAll(c)
	_, _ = fmt.Sscanf(string(all), "HTTP/1.1 %d", &status)
	return status, string(all)
}

func TestHostileRequests(t *testing.T) {
	h := newHostile(t)
	for name, r := range protocols {
		for _, x := range []struct {
			what   string
			text   string
			status int
			code   string
			s3     string // what S3 says: 400, and this; empty: it takes it
		}{
			{"as it should be", h.text(r, -1), 200, "", ""},
			{"cut off", h.text(r, len(r.body)+50), 400, "RequestAbortedException", "IncompleteBody"},
			{"said to be of 100 MB", h.text(r, 100<<20), 413, "RequestEntityTooLargeException", "IncompleteBody"},
			{"not signed", strings.Replace(h.text(r, -1), "Authorization", "Nothing", 1), 403, "MissingAuthenticationToken", "AccessDenied"},
			{"signed by half", strings.Replace(h.text(r, -1), ", Signature=0", "", 1), 403, "IncompleteSignature", "IncompleteSignature"},
			{"signed at no time", strings.Replace(h.text(r, -1), "X-Amz-Date: 2", "X-Amz-Date: x", 1), 403, "IncompleteSignature", "IncompleteSignature"},
			{"not gzip", strings.Replace(h.text(r, -1), "\r\nHost", "\r\nContent-Encoding: gzip\r\nHost", 1), 400, "MalformedHttpRequestException", ""},
		} {
			status, answer := h.send(x.text)
			switch {
			case name == "S3" && x.s3 != "":
				if status/100 != 4 || !strings.Contains(answer, "<Code>"+x.s3) {
					t.Errorf("%s, %s: %d %s", name, x.what, status, answer)
				}
			case name == "S3" || x.status == 200:
				if status/100 != 2 {
					t.Errorf("%s, %s: %d %s", name, x.what, status, answer)
				}
			case unsignedElsewhere(x.code, r) && strings.Contains(answer, "AccessDenied"):
			case status != x.status || !strings.Contains(answer, x.code):
				t.Errorf("%s, %s: %d %s", name, x.what, status, answer)
			}
		}
	}
}

// unsignedElsewhere: what names no service by a header is taken for S3's when no
// signature names one.
func unsignedElsewhere(code string, r request) bool {
	return (code == "MissingAuthenticationToken" || code == "IncompleteSignature") && !strings.Contains(r.headers, "X-Amz-Target") && !strings.Contains(r.headers, "Smithy")
}

func TestOperationsThatAreNone(t *testing.T) {
	h := newHostile(t)
	for name, x := range map[string]struct {
		request
		status int
		code   string
	}{
		"JSON 1.0":                {request{"dynamodb", "POST", "/", "X-Amz-Target: DynamoDB_20120810.Explode", "{}"}, 400, "UnknownOperationException"},
		"JSON 1.1":                {request{"events", "POST", "/", "X-Amz-Target: AWSEvents.Explode", "{}"}, 400, "UnknownOperationException"},
		"REST JSON":               {request{"scheduler", "PATCH", "/schedules", "", "{}"}, 404, "UnknownOperationException"},
		"query":                   {request{"sns", "POST", "/", "Content-Type: application/x-www-form-urlencoded", "Action=Explode"}, 400, "InvalidAction"},
		"query without an action": {request{"sns", "POST", "/", "Content-Type: application/x-www-form-urlencoded", ""}, 400, "InvalidAction"},
		"query that is no form":   {request{"sns", "POST", "/", "Content-Type: application/x-www-form-urlencoded", "%zz"}, 400, "MalformedQueryString"},
		"CBOR":                    {request{"monitoring", "POST", "/service/GraniteServiceVersion20100801/operation/Explode", "Smithy-Protocol: rpc-v2-cbor", "\xa0"}, 400, "UnknownOperationException"},
		"CBOR cut off":            {request{"monitoring", "POST", "/service/GraniteServiceVersion20100801/operation/ListMetrics", "Smithy-Protocol: rpc-v2-cbor", "\xa1\x69Name"}, 400, "SerializationException"},
		"CBOR of huge lengths":    {request{"monitoring", "POST", "/service/GraniteServiceVersion20100801/operation/ListMetrics", "Smithy-Protocol: rpc-v2-cbor", "\xbb\xff\xff\xff\xff\xff\xff\xff\xff"}, 400, "SerializationException"},
		"no service":              {request{"quantum", "POST", "/", "", "{}"}, 404, "UnknownOperationException"},
		"no target":               {request{"dynamodb", "POST", "/", "X-Amz-Target: Nothing.ListTables", "{}"}, 404, "UnknownOperationException"},
		"S3, a subresource":       {request{"s3", "GET", "/hostile?torrent", "", ""}, 501, "NotImplemented"},
		"S3, a method":            {request{"s3", "PATCH", "/hostile/object", "", ""}, 405, "MethodNotAllowed"},
		"S3, no XML":              {request{"s3", "POST", "/hostile?delete", "", "<Delete><Object>"}, 400, "MalformedXML"},
		"S3, deep XML":            {request{"s3", "POST", "/hostile?delete", "", strings.Repeat("<a>", 100_000)}, 400, "MalformedXML"},
		"S3, no key in UTF-8":     {request{"s3", "GET", "/hostile/%ff", "", ""}, 400, "InvalidURI"},
	} {
		if status, answer := h.send(h.text(x.request, -1)); status != x.status || !strings.Contains(answer, x.code) {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
}

// TestSlowClients: who does not send is answered where that is possible, and cut
// off where not.
func TestSlowClients(t *testing.T) {
	h := newHostile(t)
	for name, r := range protocols {
		c := h.dial()
		_, _ = io.WriteString(c, h.text(r, len(r.body)+1))
		want := "RequestTimeoutException"
		if name == "S3" {
			want = "RequestTimeout<"
		}
		if status, answer := h.answer(c); status != 408 && status != 400 || !strings.Contains(answer, want) {
			t.Errorf("%s, a body that does not end: %d %s", name, status, answer)
		}
		_ = c.Close()
	}
	for _, text := range []string{"", "POST / HT", "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: "} {
		c := h.dial()
		_, _ = io.WriteString(c, text)
		began := time.Now()
		if status, answer := h.answer(c); status == 200 || time.Since(began) > 5*time.Second {
			t.Errorf("%q kept the connection for %v: %s", text, time.Since(began), answer)
		}
		_ = c.Close()
	}
	if status, answer := h.send("POST / HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 200_000) + "\r\n\r\n"); status != 431 {
		t.Errorf("a long header: %d %s", status, answer)
	}
}

// TestSignatures: a key that this process gave out is checked, on every protocol.
func TestSignatures(t *testing.T) {
	h := newHostile(t)
	good := h.session()
	bad := good
	bad.SecretAccessKey = "guessed"
	for name, r := range protocols {
		for _, x := range []struct {
			what    string
			as      aws.Credentials
			at      time.Time
			message string
		}{
			{"a wrong secret", bad, time.Now(), "The request signature we calculated does not match"},
			{"an old signature", good, time.Now().Add(-20 * time.Minute), "Signature expired"},
		} {
			status, answer := h.signed(r, x.as, x.at)
			if name == "S3" && x.as == good {
				x.message = "RequestTimeTooSkewed"
			}
			if status != http.StatusForbidden || !strings.Contains(answer, x.message) {
				t.Errorf("%s, %s: %d %s", name, x.what, status, answer)
			}
		}
	}
}

// session is that of a role without any permission.
func (h *hostile) session() aws.Credentials {
	h.Helper()
	role := jsonvalue.MustParse(`{"RoleName":"any","AssumeRolePolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"lambda.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}"}`)
	if _, err := h.stack.wire.Call(h.Context(), awswire.Root("123456789012"), "iam", "CreateRole", role); err != nil {
		h.Fatal(err)
	}
	given, err := h.stack.services.iam.NewSession("arn:aws:iam::123456789012:role/any", "s")
	if err != nil {
		h.Fatal(err)
	}
	return aws.Credentials{AccessKeyID: given.AccessKeyID, SecretAccessKey: given.SecretAccessKey, SessionToken: given.SessionToken}
}

func (h *hostile) signed(r request, as aws.Credentials, at time.Time) (int, string) {
	h.Helper()
	req, err := http.NewRequestWithContext(h.Context(), r.method, "http://"+h.address+r.path, strings.NewReader(r.body))
	if err != nil {
		h.Fatal(err)
	}
	for line := range strings.SplitSeq(r.headers, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Set(name, value)
	}
	if err := v4.NewSigner().SignHTTP(h.Context(), as, req, "UNSIGNED-PAYLOAD", r.service, "us-east-1", at); err != nil {
		h.Fatal(err)
	}
	return h.do(req)
}

func (h *hostile) do(req *http.Request) (int, string) {
	h.Helper()
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		h.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// TestPresignedURLsEnd: a presigned URL is good for its time, for its object and
// for its method.
func TestPresignedURLsEnd(t *testing.T) {
	h := newHostile(t)
	as := h.session()
	presign := func(expires string, at time.Time) *url.URL {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+h.address+"/hostile/object?X-Amz-Expires="+expires, nil)
		if err != nil {
			t.Fatal(err)
		}
		signed, _, err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).PresignHTTP(t.Context(), as, req, "UNSIGNED-PAYLOAD", "s3", "us-east-1", at)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(signed)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	fresh := presign("60", time.Now())
	for _, x := range []struct {
		what, method string
		url          *url.URL
		path         string
		status       int
		code         string
	}{
		{"expired", "GET", presign("60", time.Now().Add(-2*time.Minute)), "", 403, "Request has expired"},
		{"for a week and a second", "GET", presign("604801", time.Now()), "", 400, "AuthorizationQueryParametersError"},
		{"for no time", "GET", presign("soon", time.Now()), "", 400, "AuthorizationQueryParametersError"},
		{"of another object", "GET", fresh, "/hostile/another", 403, "SignatureDoesNotMatch"},
		{"with another method", "PUT", fresh, "", 403, "SignatureDoesNotMatch"},
		{"of a role without the permission", "GET", fresh, "", 403, "AccessDenied"},
	} {
		u := *x.url
		if x.path != "" {
			u.Path = x.path
		}
		req, err := http.NewRequestWithContext(t.Context(), x.method, u.String(), bytes.NewReader(nil))
		if err != nil {
			t.Fatal(err)
		}
		if status, answer := h.do(req); status != x.status || !strings.Contains(answer, x.code) {
			t.Errorf("%s: %d %s", x.what, status, answer)
		}
	}
}
