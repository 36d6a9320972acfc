// Package awswire speaks AWS's wire protocols for every service behind one
// listener, and is the one door through which anything is done to any of them.
//
// A service is a table of operations over plain structs. The package finds the
// service and the operation of a request, verifies its signature, decodes it,
// checks its members, asks whether the caller may do it, runs it, and encodes
// the answer or the error:
//
//	protocol   found by                      services
//	JSON10     X-Amz-Target                  dynamodb, states, sqs
//	JSON11     X-Amz-Target                  events, logs, secretsmanager, ssm
//	RESTJSON   method and path               lambda, scheduler
//	Query      form field Action             sns, iam, sts, cloudformation
//	CBOR       /service/S/operation/O        monitoring (JSON10 and Query too)
//	Raw        the service serves HTTP       s3
//
// [Server.Call] runs the same operations in process, with the SDK's member names:
// that is how services reach each other, so permissions, limits and errors are
// the same for a function, a rule and a state machine.
//
// A panic in an operation becomes InternalFailure and a log line; the listener
// lives on. The package keeps no state of its own. Start at [Service] and [Op].
package awswire

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Protocol is how a service's messages look on the wire.
type Protocol int

// The protocols of the package comment.
const (
	JSON10 Protocol = iota
	JSON11
	RESTJSON
	Query
	Raw
)

// Service describes one AWS service.
type Service struct {
	Name         string // IAM prefix and, unless Signing says otherwise, the name in signatures
	Signing      string // the name in signatures, where it differs ("monitoring")
	Protocol     Protocol
	Target       string         // JSON: the prefix of X-Amz-Target
	Version      string         // Query: the API version
	Namespace    string         // XML namespace, or what stands before "#" in __type
	Errors       map[string]int // error code -> HTTP status; 400 where absent
	AccessDenied string         // the code of a refused permission; default AccessDeniedException
	Operations   []Operation
	Handler      http.Handler // Raw: serves every request, already authenticated
}

// Operation is one entry of a service's table. Make it with [Op].
type Operation struct {
	Name   string
	method string // REST
	path   string
	status int // REST: of success, when not 200
	in     reflect.Type
	access func(in any) []Access
	do     func(ctx context.Context, in any) (any, error)
}

// Op makes an operation. access lists what the caller must be allowed to do, nil
// for nothing; do does it. In and Out have `json:"Member"` tags in the wire's
// case. Members that travel elsewhere in REST say so:
//
//	http:"path"  http:"query=Name"  http:"header=Name"  http:"body"  http:"status"
//
// and constraints that AWS checks before anything else stand in a check tag:
//
//	check:"required,min=1,max=80,pattern=^[a-z]+$"  check:"enum=A|B"  (see check.go)
func Op[In, Out any](name string, access func(in *In) []Access, do func(ctx context.Context, in *In) (*Out, error)) Operation {
	op := Operation{Name: name, in: reflect.TypeFor[In]()}
	if access != nil {
		op.access = func(in any) []Access { return access(in.(*In)) }
	}
	op.do = func(ctx context.Context, in any) (any, error) {
		out, err := do(ctx, in.(*In))
		if err != nil {
			return nil, err
		}
		return out, nil
	}
	return op
}

// At gives a REST operation its route: a method and a path with {Member}
// wildcards, as net/http writes them.
func (op Operation) At(method, path string) Operation {
	op.method, op.path = method, path
	return op
}

// Answers sets the status of success, where it is not 200.
func (op Operation) Answers(status int) Operation {
	op.status = status
	return op
}

// Input is the type of what the operation reads.
func (op Operation) Input() reflect.Type { return op.in }

// Access is one action on one resource, with the condition keys it is judged by.
type Access struct {
	Action   string // "dynamodb:PutItem"
	Resource string // an ARN, or "*" where the action knows none
	Context  map[string][]string
}

// Identity is who calls.
type Identity struct {
	Account   string
	ARN       string // arn:aws:iam::A:root, or arn:aws:sts::A:assumed-role/R/S
	Role      string // the role's ARN when a role acts
	Service   string // "events.amazonaws.com" when a service acts by itself
	SourceARN string // the rule, topic or machine on whose behalf a service acts
	Cause     uint64 // the journal entry that led to this call, if known
}

// Root is the account's root: whatever key a developer's CLI is set up with.
func Root(account string) Identity {
	return Identity{Account: account, ARN: "arn:aws:iam::" + account + ":root"}
}

// ServicePrincipal is a service that acts by itself, for the resource source.
func ServicePrincipal(account, service, source string) Identity {
	return Identity{Account: account, ARN: service, Service: service, SourceARN: source}
}

// Keys knows credentials.
type Keys interface {
	// Lookup returns the secret and the identity of an access key; known is false
	// for a key that is nobody's, which is then the account's root.
	Lookup(accessKeyID string) (secret string, id Identity, known bool)
}

// Authorizer decides.
type Authorizer interface {
	// Authorize returns nil, or an error whose text is AWS's refusal.
	Authorize(ctx context.Context, id Identity, access Access) error
}

type contextKey int

const (
	identityKey contextKey = iota
	requestIDKey
	traceKey
)

// CallerFrom returns who calls the operation that runs in ctx.
func CallerFrom(ctx context.Context) Identity {
	id, _ := ctx.Value(identityKey).(Identity)
	return id
}

// WithCaller returns ctx with another caller.
func WithCaller(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, identityKey, id)
}

// RequestIDFrom returns the id that the answer carries.
func RequestIDFrom(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey).(string)
	return id
}

// TraceFrom returns the X-Amzn-Trace-Id header that came with the request.
func TraceFrom(ctx context.Context) string {
	s, _ := ctx.Value(traceKey).(string)
	return s
}

// WithTrace returns ctx with a trace header.
func WithTrace(ctx context.Context, header string) context.Context {
	return context.WithValue(ctx, traceKey, header)
}

// Time is a timestamp member: seconds since the epoch with milliseconds in JSON
// and CBOR, ISO 8601 in XML. The zero Time is absent (use `omitzero`).
type Time struct{ time.Time }

// At returns t as a Time.
func At(t time.Time) Time { return Time{t} }

// MarshalJSONTo writes seconds since the epoch.
func (t Time) MarshalJSONTo(enc *jsontext.Encoder) error {
	return enc.WriteToken(jsontext.Float(float64(t.UnixMilli()) / 1000))
}

// UnmarshalJSONFrom reads seconds since the epoch, or ISO 8601 as query and
// Step Functions parameters spell it.
func (t *Time) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	tok, err := dec.ReadToken()
	if err != nil {
		return err
	}
	switch tok.Kind() {
	case '0':
		f, err := tok.Float()
		if err != nil {
			return err
		}
		t.Time = time.UnixMilli(int64(f * 1000)).UTC()
		return nil
	case '"':
		t.Time, err = time.Parse(time.RFC3339Nano, tok.String())
		return err
	case 'n':
		return nil
	}
	return &Error{Code: "SerializationException", Message: "a timestamp must be a number of seconds or an ISO 8601 string"}
}
