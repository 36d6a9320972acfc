package awswire

// This file defines the JSON protocols, and the reading of JSON members that all
// protocols and Call share.

import (
	"errors"
	"hash/crc32"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

func codecFor(svc *Service, r *http.Request) codec {
	switch {
	case r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor":
		return cborCodec{}
	case svc.Protocol == RESTJSON:
		return restCodec{}
	case svc.Protocol == Query, strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		return queryCodec{}
	}
	return jsonCodec{}
}

type jsonCodec struct{}

func (jsonCodec) decode(c *call, in any) error { return unmarshal(c.body, in, false) }

func (jsonCodec) encode(c *call, w http.ResponseWriter, out any) error {
	text, err := json.Marshal(out, marshalOptions)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", c.contentType())
	setChecksum(w, text)
	_, err = w.Write(text)
	return ignoreWrite(err)
}

// setChecksum adds the checksum that DynamoDB's answers carry and its SDK clients
// verify.
func setChecksum(w http.ResponseWriter, body []byte) {
	w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
}

func (jsonCodec) fail(c *call, w http.ResponseWriter, e *Error) {
	name := e.Code
	if c.service.Namespace != "" {
		name = c.service.Namespace + "#" + e.Code
	}
	if c.request.Header.Get("X-Amzn-Query-Mode") == "true" {
		w.Header().Set("X-Amzn-Query-Error", queryErrorCode(e)+";"+faultOf(e))
	}
	body := map[string]any{"__type": name, "message": e.Message}
	for k, v := range e.Members {
		body[k] = v
	}
	writeJSONError(w, c.contentType(), e.Status, body)
}

func (c *call) contentType() string {
	switch c.service.Protocol {
	case JSON10:
		return "application/x-amz-json-1.0"
	case JSON11:
		return "application/x-amz-json-1.1"
	}
	return "application/json"
}

func writeJSONError(w http.ResponseWriter, contentType string, status int, body map[string]any) {
	text, err := json.Marshal(body, marshalOptions, json.Deterministic(true))
	if err != nil {
		text = []byte(`{"__type":"InternalFailure"}`)
	}
	w.Header().Set("Content-Type", contentType)
	setChecksum(w, text)
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

func faultOf(e *Error) string {
	if e.Status >= 500 {
		return "Receiver"
	}
	return "Sender"
}

// ignoreWrite drops the error of writing an answer: the client went away, and
// what it asked for is done.
func ignoreWrite(error) error { return nil }

var (
	marshalOptions   = json.JoinOptions(jsontext.AllowInvalidUTF8(true), json.FormatNilSliceAsNull(false))
	unmarshalOptions = json.JoinOptions(jsontext.AllowDuplicateNames(true))
	sdkOptions       = json.JoinOptions(unmarshalOptions, json.MatchCaseInsensitiveNames(true))
)

// unmarshal reads JSON members into in; sdkNames also accepts the SDK's spelling
// of member names. Members that in does not know are ignored, as AWS ignores them.
func unmarshal(text []byte, in any, sdkNames bool) error {
	if len(text) == 0 {
		return nil
	}
	options := unmarshalOptions
	if sdkNames {
		options = sdkOptions
	}
	err := json.Unmarshal(text, in, options)
	if err == nil {
		return nil
	}
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	return serializationError(err)
}

// serializationError words a value of the wrong type as AWS's parsers do.
func serializationError(err error) *Error {
	var e *json.SemanticError
	if !errors.As(err, &e) {
		return Errorf("SerializationException", "the request is not JSON: %s", strings.TrimPrefix(err.Error(), "jsontext: "))
	}
	at := strings.TrimPrefix(string(e.JSONPointer), "/")
	if at == "" {
		at = "the request"
	}
	return &Error{Code: "SerializationException", Message: kindWords(e.JSONKind, e.GoType), Members: map[string]any{"Path": at}}
}

func kindWords(kind jsontext.Kind, want reflect.Type) string {
	value := map[jsontext.Kind]string{'"': "STRING_VALUE", '0': "NUMBER_VALUE", 't': "TRUE_VALUE", 'f': "FALSE_VALUE"}[kind]
	switch {
	case value == "" && kind == '{':
		return "Start of structure or map found where not expected"
	case value == "" && kind == '[':
		return "Start of list found where not expected"
	case value == "" || want == nil:
		return "Unexpected value"
	}
	for want.Kind() == reflect.Pointer {
		want = want.Elem()
	}
	switch want.Kind() {
	case reflect.String:
		return value + " can not be converted to a String"
	case reflect.Bool:
		return value + " can not be converted to a Boolean"
	case reflect.Int, reflect.Int32:
		return value + " can not be converted to an Integer"
	case reflect.Int64:
		return value + " can not be converted to a Long"
	case reflect.Float64:
		return value + " can not be converted to a Double"
	}
	return "Unexpected field type"
}

// sdkValue turns an output into what an SDK would show: member names in
// PascalCase, whatever the wire's case is.
func sdkValue(out any) (jsonvalue.Value, error) {
	text, err := json.Marshal(out, marshalOptions)
	if err != nil {
		return nil, err
	}
	v, err := jsonvalue.Parse(text)
	if err != nil {
		return nil, err
	}
	return pascal(v, reflect.TypeOf(out)), nil
}

// pascal renames the members of structs, not the keys of maps, which are the
// user's.
func pascal(v jsonvalue.Value, t reflect.Type) jsonvalue.Value {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch v := v.(type) {
	case []any:
		if t == nil || t.Kind() != reflect.Slice {
			return v
		}
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = pascal(x, t.Elem())
		}
		return out
	case *jsonvalue.Object:
		return pascalObject(v, t)
	}
	return v
}

func pascalObject(o *jsonvalue.Object, t reflect.Type) jsonvalue.Value {
	var b jsonvalue.Builder
	switch {
	case t == nil:
		return o
	case t.Kind() == reflect.Map:
		for name, v := range o.All() {
			b.Set(name, pascal(v, t.Elem()))
		}
	case t.Kind() == reflect.Struct && !customJSON(t):
		types := jsonFields(t)
		for name, v := range o.All() {
			b.Set(upperFirst(name), pascal(v, types[name]))
		}
	default:
		return o
	}
	return b.Object()
}

var marshalerTo = reflect.TypeFor[json.MarshalerTo]()

func customJSON(t reflect.Type) bool {
	return t.Implements(marshalerTo) || reflect.PointerTo(t).Implements(marshalerTo)
}

func jsonFields(t reflect.Type) map[string]reflect.Type {
	types := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" || strings.Contains(options, "inline") {
			inner := f.Type
			for inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct {
				for n, ft := range jsonFields(inner) {
					types[n] = ft
				}
			}
			continue
		}
		if name == "" {
			name = f.Name
		}
		types[name] = f.Type
	}
	return types
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
