package stepfunctions

// This file defines SDK integrations: any operation of a service, with the SDK's
// member names.
// https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"regexp"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// blob is a member that is bytes: text or JSON in a definition, text in a result,
// base64 on the way to the service. AWS uploads every body to S3 as JSON, text
// with its quotes (recorded: the checksum of a body "text data").
type blob struct {
	in, out string
	quoted  bool
}

var blobs = map[string]blob{
	"lambda:Invoke":                 {in: "Payload", out: "Payload"},
	"s3:PutObject":                  {in: "Body", quoted: true},
	"s3:UploadPart":                 {in: "Body", quoted: true},
	"s3:GetObject":                  {out: "Body"},
	"secretsmanager:CreateSecret":   {in: "SecretBinary"},
	"secretsmanager:PutSecretValue": {in: "SecretBinary"},
	"secretsmanager:UpdateSecret":   {in: "SecretBinary"},
	"secretsmanager:GetSecretValue": {out: "SecretBinary"},
}

func (b blob) bytes(v jsonvalue.Value) []byte {
	if b.quoted {
		return jsonvalue.Append(nil, v)
	}
	return payload(v)
}

func (s *Service) callSDK(c *call) answer {
	n, ok := namesOf(c.Resource)
	if !ok {
		return failed("States.Runtime", unsupported(c.Resource))
	}
	blob := blobs[n.local+":"+c.Resource.Operation()]
	params := blob.encode(withChecksum(c, n, blob))
	if n.local == "states" {
		params = asText(asText(params, "Input"), "Output") // JSON where the API wants JSON text
	}
	v, err := s.Caller.Call(c.context(), c.as, n.local, c.Resource.Operation(), params)
	if err != nil {
		return n.sdkError(wireError(err))
	}
	return succeeded(isoDates(decodeBlob(v, blob.out), ""))
}

// withChecksum adds the checksum that an SDK sends with what it uploads unless
// told otherwise, and that S3 repeats in its answer.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-dataintegrity.html
func withChecksum(c *call, n names, b blob) jsonvalue.Value {
	o, ok := c.Parameters.(*jsonvalue.Object)
	if !ok || n.local != "s3" || c.Resource.Operation() != "PutObject" || !o.Has("Body") {
		return c.Parameters
	}
	for name := range o.All() {
		if strings.HasPrefix(name, "Checksum") || name == "ContentMD5" {
			return o
		}
	}
	sum := crc32.ChecksumIEEE(b.bytes(member(o, "Body")))
	return o.With("ChecksumCRC32", base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum)))
}

func (b blob) encode(params jsonvalue.Value) jsonvalue.Value {
	o, ok := params.(*jsonvalue.Object)
	if !ok || b.in == "" || !o.Has(b.in) {
		return params
	}
	return o.With(b.in, base64.StdEncoding.EncodeToString(b.bytes(member(o, b.in))))
}

func decodeBlob(v jsonvalue.Value, name string) jsonvalue.Value {
	o, ok := v.(*jsonvalue.Object)
	if !ok || name == "" || !o.Has(name) {
		return v
	}
	raw, err := base64.StdEncoding.DecodeString(text(member(o, name)))
	if err != nil {
		return v
	}
	return o.With(name, string(raw))
}

// dateName are the members that are timestamps. In process they are seconds
// since the epoch; the SDK integrations show them as ISO 8601.
var dateName = regexp.MustCompile(`(Date|DateTime|Time|Timestamp|LastModified|At|CreatedOn|Expiration)$`)

// earliestDate keeps small numbers that only sound like dates (a
// ReceiveMessageWaitTime) what they are.
const earliestDate = 1e8

func isoDates(v jsonvalue.Value, name string) jsonvalue.Value {
	switch v := v.(type) {
	case jsonvalue.Number:
		if f, ok := v.Float64(); ok && f > earliestDate && dateName.MatchString(name) {
			return time.UnixMilli(millisOf(v)).UTC().Format("2006-01-02T15:04:05.999Z07:00")
		}
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = isoDates(x, name)
		}
		return out
	case *jsonvalue.Object:
		var b jsonvalue.Builder
		for n, x := range v.All() {
			b.Set(n, isoDates(x, n))
		}
		return b.Object()
	}
	return v
}
