package command

// This file defines attributes: JSON as people write it, a map as DynamoDB keeps
// it, and an object in S3 where it is large.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/stepworks/stepworks/shared/failure"
)

// AttributeLimit is how large attributes may be within a row, in the JSON that a
// stream carries them in. The record is an execution's input, and its first state
// passes it twice (as $ and within $$): 2 x 100 KiB and the rest fit into the
// 256 KiB that Step Functions takes.
// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
const AttributeLimit = 100 << 10

// scheme begins the text that stands for attributes in S3.
const scheme = "s3://"

// Attributes is a JSON object, canonical once it went through DynamoDB: members
// in order of their names, numbers as DynamoDB spells them. Or it is the JSON
// string s3://bucket/key.
type Attributes json.RawMessage

// MarshalJSON implements json.Marshaler.
func (a Attributes) MarshalJSON() ([]byte, error) {
	if len(a) == 0 {
		return []byte("{}"), nil
	}
	return a, nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *Attributes) UnmarshalJSON(text []byte) error {
	*a = bytes.Clone(text)
	return nil
}

// MarshalDynamoDBAttributeValue implements attributevalue.Marshaler.
func (a Attributes) MarshalDynamoDBAttributeValue() (types.AttributeValue, error) {
	v, err := a.tree()
	if err != nil {
		return nil, err
	}
	return toValue(v)
}

// UnmarshalDynamoDBAttributeValue implements attributevalue.Unmarshaler.
func (a *Attributes) UnmarshalDynamoDBAttributeValue(v types.AttributeValue) error {
	text, err := json.Marshal(fromValue(v))
	*a = text
	return err
}

// tree decodes, numbers as text.
func (a Attributes) tree() (any, error) {
	if len(a) == 0 {
		return map[string]any{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(a))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, failure.Wrap(failure.InputMalformed, err, "attributes are not JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, failure.New(failure.InputMalformed, "attributes go on after their JSON value")
	}
	return v, nil
}

// object decodes attributes that must be an object of their own, not an address.
func (a Attributes) object() (map[string]any, error) {
	v, err := a.tree()
	if err != nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, failure.New(failure.InputMalformed, "attributes must be a JSON object")
	}
	return m, nil
}

func (a Attributes) address() string {
	var text string
	if json.Unmarshal(a, &text) != nil || !strings.HasPrefix(text, scheme) {
		return ""
	}
	return text
}

// number is what DynamoDB takes: up to 38 digits, and no exponent beyond 125.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
var number = regexp.MustCompile(`^-?([0-9]+)(?:\.([0-9]+))?(?:[eE][+-]?0*([0-9]{1,2}|1[01][0-9]))?$`)

func toValue(v any) (types.AttributeValue, error) {
	switch x := v.(type) {
	case nil:
		return &types.AttributeValueMemberNULL{Value: true}, nil
	case bool:
		return &types.AttributeValueMemberBOOL{Value: x}, nil
	case string:
		return &types.AttributeValueMemberS{Value: x}, nil
	case json.Number:
		m := number.FindStringSubmatch(x.String())
		if m == nil || len(strings.Trim(m[1]+m[2], "0")) > 38 || len(m[1]) > 38 {
			return nil, failure.New(failure.InputMalformed, "attributes: %s is beyond the numbers that DynamoDB keeps (38 digits): write it as text", x)
		}
		return &types.AttributeValueMemberN{Value: x.String()}, nil
	case []any:
		return toList(x)
	case map[string]any:
		return toMap(x)
	}
	return nil, failure.New(failure.InternalUnexpected, "attributes hold a %T", v)
}

func toList(l []any) (types.AttributeValue, error) {
	list := make([]types.AttributeValue, len(l))
	for i, element := range l {
		v, err := toValue(element)
		if err != nil {
			return nil, err
		}
		list[i] = v
	}
	return &types.AttributeValueMemberL{Value: list}, nil
}

func toMap(m map[string]any) (types.AttributeValue, error) {
	object := make(map[string]types.AttributeValue, len(m))
	for name, member := range m {
		v, err := toValue(member)
		if err != nil {
			return nil, err
		}
		object[name] = v
	}
	return &types.AttributeValueMemberM{Value: object}, nil
}

// fromValue undoes toValue; what no JSON makes (sets, binary) cannot stand there.
func fromValue(v types.AttributeValue) any {
	switch x := v.(type) {
	case *types.AttributeValueMemberBOOL:
		return x.Value
	case *types.AttributeValueMemberS:
		return x.Value
	case *types.AttributeValueMemberN:
		return json.Number(x.Value)
	case *types.AttributeValueMemberL:
		list := make([]any, len(x.Value))
		for i, element := range x.Value {
			list[i] = fromValue(element)
		}
		return list
	case *types.AttributeValueMemberM:
		m := make(map[string]any, len(x.Value))
		for name, member := range x.Value {
			m[name] = fromValue(member)
		}
		return m
	}
	return nil
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
	if _, err := toValue(object); err != nil {
		return nil, err
	}
	text, err := json.Marshal(object)
	if err != nil {
		return nil, failure.Wrap(failure.InputMalformed, err, "attributes cannot be written as JSON")
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
	address := r.Attributes.address()
	if address == "" {
		return r.Attributes, nil
	}
	key, ours := strings.CutPrefix(address, l.address(""))
	if l.Objects == nil || !ours {
		return nil, failure.New(failure.InternalUnexpected, "%s: its attributes are at %s, which is not in the bucket that is configured", r.ID, address)
	}
	return l.Objects.Get(ctx, key, maxObject)
}

func (l Ledger) address(key string) string { return scheme + l.Bucket + "/" + key }
