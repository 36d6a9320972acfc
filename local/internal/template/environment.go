package template

// This file defines what a stack knows of the world around it, the pseudo
// parameters and dynamic references.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html

import (
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
	// Dynamic answers {{resolve:service:reference}}; nil: there are none.
	Dynamic func(service, reference string) (value string, err error)
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
	return dynamicReference.ReplaceAllStringFunc(s, func(whole string) string {
		m := dynamicReference.FindStringSubmatch(whole)
		if e.env.Dynamic == nil {
			e.fail(n, path, "%s: nothing here resolves dynamic references", whole)
			return ""
		}
		v, err := e.env.Dynamic(m[1], m[2])
		if err != nil {
			e.fail(n, path, "%s: %v", whole, err)
		}
		return v
	})
}
