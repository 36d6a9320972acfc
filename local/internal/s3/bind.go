package s3

// This file defines how members travel on the wire, by their tags:
//
//	http:"bucket"  http:"key"        the path
//	http:"query=name"                the query
//	http:"header=Name"               a header
//	http:"prefix=Name-"              a map in headers
//	http:"payload=Root"              the XML body (",optional")
//	http:"raw"                       the body as text
//	http:"stream"                    the body
//	http:"status"                    the status
//
// A struct with an XMLName is itself the XML body, its fields marked xml:"-" are not.

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/stepworks/stepworks/local/internal/awswire"
)

// binder fills an input from a request.
type binder struct {
	request     *http.Request
	query       url.Values
	bucket, key string
}

func (b *binder) bind(v reflect.Value) error {
	t := v.Type()
	for i := range t.NumField() {
		f, field := t.Field(i), v.Field(i)
		how, name, _ := strings.Cut(f.Tag.Get("http"), "=")
		if f.Anonymous && how == "" {
			if err := b.bind(field); err != nil {
				return err
			}
			continue
		}
		if err := b.member(field, how, name); err != nil {
			return err
		}
	}
	return nil
}

func (b *binder) member(field reflect.Value, how, name string) error {
	switch how {
	case "bucket":
		field.SetString(b.bucket)
	case "key":
		field.SetString(b.key)
	case "query":
		if b.query.Get(name) != "" {
			return set(field, name, b.query.Get(name))
		}
	case "header":
		if values := b.request.Header.Values(name); len(values) > 0 {
			return set(field, strings.ToLower(name), strings.Join(values, ","))
		}
	case "prefix":
		field.Set(reflect.ValueOf(prefixed(b.request.Header, name)))
	case "payload":
		return b.payload(field, name)
	case "raw":
		text, err := readWhole(b.request)
		field.SetString(string(text))
		return err
	case "stream":
		in, err := newIncoming(b.request)
		field.Set(reflect.ValueOf(upload{in}))
		return err
	}
	return nil
}

// prefixed are the headers that begin with prefix, by the rest of their names.
func prefixed(h http.Header, prefix string) map[string]string {
	var m map[string]string
	for name, values := range h {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			if m == nil {
				m = map[string]string{}
			}
			m[strings.ToLower(rest)] = strings.Join(values, ",")
		}
	}
	return m
}

// maxDocument bounds an XML body; the largest is the list of 10,000 parts.
const maxDocument = 4 << 20

func readWhole(r *http.Request) ([]byte, error) {
	in, err := newIncoming(r)
	if err != nil {
		return nil, err
	}
	if in.size > maxDocument {
		return nil, errXML()
	}
	text, err := io.ReadAll(io.LimitReader(in.reader, maxDocument+1))
	if err != nil {
		return nil, readFault(err)
	}
	return text, in.verifyWhole(text)
}

func (b *binder) payload(field reflect.Value, name string) error {
	root, optional := strings.CutSuffix(name, ",optional")
	text, err := readWhole(b.request)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(text)) == 0 {
		if optional {
			return nil
		}
		return saying(newError("MissingRequestBodyError"), "Request Body is empty")
	}
	target := reflect.New(field.Type().Elem())
	if err := parseDocument(text, root, target.Interface()); err != nil {
		return err
	}
	field.Set(target)
	return nil
}

