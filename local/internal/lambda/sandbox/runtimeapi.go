package sandbox

// This file defines the Runtime API, as far as runtimes call it, and of the
// Extensions API what aws-lambda-go's WithEnableSIGTERM needs:
//
//	GET  /TOKEN/ENVIRONMENT/2018-06-01/runtime/invocation/next
//	POST /TOKEN/ENVIRONMENT/2018-06-01/runtime/invocation/REQUEST/response
//	POST /TOKEN/ENVIRONMENT/2018-06-01/runtime/invocation/REQUEST/error
//	POST /TOKEN/ENVIRONMENT/2018-06-01/runtime/init/error
//	POST /TOKEN/ENVIRONMENT/2020-01-01/extension/register
//	GET  /TOKEN/ENVIRONMENT/2020-01-01/extension/event/next
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// maxResponse is the largest response of a function, in AWS's words 6 MB:
// "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
const maxResponse = 6291556

type route int

const (
	unknownRoute route = iota
	nextRoute
	responseRoute
	errorRoute
	initErrorRoute
	registerRoute
	extensionNextRoute
)

// call is a request of a runtime, taken apart.
type call struct {
	token, environment string
	route              route
	request            string // the invocation's id
}

// parseCall takes a request's method and path apart; an unknown route is
// unknownRoute.
func parseCall(method, path string) call {
	parts := strings.Split(path, "/")
	if len(parts) < 5 || parts[0] != "" {
		return call{}
	}
	c := call{token: parts[1], environment: parts[2]}
	switch rest := strings.Join(parts[3:], "/"); {
	case rest == "2018-06-01/runtime/invocation/next" && method == http.MethodGet:
		c.route = nextRoute
	case rest == "2018-06-01/runtime/init/error" && method == http.MethodPost:
		c.route = initErrorRoute
	case rest == "2020-01-01/extension/register" && method == http.MethodPost:
		c.route = registerRoute
	case rest == "2020-01-01/extension/event/next" && method == http.MethodGet:
		c.route = extensionNextRoute
	case len(parts) == 8 && strings.HasPrefix(rest, "2018-06-01/runtime/invocation/") && method == http.MethodPost:
		c.request = parts[6]
		c.route = map[string]route{"response": responseRoute, "error": errorRoute}[parts[7]]
	}
	return c
}

// ServeHTTP implements [http.Handler] for the runtimes.
func (m *Manager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := parseCall(r.Method, r.URL.Path)
	e := m.find(c)
	if e != nil {
		<-e.spawned // the process may be quicker than its parent's notes of it
	}
	switch {
	case e == nil:
		refuse(w, http.StatusForbidden, "InvalidEnvironment", "this path belongs to no execution environment of this process")
	case c.route == nextRoute:
		m.serveNext(e, w, r)
	case c.route == responseRoute, c.route == errorRoute:
		m.serveAnswer(e, c, w, r)
	case c.route == initErrorRoute:
		m.serveInitError(e, w, r)
	case c.route == registerRoute:
		m.serveRegister(e, w)
	case c.route == extensionNextRoute:
		m.serveExtensionNext(e, r)
	default:
		refuse(w, http.StatusNotFound, "UnknownRoute", "the Runtime API has no "+r.Method+" "+strings.TrimPrefix(r.URL.Path, "/"+c.token+"/"+c.environment+"/"))
	}
}

func (m *Manager) find(c call) *environment {
	if subtle.ConstantTimeCompare([]byte(c.token), []byte(m.token)) != 1 {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.environments[c.environment]
}

func refuse(w http.ResponseWriter, status int, kind, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(errorReport(kind, text))
}

func errorReport(kind, text string) []byte {
	return jsonvalue.Append(nil, jsonvalue.NewObject(jsonvalue.Member{Name: "errorType", Value: kind}, jsonvalue.Member{Name: "errorMessage", Value: text}))
}

func (f *fault) report(requestID string) []byte {
	return errorReport(f.kind, "RequestId: "+requestID+" Error: "+f.text)
}

func accepted(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

// serveNext ends the invocation that the runtime has answered, and parks until
// there is another.
func (m *Manager) serveNext(e *environment, w http.ResponseWriter, r *http.Request) {
	if !m.finish(e) {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the runtime asked for the next invocation before it answered this one")
		return
	}
	select {
	case f := <-e.work:
		if r.Context().Err() == nil {
			m.begin(e, f, w)
		}
	case <-e.gone:
	case <-r.Context().Done():
	}
}

// finish ends the answered invocation of e, if there is one, and makes e ready;
// it reports false when the invocation is not answered.
func (m *Manager) finish(e *environment) bool {
	m.mu.Lock()
	if e.state == starting { // what it printed until now belongs to no invocation
		m.mu.Unlock()
		e.output.drain()
		m.mu.Lock()
	}
	f := e.current
	if f != nil && (f.begun.IsZero() || f.concluding) {
		f = nil
	}
	if f != nil && !f.answered {
		m.mu.Unlock()
		return false
	}
	if f != nil {
		f.concluding = true
		m.mu.Unlock()
		m.conclude(e, f, nil)
		m.mu.Lock()
	}
	defer m.mu.Unlock()
	m.ready(e)
	if f != nil {
		m.land(f, nil)
	}
	return true
}

// begin hands an invocation to the runtime; its time runs from here.
func (m *Manager) begin(e *environment, f *flight, w http.ResponseWriter) {
	m.mu.Lock()
	limit := f.spec.Timeout
	f.begun = time.Now()
	if f.spec.Debug {
		limit = 24 * time.Hour
	} else {
		f.timer.Stop()
		f.timer = time.AfterFunc(limit, func() { m.expire(e, f) })
	}
	deadline := f.begun.Add(limit)
	m.mu.Unlock()
	e.reportStart(f)

	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", f.RequestID)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", f.ARN)
	h.Set("Lambda-Runtime-Trace-Id", f.TraceHeader)
	if f.ClientContext != "" {
		h.Set("Lambda-Runtime-Client-Context", f.ClientContext)
	}
	h.Set("Content-Length", strconv.Itoa(len(f.Payload)))
	_, _ = w.Write(f.Payload)
}

// expire ends an invocation whose time is up, and its process.
func (m *Manager) expire(e *environment, f *flight) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.current != f || f.concluding {
		return
	}
	if !f.answered {
		f.fail(&fault{kind: "Sandbox.Timedout", text: timedOut(f.spec.Timeout)})
	}
	e.kill()
}

