package dynamodb

// This file defines how items lie in the store: a byte for the type, then the
// value, lengths as varints. Names and members keep their order.

import (
	"encoding/binary"
	"errors"

	"github.com/stepworks/stepworks/local/internal/dynamodb/expr"
)

// The type bytes. They are on disk: never reuse one.
const (
	codeString    = 'S'
	codeNumber    = 'N'
	codeBinary    = 'B'
	codeTrue      = 'T'
	codeFalse     = 'F'
	codeNull      = '0'
	codeStringSet = 's'
	codeNumberSet = 'n'
	codeBinarySet = 'b'
	codeList      = 'L'
	codeMap       = 'M'
)

var setCodes = map[expr.Kind]byte{expr.S: codeStringSet, expr.N: codeNumberSet, expr.B: codeBinarySet}

var setKinds = map[byte]expr.Kind{codeStringSet: expr.S, codeNumberSet: expr.N, codeBinarySet: expr.B}

// encodeItem spells an item for the store.
func encodeItem(m *expr.Map) []byte { return appendMap(make([]byte, 0, 64+m.Size()), m) }

func appendMap(b []byte, m *expr.Map) []byte {
	b = binary.AppendUvarint(b, uint64(m.Len()))
	for name, v := range m.All() {
		b = appendText(b, name)
		b = appendValue(b, v)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendValue(b []byte, v expr.Value) []byte {
	switch v := v.(type) {
	case expr.String:
		return appendText(append(b, codeString), string(v))
	case expr.Number:
		return appendText(append(b, codeNumber), string(v))
	case expr.Binary:
		return appendText(append(b, codeBinary), string(v))
	case expr.Bool:
		if v {
			return append(b, codeTrue)
		}
		return append(b, codeFalse)
	case *expr.Set:
		b = binary.AppendUvarint(append(b, setCodes[v.Of]), uint64(len(v.Members)))
		for _, m := range v.Members {
			b = appendText(b, m)
		}
		return b
	case expr.List:
		b = binary.AppendUvarint(append(b, codeList), uint64(len(v)))
		for _, x := range v {
			b = appendValue(b, x)
		}
		return b
	case *expr.Map:
		return appendMap(append(b, codeMap), v)
	}
	return append(b, codeNull)
}

var errDamaged = errors.New("dynamodb: a stored item is damaged")

// decodeItem reads what encodeItem wrote.
func decodeItem(b []byte) (*expr.Map, error) {
	r := reader{rest: string(b)}
	m := r.mapping()
	if r.damaged || r.rest != "" {
		return nil, errDamaged
	}
	return m, nil
}

// reader reads stored items; all strings share the one copy that it holds.
type reader struct {
	rest    string
	damaged bool
}

func (r *reader) fail() {
	r.damaged, r.rest = true, ""
}

// count reads a length, which cannot be more than what is left.
func (r *reader) count() int {
	var n uint64
	for i := range len(r.rest) {
		c := r.rest[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 || i == 9 {
			r.rest = r.rest[i+1:]
			if n > uint64(len(r.rest)) {
				break
			}
			return int(n)
		}
	}
	r.fail()
	return 0
}

func (r *reader) text() string {
	n := r.count()
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *reader) mapping() *expr.Map {
	m := &expr.Map{}
	for range r.count() {
		name := r.text()
		m.Put(name, r.value())
	}
	return m
}

func (r *reader) value() expr.Value {
	if r.rest == "" {
		r.fail()
		return expr.Null{}
	}
	code := r.rest[0]
	r.rest = r.rest[1:]
	switch code {
	case codeString:
		return expr.String(r.text())
	case codeNumber:
		return expr.Number(r.text())
	case codeBinary:
		return expr.Binary(r.text())
	case codeTrue, codeFalse:
		return expr.Bool(code == codeTrue)
	case codeNull:
		return expr.Null{}
	case codeStringSet, codeNumberSet, codeBinarySet:
		set := &expr.Set{Of: setKinds[code]}
		for range r.count() {
			set.Members = append(set.Members, r.text())
		}
		return set
	case codeList:
		list := expr.List{}
		for range r.count() {
			list = append(list, r.value())
		}
		return list
	case codeMap:
		return r.mapping()
	}
	r.fail()
	return expr.Null{}
}
