package cloudformation

// This file defines the resource types of notification, schedules, connections,
// archives and secrets.

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// topicSettings are the properties of a topic that are attributes of the API.
var topicSettings = []string{"DisplayName", "FifoTopic", "ContentBasedDeduplication", "FifoThroughputScope", "KmsMasterKeyId", "SignatureVersion", "TracingConfig"}

// AWS::SNS::Topic
var topicProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		name := r.name("TopicName")
		if isTrue(r.Properties, "FifoTopic") && !strings.HasSuffix(name, ".fifo") {
			name += ".fifo"
		}
		out, err := r.call(ctx, "sns", "CreateTopic", pick(r.Properties, "Tags").With("Name", name).With("Attributes", texts(pick(r.Properties, topicSettings...))))
		if err != nil {
			return "", err
		}
		r.PhysicalID = textOf(out, "TopicArn")
		return r.PhysicalID, r.subscribeAll(ctx, list(r.Properties, "Subscription"))
	},
	update: func(ctx context.Context, r *request) error {
		for _, name := range topicSettings {
			if !r.changed(name) || name == "FifoTopic" {
				continue
			}
			if err := r.do(ctx, "sns", "SetTopicAttributes", params("TopicArn", r.PhysicalID, "AttributeName", name, "AttributeValue", r.text(name))); err != nil {
				return err
			}
		}
		if !r.changed("Subscription") {
			return nil
		}
		if err := r.unsubscribeAll(ctx, list(r.Old, "Subscription")); err != nil {
			return err
		}
		return r.subscribeAll(ctx, list(r.Properties, "Subscription"))
	},
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "sns", "DeleteTopic", params("TopicArn", r.PhysicalID), "NotFound")
	},
	attributes: fixed(func(r *request) map[string]jsonvalue.Value {
		return map[string]jsonvalue.Value{"TopicArn": r.PhysicalID, "TopicName": lastOf(r.PhysicalID)}
	}),
}

// texts spells every value as text, as attributes are.
func texts(o *jsonvalue.Object) *jsonvalue.Object {
	var b jsonvalue.Builder
	for name, v := range o.All() {
		b.Set(name, jsonText(v))
	}
	return b.Object()
}

func (r *request) subscribeAll(ctx context.Context, subscriptions []any) error {
	for _, s := range subscriptions {
		if err := r.do(ctx, "sns", "Subscribe", pick(object(s), "Protocol", "Endpoint").With("TopicArn", r.PhysicalID)); err != nil {
			return err
		}
	}
	return nil
}

// unsubscribeAll finds the topic's own subscriptions by protocol and endpoint.
func (r *request) unsubscribeAll(ctx context.Context, subscriptions []any) error {
	for _, s := range subscriptions {
		out, err := r.call(ctx, "sns", "Subscribe", pick(object(s), "Protocol", "Endpoint").With("TopicArn", r.PhysicalID)) // answers the one there is
		if err == nil {
			err = r.do(ctx, "sns", "Unsubscribe", params("SubscriptionArn", textOf(out, "SubscriptionArn")))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// subscriptionSettings are the properties of a subscription that are attributes.
var subscriptionSettings = []string{"FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy", "DeliveryPolicy", "SubscriptionRoleArn"}

// AWS::SNS::Subscription
var subscriptionProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		in := pick(r.Properties, "TopicArn", "Protocol", "Endpoint").With("Attributes", texts(pick(r.Properties, subscriptionSettings...))).With("ReturnSubscriptionArn", true)
		out, err := r.call(ctx, "sns", "Subscribe", in)
		return textOf(out, "SubscriptionArn"), err
	},
	update: func(ctx context.Context, r *request) error {
		for _, name := range subscriptionSettings {
			if !r.changed(name) {
				continue
			}
			in := params("SubscriptionArn", r.PhysicalID, "AttributeName", name)
			if v, ok := r.Properties.Get(name); ok {
				in = in.With("AttributeValue", jsonText(v))
			}
			if err := r.do(ctx, "sns", "SetSubscriptionAttributes", in); err != nil {
				return err
			}
		}
		return nil
	},
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "sns", "Unsubscribe", params("SubscriptionArn", r.PhysicalID), "NotFound")
	},
	attributes: ownARN,
}

// AWS::SNS::TopicPolicy
var topicPolicyProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		return r.name(""), r.setTopicPolicies(ctx, r.Properties, policyText(r.Properties))
	},
	update: func(ctx context.Context, r *request) error {
		if err := r.setTopicPolicies(ctx, r.Old, ""); err != nil {
			return err
		}
		return r.setTopicPolicies(ctx, r.Properties, policyText(r.Properties))
	},
	remove: func(ctx context.Context, r *request) error { return r.setTopicPolicies(ctx, r.Properties, "") },
}

