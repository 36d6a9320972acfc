package cloudformation

// This file defines the resource types of roles, functions and state machines.

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// AWS::IAM::Role
var roleProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		name := r.name("RoleName")
		trust, _ := r.Properties.Get("AssumeRolePolicyDocument")
		in := pick(r.Properties, "Path", "Description", "MaxSessionDuration", "PermissionsBoundary", "Tags").With("RoleName", name).With("AssumeRolePolicyDocument", jsonText(trust))
		if err := r.do(ctx, "iam", "CreateRole", in); err != nil {
			return "", err
		}
		r.PhysicalID = name
		return name, r.putRolePolicies(ctx)
	},
	update: func(ctx context.Context, r *request) error {
		trust, _ := r.Properties.Get("AssumeRolePolicyDocument")
		if err := r.do(ctx, "iam", "UpdateAssumeRolePolicy", params("RoleName", r.PhysicalID, "PolicyDocument", jsonText(trust))); err != nil {
			return err
		}
		if err := r.deleteRolePolicies(ctx, r.Old); err != nil {
			return err
		}
		return r.putRolePolicies(ctx)
	},
	remove: func(ctx context.Context, r *request) error {
		if err := r.deleteRolePolicies(ctx, r.Properties); err != nil {
			return err
		}
		return r.doUnless(ctx, "iam", "DeleteRole", params("RoleName", r.PhysicalID), "NoSuchEntity")
	},
	attributes: func(ctx context.Context, r *request) (map[string]jsonvalue.Value, error) {
		out, err := r.call(ctx, "iam", "GetRole", params("RoleName", r.PhysicalID))
		if err != nil {
			return nil, err
		}
		role := child(out, "Role")
		return map[string]jsonvalue.Value{"Arn": textOf(role, "Arn"), "RoleId": textOf(role, "RoleId")}, nil
	},
}

func (r *request) putRolePolicies(ctx context.Context) error {
	for _, p := range list(r.Properties, "Policies") {
		doc, _ := object(p).Get("PolicyDocument")
		in := params("RoleName", r.PhysicalID, "PolicyName", textOf(object(p), "PolicyName"), "PolicyDocument", jsonText(doc))
		if err := r.do(ctx, "iam", "PutRolePolicy", in); err != nil {
			return err
		}
	}
	for _, arn := range list(r.Properties, "ManagedPolicyArns") {
		if err := r.do(ctx, "iam", "AttachRolePolicy", params("RoleName", r.PhysicalID, "PolicyArn", arn)); err != nil {
			return err
		}
	}
	return nil
}

func (r *request) deleteRolePolicies(ctx context.Context, properties *jsonvalue.Object) error {
	for _, p := range list(properties, "Policies") {
		in := params("RoleName", r.PhysicalID, "PolicyName", textOf(object(p), "PolicyName"))
		if err := r.doUnless(ctx, "iam", "DeleteRolePolicy", in, "NoSuchEntity"); err != nil {
			return err
		}
	}
	for _, arn := range list(properties, "ManagedPolicyArns") {
		if err := r.doUnless(ctx, "iam", "DetachRolePolicy", params("RoleName", r.PhysicalID, "PolicyArn", arn), "NoSuchEntity"); err != nil {
			return err
		}
	}
	return nil
}

// functionSettings are the properties of a function that CreateFunction and
// UpdateFunctionConfiguration both take.
var functionSettings = []string{"Role", "Handler", "Runtime", "Description", "Timeout", "MemorySize", "Environment", "DeadLetterConfig", "TracingConfig",
	"LoggingConfig", "EphemeralStorage", "KMSKeyArn", "Layers"}

// AWS::Lambda::Function
var functionProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		name := r.name("FunctionName")
		in := pick(r.Properties, append(functionSettings, "Code", "Architectures", "PackageType")...).With("FunctionName", name).With("Tags", tagMap(r.Properties))
		if err := r.do(ctx, "lambda", "CreateFunction", in); err != nil {
			return "", err
		}
		r.PhysicalID = name
		return name, r.reserveConcurrency(ctx)
	},
	update: func(ctx context.Context, r *request) error {
		if r.changed("Code") || r.changed("Architectures") {
			in := pick(r.Properties, "Architectures").With("FunctionName", r.PhysicalID)
			for name, v := range child(r.Properties, "Code").All() {
				in = in.With(name, v)
			}
			if err := r.do(ctx, "lambda", "UpdateFunctionCode", in); err != nil {
				return err
			}
		}
		if err := r.do(ctx, "lambda", "UpdateFunctionConfiguration", pick(r.Properties, functionSettings...).With("FunctionName", r.PhysicalID)); err != nil {
			return err
		}
		return r.reserveConcurrency(ctx)
	},
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "lambda", "DeleteFunction", params("FunctionName", r.PhysicalID), "ResourceNotFoundException")
	},
	attributes: fixed(func(r *request) map[string]jsonvalue.Value {
		return map[string]jsonvalue.Value{"Arn": r.arn("lambda", "function:"+r.PhysicalID)}
	}),
}

func (r *request) reserveConcurrency(ctx context.Context) error {
	n, ok := r.Properties.Get("ReservedConcurrentExecutions")
	if !ok {
		return nil
	}
	return r.do(ctx, "lambda", "PutFunctionConcurrency", params("FunctionName", r.PhysicalID, "ReservedConcurrentExecutions", n))
}