// serveAnswer takes the response to, or the error of, the invocation under way.
func (m *Manager) serveAnswer(e *environment, c call, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxResponse))
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) {
		refuse(w, http.StatusBadRequest, "InvalidRequest", "the body could not be read: "+err.Error())
		return
	}
	m.mu.Lock()
	f := e.current
	if f == nil || f.RequestID != c.request || f.answered || f.begun.IsZero() {
		m.mu.Unlock()
		refuse(w, http.StatusBadRequest, "InvalidRequestID", fmt.Sprintf("this environment is not running an invocation %q that waits for an answer", c.request))
		return
	}
	if tooLarge != nil {
		f.fail(responseTooLarge)
	} else {
		f.answer(c.route, body, r)
	}
	m.mu.Unlock()
	if tooLarge != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", responseTooLarge.text)
		return
	}
	accepted(w)
}

var responseTooLarge = &fault{
	kind:    "Function.ResponseSizeTooLarge",
	text:    fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxResponse),
	payload: errorReport("Function.ResponseSizeTooLarge", fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxResponse)),
}

// answer keeps what the runtime posted. A streamed response may turn into an
// error at its end, in a trailer.
func (f *flight) answer(to route, body []byte, r *http.Request) {
	if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" {
		report, err := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
		if err != nil || len(report) == 0 {
			report = errorReport(kind, "the function failed while its response was streamed")
		}
		f.fail(&fault{kind: kind, text: kind, payload: report})
		return
	}
	if to == errorRoute {
		f.fail(runtimeFault(body, r))
		return
	}
	f.answered = true
	f.result.Payload = body
}

// runtimeFault reads an error that a runtime reports. Its body is the payload
// that callers see; one that is not an error report becomes one.
func runtimeFault(body []byte, r *http.Request) *fault {
	why := &fault{kind: r.Header.Get("Lambda-Runtime-Function-Error-Type"), payload: body}
	report, err := jsonvalue.Parse(body)
	o, ok := report.(*jsonvalue.Object)
	if err != nil || !ok {
		if why.kind == "" {
			why.kind = "Runtime.Unknown"
		}
		why.payload = errorReport(why.kind, string(body))
		return why
	}
	if v, ok := o.Get("errorType"); ok {
		if text, ok := v.(string); ok && text != "" {
			why.kind = text
		}
	}
	if why.kind == "" {
		why.kind = "Runtime.Unknown"
	}
	return why
}

func (m *Manager) serveInitError(e *environment, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxResponse))
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", "the body could not be read: "+err.Error())
		return
	}
	m.mu.Lock()
	if e.state != starting {
		m.mu.Unlock()
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the initialisation is over: report the error of an invocation instead")
		return
	}
	e.initFault = runtimeFault(body, r)
	m.mu.Unlock()
	accepted(w)
}

func (m *Manager) serveRegister(e *environment, w http.ResponseWriter) {
	m.mu.Lock()
	e.extension = true
	m.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Lambda-Extension-Identifier", newUUID())
	reply := jsonvalue.NewObject(jsonvalue.Member{Name: "functionName", Value: e.spec.Function},
		jsonvalue.Member{Name: "functionVersion", Value: e.spec.Version}, jsonvalue.Member{Name: "handler", Value: e.spec.Handler})
	_, _ = w.Write(jsonvalue.Append(nil, reply))
}

// serveExtensionNext parks: an internal extension gets no events.
func (m *Manager) serveExtensionNext(e *environment, r *http.Request) {
	select {
	case <-e.gone:
	case <-r.Context().Done():
	}
}

func newUUID() string {
	h := randomHex(16)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}

// newTrace starts a trace: https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
func newTrace(now time.Time) string {
	return fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", now.Unix(), randomHex(12), randomHex(8))
}
