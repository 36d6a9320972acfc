// Package objecttest stands in for S3 in the tests of workers: one bucket in
// memory, behind the protocol that the SDK speaks, so that object.Bucket runs as
// it does on AWS, uploads in parts included.
//
// It checks no signature and knows no versions, no condition but If-Match and no
// range but one to the end: the local AWS does. [Server.Fail] makes requests fail. Start at [New].
package objecttest

import (
	"bytes"
	"crypto/md5" //nolint:gosec // ETags are made with it
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/stepworks/stepworks/shared/object"
)

// Bucket is the name of the bucket.
const Bucket = "bucket"

// Server is S3 with one bucket.
type Server struct {
	*object.Bucket
	URL string

	mu      sync.Mutex
	objects map[string][]byte
	types   map[string]string
	uploads map[string]map[int][]byte
	fail    func(method, key string) int
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{objects: map[string][]byte{}, types: map[string]string{}, uploads: map[string]map[int][]byte{}}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(server.Close)
	s.URL = server.URL
	s.Bucket = object.New(aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL,
		Credentials:      credentials.NewStaticCredentialsProvider("test", "test", ""),
		RetryMaxAttempts: 1, ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired}, Bucket)
	return s
}

// Set puts an object.
func (s *Server) Set(key, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[key] = []byte(text)
}

// Text returns an object, and whether it is there.
func (s *Server) Text(key string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.objects[key]
	return string(b), ok
}

// Keys are the keys of all objects, sorted.
func (s *Server) Keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.objects))
}

// ContentType is what an object was written as.
func (s *Server) ContentType(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.types[key]
}

// Pending is how many uploads in parts have begun and not ended.
func (s *Server) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.uploads)
}

// Fail lets requests fail with the HTTP status that f gives for them; 0 lets them pass.
func (s *Server) Fail(f func(method, key string) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = f
}

var codes = map[int]string{http.StatusForbidden: "AccessDenied", http.StatusNotFound: "NoSuchKey", http.StatusPreconditionFailed: "PreconditionFailed", http.StatusServiceUnavailable: "SlowDown", http.StatusInternalServerError: "InternalError"}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, "/"+Bucket+"/")
	body, err := content(r)
	if err != nil {
		return // the client broke off
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if status := s.fail(r.Method, key); status != 0 {
			refuse(w, status)
			return
		}
	}
	if q := r.URL.Query(); q.Has("uploads") || q.Has("uploadId") {
		s.part(w, r, key, body)
		return
	}
	switch r.Method {
	case http.MethodPut:
		s.objects[key], s.types[key] = body, r.Header.Get("Content-Type")
		w.Header().Set("ETag", `"etag"`)
	case http.MethodGet, http.MethodHead:
		b, ok := s.objects[key]
		if !ok {
			refuse(w, http.StatusNotFound)
			return
		}
		etag := fmt.Sprintf(`"%x"`, md5.Sum(b)) //nolint:gosec // as S3 does it, for no secret
		if want := r.Header.Get("If-Match"); want != "" && want != etag {
			refuse(w, http.StatusPreconditionFailed)
			return
		}
		var from int
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil {
			b = b[min(from, len(b)):]
		}
		w.Header().Set("ETag", etag)
		w.Header().Set("Content-Type", s.types[key])
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b) // the client may have gone
	default:
		refuse(w, http.StatusForbidden)
	}
}

// content reads a request's body; what the SDK sends in chunks is put together.
func content(r *http.Request) ([]byte, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil || !strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked") {
		return b, err
	}
	var whole []byte
	for {
		head, rest, _ := bytes.Cut(b, []byte("\r\n"))
		size, _, _ := bytes.Cut(head, []byte(";"))
		n, err := strconv.ParseInt(string(size), 16, 32)
		if err != nil || n == 0 || int(n)+2 > len(rest) {
			return whole, nil
		}
		whole, b = append(whole, rest[:n]...), rest[n+2:]
	}
}

func (s *Server) part(w http.ResponseWriter, r *http.Request, key string, body []byte) {
	id := r.URL.Query().Get("uploadId")
	switch r.Method {
	case http.MethodPost:
		if id == "" {
			id = fmt.Sprint("upload-", len(s.uploads)+1)
			s.uploads[id] = map[int][]byte{}
			s.types[key] = r.Header.Get("Content-Type")
			_, _ = fmt.Fprintf(w, "<InitiateMultipartUploadResult><Bucket>%s</Bucket><UploadId>%s</UploadId></InitiateMultipartUploadResult>", Bucket, id)
			return
		}
		var whole []byte
		for _, n := range slices.Sorted(maps.Keys(s.uploads[id])) {
			whole = append(whole, s.uploads[id][n]...)
		}
		s.objects[key] = whole
		delete(s.uploads, id)
		_, _ = io.WriteString(w, `<CompleteMultipartUploadResult><ETag>"etag"</ETag></CompleteMultipartUploadResult>`)
	case http.MethodPut:
		n, _ := strconv.Atoi(r.URL.Query().Get("partNumber"))
		s.uploads[id][n] = body
		w.Header().Set("ETag", fmt.Sprintf(`"part-%d"`, n))
	case http.MethodDelete:
		delete(s.uploads, id)
		w.WriteHeader(http.StatusNoContent)
	}
}

func refuse(w http.ResponseWriter, status int) {
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
	}{Code: codes[status]})
}
