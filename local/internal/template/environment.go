package template

// This file defines what a stack knows of the world around it, the pseudo
// parameters and dynamic references.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// Environment is what a stack is made in.
type Environment struct {
	Account, Region    string
	StackName, StackID string
	NotificationARNs   []string
	Parameters         map[string]string // given for this stack; the template's defaults fill the rest
	// Export answers Fn::ImportValue; nil: there are no exports.
	Export func(name string) (value string, ok bool)
	// Dynamic answers {{resolve:service:reference}}; nil: there are none. One that
	// answers the reference itself leaves it for [ResolveDynamic].
	Dynamic func(service, reference string) (value string, err error)
	// Parameter answers parameters whose type is AWS::SSM::Parameter::Value; nil:
	// Dynamic does.
	Parameter func(name string) (value string, err error)
	// CodeDigest tells one state of a function's local code from another, so that
	// AutoPublishAlias publishes a version when it changed; nil: only its path counts.
	CodeDigest func(Local) string
}

func (env *Environment) partition() string {
	switch {
	case strings.HasPrefix(env.Region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(env.Region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

func (env *Environment) pseudo(name string) (jsonvalue.Value, bool) {
	switch name {
	case "AWS::AccountId":
		return env.Account, true
	case "AWS::NotificationARNs":
		arns := []any{}
		for _, arn := range env.NotificationARNs {
			arns = append(arns, arn)
		}
		return arns, true
	case "AWS::Partition":
		return env.partition(), true
	case "AWS::Region":
		return env.Region, true
	case "AWS::StackId":
		return env.StackID, true
	case "AWS::StackName":
		return env.StackName, true
	case "AWS::URLSuffix":
		if env.partition() == "aws-cn" {
			return "amazonaws.com.cn", true
		}
		return "amazonaws.com", true
	}
	return nil, false
}

var pseudoParameters = []string{"AWS::AccountId", "AWS::NoValue", "AWS::NotificationARNs", "AWS::Partition", "AWS::Region", "AWS::StackId", "AWS::StackName", "AWS::URLSuffix"}

var dynamicReference = regexp.MustCompile(`\{\{resolve:(ssm|ssm-secure|secretsmanager):([^{}]+)\}\}`)

// dynamic replaces the dynamic references within the strings of v. What one
// answers is not looked at again.
func (e *evaluation) dynamic(n *Node, path string, v jsonvalue.Value) jsonvalue.Value {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, "{{resolve:") {
			return e.dynamicText(n, path, v)
		}
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = e.dynamic(n, path, item)
		}
		return items
	case *jsonvalue.Object:
		var b jsonvalue.Builder
		for name, member := range v.All() {
			b.Set(name, e.dynamic(n, path, member))
		}
		return b.Object()
	}
	return v
}

func (e *evaluation) dynamicText(n *Node, path, s string) string {
	resolve := e.env.Dynamic
	if resolve == nil {
		resolve = func(string, string) (string, error) {
			return "", errors.New("nothing here resolves dynamic references")
		}
	}
	text, err := replaceReferences(s, resolve)
	if err != nil {
		e.fail(n, path, "%v", err)
	}
	return text
}

// replaceReferences returns s with every dynamic reference resolved.
func replaceReferences(s string, resolve func(service, reference string) (string, error)) (string, error) {
	var errs []error
	text := dynamicReference.ReplaceAllStringFunc(s, func(whole string) string {
		m := dynamicReference.FindStringSubmatch(whole)
		v, err := resolve(m[1], m[2])
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", whole, err))
		}
		return v
	})
	return text, errors.Join(errs...)
}

// ResolveDynamic returns a resource's properties with the dynamic references that
// were left in them resolved, and each value of the kind that its property has:
// so what is stored of a stack names its secrets and does not hold them.
func ResolveDynamic(resourceType string, properties *jsonvalue.Object, resolve func(service, reference string) (string, error)) (*jsonvalue.Object, error) {
	f := &faults{}
	t := TypeOf(resourceType)
	var b jsonvalue.Builder
	for name, v := range properties.All() {
		if strings.Contains(jsonvalue.String(v), "{{resolve:") {
			e := &evaluation{scope: scope{env: &Environment{Dynamic: resolve}}}
			here := &Node{Kind: Map}
			v = e.dynamic(here, name, v)
			if e.problem != nil {
				return nil, Problems{*e.problem}
			}
			if p := t.shape.field(name); p != nil {
				v = convert(v, p.shape, here, name, f)
			}
		}
		b.Set(name, v)
	}
	return b.Object(), f.err()
}
