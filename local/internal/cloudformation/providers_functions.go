package cloudformation

// This file defines the resource types beside functions and state machines:
// versions, aliases, event source mappings, activities, and policies of roles.

import (
	"context"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// lastOf is the part of an ARN behind its last colon: a version, an alias's name.
func lastOf(arn string) string { return arn[strings.LastIndexByte(arn, ':')+1:] }

// AWS::Lambda::Version
var versionProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		out, err := r.call(ctx, "lambda", "PublishVersion", pick(r.Properties, "FunctionName", "Description", "CodeSha256"))
		return textOf(out, "FunctionArn"), err
	},
	remove: func(ctx context.Context, r *request) error {
		in := pick(r.Properties, "FunctionName").With("Qualifier", lastOf(r.PhysicalID))
		return r.doUnless(ctx, "lambda", "DeleteFunction", in, "ResourceNotFoundException")
	},
	attributes: fixed(func(r *request) map[string]jsonvalue.Value {
		return map[string]jsonvalue.Value{"FunctionArn": r.PhysicalID, "Version": lastOf(r.PhysicalID)}
	}),
}

// AWS::Lambda::Alias. Where an UpdatePolicy asks CodeDeploy to shift traffic, all
// of it shifts at once here.
var aliasProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		out, err := r.call(ctx, "lambda", "CreateAlias", r.aliasInput())
		return textOf(out, "AliasArn"), err
	},
	update: func(ctx context.Context, r *request) error { return r.do(ctx, "lambda", "UpdateAlias", r.aliasInput()) },
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "lambda", "DeleteAlias", pick(r.Properties, "FunctionName", "Name"), "ResourceNotFoundException")
	},
	attributes: fixed(func(r *request) map[string]jsonvalue.Value {
		return map[string]jsonvalue.Value{"AliasArn": r.PhysicalID}
	}),
}

// aliasInput turns the template's list of weights into the API's map.
func (r *request) aliasInput() *jsonvalue.Object {
	var weights jsonvalue.Builder
	for _, w := range list(child(r.Properties, "RoutingConfig"), "AdditionalVersionWeights") {
		weight, _ := object(w).Get("FunctionWeight")
		weights.Set(textOf(object(w), "FunctionVersion"), weight)
	}
	in := pick(r.Properties, "FunctionName", "Name", "FunctionVersion").With("Description", r.text("Description"))
	return in.With("RoutingConfig", params("AdditionalVersionWeights", weights.Object()))
}

// mappingSettings are the properties of a mapping that Create and Update take.
var mappingSettings = []string{"FunctionName", "BatchSize", "BisectBatchOnFunctionError", "DestinationConfig", "Enabled", "FilterCriteria", "FunctionResponseTypes",
	"MaximumBatchingWindowInSeconds", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "ParallelizationFactor", "ScalingConfig", "TumblingWindowInSeconds"}

// AWS::Lambda::EventSourceMapping
var mappingProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		in := pick(r.Properties, append(mappingSettings, "EventSourceArn", "StartingPosition", "StartingPositionTimestamp")...)
		out, err := r.call(ctx, "lambda", "CreateEventSourceMapping", in.With("Tags", tagMap(r.Properties)))
		return textOf(out, "UUID"), err
	},
	update: func(ctx context.Context, r *request) error {
		return r.do(ctx, "lambda", "UpdateEventSourceMapping", pick(r.Properties, mappingSettings...).With("UUID", r.PhysicalID))
	},
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "lambda", "DeleteEventSourceMapping", params("UUID", r.PhysicalID), "ResourceNotFoundException")
	},
	attributes: fixed(func(r *request) map[string]jsonvalue.Value {
		return map[string]jsonvalue.Value{"Id": r.PhysicalID, "EventSourceMappingArn": r.arn("lambda", "event-source-mapping:"+r.PhysicalID)}
	}),
}

// AWS::StepFunctions::Activity
var activityProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		out, err := r.call(ctx, "states", "CreateActivity", params("name", r.name("Name")))
		return textOf(out, "ActivityArn"), err
	},
	remove: func(ctx context.Context, r *request) error {
		return r.do(ctx, "states", "DeleteActivity", params("activityArn", r.PhysicalID))
	},
	attributes: fixed(func(r *request) map[string]jsonvalue.Value {
		return map[string]jsonvalue.Value{"Arn": r.PhysicalID, "Name": lastOf(r.PhysicalID)}
	}),
}

// AWS::StepFunctions::StateMachineVersion
var machineVersionProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		in := pick(r.Properties, "StateMachineArn:stateMachineArn", "StateMachineRevisionId:revisionId", "Description:description")
		out, err := r.call(ctx, "states", "PublishStateMachineVersion", in)
		return textOf(out, "StateMachineVersionArn"), err
	},
	remove: func(ctx context.Context, r *request) error {
		return r.do(ctx, "states", "DeleteStateMachineVersion", params("stateMachineVersionArn", r.PhysicalID))
	},
	attributes: ownARN,
}

// AWS::StepFunctions::StateMachineAlias. A DeploymentPreference is all at once
// here: its version gets all executions.
var machineAliasProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		out, err := r.call(ctx, "states", "CreateStateMachineAlias", r.machineAliasInput().With("name", r.name("Name")))
		return textOf(out, "StateMachineAliasArn"), err
	},
	update: func(ctx context.Context, r *request) error {
		return r.do(ctx, "states", "UpdateStateMachineAlias", r.machineAliasInput().With("stateMachineAliasArn", r.PhysicalID))
	},
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "states", "DeleteStateMachineAlias", params("stateMachineAliasArn", r.PhysicalID), "ResourceNotFound")
	},
	attributes: ownARN,
}

