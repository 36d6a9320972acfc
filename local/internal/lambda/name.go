package lambda

// This file defines how functions are named in requests, and the permission that
// each operation needs:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html

import (
	"regexp"
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
)

const latest = "$LATEST"

// name is a function as a request names it: name, name:qualifier, part of an ARN
// or all of one, and the Qualifier parameter.
type name struct {
	function  string
	qualifier string // version or alias; "" if the request names none
}

var nameForm = regexp.MustCompile(`^(?:arn:aws[a-zA-Z-]*:lambda:)?(?:([a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d):)?(?:(\d{12}):)?(?:function:)?([a-zA-Z0-9-_.]+)(?::(\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?$`)

// parseName reads a function's name. The form has been checked already; what is
// left is to tell whether it is one of this account's, here.
func (s *Service) parseName(text, qualifier string) (name, error) {
	m := nameForm.FindStringSubmatch(text)
	if m == nil {
		return name{}, awswire.Errorf("InvalidParameterValueException", "%q is no function's name or ARN", text)
	}
	n := name{function: m[3], qualifier: m[4]}
	switch region, account := m[1], m[2]; {
	case region != "" && region != s.Region:
		return name{}, awswire.Errorf("ResourceNotFoundException", "Functions from '%s' are not reachable in this region ('%s')", region, s.Region)
	case account != "" && account != s.Account:
		return name{}, awswire.Errorf("ResourceNotFoundException", "Function not found: %s", text)
	case n.qualifier != "" && qualifier != "" && n.qualifier != qualifier:
		return name{}, invalid("The derived qualifier from the function name does not match the specified qualifier.")
	}
	if qualifier != "" {
		n.qualifier = qualifier
	}
	return n, nil
}

// policyQualifier is the qualifier whose policy a request means: the function's
// own is that of $LATEST too.
func (n name) policyQualifier() string {
	if n.qualifier == latest {
		return ""
	}
	return n.qualifier
}

func (s *Service) arn(resource string) string {
	return "arn:aws:lambda:" + s.Region + ":" + s.Account + ":" + resource
}

func (s *Service) functionARN(function string) string { return s.arn("function:" + function) }

func (s *Service) qualifiedARN(function, qualifier string) string {
	if qualifier == "" {
		return s.functionARN(function)
	}
	return s.functionARN(function) + ":" + qualifier
}

func (s *Service) nameARN(n name) string { return s.qualifiedARN(n.function, n.qualifier) }

// onFunction is the permission for an operation on one function.
func onFunction[In any](s *Service, operation string, function func(*In) (name, qualifier string)) func(*In) []awswire.Access {
	return func(in *In) []awswire.Access {
		n, err := s.parseName(function(in))
		resource := "*"
		if err == nil {
			resource = s.nameARN(n)
		}
		return []awswire.Access{{Action: "lambda:" + operation, Resource: resource}}
	}
}

func anywhere[In any](operation string) func(*In) []awswire.Access {
	return func(*In) []awswire.Access { return []awswire.Access{{Action: "lambda:" + operation, Resource: "*"}} }
}

// errors that several operations share

func invalid(format string, args ...any) *awswire.Error {
	return awswire.Errorf("InvalidParameterValueException", format, args...)
}

func unsupported(what string) *awswire.Error {
	return invalid("The local AWS does not support %s; local/README.md lists what it supports.", what)
}

func notFound(format string, args ...any) *awswire.Error {
	return awswire.Errorf("ResourceNotFoundException", format, args...)
}

func conflict(format string, args ...any) *awswire.Error {
	return awswire.Errorf("ResourceConflictException", format, args...)
}

func noFunction(arn string) *awswire.Error { return notFound("Function not found: %s", arn) }

// constraint words a violation as AWS's checks of single members do.
func constraint(value, member, must string) *awswire.Error {
	return awswire.Errorf("ValidationException", "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", value, member, must)
}

// lastOf returns what stands after the last colon or slash of an ARN.
func lastOf(arn string) string { return arn[strings.LastIndexAny(arn, ":/")+1:] }