// parseDocument reads an XML document with this root into v.
func parseDocument(text []byte, root string, v any) error {
	dec := xml.NewDecoder(bytes.NewReader(text))
	for {
		token, err := dec.Token()
		if err != nil {
			return errXML()
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if start.Name.Local != root || start.Name.Space != "" && start.Name.Space != namespace {
			return errXML()
		}
		if err := known(text, reflect.TypeOf(v)); err != nil {
			return err
		}
		if err := dec.DecodeElement(v, &start); err != nil {
			return errXML()
		}
		return nil
	}
}

// set parses text into a field.
func set(field reflect.Value, name, text string) error {
	if field.Kind() == reflect.Pointer {
		target := reflect.New(field.Type().Elem())
		if err := set(target.Elem(), name, text); err != nil {
			return err
		}
		field.Set(target)
		return nil
	}
	switch field.Interface().(type) {
	case moment:
		if t, err := http.ParseTime(text); err == nil { // AWS ignores a date it cannot read
			field.Set(reflect.ValueOf(moment{t}))
		}
		return nil
	case []string:
		for item := range strings.SplitSeq(text, ",") {
			field.Set(reflect.Append(field, reflect.ValueOf(strings.TrimSpace(item))))
		}
		return nil
	}
	switch field.Kind() {
	case reflect.String:
		field.SetString(text)
	case reflect.Bool:
		field.SetBool(strings.EqualFold(text, "true"))
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return errArgument(name, text, "Provided %s not an integer or within integer range", name)
		}
		field.SetInt(n)
	default:
		return errors.New("s3: a member of kind " + field.Kind().String() + " cannot be set")
	}
	return nil
}

// answer is what goes onto the wire.
type answer struct {
	header   http.Header
	status   int
	stream   *content
	raw      string
	document any
	root     string
}

func (a *answer) collect(v reflect.Value, isDocument bool) {
	t := v.Type()
	if isDocument {
		a.document = v.Addr().Interface()
	}
	a.fields(v, t, isDocument)
}

func (a *answer) fields(v reflect.Value, t reflect.Type, isDocument bool) {
	for i := range t.NumField() {
		f, field := t.Field(i), v.Field(i)
		how, name, _ := strings.Cut(f.Tag.Get("http"), "=")
		switch {
		case f.Anonymous && how == "":
			a.fields(field, field.Type(), isDocument)
		case how == "header" && (!isDocument || f.Tag.Get("xml") == "-"):
			if text := headerText(field); text != "" {
				a.header.Set(name, text)
			}
		case how == "prefix":
			for key, value := range field.Interface().(map[string]string) {
				a.header[strings.ToLower(name+key)] = []string{value} // as it was given: SDKs show the header's own case
			}
		case how == "payload" && !field.IsNil():
			a.document, a.root = field.Interface(), name
		case how == "raw":
			a.raw = field.String()
		case how == "stream":
			a.stream, _ = field.Interface().(*content)
		case how == "status" && field.Int() != 0:
			a.status = int(field.Int())
		}
	}
}

func headerText(field reflect.Value) string {
	if field.Kind() == reflect.Pointer {
		if field.IsNil() {
			return ""
		}
		field = field.Elem()
		if field.Kind() == reflect.Int || field.Kind() == reflect.Int64 {
			return strconv.FormatInt(field.Int(), 10)
		}
	}
	switch x := field.Interface().(type) {
	case moment:
		if x.IsZero() {
			return ""
		}
		return x.UTC().Format(http.TimeFormat)
	case string:
		return x
	case bool:
		if x {
			return "true"
		}
	case int64:
		if x != 0 {
			return strconv.FormatInt(x, 10)
		}
	case int:
		if x != 0 {
			return strconv.Itoa(x)
		}
	}
	return ""
}

// moment is a time as S3 writes it: ISO 8601 with milliseconds in documents, an HTTP
// date in headers.
type moment struct{ time.Time }

const isoMillis = "2006-01-02T15:04:05.000Z"

// MarshalText writes ISO 8601.
func (m moment) MarshalText() ([]byte, error) { return []byte(m.UTC().Format(isoMillis)), nil }

// UnmarshalText reads ISO 8601.
func (m *moment) UnmarshalText(text []byte) error {
	var err error
	m.Time, err = time.Parse(time.RFC3339, string(text))
	if err != nil {
		m.Time, err = time.Parse(time.DateOnly, string(text))
	}
	return err
}

// MarshalJSONTo writes seconds since the epoch, as times are in process.
func (m moment) MarshalJSONTo(enc *jsontext.Encoder) error {
	return awswire.At(m.Time).MarshalJSONTo(enc)
}

// UnmarshalJSONFrom reads seconds since the epoch, or ISO 8601.
func (m *moment) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var t awswire.Time
	err := t.UnmarshalJSONFrom(dec)
	m.Time = t.Time
	return err
}