func (r *request) machineAliasInput() *jsonvalue.Object {
	routes := lowerNames(list(r.Properties, "RoutingConfiguration"))
	if d := child(r.Properties, "DeploymentPreference"); d != nil {
		routes = []any{params("stateMachineVersionArn", textOf(d, "StateMachineVersionArn"), "weight", jsonvalue.Int(100))}
	}
	return params("description", r.text("Description"), "routingConfiguration", routes)
}

// ownARN answers Arn with what Ref gives.
var ownARN = fixed(func(r *request) map[string]jsonvalue.Value {
	return map[string]jsonvalue.Value{"Arn": r.PhysicalID}
})

// AWS::IAM::Policy: an inline policy of several roles.
var policyProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		r.PhysicalID = r.name("")
		return r.PhysicalID, r.putInline(ctx, rolesOf(r.Properties))
	},
	update: func(ctx context.Context, r *request) error {
		gone := rolesOf(r.Old)
		if textOf(r.Old, "PolicyName") == r.text("PolicyName") {
			gone = without(gone, rolesOf(r.Properties))
		}
		if err := r.putInline(ctx, rolesOf(r.Properties)); err != nil {
			return err
		}
		return r.deleteInline(ctx, gone, textOf(r.Old, "PolicyName"))
	},
	remove: func(ctx context.Context, r *request) error {
		return r.deleteInline(ctx, rolesOf(r.Properties), r.text("PolicyName"))
	},
}

// AWS::IAM::RolePolicy: an inline policy of one role.
var rolePolicyProvider = provider{
	create: policyProvider.create,
	update: policyProvider.update,
	remove: policyProvider.remove,
}

// rolesOf are the roles of either kind of inline policy.
func rolesOf(properties *jsonvalue.Object) []any {
	if role := textOf(properties, "RoleName"); role != "" {
		return []any{role}
	}
	return list(properties, "Roles")
}

func (r *request) putInline(ctx context.Context, roles []any) error {
	for _, role := range roles {
		if err := r.do(ctx, "iam", "PutRolePolicy", params("RoleName", role, "PolicyName", r.text("PolicyName"), "PolicyDocument", policyText(r.Properties))); err != nil {
			return err
		}
	}
	return nil
}

func (r *request) deleteInline(ctx context.Context, roles []any, name string) error {
	for _, role := range roles {
		if err := r.doUnless(ctx, "iam", "DeleteRolePolicy", params("RoleName", role, "PolicyName", name), "NoSuchEntity"); err != nil {
			return err
		}
	}
	return nil
}

// AWS::IAM::ManagedPolicy
var managedPolicyProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		in := pick(r.Properties, "Path", "Description").With("PolicyName", r.name("ManagedPolicyName")).With("PolicyDocument", policyText(r.Properties))
		out, err := r.call(ctx, "iam", "CreatePolicy", in)
		if err != nil {
			return "", err
		}
		r.PhysicalID = textOf(child(out, "Policy"), "Arn")
		return r.PhysicalID, r.eachRole(ctx, "AttachRolePolicy", list(r.Properties, "Roles"))
	},
	update: func(ctx context.Context, r *request) error {
		if r.changed("PolicyDocument") {
			if err := r.newPolicyVersion(ctx); err != nil {
				return err
			}
		}
		if err := r.eachRole(ctx, "DetachRolePolicy", without(list(r.Old, "Roles"), list(r.Properties, "Roles")), "NoSuchEntity"); err != nil {
			return err
		}
		return r.eachRole(ctx, "AttachRolePolicy", without(list(r.Properties, "Roles"), list(r.Old, "Roles")))
	},
	remove: func(ctx context.Context, r *request) error {
		if err := r.eachRole(ctx, "DetachRolePolicy", list(r.Properties, "Roles"), "NoSuchEntity"); err != nil {
			return err
		}
		if err := r.deletePolicyVersions(ctx); err != nil {
			return err
		}
		return r.doUnless(ctx, "iam", "DeletePolicy", params("PolicyArn", r.PhysicalID), "NoSuchEntity")
	},
	attributes: func(ctx context.Context, r *request) (map[string]jsonvalue.Value, error) {
		out, err := r.call(ctx, "iam", "GetPolicy", params("PolicyArn", r.PhysicalID))
		return map[string]jsonvalue.Value{"PolicyArn": r.PhysicalID, "PolicyId": textOf(child(out, "Policy"), "PolicyId")}, err
	},
}

func (r *request) eachRole(ctx context.Context, operation string, roles []any, unless ...string) error {
	for _, role := range roles {
		if err := r.doUnless(ctx, "iam", operation, params("RoleName", role, "PolicyArn", r.PhysicalID), unless...); err != nil {
			return err
		}
	}
	return nil
}

// newPolicyVersion leaves only the default version: a policy has five at most.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-versioning.html
func (r *request) newPolicyVersion(ctx context.Context) error {
	if err := r.deletePolicyVersions(ctx); err != nil {
		return err
	}
	return r.do(ctx, "iam", "CreatePolicyVersion", params("PolicyArn", r.PhysicalID, "PolicyDocument", policyText(r.Properties), "SetAsDefault", true))
}

// deletePolicyVersions deletes those that are not the default.
func (r *request) deletePolicyVersions(ctx context.Context) error {
	out, err := r.call(ctx, "iam", "ListPolicyVersions", params("PolicyArn", r.PhysicalID))
	if err != nil {
		return ignore(err, "NoSuchEntity")
	}
	for _, v := range list(out, "Versions") {
		if isTrue(object(v), "IsDefaultVersion") {
			continue
		}
		if err := r.do(ctx, "iam", "DeletePolicyVersion", params("PolicyArn", r.PhysicalID, "VersionId", textOf(object(v), "VersionId"))); err != nil {
			return err
		}
	}
	return nil
}
