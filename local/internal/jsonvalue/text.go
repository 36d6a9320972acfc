package jsonvalue

// This file defines reading and writing JSON text, and where in a text a path lies.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth bounds nesting, so that hostile text cannot exhaust the stack. AWS
// refuses events nested deeper than 1,000 levels:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
const MaxDepth = 1000

// SyntaxError says where a text stops being JSON.
type SyntaxError struct {
	Line, Column int // from 1; Column counts bytes
	Path         string
	Problem      string
}

func (e *SyntaxError) Error() string {
	at := ""
	if e.Path != "" {
		at = " (at " + e.Path + ")"
	}
	return fmt.Sprintf("line %d, column %d%s: %s", e.Line, e.Column, at, e.Problem)
}

// Parse reads exactly one JSON value. The error is a [*SyntaxError].
func Parse(text []byte) (Value, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(false))
	v, err := read(dec, 0)
	if err == nil {
		if _, err = dec.ReadToken(); errors.Is(err, io.EOF) {
			return v, nil
		}
		if err == nil {
			err = errors.New("there is more text after the value")
		}
	}
	return nil, syntaxError(text, dec, err)
}

// MustParse is Parse for text that the program itself wrote; it panics on a fault.
func MustParse(text string) Value {
	v, err := Parse([]byte(text))
	if err != nil {
		panic("jsonvalue: " + err.Error() + " in " + text)
	}
	return v
}

func syntaxError(text []byte, dec *jsontext.Decoder, err error) error {
	offset := int(dec.InputOffset())
	problem := strings.TrimPrefix(err.Error(), "jsontext: ")
	var syn *jsontext.SyntacticError
	if errors.As(err, &syn) {
		offset, problem = int(syn.ByteOffset), strings.TrimPrefix(syn.Err.Error(), "jsontext: ")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		offset, problem = len(text), "the text ends before the value does"
	}
	line, column := lineColumn(text, offset)
	return &SyntaxError{Line: line, Column: column, Path: string(dec.StackPointer()), Problem: problem}
}

func lineColumn(text []byte, offset int) (line, column int) {
	offset = min(offset, len(text))
	before := text[:offset]
	return 1 + bytes.Count(before, []byte("\n")), offset - bytes.LastIndexByte(before, '\n')
}

func read(dec *jsontext.Decoder, depth int) (Value, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", MaxDepth)
	}
	tok, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case 'n':
		return nil, nil
	case 't', 'f':
		return tok.Bool(), nil
	case '"':
		return tok.String(), nil
	case '0':
		return Number(tok.String()), nil
	case '[':
		return readArray(dec, depth)
	}
	return readObject(dec, depth)
}

func readArray(dec *jsontext.Decoder, depth int) (Value, error) {
	array := []any{}
	for dec.PeekKind() != ']' {
		v, err := read(dec, depth+1)
		if err != nil {
			return nil, err
		}
		array = append(array, v)
	}
	_, err := dec.ReadToken()
	return array, err
}

func readObject(dec *jsontext.Decoder, depth int) (Value, error) {
	var b Builder
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		text := name.String()
		v, err := read(dec, depth+1)
		if err != nil {
			return nil, err
		}
		b.Set(text, v)
	}
	_, err := dec.ReadToken()
	return b.Object(), err
}

// Append writes v as compact JSON after dst.
func Append(dst []byte, v Value) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case Number:
		return append(dst, v...)
	case string:
		return AppendString(dst, v)
	case []any:
		return appendArray(dst, v)
	case *Object:
		return appendObject(dst, v)
	}
	panic(fmt.Sprintf("jsonvalue: %T is not a Value", v))
}

// AppendString writes s as a JSON string. HTML characters stay as they are, as
// AWS leaves them.
func AppendString(dst []byte, s string) []byte {
	out, err := jsontext.AppendQuote(dst, s)
	if err != nil { // invalid UTF-8: each bad byte becomes U+FFFD
		out, _ = jsontext.AppendQuote(dst, strings.ToValidUTF8(s, "\uFFFD"))
	}
	return out
}

func appendArray(dst []byte, a []any) []byte {
	dst = append(dst, '[')
	for i, v := range a {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = Append(dst, v)
	}
	return append(dst, ']')
}

func appendObject(dst []byte, o *Object) []byte {
	dst = append(dst, '{')
	for i := range o.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		m := o.At(i)
		dst = append(AppendString(dst, m.Name), ':')
		dst = Append(dst, m.Value)
	}
	return append(dst, '}')
}

// String returns v as compact JSON.
func String(v Value) string { return string(Append(nil, v)) }

// Indent returns v as JSON for people: two spaces a level, a final newline.
func Indent(v Value) string {
	text := jsontext.Value(Append(nil, v))
	if err := text.Indent(jsontext.WithIndent("  "), jsontext.AllowDuplicateNames(true)); err != nil {
		return String(v) + "\n"
	}
	return string(text) + "\n"
}

// Position returns the line and column, from 1, of the value at a JSON pointer
// (RFC 6901: "/States/Pay/Retry/0"). Where the pointer leads nowhere it answers
// for the deepest part that exists. It scans the text again: positions are
// needed for the one fault that is reported, not for every value that is read.
func Position(text []byte, pointer string) (line, column int) {
	dec := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true))
	best, offset := -1, 0
	for {
		_, err := dec.ReadToken()
		if err != nil {
			break
		}
		at := string(dec.StackPointer())
		if len(at) > best && (at == pointer || strings.HasPrefix(pointer, at+"/")) {
			best, offset = len(at), int(dec.InputOffset())
		}
	}
	start := bytes.TrimRight(text[:offset], " \t\r\n")
	return lineColumn(text, max(len(start)-1, 0))
}
