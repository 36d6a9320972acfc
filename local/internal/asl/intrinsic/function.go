package intrinsic

// This file defines the table of intrinsic functions, and those on texts.

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"

	"github.com/stepworks/stepworks/local/internal/asl/jsonpath"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// function is one intrinsic. eval returns what is wrong as a problem; it must not
// keep the slice of arguments.
type function struct {
	min, max int // arguments; max -1: any number
	eval     func(c *call, arguments []jsonvalue.Value, env *Env) (result jsonvalue.Value, problem string)
}

func (f *function) takes() string {
	switch {
	case f.max < 0 && f.min > 0:
		return "at least 1 argument"
	case f.min == f.max && f.min == 1:
		return "1 argument"
	case f.min == f.max:
		return fmt.Sprintf("%d arguments", f.min)
	}
	return fmt.Sprintf("%d to %d arguments", f.min, f.max)
}

// functions by what stands behind "States.".
var functions = map[string]*function{
	"Format":         {1, -1, format},
	"StringToJson":   {1, 1, stringToJSON},
	"JsonToString":   {1, 1, jsonToString},
	"Array":          {0, -1, array},
	"ArrayPartition": {2, 2, arrayPartition},
	"ArrayContains":  {2, 2, arrayContains},
	"ArrayRange":     {3, 3, arrayRange},
	"ArrayGetItem":   {2, 2, arrayGetItem},
	"ArrayLength":    {1, 1, arrayLength},
	"ArrayUnique":    {1, 1, arrayUnique},
	"Base64Encode":   {1, 1, base64Encode},
	"Base64Decode":   {1, 1, base64Decode},
	"Hash":           {2, 2, hashOf},
	"JsonMerge":      {3, 3, jsonMerge},
	"MathRandom":     {2, 3, mathRandom},
	"MathAdd":        {2, 2, mathAdd},
	"StringSplit":    {2, 2, stringSplit},
	"UUID":           {0, 0, uuid},
}

// Limits of texts. AWS encodes, decodes and hashes at most 10,000 characters. A
// text it would make longer than any payload may be (256 KiB) fails later anyway;
// maxText keeps a hostile expression from growing it without bound.
const (
	maxData = 10_000
	maxText = 4 << 20
)

// must words the complaint about an argument of the wrong kind.
func must(position int, be string, got jsonvalue.Value) string {
	ordinals := [...]string{"first", "second", "third"}
	return fmt.Sprintf("The %s argument must be %s, but it is %s: %s", ordinals[position], be, kind(got), excerpt(got))
}

func kind(v jsonvalue.Value) string {
	switch k := jsonvalue.Kind(v); k {
	case "null":
		return k
	case "array", "object":
		return "an " + k
	default:
		return "a " + k
	}
}