// setTopicPolicies sets the policy; without one, that of a new topic, as a topic
// always has one: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sns-topicpolicy.html
func (r *request) setTopicPolicies(ctx context.Context, properties *jsonvalue.Object, policy string) error {
	for _, arn := range list(properties, "Topics") {
		text := policy
		if text == "" {
			text = fmt.Sprintf(`{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{"Sid":"__default_statement_ID","Effect":"Allow","Principal":{"AWS":"*"},`+
				`"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes","SNS:AddPermission","SNS:RemovePermission","SNS:DeleteTopic","SNS:Subscribe","SNS:ListSubscriptionsByTopic","SNS:Publish"],`+
				`"Resource":%q,"Condition":{"StringEquals":{"AWS:SourceOwner":%q}}}]}`, arn, r.Account)
		}
		if err := r.doUnless(ctx, "sns", "SetTopicAttributes", params("TopicArn", arn, "AttributeName", "Policy", "AttributeValue", text), "NotFound"); err != nil {
			return err
		}
	}
	return nil
}

// AWS::Events::EventBusPolicy
var busPolicyProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		r.PhysicalID = r.name("")
		return r.PhysicalID, r.putBusPolicy(ctx)
	},
	update: func(ctx context.Context, r *request) error { return r.putBusPolicy(ctx) },
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "events", "RemovePermission", pick(r.Properties, "EventBusName", "StatementId"), "ResourceNotFoundException")
	},
}

// putBusPolicy adds one statement to those the bus has: PutPermission takes whole
// policies or the old three members.
func (r *request) putBusPolicy(ctx context.Context) error {
	statement := child(r.Properties, "Statement")
	if statement == nil {
		return r.do(ctx, "events", "PutPermission", pick(r.Properties, "EventBusName", "StatementId", "Action", "Principal", "Condition"))
	}
	bus, err := r.call(ctx, "events", "DescribeEventBus", pick(r.Properties, "EventBusName:Name"))
	if err != nil {
		return err
	}
	var statements []any
	if have, err := jsonvalue.Parse([]byte(textOf(bus, "Policy"))); err == nil {
		for _, s := range list(object(have), "Statement") {
			if textOf(object(s), "Sid") != r.text("StatementId") {
				statements = append(statements, s)
			}
		}
	}
	statements = append(statements, statement.With("Sid", r.text("StatementId")))
	policy := jsonvalue.String(params("Version", "2012-10-17", "Statement", statements))
	return r.do(ctx, "events", "PutPermission", pick(r.Properties, "EventBusName").With("Policy", policy))
}

// AWS::Events::Archive
var archiveProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		name := r.name("ArchiveName")
		return name, r.do(ctx, "events", "CreateArchive", r.archiveInput().With("ArchiveName", name).With("EventSourceArn", r.text("SourceArn")))
	},
	update: func(ctx context.Context, r *request) error {
		return r.do(ctx, "events", "UpdateArchive", r.archiveInput().With("ArchiveName", r.PhysicalID))
	},
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "events", "DeleteArchive", params("ArchiveName", r.PhysicalID), "ResourceNotFoundException")
	},
	attributes: fixed(func(r *request) map[string]jsonvalue.Value {
		return map[string]jsonvalue.Value{"Arn": r.arn("events", "archive/"+r.PhysicalID), "ArchiveName": r.PhysicalID}
	}),
}

func (r *request) archiveInput() *jsonvalue.Object {
	in := pick(r.Properties, "Description", "RetentionDays")
	if p, ok := r.Properties.Get("EventPattern"); ok {
		in = in.With("EventPattern", jsonText(p))
	}
	return in
}

// AWS::Events::Connection
var connectionProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		name := r.name("Name")
		return name, r.do(ctx, "events", "CreateConnection", pick(r.Properties, "Description", "AuthorizationType", "AuthParameters").With("Name", name))
	},
	update: func(ctx context.Context, r *request) error {
		return r.do(ctx, "events", "UpdateConnection", pick(r.Properties, "Description", "AuthorizationType", "AuthParameters").With("Name", r.PhysicalID))
	},
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "events", "DeleteConnection", params("Name", r.PhysicalID), "ResourceNotFoundException")
	},
	attributes: func(ctx context.Context, r *request) (map[string]jsonvalue.Value, error) {
		out, err := r.call(ctx, "events", "DescribeConnection", params("Name", r.PhysicalID))
		return map[string]jsonvalue.Value{"Arn": textOf(out, "ConnectionArn"), "ArnForPolicy": r.arn("events", "connection/"+r.PhysicalID), "SecretArn": textOf(out, "SecretArn")}, err
	},
}

// AWS::Events::ApiDestination
var destinationProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		name := r.name("Name")
		return name, r.do(ctx, "events", "CreateApiDestination", r.destinationInput(name))
	},
	update: func(ctx context.Context, r *request) error {
		return r.do(ctx, "events", "UpdateApiDestination", r.destinationInput(r.PhysicalID))
	},
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "events", "DeleteApiDestination", params("Name", r.PhysicalID), "ResourceNotFoundException")
	},
	attributes: func(ctx context.Context, r *request) (map[string]jsonvalue.Value, error) {
		out, err := r.call(ctx, "events", "DescribeApiDestination", params("Name", r.PhysicalID))
		return map[string]jsonvalue.Value{"Arn": textOf(out, "ApiDestinationArn"), "ArnForPolicy": r.arn("events", "api-destination/"+r.PhysicalID)}, err
	},
}

