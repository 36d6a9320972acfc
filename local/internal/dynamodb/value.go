package dynamodb

// This file defines attribute values and items on the wire.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/stepworks/stepworks/local/internal/dynamodb/expr"
)

// valueFault is what is wrong with a value that was well-formed JSON. AWS
// reports it later, and in the words of where the value stands.
type valueFault struct {
	text string
	bare bool // said as it is, even of a starting key
}

// attribute is one AttributeValue as read.
type attribute struct {
	value expr.Value
	fault *valueFault
}

// item is a map of attributes: an item, a key or a part of one.
type item struct {
	Map   *expr.Map
	fault *valueFault // the first of its values' faults
}

func (attribute) class() string { return classPrefix + "AttributeValue" }

func (item) class() string {
	return "java.util.Map<java.lang.String, " + classPrefix + "AttributeValue>"
}

// maxReadDepth bounds what is read; what is deeper than an item may be is
// refused either way.
const maxReadDepth = expr.MaxDepth + 8

func (i *item) decode(d *decoder, at position) error {
	if !d.begin('{') {
		return d.misfit(i.class(), at, true)
	}
	i.Map = &expr.Map{}
	return d.members(func(name string) error {
		var a attribute
		if d.PeekKind() == 'n' {
			a.fault = &valueFault{text: errNoType}
			if err := d.SkipValue(); err != nil {
				return malformedText(err)
			}
		} else if err := a.decode(d, asElement); err != nil {
			return err
		}
		if a.fault != nil && i.fault == nil {
			i.fault = a.fault
		}
		i.Map.Put(name, a.value)
		return nil
	})
}

const (
	errNoType    = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
	errManyTypes = "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
	errDepth     = "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
)

func (a *attribute) decode(d *decoder, at position) error {
	if !d.begin('{') {
		return d.misfit(a.class(), at, false)
	}
	types := 0
	err := d.members(func(name string) error {
		read := readers[expr.Kind(name)]
		if read == nil || d.PeekKind() == 'n' {
			return malformedText(d.SkipValue())
		}
		types++
		return read(d, a)
	})
	switch {
	case err != nil || a.fault != nil && a.fault.bare:
	case types == 0:
		a.fault = &valueFault{text: errNoType}
	case types > 1:
		a.fault = &valueFault{text: errManyTypes}
	}
	return err
}

// wrong notes a fault; the first stays.
func (a *attribute) wrong(text string, bare bool) {
	if a.fault == nil {
		a.fault = &valueFault{text: text, bare: bare}
	}
}

// readers read the value of each type.
var readers map[expr.Kind]func(d *decoder, a *attribute) error

func init() {
	// Assigned here because lists and maps read attributes again.
	readers = map[expr.Kind]func(d *decoder, a *attribute) error{
		expr.S: func(d *decoder, a *attribute) error {
			s, err := d.text()
			a.value = expr.String(s)
			return err
		},
		expr.N: func(d *decoder, a *attribute) error {
			s, err := d.text()
			a.value = a.number(s)
			return err
		},
		expr.B: func(d *decoder, a *attribute) error {
			s, err := d.blob()
			a.value = expr.Binary(s)
			return err
		},
		expr.BOOL: func(d *decoder, a *attribute) error {
			b, err := d.boolean()
			a.value = expr.Bool(b)
			return err
		},
		expr.NULL: readNull,
		expr.SS:   func(d *decoder, a *attribute) error { return a.set(d, expr.S, (*decoder).text) },
		expr.NS:   func(d *decoder, a *attribute) error { return a.set(d, expr.N, (*decoder).text) },
		expr.BS:   func(d *decoder, a *attribute) error { return a.set(d, expr.B, (*decoder).blob) },
		expr.L:    readList,
		expr.M:    readMap,
	}
}

func (a *attribute) number(text string) expr.Number {
	n, err := expr.ParseNumber(text)
	if err != nil {
		a.wrong(err.Error(), true)
	}
	return n
}

func readNull(d *decoder, a *attribute) error {
	b, err := d.boolean()
	a.value = expr.Null{}
	if !b {
		a.wrong("One or more parameter values were invalid: Null attribute value types must have the value of true", false)
	}
	return err
}

func (a *attribute) set(d *decoder, of expr.Kind, read func(*decoder) (string, error)) error {
	if !d.begin('[') {
		return d.misfit("java.util.List", asMember, true)
	}
	set := &expr.Set{Of: of}
	err := d.elements(func() error {
		text, err := read(d)
		if of == expr.N && err == nil {
			text = string(a.number(text))
		}
		set.Members = append(set.Members, text)
		return err
	})
	a.value = set
	a.checkSet(set)
	return err
}

