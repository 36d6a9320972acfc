package awswire

// This file defines the tests of bodies that are small on the wire and large, or
// deep, once they are read.

import (
	"bytes"
	"compress/gzip"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestBoundsOfBodies(t *testing.T) {
	s, _ := serve(t, &got{})
	var swelling bytes.Buffer
	z := gzip.NewWriter(&swelling)
	_, _ = z.Write(make([]byte, maxBody+1)) // into memory
	_ = z.Close()
	for _, c := range []struct {
		name, target, path, service, header, body string
		status                                    int
		code                                      string
	}{
		{"gzip that swells", "AWSStepFunctions.DescribeStateMachine", "/", "states", "Content-Encoding: gzip", swelling.String(), 413, "RequestEntityTooLargeException"},
		{"a form that is deep", "", "/", "sns", "", "Action=Publish&" + strings.Repeat("a.", 8<<20) + "b=c", 400, "MalformedQueryString"},
		{"JSON that is deep", "AWSStepFunctions.DescribeStateMachine", "/", "states", "", strings.Repeat(`{"a":`, 3<<20), 400, "SerializationException"},
		{"CBOR that is deep", "", "/service/GraniteServiceVersion20100801/operation/PutMetricData", "monitoring", "Smithy-Protocol: rpc-v2-cbor", strings.Repeat("\x9f", 1<<20), 400, "SerializationException"},
		{"CBOR that claims a length", "", "/service/GraniteServiceVersion20100801/operation/PutMetricData", "monitoring", "Smithy-Protocol: rpc-v2-cbor", "\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", 400, "SerializationException"},
	} {
		r := httptest.NewRequest("POST", c.path, strings.NewReader(c.body))
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/"+c.service+"/aws4_request, SignedHeaders=host, Signature=0")
		r.Header.Set("X-Amz-Date", "20260101T000000Z")
		if c.target != "" {
			r.Header.Set("X-Amz-Target", c.target)
		}
		if name, value, ok := strings.Cut(c.header, ": "); ok {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.code) {
			t.Errorf("%s: %d %.200s; want %d %s", c.name, w.Code, w.Body, c.status, c.code)
		}
	}
}