func (r *request) destinationInput(name string) *jsonvalue.Object {
	return pick(r.Properties, "Description", "ConnectionArn", "HttpMethod", "InvocationEndpoint", "InvocationRateLimitPerSecond").With("Name", name)
}

// AWS::Scheduler::ScheduleGroup
var scheduleGroupProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		name := r.name("Name")
		return name, r.do(ctx, "scheduler", "CreateScheduleGroup", pick(r.Properties, "Tags").With("Name", name))
	},
	update: func(context.Context, *request) error { return nil }, // tags alone can change, and have no effect
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "scheduler", "DeleteScheduleGroup", params("Name", r.PhysicalID), "ResourceNotFoundException")
	},
	attributes: func(ctx context.Context, r *request) (map[string]jsonvalue.Value, error) {
		out, err := r.call(ctx, "scheduler", "GetScheduleGroup", params("Name", r.PhysicalID))
		values := map[string]jsonvalue.Value{}
		for _, name := range []string{"Arn", "State", "CreationDate", "LastModificationDate"} {
			values[name] = textOf(out, name)
		}
		return values, err
	},
}

// scheduleSettings are the properties of a schedule but for its name.
var scheduleSettings = []string{"Description", "GroupName", "ScheduleExpression", "ScheduleExpressionTimezone", "StartDate", "EndDate", "State", "FlexibleTimeWindow", "Target"}

// AWS::Scheduler::Schedule
var scheduleProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		name := r.name("Name")
		return name, r.do(ctx, "scheduler", "CreateSchedule", pick(r.Properties, scheduleSettings...).With("Name", name))
	},
	update: func(ctx context.Context, r *request) error {
		return r.do(ctx, "scheduler", "UpdateSchedule", pick(r.Properties, scheduleSettings...).With("Name", r.PhysicalID))
	},
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "scheduler", "DeleteSchedule", pick(r.Properties, "GroupName").With("Name", r.PhysicalID), "ResourceNotFoundException")
	},
	attributes: fixed(func(r *request) map[string]jsonvalue.Value {
		return map[string]jsonvalue.Value{"Arn": r.arn("scheduler", "schedule/"+firstText(r.text("GroupName"), "default")+"/"+r.PhysicalID)}
	}),
}

// AWS::SecretsManager::Secret
var secretProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		value, err := r.secretText(ctx)
		if err != nil {
			return "", err
		}
		in := pick(r.Properties, "Description", "KmsKeyId", "Tags").With("Name", r.name("Name"))
		if value != "" {
			in = in.With("SecretString", value)
		}
		out, err := r.call(ctx, "secretsmanager", "CreateSecret", in)
		return textOf(out, "ARN"), err
	},
	update: func(ctx context.Context, r *request) error {
		in := pick(r.Properties, "Description", "KmsKeyId").With("SecretId", r.PhysicalID)
		if r.changed("SecretString") || r.changed("GenerateSecretString") {
			value, err := r.secretText(ctx)
			if err != nil {
				return err
			}
			in = in.With("SecretString", value)
		}
		return r.do(ctx, "secretsmanager", "UpdateSecret", in)
	},
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "secretsmanager", "DeleteSecret", params("SecretId", r.PhysicalID, "ForceDeleteWithoutRecovery", true), "ResourceNotFoundException")
	},
	attributes: fixed(func(r *request) map[string]jsonvalue.Value {
		return map[string]jsonvalue.Value{"Id": r.PhysicalID}
	}),
}

// secretText is the secret as given, or a random one, alone or as a member of a
// JSON template.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html
func (r *request) secretText(ctx context.Context) (string, error) {
	generate := child(r.Properties, "GenerateSecretString")
	if generate == nil {
		return r.text("SecretString"), nil
	}
	out, err := r.call(ctx, "secretsmanager", "GetRandomPassword", generate.Without("GenerateStringKey").Without("SecretStringTemplate"))
	if err != nil {
		return "", err
	}
	password := textOf(out, "RandomPassword")
	key, frame := textOf(generate, "GenerateStringKey"), textOf(generate, "SecretStringTemplate")
	if key == "" && frame == "" {
		return password, nil
	}
	v, err := jsonvalue.Parse([]byte(frame))
	if o := object(v); err == nil && o != nil && key != "" {
		return jsonvalue.String(o.With(key, password)), nil
	}
	return "", errors.New("GenerateSecretString needs both GenerateStringKey and a SecretStringTemplate that is a JSON object, such as {\"username\": \"admin\"}")
}

// AWS::CodeDeploy::Application and DeploymentGroup are records: nothing is shifted
// gradually on a laptop, an alias takes its new version at once.
var (
	deploymentApplicationProvider = recordProvider("ApplicationName")
	deploymentGroupProvider       = recordProvider("DeploymentGroupName")
)

func recordProvider(nameProperty string) provider {
	return provider{
		create: func(_ context.Context, r *request) (string, error) { return r.name(nameProperty), nil },
		update: func(context.Context, *request) error { return nil },
		remove: func(context.Context, *request) error { return nil },
	}
}