// excerpt shows the beginning of a value.
func excerpt(v jsonvalue.Value) string {
	const most = 100
	if !within(v, maxText) {
		return "a very large value"
	}
	text := jsonvalue.String(v)
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// within tells whether v's text takes at most about limit bytes, without writing it.
func within(v jsonvalue.Value, limit int) bool { return spend(v, limit) >= 0 }

// spend returns what is left of limit after v, negative when nothing is.
func spend(v jsonvalue.Value, limit int) int {
	switch v := v.(type) {
	case string:
		return limit - len(v) - 2
	case jsonvalue.Number:
		return limit - len(v) - 1
	case []any:
		for i := 0; i < len(v) && limit >= 0; i++ {
			limit = spend(v[i], limit-1)
		}
		return limit - 2
	case *jsonvalue.Object:
		for i := 0; i < v.Len() && limit >= 0; i++ {
			m := v.At(i)
			limit = spend(m.Value, limit-len(m.Name)-4)
		}
		return limit - 2
	}
	return limit - 5
}

func format(c *call, arguments []jsonvalue.Value, _ *Env) (jsonvalue.Value, string) {
	template, ok := arguments[0].(string)
	if !ok {
		return nil, must(0, "a string", arguments[0])
	}
	pieces := c.arguments[0].pieces
	if pieces == nil {
		pieces = strings.Split(template, "{}")
	}
	values := arguments[1:]
	if len(pieces)-1 != len(values) {
		return nil, fmt.Sprintf("The number of arguments after the template (%d) is not the number of {} in it (%d)", len(values), len(pieces)-1)
	}
	left := maxText - len(template)
	for _, v := range values {
		left = spend(v, left)
	}
	if left < 0 {
		return nil, fmt.Sprintf("The formatted text is longer than %d bytes", maxText)
	}
	out := make([]byte, 0, 64+len(template))
	for i, piece := range pieces {
		if out = append(out, piece...); i < len(values) {
			out = jsonpath.AppendPlain(out, values[i])
		}
	}
	return string(out), ""
}

// stringToJSON parses a text; of an empty or blank one AWS makes null (recorded).
func stringToJSON(_ *call, arguments []jsonvalue.Value, _ *Env) (jsonvalue.Value, string) {
	text, ok := arguments[0].(string)
	if !ok {
		return nil, must(0, "a string", arguments[0])
	}
	if strings.TrimSpace(text) == "" {
		return nil, ""
	}
	v, err := jsonvalue.Parse([]byte(text))
	if err != nil {
		return nil, "The string is not valid JSON: " + err.Error()
	}
	if v == jsonvalue.Number("-0") { // Java's integers have no negative zero (recorded)
		v = jsonvalue.Number("0")
	}
	return v, ""
}

func jsonToString(_ *call, arguments []jsonvalue.Value, _ *Env) (jsonvalue.Value, string) {
	if !within(arguments[0], maxText) {
		return nil, fmt.Sprintf("The text is longer than %d bytes", maxText)
	}
	return jsonvalue.String(arguments[0]), ""
}

// data returns an argument that must be a text of limited length.
func data(v jsonvalue.Value) (text, problem string) {
	text, ok := v.(string)
	if !ok {
		return "", must(0, "a string", v)
	}
	if n := jsonpath.UTF16Length(text); n > maxData {
		return "", fmt.Sprintf("The first argument must have at most %d characters, but it has %d", maxData, n)
	}
	return text, ""
}

func base64Encode(_ *call, arguments []jsonvalue.Value, _ *Env) (jsonvalue.Value, string) {
	text, problem := data(arguments[0])
	if problem != "" {
		return nil, problem
	}
	return base64.StdEncoding.EncodeToString([]byte(text)), ""
}

func base64Decode(_ *call, arguments []jsonvalue.Value, _ *Env) (jsonvalue.Value, string) {
	text, problem := data(arguments[0])
	if problem != "" {
		return nil, problem
	}
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil { // padding may be left out
		decoded, err = base64.RawStdEncoding.DecodeString(text)
	}
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, "The first argument is not valid Base64: " + excerpt(text)
	}
	return strings.ToValidUTF8(string(decoded), "\uFFFD"), ""
}

var hashes = map[string]func() hash.Hash{
	"MD5": md5.New, "SHA-1": sha1.New, "SHA-256": sha256.New, "SHA-384": sha512.New384, "SHA-512": sha512.New,
}

func hashOf(_ *call, arguments []jsonvalue.Value, _ *Env) (jsonvalue.Value, string) {
	text, problem := data(arguments[0])
	if problem != "" {
		return nil, problem
	}
	name, _ := arguments[1].(string)
	algorithm := hashes[name]
	if algorithm == nil {
		return nil, must(1, "one of MD5, SHA-1, SHA-256, SHA-384 and SHA-512", arguments[1])
	}
	h := algorithm()
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil)), ""
}

// stringSplit cuts at every character of the separator and leaves out what is
// empty (recorded: ",,,," gives [], "This.is+a" at ".+" three parts).
func stringSplit(_ *call, arguments []jsonvalue.Value, _ *Env) (jsonvalue.Value, string) {
	text, ok := arguments[0].(string)
	if !ok {
		return nil, must(0, "a string", arguments[0])
	}
	separators, ok := arguments[1].(string)
	if !ok {
		return nil, must(1, "a string", arguments[1])
	}
	parts := []any{}
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		parts = append(parts, part)
	}
	return parts, ""
}

func uuid(_ *call, _ []jsonvalue.Value, env *Env) (jsonvalue.Value, string) { return env.UUID(), "" }
