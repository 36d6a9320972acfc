package interp

// This file defines values together with their JSON text.

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// data is a JSON value that keeps its text: a state's output is the next one's
// input, stands in two history events and is measured against the size limit,
// and is written once for all of these. Measured on BenchmarkTenPass, that
// halves the time of a transition. After a restart it is the value that is made
// from the text, when somebody asks.
type data struct {
	value jsonvalue.Value
	text  string // "": not written yet
	read  bool   // value is set
}

func newData(v jsonvalue.Value) *data { return &data{value: v, read: true} }

// Value returns the JSON value.
func (d *data) Value() jsonvalue.Value {
	if !d.read {
		d.value, d.read = jsonvalue.MustParse(d.text), true
	}
	return d.value
}

// Text returns the JSON text, compact.
func (d *data) Text() string {
	if d.text == "" {
		d.text = jsonvalue.String(d.value)
	}
	return d.text
}

// maxDepth is how deep data may nest: what package jsonvalue reads again.
const maxDepth = jsonvalue.MaxDepth

// fits reports whether the data is within the limits on size and nesting. It
// does not write the text of what is far too large: a template that repeats its
// input ten thousand times makes a small value of gigabytes.
func (d *data) fits() bool {
	if d.text != "" {
		return len(d.text) <= maxData
	}
	left := maxData
	return shorter(d.value, &left, 0) && len(d.Text()) <= maxData
}

// shorter reports whether the text of v takes no more than *left bytes, by an
// estimate that never takes it for longer than it is, and takes them off.
func shorter(v jsonvalue.Value, left *int, depth int) bool {
	if depth > maxDepth {
		return false
	}
	switch v := v.(type) {
	case string:
		*left -= len(v) + 2
	case jsonvalue.Number:
		*left -= len(v)
	case []any:
		*left -= len(v) + 1
		for _, e := range v {
			if !shorter(e, left, depth+1) {
				return false
			}
		}
	case *jsonvalue.Object:
		*left -= 2
		for i := range v.Len() {
			m := v.At(i)
			*left -= len(m.Name) + 3
			if !shorter(m.Value, left, depth+1) {
				return false
			}
		}
	default:
		*left -= 4
	}
	return *left >= -1 // the comma that the last member does not have
}

// wrapped begins the written form of what must not stand bare: null, which
// would read as a missing *data, and what looks wrapped already.
const wrapped = `{"":`

// MarshalJSONTo writes the value.
func (d *data) MarshalJSONTo(enc *jsontext.Encoder) error {
	text := d.Text()
	if text == "null" || strings.HasPrefix(text, wrapped) {
		text = wrapped + text + "}"
	}
	return enc.WriteValue(jsontext.Value(text))
}

// UnmarshalJSONFrom keeps the text for later.
func (d *data) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	value, err := dec.ReadValue()
	text := string(value)
	if inner, ok := strings.CutPrefix(text, wrapped); ok {
		text = strings.TrimSuffix(inner, "}")
	}
	*d = data{text: text}
	return err
}

// emptyObject is {} as a value.
var emptyObject = jsonvalue.NewObject()

func object(members ...any) *jsonvalue.Object {
	var b jsonvalue.Builder
	for i := 0; i < len(members); i += 2 {
		b.Set(members[i].(string), members[i+1])
	}
	return b.Object()
}
