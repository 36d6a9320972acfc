package cloudformation

// This file defines the table of resource types, and those of data, events and
// messages. Where a type's page says "Update requires: Replacement" the template
// package's table has it, and update is not called.

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

var providers = map[string]provider{
	"AWS::CloudWatch::Alarm":           alarmProvider,
	"AWS::CloudWatch::Dashboard":       dashboardProvider,
	"AWS::SSM::Parameter":              parameterProvider,
	"AWS::DynamoDB::Table":             tableProvider,
	"AWS::Events::EventBus":            busProvider,
	"AWS::Events::Rule":                ruleProvider,
	"AWS::S3::Bucket":                  bucketProvider,
	"AWS::S3::BucketPolicy":            bucketPolicyProvider,
	"AWS::SQS::Queue":                  queueProvider,
	"AWS::SQS::QueuePolicy":            queuePolicyProvider,
	"AWS::IAM::Role":                   roleProvider,
	"AWS::Logs::LogGroup":              logGroupProvider,
	"AWS::Lambda::Function":            functionProvider,
	"AWS::Lambda::EventInvokeConfig":   invokeConfigProvider,
	"AWS::Lambda::Permission":          permissionProvider,
	"AWS::StepFunctions::StateMachine": machineProvider,

	"AWS::Lambda::Version":                    versionProvider,
	"AWS::Lambda::Alias":                      aliasProvider,
	"AWS::Lambda::EventSourceMapping":         mappingProvider,
	"AWS::StepFunctions::Activity":            activityProvider,
	"AWS::StepFunctions::StateMachineVersion": machineVersionProvider,
	"AWS::StepFunctions::StateMachineAlias":   machineAliasProvider,
	"AWS::IAM::Policy":                        policyProvider,
	"AWS::IAM::RolePolicy":                    rolePolicyProvider,
	"AWS::IAM::ManagedPolicy":                 managedPolicyProvider,
	"AWS::SNS::Topic":                         topicProvider,
	"AWS::SNS::Subscription":                  subscriptionProvider,
	"AWS::SNS::TopicPolicy":                   topicPolicyProvider,
	"AWS::Events::EventBusPolicy":             busPolicyProvider,
	"AWS::Events::Archive":                    archiveProvider,
	"AWS::Events::Connection":                 connectionProvider,
	"AWS::Events::ApiDestination":             destinationProvider,
	"AWS::Scheduler::ScheduleGroup":           scheduleGroupProvider,
	"AWS::Scheduler::Schedule":                scheduleProvider,
	"AWS::SecretsManager::Secret":             secretProvider,
	"AWS::CodeDeploy::Application":            deploymentApplicationProvider,
	"AWS::CodeDeploy::DeploymentGroup":        deploymentGroupProvider,
}

// AWS::DynamoDB::Table
var tableProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		name := r.name("TableName")
		in := pick(r.Properties, "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes", "BillingMode",
			"ProvisionedThroughput", "SSESpecification", "DeletionProtectionEnabled", "Tags", "TableClass").With("TableName", name)
		if s := child(r.Properties, "StreamSpecification"); s != nil {
			in = in.With("StreamSpecification", s.With("StreamEnabled", true))
		}
		if err := r.do(ctx, "dynamodb", "CreateTable", in); err != nil {
			return "", err
		}
		r.PhysicalID = name
		return name, r.tableExtras(ctx)
	},
	update: func(ctx context.Context, r *request) error {
		in := pick(r.Properties, "BillingMode", "ProvisionedThroughput", "DeletionProtectionEnabled").With("TableName", r.PhysicalID)
		if err := r.do(ctx, "dynamodb", "UpdateTable", in); err != nil {
			return err
		}
		return r.tableExtras(ctx)
	},
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "dynamodb", "DeleteTable", params("TableName", r.PhysicalID), "ResourceNotFoundException")
	},
	attributes: func(ctx context.Context, r *request) (map[string]jsonvalue.Value, error) {
		out, err := r.call(ctx, "dynamodb", "DescribeTable", params("TableName", r.PhysicalID))
		if err != nil {
			return nil, err
		}
		t := child(out, "Table")
		return map[string]jsonvalue.Value{"Arn": textOf(t, "TableArn"), "StreamArn": textOf(t, "LatestStreamArn")}, nil
	},
}

