package cloudformation

// This file defines dynamic references: {{resolve:secretsmanager:...}} and
// {{resolve:ssm:...}}.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html

import (
	"context"
	"fmt"
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// dynamic answers template.Environment.Dynamic.
func (s *Service) dynamic(service, reference string) (string, error) {
	switch service {
	case "ssm":
		out, err := s.Caller.Call(context.Background(), awswire.Root(s.Account), "ssm", "GetParameter", params("Name", reference))
		return textOf(child(object(out), "Parameter"), "Value"), err
	case "secretsmanager":
	default:
		return "", fmt.Errorf("{{resolve:%s:...}} is not supported: use a secret, {{resolve:secretsmanager:NAME}}", service)
	}
	in, key, err := secretReference(reference)
	if err != nil {
		return "", err
	}
	out, err := s.Caller.Call(context.Background(), awswire.Root(s.Account), "secretsmanager", "GetSecretValue", in)
	if err != nil {
		return "", err
	}
	text := textOf(object(out), "SecretString")
	if key == "" {
		return text, nil
	}
	v, err := jsonvalue.Parse([]byte(text))
	if o := object(v); err == nil && o != nil && o.Has(key) {
		return textOf(o, key), nil
	}
	return "", fmt.Errorf("the secret has no member %q", key)
}

// secretReference takes secret-id:SecretString:json-key:version-stage:version-id
// apart. The id may be an ARN, which has colons of its own.
func secretReference(reference string) (in *jsonvalue.Object, key string, err error) {
	parts, id := strings.Split(reference, ":"), 1
	if strings.HasPrefix(reference, "arn:") {
		id = 7
	}
	if len(parts) < id || len(parts) > id+4 {
		return nil, "", fmt.Errorf("a reference is secret-id:SecretString:json-key:version-stage:version-id, not %q", reference)
	}
	in = params("SecretId", strings.Join(parts[:id], ":"))
	rest := append(parts[id:len(parts):len(parts)], "", "", "", "")
	if rest[0] != "" && rest[0] != "SecretString" {
		return nil, "", fmt.Errorf("SecretString is the only part of a secret that can be referred to, not %q", rest[0])
	}
	if rest[2] != "" {
		in = in.With("VersionStage", rest[2])
	}
	if rest[3] != "" {
		in = in.With("VersionId", rest[3])
	}
	return in, rest[1], nil
}
