package journal

// This file defines what people must not be shown: task tokens and presigned
// URLs are bearer credentials (https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#wait-token-context-object).

import (
	"regexp"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Redacted stands where a secret was.
const Redacted = "(redacted)"

var signature = regexp.MustCompile(`(X-Amz-(?:Signature|Credential|Security-Token)=)[^&"'\s\\]+`)

// Redact returns v without task tokens and signatures. JSON text within strings
// (an event's Detail, a message's body) is redacted too.
func Redact(v jsonvalue.Value) jsonvalue.Value {
	switch v := v.(type) {
	case string:
		return redactText(v)
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = Redact(x)
		}
		return out
	case *jsonvalue.Object:
		var b jsonvalue.Builder
		for name, x := range v.All() {
			if isSecret(name) {
				x = Redacted
			}
			b.Set(name, Redact(x))
		}
		return b.Object()
	}
	return v
}

func isSecret(name string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, ".$"))
	return strings.HasSuffix(name, "tasktoken") || name == "token"
}

func redactText(s string) string {
	if strings.Contains(s, "oken") && (strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[")) {
		if inner, err := jsonvalue.Parse([]byte(s)); err == nil {
			return jsonvalue.String(Redact(inner))
		}
	}
	if strings.Contains(s, "X-Amz-") {
		return signature.ReplaceAllString(s, "${1}"+Redacted)
	}
	return s
}
