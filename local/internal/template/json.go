package template

// This file defines how JSON text becomes a Node, with the places of names and
// values.

import (
	"bytes"
	"errors"
	"io"
	"sort"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// parseJSON returns the tree of a JSON text.
func parseJSON(text []byte, f *faults) *Node {
	r := jsonReader{
		dec:    jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true)),
		text:   text,
		lines:  lineStarts(text),
		faults: f,
	}
	n, err := r.value("", 0)
	if err == nil {
		if _, err = r.dec.ReadToken(); errors.Is(err, io.EOF) {
			return n
		}
		f.add(r.here(), "", "the JSON is malformed: something follows the template's closing brace")
		return nil
	}
	if !errors.Is(err, errReported) {
		message, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "jsontext: "), " after offset ")
		f.add(r.at(r.errorOffset(err)), "", "the JSON is malformed: %s", message)
	}
	return nil
}

// errReported ends the reading when the problem is noted already.
var errReported = errors.New("reported")

type jsonReader struct {
	dec    *jsontext.Decoder
	text   []byte
	lines  []int
	faults *faults
}

func lineStarts(text []byte) []int {
	starts := []int{0}
	for i, c := range text {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

func (r *jsonReader) at(offset int) Position {
	line := sort.SearchInts(r.lines, offset+1)
	return Position{line, offset - r.lines[line-1] + 1}
}

// here is where the next token begins.
func (r *jsonReader) here() Position {
	offset := int(r.dec.InputOffset())
	for offset < len(r.text) && strings.IndexByte(" \t\r\n,:", r.text[offset]) >= 0 {
		offset++
	}
	return r.at(min(offset, len(r.text)))
}

func (r *jsonReader) errorOffset(err error) int {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return min(int(syntax.ByteOffset), len(r.text))
	}
	return int(r.dec.InputOffset())
}

func (r *jsonReader) value(path string, depth int) (*Node, error) {
	at := r.here()
	if depth > maxDepth {
		r.faults.add(at, path, "the template is nested more than %d levels deep", maxDepth)
		return nil, errReported
	}
	switch r.dec.PeekKind() {
	case '{':
		return r.object(at, path, depth)
	case '[':
		return r.array(at, path, depth)
	}
	tok, err := r.dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case '"':
		return text(at, tok.String()), nil
	case '0':
		return scalar(at, jsonvalue.Number(tok.String())), nil
	case 'n':
		return scalar(at, nil), nil
	}
	return scalar(at, tok.Bool()), nil
}

func (r *jsonReader) array(at Position, path string, depth int) (*Node, error) {
	n := &Node{Kind: List, At: at}
	if _, err := r.dec.ReadToken(); err != nil {
		return nil, err
	}
	for r.dec.PeekKind() != ']' {
		item, err := r.value(join(path, itoa(len(n.Items))), depth+1)
		if err != nil {
			return nil, err
		}
		n.Items = append(n.Items, item)
	}
	_, err := r.dec.ReadToken()
	return n, err
}

func (r *jsonReader) object(at Position, path string, depth int) (*Node, error) {
	n := &Node{Kind: Map, At: at}
	if _, err := r.dec.ReadToken(); err != nil {
		return nil, err
	}
	first := map[string]int{}
	for r.dec.PeekKind() != '}' {
		keyAt := r.here()
		key, err := r.dec.ReadToken()
		if err != nil {
			return nil, err
		}
		name := key.String()
		value, err := r.value(join(path, name), depth+1)
		if err != nil {
			return nil, err
		}
		if line := first[name]; line > 0 {
			r.faults.add(keyAt, join(path, name), "the name %q is already used in line %d", name, line)
			continue
		}
		first[name] = keyAt.Line
		n.Entries = append(n.Entries, Entry{name, keyAt, value})
	}
	_, err := r.dec.ReadToken()
	return asCall(n, path, r.faults), err
}
