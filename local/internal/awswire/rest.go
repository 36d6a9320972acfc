package awswire

// This file defines the REST-JSON protocol: members in the path, the query,
// headers, the status and the body.

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

func (s *Server) route(svc *Service, op *Operation) {
	mux := s.routes[svc.Name]
	if mux == nil {
		mux = http.NewServeMux()
		s.routes[svc.Name] = mux
	}
	mux.Handle(op.method+" "+op.path, op)
}

// ServeHTTP makes an Operation a mark in a ServeMux; it never serves.
func (op *Operation) ServeHTTP(http.ResponseWriter, *http.Request) {}

func (s *Server) restOperation(c *call) (*Operation, error) {
	mux := s.routes[c.service.Name]
	h, pattern := mux.Handler(c.request)
	op, ok := h.(*Operation)
	if !ok || pattern == "" {
		return nil, &Error{Code: "UnknownOperationException", Status: 404, Message: fmt.Sprintf("The local AWS offers no %s operation at %s %s", c.service.Name, c.request.Method, c.request.URL.Path)}
	}
	mux.ServeHTTP(httptest.NewRecorder(), c.request) // sets the path values
	return op, nil
}

// place is where a REST member travels.
type place struct{ where, name string }

func placeOf(f reflect.StructField) (place, bool) {
	tag, ok := f.Tag.Lookup("http")
	if !ok {
		return place{}, false
	}
	where, name, _ := strings.Cut(tag, "=")
	return place{where, name}, true
}

type restCodec struct{}

func (restCodec) decode(c *call, in any) error {
	v := reflect.ValueOf(in).Elem()
	if !hasBodyMember(v.Type()) {
		if err := unmarshal(c.body, in, false); err != nil {
			return err
		}
	}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		p, ok := placeOf(field)
		if !ok {
			continue
		}
		if err := c.decodeMember(v.Field(i), field, p); err != nil {
			return err
		}
	}
	return nil
}

func hasBodyMember(t reflect.Type) bool {
	for i := range t.NumField() {
		if p, ok := placeOf(t.Field(i)); ok && p.where == "body" {
			return true
		}
	}
	return false
}

func (c *call) decodeMember(v reflect.Value, field reflect.StructField, p place) error {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	var values []string
	switch p.where {
	case "path":
		values = []string{c.request.PathValue(name)}
	case "query":
		values = c.request.URL.Query()[p.name]
	case "header":
		values = c.request.Header.Values(p.name)
	case "body":
		v.SetBytes(c.body)
		return nil
	}
	if len(values) == 0 {
		return nil
	}
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.String {
		v.Set(reflect.ValueOf(values))
		return nil
	}
	return setText(v, values[0], name)
}

// setText sets a scalar from its text.
func setText(v reflect.Value, text, name string) error {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	var err error
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		var b bool
		b, err = strconv.ParseBool(text)
		v.SetBool(b)
	case reflect.Int, reflect.Int32, reflect.Int64:
		var n int64
		n, err = strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(n)
	case reflect.Slice:
		var b []byte
		b, err = base64.StdEncoding.DecodeString(text)
		v.SetBytes(b)
	default:
		return fmt.Errorf("awswire: member %s cannot be text", name)
	}
	if err != nil {
		return Errorf("SerializationException", "%q is not a value for %s", text, name)
	}
	return nil
}

func (restCodec) encode(c *call, w http.ResponseWriter, out any) error {
	v := reflect.Indirect(reflect.ValueOf(out))
	status := c.op.status
	if status == 0 {
		status = http.StatusOK
	}
	var payload []byte
	elsewhere := map[string]bool{}
	for i := range v.NumField() {
		p, ok := placeOf(v.Type().Field(i))
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		elsewhere[name] = true
		switch field := v.Field(i); p.where {
		case "status":
			status = int(field.Int())
		case "body":
			payload = field.Bytes()
			elsewhere[""] = true
		case "header":
			if text := fmt.Sprint(reflect.Indirect(field)); !field.IsZero() {
				w.Header().Set(p.name, text)
			}
		}
	}
	if !elsewhere[""] && status != http.StatusNoContent {
		var err error
		if payload, err = bodyOf(out, elsewhere); err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_, err := w.Write(payload)
	return ignoreWrite(err)
}

func bodyOf(out any, elsewhere map[string]bool) ([]byte, error) {
	text, err := json.Marshal(out, marshalOptions)
	if err != nil || len(elsewhere) == 0 {
		return text, err
	}
	v, err := jsonvalue.Parse(text)
	if err != nil {
		return nil, err
	}
	var b jsonvalue.Builder
	for name, x := range v.(*jsonvalue.Object).All() {
		if !elsewhere[name] {
			b.Set(name, x)
		}
	}
	return jsonvalue.Append(nil, b.Object()), nil
}

func (restCodec) fail(c *call, w http.ResponseWriter, e *Error) {
	w.Header().Set("X-Amzn-Errortype", e.Code)
	body := map[string]any{"Type": map[string]string{"Sender": "User", "Receiver": "Service"}[faultOf(e)], "Message": e.Message, "message": e.Message}
	for k, v := range e.Members {
		body[k] = v
	}
	writeJSONError(w, "application/json", e.Status, body)
}