// AWS::Lambda::Permission
var permissionProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		id := r.name("")
		in := pick(r.Properties, "FunctionName", "Action", "Principal", "SourceArn", "SourceAccount", "EventSourceToken", "FunctionUrlAuthType").With("StatementId", id)
		return id, r.do(ctx, "lambda", "AddPermission", in)
	},
	remove: func(ctx context.Context, r *request) error {
		in := pick(r.Properties, "FunctionName").With("StatementId", r.PhysicalID)
		return r.doUnless(ctx, "lambda", "RemovePermission", in, "ResourceNotFoundException")
	},
}

// AWS::Lambda::EventInvokeConfig
var invokeConfigProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) { return r.name(""), r.putInvokeConfig(ctx) },
	update: func(ctx context.Context, r *request) error { return r.putInvokeConfig(ctx) },
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "lambda", "DeleteFunctionEventInvokeConfig", pick(r.Properties, "FunctionName", "Qualifier"), "ResourceNotFoundException")
	},
}

func (r *request) putInvokeConfig(ctx context.Context) error {
	in := pick(r.Properties, "FunctionName", "Qualifier", "MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
	return r.do(ctx, "lambda", "PutFunctionEventInvokeConfig", in)
}

// AWS::StepFunctions::StateMachine
var machineProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		definition, err := r.definition(ctx)
		if err != nil {
			return "", err
		}
		in := r.machineInput(definition).With("name", r.name("StateMachineName"))
		in = in.With("type", firstText(r.text("StateMachineType"), "STANDARD"))
		out, err := r.call(ctx, "states", "CreateStateMachine", in)
		return textOf(out, "StateMachineArn"), r.explain(ctx, err, definition)
	},
	update: func(ctx context.Context, r *request) error {
		definition, err := r.definition(ctx)
		if err != nil {
			return err
		}
		in := r.machineInput(definition).With("stateMachineArn", r.PhysicalID)
		return r.explain(ctx, r.do(ctx, "states", "UpdateStateMachine", in), definition)
	},
	remove: func(ctx context.Context, r *request) error {
		return r.do(ctx, "states", "DeleteStateMachine", params("stateMachineArn", r.PhysicalID))
	},
	attributes: func(ctx context.Context, r *request) (map[string]jsonvalue.Value, error) {
		out, err := r.call(ctx, "states", "DescribeStateMachine", params("stateMachineArn", r.PhysicalID))
		return map[string]jsonvalue.Value{"Arn": r.PhysicalID, "Name": textOf(out, "Name"), "StateMachineRevisionId": textOf(out, "RevisionId")}, err
	},
}

func (r *request) machineInput(definition string) *jsonvalue.Object {
	in := params("definition", definition, "roleArn", r.text("RoleArn"))
	if l := child(r.Properties, "LoggingConfiguration"); l != nil {
		in = in.With("loggingConfiguration", lowerNames(l))
	}
	if t := child(r.Properties, "TracingConfiguration"); t != nil {
		in = in.With("tracingConfiguration", lowerNames(t))
	}
	if e := child(r.Properties, "EncryptionConfiguration"); e != nil {
		in = in.With("encryptionConfiguration", lowerNames(e))
	}
	return in
}

// lowerNames spells members as the Step Functions API does.
func lowerNames(v jsonvalue.Value) jsonvalue.Value {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = lowerNames(x)
		}
		return out
	case *jsonvalue.Object:
		var b jsonvalue.Builder
		for name, x := range v.All() {
			b.Set(lowerFirst(name), lowerNames(x))
		}
		return b.Object()
	}
	return v
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return string(s[0]|0x20) + s[1:]
}

// definition is the machine's definition with its substitutions made. Values
// stand in the text as they are, as CloudFormation does:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html
func (r *request) definition(ctx context.Context) (string, error) {
	text := r.text("DefinitionString")
	if l := child(r.Properties, "DefinitionS3Location"); l != nil {
		out, err := r.call(ctx, "s3", "GetObject", pick(l, "Bucket", "Key", "Version:VersionId"))
		if err != nil {
			return "", fmt.Errorf("the definition s3://%s/%s cannot be read: %w", textOf(l, "Bucket"), textOf(l, "Key"), err)
		}
		body, err := base64.StdEncoding.DecodeString(textOf(out, "Body"))
		if err != nil {
			return "", err
		}
		text = string(body)
	}
	if d, ok := r.Properties.Get("Definition"); ok && text == "" {
		text = jsonvalue.String(d)
	}
	if text == "" {
		return "", errors.New("the state machine has no definition: give DefinitionUri, DefinitionString or Definition")
	}
	return substitute(text, child(r.Properties, "DefinitionSubstitutions"))
}

// explain adds to a refused definition where it was wrong, as the service told.
func (r *request) explain(_ context.Context, err error, _ string) error {
	var e *awswire.Error
	if errors.As(err, &e) && e.Code == "InvalidDefinition" {
		return fmt.Errorf("the definition of %s is not valid: %s", r.LogicalID, e.Message)
	}
	return err
}

func firstText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