// tableExtras sets what CreateTable does not take.
func (r *request) tableExtras(ctx context.Context) error {
	if ttl := child(r.Properties, "TimeToLiveSpecification"); ttl != nil && r.changed("TimeToLiveSpecification") {
		if err := r.do(ctx, "dynamodb", "UpdateTimeToLive", params("TableName", r.PhysicalID, "TimeToLiveSpecification", ttl)); err != nil {
			return err
		}
	}
	if pitr := child(r.Properties, "PointInTimeRecoverySpecification"); pitr != nil && r.changed("PointInTimeRecoverySpecification") {
		return r.do(ctx, "dynamodb", "UpdateContinuousBackups", params("TableName", r.PhysicalID, "PointInTimeRecoverySpecification", pitr))
	}
	return nil
}

// AWS::Events::EventBus
var busProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		return r.text("Name"), r.do(ctx, "events", "CreateEventBus", pick(r.Properties, "Name", "Description", "DeadLetterConfig", "KmsKeyIdentifier", "LogConfig", "Tags"))
	},
	update: func(ctx context.Context, r *request) error {
		return r.do(ctx, "events", "UpdateEventBus", pick(r.Properties, "Name", "Description", "DeadLetterConfig", "KmsKeyIdentifier", "LogConfig"))
	},
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "events", "DeleteEventBus", params("Name", r.PhysicalID), "ResourceNotFoundException")
	},
	attributes: fixed(func(r *request) map[string]jsonvalue.Value {
		return map[string]jsonvalue.Value{"Arn": r.arn("events", "event-bus/"+r.PhysicalID), "Name": r.PhysicalID, "Policy": ""}
	}),
}

// AWS::Events::Rule. Ref of a rule on a custom bus is "bus|rule".
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-rule.html
var ruleProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		name := r.name("Name")
		return r.ruleRef(name), r.putRule(ctx, name)
	},
	update: func(ctx context.Context, r *request) error { return r.putRule(ctx, r.ruleName()) },
	remove: func(ctx context.Context, r *request) error {
		on := params("Rule", r.ruleName(), "Name", r.ruleName(), "EventBusName", r.ruleBus())
		if ids := targetIDs(r.Properties); len(ids) > 0 {
			if err := r.doUnless(ctx, "events", "RemoveTargets", on.With("Ids", ids), "ResourceNotFoundException"); err != nil {
				return err
			}
		}
		return r.doUnless(ctx, "events", "DeleteRule", on, "ResourceNotFoundException")
	},
	attributes: fixed(func(r *request) map[string]jsonvalue.Value {
		return map[string]jsonvalue.Value{"Arn": r.arn("events", "rule/"+strings.ReplaceAll(r.PhysicalID, "|", "/"))}
	}),
}

// ruleBus is the bus's name, whichever way the template gives it.
func (r *request) ruleBus() string {
	bus := r.text("EventBusName")
	if bus == "" {
		return "default"
	}
	return bus[strings.LastIndexByte(bus, '/')+1:]
}

func (r *request) ruleRef(name string) string {
	if bus := r.ruleBus(); bus != "default" {
		return bus + "|" + name
	}
	return name
}

func (r *request) ruleName() string { return r.PhysicalID[strings.LastIndexByte(r.PhysicalID, '|')+1:] }

func (r *request) putRule(ctx context.Context, name string) error {
	in := pick(r.Properties, "ScheduleExpression", "State", "Description", "RoleArn", "Tags").With("Name", name).With("EventBusName", r.ruleBus())
	if p, ok := r.Properties.Get("EventPattern"); ok {
		in = in.With("EventPattern", jsonText(p))
	}
	if err := r.do(ctx, "events", "PutRule", in); err != nil {
		return err
	}
	on := params("Rule", name, "EventBusName", r.ruleBus())
	if gone := without(targetIDs(r.Old), targetIDs(r.Properties)); len(gone) > 0 {
		if err := r.do(ctx, "events", "RemoveTargets", on.With("Ids", gone)); err != nil {
			return err
		}
	}
	targets := list(r.Properties, "Targets")
	if len(targets) == 0 {
		return nil
	}
	out, err := r.call(ctx, "events", "PutTargets", on.With("Targets", targets))
	if err != nil {
		return err
	}
	if failed := list(out, "FailedEntries"); len(failed) > 0 {
		return fmt.Errorf("target %s of rule %s: %s", textOf(object(failed[0]), "TargetId"), name, textOf(object(failed[0]), "ErrorMessage"))
	}
	return nil
}

func targetIDs(properties *jsonvalue.Object) []any {
	var ids []any
	for _, t := range list(properties, "Targets") {
		ids = append(ids, textOf(object(t), "Id"))
	}
	return ids
}

