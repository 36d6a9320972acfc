package s3

// This file defines S3 on the wire: which operation a request means, and the one
// order in which a request is served.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/stepworks/stepworks/local/internal/awswire"
)

// namespace is that of every document.
const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// serve answers a request.
func (s *Service) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "AmazonS3")
	w.Header().Set("X-Amz-Request-Id", awswire.RequestIDFrom(r.Context()))
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler { //nolint:errorlint // a panic's value
			s.Log.Error("an operation of S3 panicked", "panic", p, "stack", string(debug.Stack()))
			s.fail(w, r, newError("InternalError"))
		}
	}()
	if err := s.handle(w, r); err != nil {
		s.fail(w, r, err)
	}
}

func (s *Service) handle(w http.ResponseWriter, r *http.Request) error {
	if fault := awswire.AuthFault(r.Context()); fault != nil {
		return unauthenticated(fault)
	}
	bucket, key := address(r)
	if !utf8.ValidString(key) {
		return newError("InvalidURI", "URI", r.URL.EscapedPath())
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return newError("InvalidURI", "URI", r.URL.EscapedPath())
	}
	op, err := s.find(r, bucket, key, query)
	if err != nil {
		return err
	}
	in := reflect.New(op.in)
	if err := (&binder{request: r, query: query, bucket: bucket, key: key}).bind(in.Elem()); err != nil {
		return err
	}
	if err := s.authorize(r, op, in.Interface()); err != nil {
		return err
	}
	out, err := op.do(r.Context(), in.Interface())
	if err != nil {
		return err
	}
	return s.answer(w, r, op, out)
}

// unauthenticated words the listener's refusal as S3 does.
func unauthenticated(fault *awswire.Error) error {
	switch fault.Code {
	case "MissingAuthenticationToken":
		return newError("AccessDenied")
	case "InvalidSignatureException":
		return newError("RequestTimeTooSkewed")
	}
	return fault
}

