package table

// This file defines JSON as an attribute: a value as people write it, kept in
// DynamoDB's own types, so that it can be read in a console and filtered.

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/stepworks/stepworks/shared/failure"
)

// JSON is any JSON value. What comes back from DynamoDB is canonical: members in
// order of their names, numbers as DynamoDB spells them.
type JSON json.RawMessage

// MarshalJSON implements json.Marshaler.
func (j JSON) MarshalJSON() ([]byte, error) {
	if len(j) == 0 {
		return []byte("null"), nil
	}
	return j, nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (j *JSON) UnmarshalJSON(text []byte) error {
	*j = bytes.Clone(text)
	return nil
}

// MarshalDynamoDBAttributeValue implements attributevalue.Marshaler.
func (j JSON) MarshalDynamoDBAttributeValue() (types.AttributeValue, error) {
	v, err := j.Tree()
	if err != nil {
		return nil, err
	}
	return toValue(v)
}

// UnmarshalDynamoDBAttributeValue implements attributevalue.Unmarshaler.
func (j *JSON) UnmarshalDynamoDBAttributeValue(v types.AttributeValue) error {
	text, err := json.Marshal(fromValue(v))
	*j = text
	return err
}

// Tree decodes the value, numbers as json.Number; nothing at all is null.
func (j JSON) Tree() (any, error) {
	if len(j) == 0 {
		return nil, nil //nolint:nilnil // null is a value
	}
	d := json.NewDecoder(bytes.NewReader(j))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, failure.Wrap(failure.InputMalformed, err, "this is not JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, failure.New(failure.InputMalformed, "the JSON goes on after its value")
	}
	return v, nil
}

// Fits tells whether DynamoDB can keep the value.
func (j JSON) Fits() error {
	_, err := j.MarshalDynamoDBAttributeValue()
	return err
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
			return nil, failure.New(failure.InputMalformed, "%s is beyond the numbers that DynamoDB keeps (38 digits): write it as text", x)
		}
		return &types.AttributeValueMemberN{Value: x.String()}, nil
	case []any:
		return toList(x)
	case map[string]any:
		return toMap(x)
	}
	return nil, failure.New(failure.InternalUnexpected, "JSON holds a %T", v)
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