var emptySets = map[expr.Kind]string{
	expr.S: "One or more parameter values were invalid: An string set  may not be empty",
	expr.N: "One or more parameter values were invalid: An number set  may not be empty",
	expr.B: "One or more parameter values were invalid: Binary sets should not be empty",
}

func (a *attribute) checkSet(set *expr.Set) {
	sorted := slices.Sorted(slices.Values(set.Members))
	switch {
	case len(sorted) == 0:
		a.wrong(emptySets[set.Of], set.Of == expr.N)
	case len(slices.Compact(sorted)) == len(set.Members):
	case set.Of == expr.N:
		a.wrong("Input collection contains duplicates", true)
	case set.Of == expr.S:
		a.wrong("One or more parameter values were invalid: Input collection ["+strings.Join(set.Members, ", ")+"] contains duplicates.", true)
	default:
		var texts []string
		for _, m := range set.Members {
			texts = append(texts, base64.StdEncoding.EncodeToString([]byte(m)))
		}
		a.wrong("One or more parameter values were invalid: Input collection ["+strings.Join(texts, ", ")+"]of type BS contains duplicates.", true)
	}
}

func (d *decoder) tooDeep(a *attribute) bool {
	if d.StackDepth() < 2*maxReadDepth {
		return false
	}
	a.wrong(errDepth, false)
	return true
}

func readList(d *decoder, a *attribute) error {
	if !d.begin('[') {
		return d.misfit("java.util.List", asMember, true)
	}
	list := expr.List{}
	err := d.elements(func() error {
		var x attribute
		if d.tooDeep(a) || d.PeekKind() == 'n' {
			x.fault = &valueFault{text: errNoType}
			if err := d.SkipValue(); err != nil {
				return malformedText(err)
			}
		} else if err := x.decode(d, asElement); err != nil {
			return err
		}
		if x.fault != nil {
			a.wrong(x.fault.text, x.fault.bare)
		}
		list = append(list, x.value)
		return nil
	})
	a.value = list
	return err
}

func readMap(d *decoder, a *attribute) error {
	if d.tooDeep(a) {
		return malformedText(d.SkipValue())
	}
	var m item
	err := m.decode(d, asMember)
	a.value = m.Map
	if m.fault != nil {
		a.wrong(m.fault.text, m.fault.bare)
	}
	return err
}

// MarshalJSONTo writes the item as on the wire.
func (i item) MarshalJSONTo(enc *jsontext.Encoder) error { return writeMap(enc, i.Map) }

func writeMap(enc *jsontext.Encoder, m *expr.Map) error {
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for name, v := range m.All() {
		if err := enc.WriteToken(jsontext.String(name)); err != nil {
			return err
		}
		if err := writeValue(enc, v); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}

func writeValue(enc *jsontext.Encoder, v expr.Value) error {
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	if v == nil { // without any type: only errors show such a one
		return enc.WriteToken(jsontext.EndObject)
	}
	if err := enc.WriteToken(jsontext.String(string(v.Kind()))); err != nil {
		return err
	}
	var err error
	switch v := v.(type) {
	case expr.String:
		err = enc.WriteToken(jsontext.String(string(v)))
	case expr.Number:
		err = enc.WriteToken(jsontext.String(string(v)))
	case expr.Binary:
		err = writeBlob(enc, string(v))
	case expr.Bool:
		err = enc.WriteToken(jsontext.Bool(bool(v)))
	case expr.Null:
		err = enc.WriteToken(jsontext.True)
	case *expr.Set:
		err = writeSet(enc, v)
	case expr.List:
		err = writeList(enc, v)
	case *expr.Map:
		err = writeMap(enc, v)
	}
	if err != nil {
		return err
	}
	return enc.WriteToken(jsontext.EndObject)
}

func writeBlob(enc *jsontext.Encoder, s string) error {
	return enc.WriteToken(jsontext.String(base64.StdEncoding.EncodeToString([]byte(s))))
}

func writeSet(enc *jsontext.Encoder, s *expr.Set) error {
	if err := enc.WriteToken(jsontext.BeginArray); err != nil {
		return err
	}
	for _, m := range s.Members {
		write := func() error { return enc.WriteToken(jsontext.String(m)) }
		if s.Of == expr.B {
			write = func() error { return writeBlob(enc, m) }
		}
		if err := write(); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndArray)
}

func writeList(enc *jsontext.Encoder, list expr.List) error {
	if err := enc.WriteToken(jsontext.BeginArray); err != nil {
		return err
	}
	for _, v := range list {
		if err := writeValue(enc, v); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndArray)
}

// showItem prints an item for an error.
func showItem(i item) string {
	text, err := json.Marshal(i)
	if err != nil {
		return "{...}"
	}
	return string(text)
}
