package dynamodb

// This file defines the reading of requests: JSON into the shapes of shape*.go,
// with AWS's words for what has the wrong type.
//
// Shapes are structs whose names are AWS's with a small first letter and whose
// fields are named as on the wire. A field that is absent or null keeps its zero
// value. Members that a shape does not have are ignored, as AWS ignores them.

import (
	"encoding/base64"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/stepworks/stepworks/local/internal/awswire"
)

// input is how a shape is read from the wire: its types, then its constraints.
type input[T any] struct {
	in   T
	read bool
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (r *input[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	d := &decoder{dec}
	if err := d.structure(reflect.ValueOf(&r.in).Elem(), asMember); err != nil {
		return err
	}
	r.read = true
	return r.check()
}

// check checks the shape's members one by one.
func (r *input[T]) check() error {
	if f, ok := any(&r.in).(beforeConstraints); ok {
		if err := f.first(); err != nil {
			return err
		}
	}
	return constrain(&r.in)
}

// checked returns the shape; a request without a body was never read.
func (r *input[T]) checked() (*T, error) {
	if r.read {
		return &r.in, nil
	}
	return &r.in, r.check()
}

type decoder struct{ *jsontext.Decoder }

// position is where a value stands; AWS's words differ.
type position int

const (
	asMember  position = iota // of a structure
	asElement                 // of a list or a map
)

// selfDecoder is a type that reads itself.
type selfDecoder interface {
	decode(d *decoder, at position) error
}

// className is implemented by types whose class errors name.
type classNamed interface{ class() string }

const (
	classPrefix      = "com.amazonaws.dynamodb.v20120810."
	errStructure     = "Start of structure or map found where not expected"
	errFieldType     = "Unexpected field type"
	errElementType   = "Unexpected value type in payload"
	errParameterized = "class sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl cannot be cast to class java.lang.Class (sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl and java.lang.Class are in module java.base of loader 'bootstrap')"
)

// class names a type as AWS's parser does.
func class(t reflect.Type) string {
	if c, ok := reflect.New(t).Interface().(classNamed); ok {
		return c.class()
	}
	switch t.Kind() {
	case reflect.Pointer:
		return class(t.Elem())
	case reflect.String:
		return "java.lang.String"
	case reflect.Slice:
		return "java.util.List<" + class(t.Elem()) + ">"
	}
	return classPrefix + strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
}

// value reads into v whatever is next.
func (d *decoder) value(v reflect.Value, at position) error {
	if d.PeekKind() == 'n' {
		return d.SkipValue()
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return d.value(v.Elem(), at)
	}
	if self, ok := v.Addr().Interface().(selfDecoder); ok {
		return self.decode(d, at)
	}
	switch v.Kind() {
	case reflect.String:
		s, err := d.text()
		v.SetString(s)
		return err
	case reflect.Bool:
		b, err := d.boolean()
		v.SetBool(b)
		return err
	case reflect.Int64, reflect.Int32, reflect.Float64:
		return d.number(v)
	case reflect.Slice:
		return d.list(v, at)
	}
	if v.Type() == reflect.TypeFor[time.Time]() {
		return d.time(v)
	}
	return d.structure(v, at)
}

// begin steps into a structure, map or list if one is next; if not, misfit says
// what is wrong.
func (d *decoder) begin(open jsontext.Kind) bool {
	if d.PeekKind() != open {
		return false
	}
	_, err := d.ReadToken()
	return err == nil
}

func (d *decoder) misfit(class string, at position, compound bool) error {
	kind := d.PeekKind()
	switch {
	case kind == '[' && compound:
		return malformed("Unrecognized collection type %s", class)
	case kind == '[':
		return malformed("Unrecognized collection type class %s", class)
	case kind == '{':
		return malformed(errStructure)
	case kind == 0:
		_, err := d.ReadToken()
		return malformedText(err)
	case at == asElement && compound:
		return malformed(errParameterized)
	case at == asElement:
		return malformed(errElementType)
	}
	return malformed(errFieldType)
}

// malformedText is a text that is no JSON.
func malformedText(err error) error {
	if err == nil {
		return nil
	}
	return malformed("the request is not JSON: %s", strings.TrimPrefix(err.Error(), "jsontext: "))
}

// fieldIndexes maps wire names to fields.
var fieldIndexes sync.Map // reflect.Type -> map[string]int

func fieldsOf(t reflect.Type) map[string]int {
	if known, ok := fieldIndexes.Load(t); ok {
		return known.(map[string]int)
	}
	fields := map[string]int{}
	for i := range t.NumField() {
		fields[t.Field(i).Name] = i
	}
	fieldIndexes.Store(t, fields)
	return fields
}

func (d *decoder) structure(v reflect.Value, at position) error {
	if !d.begin('{') {
		return d.misfit(class(v.Type()), at, false)
	}
	fields := fieldsOf(v.Type())
	for d.PeekKind() == '"' {
		name, err := d.ReadValue()
		if err != nil {
			return malformedText(err)
		}
		// A name with escapes in it is none of ours.
		i, ok := fields[string(name[1:len(name)-1])]
		if !ok {
			err = malformedText(d.SkipValue())
		} else {
			err = d.value(v.Field(i), asMember)
		}
		if err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return malformedText(err)
}

// members calls f for every name of the object that was begun, and ends it.
func (d *decoder) members(f func(name string) error) error {
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return malformedText(err)
		}
		if err := f(name.String()); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return malformedText(err)
}

func (d *decoder) list(v reflect.Value, at position) error {
	if !d.begin('[') {
		return d.misfit(class(v.Type()), at, true)
	}
	elem := v.Type().Elem()
	v.Set(reflect.MakeSlice(v.Type(), 0, 4))
	return d.elements(func() error {
		x := reflect.New(elem).Elem()
		err := d.value(x, asElement)
		v.Set(reflect.Append(v, x))
		return err
	})
}

// elements calls f for every element of the array that was begun, and ends it.
func (d *decoder) elements(f func() error) error {
	for d.PeekKind() != ']' {
		if d.PeekKind() == 0 {
			_, err := d.ReadToken()
			return malformedText(err)
		}
		if err := f(); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return malformedText(err)
}

// scalar reads the next token, which must be no array and no object.
func (d *decoder) scalar(class string) (jsontext.Token, error) {
	switch d.PeekKind() {
	case '{':
		return jsontext.Token{}, malformed(errStructure)
	case '[':
		return jsontext.Token{}, malformed("Unrecognized collection type class %s", class)
	}
	t, err := d.ReadToken()
	return t, malformedText(err)
}

// tokenName names a token as AWS's parser does.
func tokenName(t jsontext.Token) string {
	switch t.Kind() {
	case '"':
		return "STRING_VALUE"
	case 't':
		return "TRUE_VALUE"
	case 'f':
		return "FALSE_VALUE"
	}
	if strings.ContainsAny(t.String(), ".eE") {
		return "DECIMAL_VALUE"
	}
	return "NUMBER_VALUE"
}

func (d *decoder) text() (string, error) {
	t, err := d.scalar("java.lang.String")
	if err != nil {
		return "", err
	}
	if t.Kind() != '"' {
		return "", malformed("%s cannot be converted to String", tokenName(t))
	}
	return t.String(), nil
}

// spelledBooleans are the strings that AWS takes for a boolean.
var spelledBooleans = map[string]bool{"true": true, "yes": true, "1": true, "false": false, "no": false, "0": false}

func (d *decoder) boolean() (bool, error) {
	t, err := d.scalar("java.lang.Boolean")
	if err != nil {
		return false, err
	}
	switch t.Kind() {
	case 't', 'f':
		return t.Bool(), nil
	case '"':
		if b, ok := spelledBooleans[strings.ToLower(t.String())]; ok {
			return b, nil
		}
		return false, malformed("Unexpected token received from parser")
	}
	return false, malformed("%s cannot be converted to Boolean", tokenName(t))
}

func (d *decoder) number(v reflect.Value) error {
	class := map[reflect.Kind]string{reflect.Int32: "Integer", reflect.Int64: "Long", reflect.Float64: "Double"}[v.Kind()]
	t, err := d.scalar("java.lang." + class)
	if err != nil {
		return err
	}
	if t.Kind() != '0' {
		return malformed("%s cannot be converted to %s", tokenName(t), class)
	}
	f, err := strconv.ParseFloat(t.String(), 64)
	if err != nil {
		return malformed("%s cannot be converted to %s", tokenName(t), class)
	}
	switch v.Kind() {
	case reflect.Float64:
		v.SetFloat(f)
	default:
		n, err := strconv.ParseInt(t.String(), 10, 64)
		if err != nil {
			n = int64(f)
		}
		v.SetInt(n)
	}
	return nil
}

func (d *decoder) time(v reflect.Value) error {
	var t awswire.Time
	if err := t.UnmarshalJSONFrom(d.Decoder); err != nil {
		return malformed("%s", err)
	}
	v.Set(reflect.ValueOf(t.Time))
	return nil
}

// blob reads base64.
func (d *decoder) blob() (string, error) {
	t, err := d.scalar("java.nio.ByteBuffer")
	if err != nil {
		return "", err
	}
	if t.Kind() != '"' {
		return "", malformed("only base-64-encoded strings are convertible to bytes")
	}
	text := t.String()
	if len(text)%4 != 0 {
		return "", malformed("Base64 encoded length is expected a multiple of 4 bytes but found: %d", len(text))
	}
	bytes, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return "", malformed("Invalid last non-pad Base64 character dectected")
	}
	return string(bytes), nil
}

// entries is a map that keeps its order. Nil is absent.
type entries[T any] []entry[T]

type entry[T any] struct {
	Name  string
	Value T
}

func (e *entries[T]) class() string {
	return "java.util.Map<java.lang.String, " + class(reflect.TypeFor[T]()) + ">"
}

func (e *entries[T]) decode(d *decoder, at position) error {
	if !d.begin('{') {
		return d.misfit(e.class(), at, true)
	}
	*e = entries[T]{}
	return d.members(func(name string) error {
		x := entry[T]{Name: name}
		err := d.value(reflect.ValueOf(&x.Value).Elem(), asElement)
		*e = append(*e, x)
		return err
	})
}
