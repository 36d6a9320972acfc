package awswire

// This file defines the listener's handler: which service and operation a
// request means, and the one order in which a request is served.

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"runtime/debug"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// maxBody bounds a request to a service other than S3. The largest that AWS
// takes is DynamoDB's 16 MB batch.
const maxBody = 17 << 20

// Config is what a server needs.
type Config struct {
	Account, Region string
	Keys            Keys       // nil: every key is root's
	Authorizer      Authorizer // nil: everything is allowed
	Clock           clock.Clock
	Log             *slog.Logger // nil: the default one
}

// Server is the handler of the one listener.
type Server struct {
	Config
	services map[string]*Service   // by Name
	signing  map[string][]*Service // by name in signatures
	targets  map[string]*Service   // by X-Amz-Target prefix
	ops      map[string]*Operation // by service.Name + "." + operation
	routes   map[string]*http.ServeMux
}

// NewServer returns the handler for these services.
func NewServer(cfg Config, services ...Service) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.Real()
	}
	s := &Server{Config: cfg, services: map[string]*Service{}, signing: map[string][]*Service{}, targets: map[string]*Service{},
		ops: map[string]*Operation{}, routes: map[string]*http.ServeMux{}}
	for _, service := range services {
		s.Add(service)
	}
	return s
}

// Add makes a further service known. It must not be called while the server serves.
func (s *Server) Add(service Service) {
	svc := &service
	if svc.Signing == "" {
		svc.Signing = svc.Name
	}
	if svc.AccessDenied == "" {
		svc.AccessDenied = "AccessDeniedException"
	}
	s.services[svc.Name] = svc
	s.signing[svc.Signing] = append(s.signing[svc.Signing], svc)
	if svc.Target != "" {
		s.targets[svc.Target] = svc
	}
	for i := range svc.Operations {
		op := &svc.Operations[i]
		s.ops[svc.Name+"."+op.Name] = op
		if op.method != "" {
			s.route(svc, op)
		}
	}
}

// Services lists the services by name.
func (s *Server) Services() map[string]*Service { return s.services }

// call is one request on its way.
type call struct {
	server  *Server
	service *Service
	op      *Operation
	codec   codec
	body    []byte
	request *http.Request
}

// codec reads inputs and writes outputs and errors of one protocol.
type codec interface {
	decode(c *call, in any) error
	encode(c *call, w http.ResponseWriter, out any) error
	fail(c *call, w http.ResponseWriter, err *Error)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	release := s.Clock.Hold()
	defer release()
	id := newRequestID()
	w.Header().Set("X-Amzn-Requestid", id)
	ctx := context.WithValue(r.Context(), requestIDKey, id)
	ctx = WithTrace(ctx, r.Header.Get("X-Amzn-Trace-Id"))
	ctx = context.WithValue(ctx, holdKey{}, release)
	r = r.WithContext(ctx)
	continueEmpty(w, r)

	svc, name := s.find(r)
	if svc == nil {
		s.unknown(w, r, name)
		return
	}
	if svc.Protocol == Raw {
		s.serveRaw(svc, w, r)
		return
	}
	s.serve(svc, name, w, r)
}

// continueEmpty says 100 Continue to who asks for it before sending nothing. Go's
// server says it when a body is read, and there is none; the AWS SDK for Python
// then took the answer for one without end, once in some thousand uploads of
// empty objects, and waited until its time was over.
func continueEmpty(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 && strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		w.WriteHeader(http.StatusContinue)
	}
}

// find tells which service a request is for and, where a header says so, which
// operation.
func (s *Server) find(r *http.Request) (svc *Service, operation string) {
	if prefix, op, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		return s.targets[prefix], op
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, "/service/"); ok && r.Header.Get("Smithy-Protocol") != "" {
		target, op, _ := strings.Cut(rest, "/operation/")
		return s.targets[target], op
	}
	if name := credentialService(r); name != "" {
		if candidates := s.signing[name]; len(candidates) > 0 {
			return candidates[0], ""
		}
		return nil, name
	}
	return s.services["s3"], ""
}

func (s *Server) unknown(w http.ResponseWriter, r *http.Request, name string) {
	if name == "" {
		name = r.Header.Get("X-Amz-Target")
	}
	s.Log.Warn("request for a service that the local AWS does not have", "service", name, "method", r.Method, "path", r.URL.Path)
	err := &Error{Code: "UnknownOperationException", Status: 404, Message: fmt.Sprintf("The local AWS has no service %q; local/README.md lists the services it has.", name)}
	jsonCodec{}.fail(&call{server: s, service: &Service{Protocol: JSON10}, request: r}, w, err)
}

func (s *Server) serveRaw(svc *Service, w http.ResponseWriter, r *http.Request) {
	id, err := s.authenticate(svc, r, nil)
	if err != nil {
		svc.Handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), authFaultKey{}, svc.asError(err))))
		return
	}
	svc.Handler.ServeHTTP(w, r.WithContext(WithCaller(r.Context(), id)))
}

type (
	authFaultKey struct{}
	holdKey      struct{}
)

// AuthFault returns why a request to a Raw service could not be authenticated,
// for the service to answer in its own form.
func AuthFault(ctx context.Context) *Error {
	err, _ := ctx.Value(authFaultKey{}).(*Error)
	return err
}

// Waiting lets the clock run while an operation only waits, as a long poll does;
// it must not be undone. Use it before blocking.
func Waiting(ctx context.Context) {
	if release, ok := ctx.Value(holdKey{}).(func()); ok {
		release()
	}
}

