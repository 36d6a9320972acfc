package command

// This file defines attributes: JSON as people write it, a map as DynamoDB keeps
// it, and an object in S3 where it is large.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"strings"

	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/table"
)

// AttributeLimit is how large attributes may be within a row, in the JSON that a
// stream carries them in. The record is an execution's input, and its first state
// passes it twice (as $ and within $$): 2 x 100 KiB and the rest fit into the
// 256 KiB that Step Functions takes.
// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
const AttributeLimit = 100 << 10

// scheme begins the text that stands for attributes in S3.
const scheme = "s3://"

// Attributes is a JSON object; or the JSON string s3://bucket/key.
type Attributes = table.JSON

// object decodes attributes that must be an object of their own, not an address.
func object(a Attributes) (map[string]any, error) {
	if len(a) == 0 {
		return map[string]any{}, nil
	}
	v, err := a.Tree()
	if err != nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, failure.New(failure.InputMalformed, "attributes must be a JSON object")
	}
	return m, nil
}

func address(a Attributes) string {
	var text string
	if json.Unmarshal(a, &text) != nil || !strings.HasPrefix(text, scheme) {
		return ""
	}
	return text
}

// streamed is about how many bytes a value takes in DynamoDB's JSON: each value
// is wrapped in {"X":...}. It errs to the large side.
func streamed(v any) int {
	const wrap = len(`{"NULL":true},`)
	n := wrap
	switch x := v.(type) {
	case string:
		text, _ := json.Marshal(x) // a string can always be written
		n += len(text)
	case json.Number:
		n += len(x)
	case []any:
		for _, element := range x {
			n += streamed(element)
		}
	case map[string]any:
		for name, member := range x {
			text, _ := json.Marshal(name)
			n += len(text) + streamed(member)
		}
	}
	return n
}

// equal compares JSON values: numbers by value, absent and null alike, as the
// members of an object.
func equal(a, b any) bool {
	switch x := a.(type) {
	case json.Number:
		y, ok := b.(json.Number)
		return ok && sameNumber(x, y)
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !equal(x[i], y[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && covers(x, y) && covers(y, x)
	}
	if _, composed := b.(map[string]any); composed {
		return false
	}
	if _, composed := b.([]any); composed {
		return false
	}
	return a == b
}

func covers(x, y map[string]any) bool {
	for name, member := range x {
		if !equal(member, y[name]) {
			return false
		}
	}
	return true
}

func sameNumber(a, b json.Number) bool {
	if a == b {
		return true
	}
	x, okX := new(big.Rat).SetString(a.String())
	y, okY := new(big.Rat).SetString(b.String())
	return okX && okY && x.Cmp(y) == 0
}

// merge lays changes over an object, deeply: null takes a member away.
func merge(base, changes map[string]any) map[string]any {
	merged := make(map[string]any, len(base)+len(changes))
	for name, member := range base {
		merged[name] = member
	}
	for name, change := range changes {
		inner, isObject := change.(map[string]any)
		old, wasObject := merged[name].(map[string]any)
		switch {
		case change == nil:
			delete(merged, name)
		case isObject && wasObject:
			merged[name] = merge(old, inner)
		default:
			merged[name] = change
		}
	}
	return merged
}

// Objects is the bucket where large attributes are kept: an object.Bucket.
type Objects interface {
	Put(ctx context.Context, key, contentType string, body []byte) error
	Get(ctx context.Context, key string, limit int64) ([]byte, error)
}

// maxObject is how large attributes may be at all.
const maxObject = 16 << 20

// pack makes of an object what a row holds: itself, or the address of what was
// put into S3. The object's name is of its content, so putting it again changes
// nothing, and equal attributes have equal addresses.
func (l Ledger) pack(ctx context.Context, k Key, object map[string]any) (Attributes, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, failure.Wrap(failure.InputMalformed, err, "attributes cannot be written as JSON")
	}
	if err := Attributes(text).Fits(); err != nil {
		return nil, err
	}
	size := streamed(object)
	switch {
	case size <= AttributeLimit:
		return text, nil
	case l.Objects == nil:
		return nil, failure.New(failure.InputMalformed, "attributes take %d bytes, %d fit into a row, and larger ones are not taken here", size, AttributeLimit)
	case len(text) > maxObject:
		return nil, failure.New(failure.InputMalformed, "attributes have %d bytes, %d are taken", len(text), maxObject)
	}
	key := "attributes/" + sum([]byte(k.ID())) + "/" + sum(text) + ".json"
	if err := l.Objects.Put(ctx, key, "application/json", text); err != nil {
		return nil, err
	}
	return json.Marshal(l.address(key))
}

func sum(text []byte) string {
	hash := sha256.Sum256(text)
	return hex.EncodeToString(hash[:16])
}

// Attributes returns a row's attributes, from S3 where they are there.
func (l Ledger) Attributes(ctx context.Context, r Row) (Attributes, error) {
	at := address(r.Attributes)
	if at == "" {
		return r.Attributes, nil
	}
	key, ours := strings.CutPrefix(at, l.address(""))
	if l.Objects == nil || !ours {
		return nil, failure.New(failure.InternalUnexpected, "%s: its attributes are at %s, which is not in the bucket that is configured", r.ID, at)
	}
	return l.Objects.Get(ctx, key, maxObject)
}

func (l Ledger) address(key string) string { return scheme + l.Bucket + "/" + key }
