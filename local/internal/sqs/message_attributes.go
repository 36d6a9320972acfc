package sqs

// This file defines message attributes: their rules and their checksum.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"
	"strings"
)

var attributeName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,256}$`)

func checkMessageAttributes(attributes map[string]attributeValue) error {
	if len(attributes) > 10 {
		return errParameter("Number of message attributes [%d] exceeds the allowed maximum [10].", len(attributes))
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		v := attributes[name]
		kind, _, _ := strings.Cut(v.DataType, ".")
		switch {
		case !attributeName.MatchString(name) || strings.HasPrefix(strings.ToLower(name), "aws.") || strings.HasPrefix(strings.ToLower(name), "amazon."):
			return errParameter("Message (user) attribute name '%s' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.) characters.", name)
		case kind != "String" && kind != "Number" && kind != "Binary":
			return errParameter("The type of message (user) attribute '%s' is invalid. You must use only the following supported type prefixes: Binary, Number, String.", name)
		case kind == "Binary" && len(v.BinaryValue) == 0, kind != "Binary" && v.StringValue == "":
			value := map[bool]string{true: "Binary", false: "String"}[kind == "Binary"]
			return errParameter("Message (user) attribute '%s' must contain a non-empty value of type '%s'.", name, value)
		}
	}
	return nil
}

// attributesMD5 is the checksum that SDKs verify.
func attributesMD5(attributes map[string]attributeValue) string {
	if len(attributes) == 0 {
		return ""
	}
	var b bytes.Buffer
	put := func(data []byte) {
		_ = binary.Write(&b, binary.BigEndian, uint32(len(data)))
		b.Write(data)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		v := attributes[name]
		put([]byte(name))
		put([]byte(v.DataType))
		if strings.HasPrefix(v.DataType, "Binary") {
			b.WriteByte(2)
			put(v.BinaryValue)
		} else {
			b.WriteByte(1)
			put([]byte(v.StringValue))
		}
	}
	return md5hex(b.Bytes())
}

// selectAttributes returns those that a receiver asked for: by name, by prefix
// ("foo.*"), or all.
func selectAttributes(all map[string]attributeValue, names []string) map[string]attributeValue {
	var out map[string]attributeValue
	for name, v := range all {
		if slices.ContainsFunc(names, func(want string) bool { return selects(want, name) }) {
			if out == nil {
				out = map[string]attributeValue{}
			}
			out[name] = v
		}
	}
	return out
}

func selects(want, name string) bool {
	prefix, isPrefix := strings.CutSuffix(want, ".*")
	return want == "All" || want == name || isPrefix && strings.HasPrefix(name, prefix)
}

func sha256hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