// address tells the bucket and the key that a request names, by its host or its
// path.
func address(r *http.Request) (bucket, key string) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	if b := hostBucket(r.Host); b != "" {
		return b, path
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

// hostBucket is the bucket that a host name begins with: bucket.localhost,
// bucket.s3.localhost, bucket.s3.us-east-1.amazonaws.com.
func hostBucket(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	for _, suffix := range []string{".localhost", ".amazonaws.com"} {
		rest, ok := strings.CutSuffix(host, suffix)
		if !ok {
			continue
		}
		labels := strings.Split(rest, ".")
		if i := slices.IndexFunc(labels, func(l string) bool { return l == "s3" || strings.HasPrefix(l, "s3-") }); i >= 0 {
			return strings.Join(labels[:i], ".")
		}
		if suffix == ".localhost" {
			return rest
		}
	}
	return ""
}

// subresources are the query parameters that ask for something else than the
// bucket or object itself. One that no operation here takes is refused.
var subresources = []string{"accelerate", "acl", "analytics", "attributes", "cors", "delete", "encryption", "intelligent-tiering", "inventory", "legal-hold", "lifecycle",
	"location", "logging", "metadataConfiguration", "metadataTable", "metrics", "notification", "object-lock", "ownershipControls", "policy", "policyStatus", "publicAccessBlock",
	"replication", "requestPayment", "restore", "retention", "select", "session", "tagging", "torrent", "uploads", "versioning", "versions", "website"}

// find returns the operation of a request.
func (s *Service) find(r *http.Request, bucket, key string, query url.Values) (*operation, error) {
	at := onService
	switch {
	case key != "":
		at = onObject
	case bucket != "":
		at = onBucket
	}
	var best *operation
	for i := range s.table {
		op := &s.table[i]
		if op.level == at && op.method == r.Method && op.matches(r, query) && (best == nil || len(op.requires) > len(best.requires)) {
			best = op
		}
	}
	for _, name := range subresources {
		if query.Has(name) && (best == nil || !slices.Contains(best.requires, name)) {
			return nil, errNotOffered(r.Method + " ?" + name)
		}
	}
	if best == nil {
		if r.Method == http.MethodPost && at == onBucket {
			return nil, errNotOffered("upload by POST")
		}
		return nil, newError("MethodNotAllowed", "Method", r.Method, "ResourceType", []string{"SERVICE", "BUCKET", "OBJECT"}[at])
	}
	return best, nil
}

func (op *operation) matches(r *http.Request, query url.Values) bool {
	for _, name := range op.requires {
		header, isHeader := strings.CutSuffix(name, ":")
		if isHeader && r.Header.Get(header) == "" || !isHeader && !query.Has(name) {
			return false
		}
	}
	return true
}

func (s *Service) authorize(r *http.Request, op *operation, in any) error {
	if op.access == nil {
		return nil
	}
	for _, access := range op.access(in) {
		if err := s.allowed(r.Context(), access); err != nil {
			return err
		}
	}
	return nil
}

// allowed asks the authorizer, on behalf of the caller.
func (s *Service) allowed(ctx context.Context, access awswire.Access) error {
	if s.Authorizer == nil {
		return nil
	}
	if err := s.Authorizer.Authorize(ctx, awswire.CallerFrom(ctx), access); err != nil {
		return saying(newError("AccessDenied"), "%s", err.Error())
	}
	return nil
}

// answer writes what an operation returned.
func (s *Service) answer(w http.ResponseWriter, r *http.Request, op *operation, out any) error {
	a := &answer{header: w.Header(), status: op.status}
	v := reflect.ValueOf(out).Elem()
	a.collect(v, v.FieldByName("XMLName").IsValid())
	if a.stream != nil {
		defer func() { _ = a.stream.close() }()
	}
	if a.document != nil {
		text, err := document(a.document, a.root)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/xml")
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		w.WriteHeader(a.status)
		_, _ = w.Write(text) // the client went away: what it asked for is done
		return nil
	}
	w.WriteHeader(a.status)
	if a.stream != nil && r.Method != http.MethodHead {
		if _, err := io.Copy(w, a.stream); err != nil {
			s.Log.Debug("an object was not read to its end", "error", err)
			panic(http.ErrAbortHandler) // the client must not take what it has for the whole
		}
	}
	_, _ = io.WriteString(w, a.raw)
	return nil
}

func document(v any, root string) ([]byte, error) {
	if text, ok := v.(rawDocument); ok {
		return []byte(text), nil
	}
	var b strings.Builder
	b.WriteString(xml.Header)
	enc := xml.NewEncoder(&b)
	var err error
	if root == "" {
		err = enc.Encode(v)
	} else {
		err = enc.EncodeElement(v, xml.StartElement{Name: xml.Name{Space: namespace, Local: root}})
	}
	return []byte(b.String()), errors.Join(err, enc.Close())
}

// rawDocument is a document that is stored as text.
type rawDocument string

// fail writes an error. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
func (s *Service) fail(w http.ResponseWriter, r *http.Request, err error) {
	var e *awswire.Error
	if !errors.As(err, &e) {
		s.Log.Error("an operation of S3 failed", "method", r.Method, "path", r.URL.Path, "error", err)
		e = newError("InternalError")
	}
	status := e.Status
	if status == 0 {
		status = http.StatusBadRequest
		if f, ok := faults[e.Code]; ok {
			status = f.status
		}
	}
	if e.Code == "NotModified" {
		for name, value := range e.Members {
			w.Header().Set(name, fmt.Sprint(value))
		}
		w.WriteHeader(status)
		return
	}
	if status >= http.StatusBadRequest {
		w.Header().Set("Connection", "close") // an unread body must not be taken for the next request
	}
	w.Header().Set("Content-Type", "application/xml")
	if r.Method == http.MethodHead {
		w.WriteHeader(status)
		return
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, errorDocument(e, awswire.RequestIDFrom(r.Context())))
}

func errorDocument(e *awswire.Error, requestID string) string {
	var b strings.Builder
	b.WriteString(xml.Header + "<Error>")
	element := func(name, value string) {
		b.WriteString("<" + name + ">")
		_ = xml.EscapeText(&b, []byte(value))
		b.WriteString("</" + name + ">")
	}
	element("Code", e.Code)
	element("Message", e.Message)
	for _, name := range slices.Sorted(maps.Keys(e.Members)) {
		element(name, fmt.Sprint(e.Members[name]))
	}
	element("RequestId", requestID)
	element("HostId", "local")
	b.WriteString("</Error>")
	return b.String()
}