func without(all, some []any) []any {
	var rest []any
	for _, x := range all {
		found := false
		for _, y := range some {
			found = found || x == y
		}
		if !found {
			rest = append(rest, x)
		}
	}
	return rest
}

// queueAttributes are the properties of a queue that are attributes of the API.
var queueAttributes = []string{"ContentBasedDeduplication", "DeduplicationScope", "DelaySeconds", "FifoQueue", "FifoThroughputLimit", "KmsDataKeyReusePeriodSeconds",
	"KmsMasterKeyId", "MaximumMessageSize", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "RedriveAllowPolicy", "RedrivePolicy", "SqsManagedSseEnabled", "VisibilityTimeout"}

func attributesOf(properties *jsonvalue.Object) *jsonvalue.Object {
	var b jsonvalue.Builder
	for name, v := range pick(properties, queueAttributes...).All() {
		b.Set(name, jsonText(v))
	}
	return b.Object()
}

// AWS::SQS::Queue
var queueProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		name := r.text("QueueName")
		if name == "" {
			name = r.name("QueueName")
			if isTrue(r.Properties, "FifoQueue") {
				name += ".fifo"
			}
		}
		out, err := r.call(ctx, "sqs", "CreateQueue", params("QueueName", name, "Attributes", attributesOf(r.Properties), "Tags", tagMap(r.Properties)))
		return textOf(out, "QueueUrl"), err
	},
	update: func(ctx context.Context, r *request) error {
		set := attributesOf(r.Properties).Without("FifoQueue")
		for name := range attributesOf(r.Old).All() {
			if !set.Has(name) && name != "FifoQueue" {
				set = set.With(name, "")
			}
		}
		return r.do(ctx, "sqs", "SetQueueAttributes", params("QueueUrl", r.PhysicalID, "Attributes", set))
	},
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "sqs", "DeleteQueue", params("QueueUrl", r.PhysicalID), "QueueDoesNotExist")
	},
	attributes: fixed(func(r *request) map[string]jsonvalue.Value {
		name := r.PhysicalID[strings.LastIndexByte(r.PhysicalID, '/')+1:]
		return map[string]jsonvalue.Value{"Arn": r.arn("sqs", name), "QueueName": name, "QueueUrl": r.PhysicalID}
	}),
}

// AWS::SQS::QueuePolicy
var queuePolicyProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		return r.name(""), r.setQueuePolicies(ctx, r.Properties, policyText(r.Properties))
	},
	update: func(ctx context.Context, r *request) error {
		if err := r.setQueuePolicies(ctx, r.Old, ""); err != nil {
			return err
		}
		return r.setQueuePolicies(ctx, r.Properties, policyText(r.Properties))
	},
	remove: func(ctx context.Context, r *request) error { return r.setQueuePolicies(ctx, r.Properties, "") },
}

func policyText(properties *jsonvalue.Object) string {
	doc, _ := properties.Get("PolicyDocument")
	return jsonText(doc)
}

func (r *request) setQueuePolicies(ctx context.Context, properties *jsonvalue.Object, policy string) error {
	for _, url := range list(properties, "Queues") {
		if err := r.doUnless(ctx, "sqs", "SetQueueAttributes", params("QueueUrl", url, "Attributes", params("Policy", policy)), "QueueDoesNotExist"); err != nil {
			return err
		}
	}
	return nil
}

// AWS::Logs::LogGroup
var logGroupProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		name := r.name("LogGroupName")
		if err := r.do(ctx, "logs", "CreateLogGroup", params("logGroupName", name, "tags", tagMap(r.Properties))); err != nil {
			return "", err
		}
		r.PhysicalID = name
		return name, r.setRetention(ctx)
	},
	update: func(ctx context.Context, r *request) error { return r.setRetention(ctx) },
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "logs", "DeleteLogGroup", params("logGroupName", r.PhysicalID), "ResourceNotFoundException")
	},
	attributes: fixed(func(r *request) map[string]jsonvalue.Value {
		return map[string]jsonvalue.Value{"Arn": r.arn("logs", "log-group:"+r.PhysicalID+":*")}
	}),
}

func (r *request) setRetention(ctx context.Context) error {
	days := r.text("RetentionInDays")
	if days == "" {
		return nil
	}
	return r.do(ctx, "logs", "PutRetentionPolicy", params("logGroupName", r.PhysicalID, "retentionInDays", jsonvalue.Number(days)))
}

// Types lists the resource types that can be created, in order.
func Types() []string { return slices.Sorted(maps.Keys(providers)) }
