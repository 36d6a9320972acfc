package awswire

// This file defines Smithy's RPC v2 CBOR protocol, which the Go SDK speaks to
// CloudWatch. https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"net/http"
	"reflect"
	"strconv"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

type cborCodec struct{}

func (cborCodec) decode(c *call, in any) error {
	if len(c.body) == 0 {
		return nil
	}
	r := &cborReader{data: c.body}
	v, err := r.value(0)
	if err != nil {
		return Errorf("SerializationException", "the request is not CBOR: %v", err)
	}
	return unmarshal(jsonvalue.Append(nil, v), in, false)
}

func (cborCodec) encode(c *call, w http.ResponseWriter, out any) error {
	cborHeader(w)
	_, err := w.Write(appendCBOR(nil, reflect.ValueOf(out)))
	return ignoreWrite(err)
}

func (cborCodec) fail(c *call, w http.ResponseWriter, e *Error) {
	cborHeader(w)
	if c.request.Header.Get("X-Amzn-Query-Mode") == "true" {
		w.Header().Set("X-Amzn-Query-Error", queryErrorCode(e)+";"+faultOf(e))
	}
	w.WriteHeader(e.Status)
	body := map[string]string{"__type": e.Code, "message": e.Message}
	_, _ = w.Write(appendCBOR(nil, reflect.ValueOf(body)))
}

func cborHeader(w http.ResponseWriter) {
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
}

// Major types of RFC 8949.
const (
	cborUint = iota
	cborNegative
	cborBytes
	cborText
	cborArray
	cborMap
	cborTag
	cborSimple
)

const (
	cborIndefinite = 31
	cborBreak      = 0xff
)

var errCBOR = errors.New("it is truncated or malformed")

type cborReader struct {
	data []byte
}

// head reads a major type and its argument; indefinite lengths answer true.
func (r *cborReader) head() (major int, arg uint64, indefinite bool, err error) {
	if len(r.data) == 0 {
		return 0, 0, false, errCBOR
	}
	first := r.data[0]
	r.data = r.data[1:]
	major, info := int(first>>5), first&31
	switch {
	case info < 24:
		return major, uint64(info), false, nil
	case info == cborIndefinite:
		return major, 0, true, nil
	case info > 27:
		return 0, 0, false, errCBOR
	}
	n := 1 << (info - 24)
	if len(r.data) < n {
		return 0, 0, false, errCBOR
	}
	var wide [8]byte
	copy(wide[8-n:], r.data[:n])
	r.data = r.data[n:]
	return major, binary.BigEndian.Uint64(wide[:]), false, nil
}

func (r *cborReader) value(depth int) (jsonvalue.Value, error) {
	if depth > 64 || len(r.data) == 0 {
		return nil, errCBOR
	}
	width := r.data[0] & 31
	major, arg, indefinite, err := r.head()
	if err != nil {
		return nil, err
	}
	switch major {
	case cborUint:
		return jsonvalue.Number(strconv.FormatUint(arg, 10)), nil
	case cborNegative:
		return jsonvalue.Int(-1 - int64(arg)), nil
	case cborBytes:
		b, err := r.bytes(arg, indefinite, cborBytes)
		return base64.StdEncoding.EncodeToString(b), err
	case cborText:
		b, err := r.bytes(arg, indefinite, cborText)
		return string(b), err
	case cborArray:
		return r.array(arg, indefinite, depth)
	case cborMap:
		return r.object(arg, indefinite, depth)
	case cborTag: // the one tag in use is 1, a timestamp: its number is the value
		return r.value(depth + 1)
	}
	return simpleCBOR(width, arg)
}

func simpleCBOR(width byte, arg uint64) (jsonvalue.Value, error) {
	switch width {
	case 20:
		return false, nil
	case 21:
		return true, nil
	case 22, 23:
		return nil, nil
	case 26:
		return jsonvalue.Float(float64(math.Float32frombits(uint32(arg)))), nil
	case 27:
		return jsonvalue.Float(math.Float64frombits(arg)), nil
	}
	return nil, errCBOR
}

func (r *cborReader) bytes(n uint64, indefinite bool, major int) ([]byte, error) {
	if !indefinite {
		if uint64(len(r.data)) < n {
			return nil, errCBOR
		}
		b := r.data[:n]
		r.data = r.data[n:]
		return b, nil
	}
	var all []byte
	for !r.ended() {
		m, n, more, err := r.head()
		if err != nil || m != major || more {
			return nil, errCBOR
		}
		b, err := r.bytes(n, false, major)
		if err != nil {
			return nil, err
		}
		all = append(all, b...)
	}
	return all, nil
}

// ended consumes a break.
func (r *cborReader) ended() bool {
	if len(r.data) > 0 && r.data[0] == cborBreak {
		r.data = r.data[1:]
		return true
	}
	return len(r.data) == 0
}

func (r *cborReader) array(n uint64, indefinite bool, depth int) (jsonvalue.Value, error) {
	items := []any{}
	for i := uint64(0); indefinite && !r.ended() || !indefinite && i < n; i++ {
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	return items, nil
}

func (r *cborReader) object(n uint64, indefinite bool, depth int) (jsonvalue.Value, error) {
	var b jsonvalue.Builder
	for i := uint64(0); indefinite && !r.ended() || !indefinite && i < n; i++ {
		name, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		text, ok := name.(string)
		if !ok {
			return nil, errCBOR
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		b.Set(text, v)
	}
	return b.Object(), nil
}

func appendHead(dst []byte, major int, n uint64) []byte {
	m := byte(major << 5)
	switch {
	case n < 24:
		return append(dst, m|byte(n))
	case n <= math.MaxUint8:
		return append(dst, m|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, m|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, m|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, m|27), n)
}

func appendText(dst []byte, s string) []byte {
	return append(appendHead(dst, cborText, uint64(len(s))), s...)
}

// appendCBOR writes an output struct: members by their json names, absent ones
// left out, timestamps tagged.
func appendCBOR(dst []byte, v reflect.Value) []byte {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return append(dst, cborSimple<<5|22)
		}
		v = v.Elem()
	}
	if t, ok := v.Interface().(Time); ok {
		return appendFloat(append(dst, cborTag<<5|1), float64(t.UnixMilli())/1000)
	}
	switch v.Kind() {
	case reflect.Struct:
		dst = append(dst, cborMap<<5|cborIndefinite)
		for _, f := range presentFields(v) {
			dst = appendCBOR(appendText(dst, f.name), f.value)
		}
		return append(dst, cborBreak)
	case reflect.Map:
		dst = appendHead(dst, cborMap, uint64(v.Len()))
		for _, key := range sortedKeys(v) {
			dst = appendCBOR(appendText(dst, key.String()), v.MapIndex(key))
		}
		return dst
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return append(appendHead(dst, cborBytes, uint64(v.Len())), v.Bytes()...)
		}
		dst = appendHead(dst, cborArray, uint64(v.Len()))
		for i := range v.Len() {
			dst = appendCBOR(dst, v.Index(i))
		}
		return dst
	}
	return appendScalar(dst, v)
}

func appendScalar(dst []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return append(dst, cborSimple<<5|21)
		}
		return append(dst, cborSimple<<5|20)
	case reflect.Int, reflect.Int32, reflect.Int64:
		if n := v.Int(); n < 0 {
			return appendHead(dst, cborNegative, uint64(-1-n))
		}
		return appendHead(dst, cborUint, uint64(v.Int()))
	case reflect.Float64:
		return appendFloat(dst, v.Float())
	}
	return appendText(dst, v.String())
}

func appendFloat(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, cborSimple<<5|27), math.Float64bits(f))
}