// serve is the order in which every request is served.
func (s *Server) serve(svc *Service, name string, w http.ResponseWriter, r *http.Request) {
	c := &call{server: s, service: svc, request: r, codec: codecFor(svc, r)}
	err := func() error {
		var err error
		if c.body, err = readBody(w, r); err != nil {
			return err
		}
		id, err := s.authenticate(svc, r, c.body)
		if err != nil {
			return err
		}
		r = r.WithContext(WithCaller(r.Context(), id))
		c.request = r
		if c.body, err = plain(r, c.body); err != nil {
			return err
		}
		if c.op, err = s.operation(c, name); err != nil {
			return err
		}
		in := reflect.New(c.op.in).Interface()
		if err := c.codec.decode(c, in); err != nil {
			return err
		}
		out, err := s.run(r.Context(), svc, c.op, in)
		if err != nil {
			return err
		}
		return c.codec.encode(c, w, out)
	}()
	if err != nil {
		c.codec.fail(c, w, s.leave(svc, c.op, err))
	}
}

// readBody reads a body, or tells why it cannot be in the words that all services
// have for that.
// https://docs.aws.amazon.com/mgn/latest/APIReference/CommonErrors.html
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > maxBody {
		return nil, errTooLarge()
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLong *http.MaxBytesError
	switch {
	case err == nil:
		return body, nil
	case errors.As(err, &tooLong):
		return nil, errTooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, Errorf("RequestTimeoutException", "Reading the request timed out after %d of its bytes", len(body))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, Errorf("RequestAbortedException", "The request's body ended after %d bytes; its header says %d", len(body), r.ContentLength)
	}
	return nil, Errorf("MalformedHttpRequestException", "The request's body could not be read: %v", err)
}

func errTooLarge() error {
	return Errorf("RequestEntityTooLargeException", "Request size exceeded %d bytes", maxBody)
}

// plain undoes gzip, which the Go SDK applies to metrics; the signature is over
// the compressed body.
func plain(r *http.Request, body []byte) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return body, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err == nil {
		body, err = io.ReadAll(io.LimitReader(z, maxBody+1))
	}
	if len(body) > maxBody {
		return nil, errTooLarge()
	}
	if err != nil {
		return nil, Errorf("MalformedHttpRequestException", "The request's body is not gzip, as its Content-Encoding says: %v", err)
	}
	return body, nil
}

func (s *Server) operation(c *call, name string) (*Operation, error) {
	if c.service.Protocol == RESTJSON && name == "" {
		return s.restOperation(c)
	}
	if name == "" {
		form, err := c.form()
		if err != nil {
			return nil, err
		}
		name = form.Get("Action")
	}
	if op := s.ops[c.service.Name+"."+name]; op != nil {
		return op, nil
	}
	if c.service.Protocol == Query {
		return nil, Errorf("InvalidAction", "The action %s is not valid for this endpoint.", name)
	}
	return nil, &Error{Code: "UnknownOperationException", Status: 400, Message: fmt.Sprintf("The local AWS does not offer %s:%s; local/README.md lists what it offers.", c.service.Name, name)}
}

// run checks, authorises and does. Both the wire and Call end here.
func (s *Server) run(ctx context.Context, svc *Service, op *Operation, in any) (out any, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.Log.Error("an operation panicked", "operation", svc.Name+":"+op.Name, "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("%s:%s panicked: %v", svc.Name, op.Name, r)
		}
	}()
	if err := check(in); err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, svc, op, in); err != nil {
		return nil, err
	}
	return op.do(ctx, in)
}

func (s *Server) authorize(ctx context.Context, svc *Service, op *Operation, in any) error {
	if s.Authorizer == nil || op.access == nil {
		return nil
	}
	id := CallerFrom(ctx)
	for _, access := range op.access(in) {
		if err := s.Authorizer.Authorize(ctx, id, access); err != nil {
			return Errorf(svc.AccessDenied, "%s", err.Error())
		}
	}
	return nil
}

// leave is the door through which every error leaves.
func (s *Server) leave(svc *Service, op *Operation, err error) *Error {
	e := svc.asError(err)
	if e.Status >= 500 && !errors.Is(err, context.Canceled) { // a client that left, or the end of the server, is no fault
		name := ""
		if op != nil {
			name = op.Name
		}
		s.Log.Error("an operation failed", "operation", svc.Name+":"+name, "error", err)
	}
	return e
}

// Call runs an operation in process, as somebody. Params and the result use the
// SDK's member names; the error is an [*Error].
func (s *Server) Call(ctx context.Context, as Identity, service, operation string, params jsonvalue.Value) (jsonvalue.Value, error) {
	svc := s.services[service]
	if svc == nil {
		return nil, Errorf("UnknownOperationException", "The local AWS has no service %q", service)
	}
	op := s.ops[service+"."+operation]
	if op == nil {
		return nil, Errorf("UnknownOperationException", "The local AWS does not offer %s:%s", service, operation)
	}
	release := s.Clock.Hold()
	defer release()
	ctx = context.WithValue(WithCaller(ctx, as), requestIDKey, newRequestID())
	ctx = context.WithValue(ctx, holdKey{}, release)
	in := reflect.New(op.in).Interface()
	if err := unmarshal(jsonvalue.Append(nil, params), in, true); err != nil {
		return nil, svc.asError(err)
	}
	out, err := s.run(ctx, svc, op, in)
	if err != nil {
		return nil, s.leave(svc, op, err)
	}
	return sdkValue(out)
}

func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// HTTPServer returns a server whose limits keep slow and hostile clients from
// exhausting the process. The caller listens, on a loopback address.
func HTTPServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 5 * time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
}
