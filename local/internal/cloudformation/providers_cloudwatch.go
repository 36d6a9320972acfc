package cloudformation

// This file defines the resource types of CloudWatch and Systems Manager.

import (
	"context"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// alarmProperties are those that PutMetricAlarm takes as they stand.
var alarmProperties = []string{"AlarmDescription", "ActionsEnabled", "AlarmActions", "OKActions", "InsufficientDataActions", "ComparisonOperator", "DatapointsToAlarm",
	"Dimensions", "EvaluateLowSampleCountPercentile", "EvaluationPeriods", "ExtendedStatistic", "MetricName", "Metrics", "Namespace", "Period", "Statistic", "Threshold",
	"ThresholdMetricId", "TreatMissingData", "Unit", "Tags"}

// AWS::CloudWatch::Alarm
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html
var alarmProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		name := r.name("AlarmName")
		return name, r.do(ctx, "cloudwatch", "PutMetricAlarm", pick(r.Properties, alarmProperties...).With("AlarmName", name))
	},
	update: func(ctx context.Context, r *request) error {
		return r.do(ctx, "cloudwatch", "PutMetricAlarm", pick(r.Properties, alarmProperties...).With("AlarmName", r.PhysicalID))
	},
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "cloudwatch", "DeleteAlarms", params("AlarmNames", []any{r.PhysicalID}), "ResourceNotFound")
	},
	attributes: fixed(func(r *request) map[string]jsonvalue.Value {
		return map[string]jsonvalue.Value{"Arn": r.arn("cloudwatch", "alarm:"+r.PhysicalID)}
	}),
}

// AWS::CloudWatch::Dashboard
var dashboardProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		name := r.name("DashboardName")
		return name, r.do(ctx, "cloudwatch", "PutDashboard", params("DashboardName", name, "DashboardBody", r.text("DashboardBody")))
	},
	update: func(ctx context.Context, r *request) error {
		return r.do(ctx, "cloudwatch", "PutDashboard", params("DashboardName", r.PhysicalID, "DashboardBody", r.text("DashboardBody")))
	},
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "cloudwatch", "DeleteDashboards", params("DashboardNames", []any{r.PhysicalID}), "DashboardNotFoundError")
	},
	attributes: fixed(func(*request) map[string]jsonvalue.Value { return nil }),
}

// AWS::SSM::Parameter
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ssm-parameter.html
var parameterProvider = provider{
	create: func(ctx context.Context, r *request) (string, error) {
		in := pick(r.Properties, "Type", "Value", "AllowedPattern", "Description", "DataType", "Tier")
		var tags []any
		for key, value := range tagMap(r.Properties).All() {
			tags = append(tags, params("Key", key, "Value", value))
		}
		if len(tags) > 0 {
			in = in.With("Tags", tags)
		}
		name := r.name("Name")
		return name, r.do(ctx, "ssm", "PutParameter", in.With("Name", name))
	},
	update: func(ctx context.Context, r *request) error {
		in := pick(r.Properties, "Type", "Value", "AllowedPattern", "Description", "DataType", "Tier")
		return r.do(ctx, "ssm", "PutParameter", in.With("Name", r.PhysicalID).With("Overwrite", true))
	},
	remove: func(ctx context.Context, r *request) error {
		return r.doUnless(ctx, "ssm", "DeleteParameter", params("Name", r.PhysicalID), "ParameterNotFound")
	},
	attributes: fixed(func(r *request) map[string]jsonvalue.Value {
		return map[string]jsonvalue.Value{"Type": r.text("Type"), "Value": r.text("Value")}
	}),
}
