package cloudwatch

// This file defines the texts of a state change: its reason, the message to a
// topic and the detail of the event.

import (
	"fmt"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// explain writes reason and reason data as CloudWatch does, for example
// "Threshold Crossed: 1 out of the last 1 datapoints [99.5 (02/10/19 17:03:00)]
// was greater than the threshold (80.0) (minimum 1 datapoint for OK -> ALARM transition)."
func (a *alarm) explain(v verdict, now time.Time) (reason, data string) {
	var points []string
	recent := []any{}
	for _, p := range v.recent {
		points = append(points, fmt.Sprintf("%s (%s)", spell(p.value), p.at.UTC().Format("02/01/06 15:04:05")))
		recent = append(recent, jsonvalue.Float(p.value))
	}
	d := object("version", "1.0", "queryDate", stamp(now), "startDate", startOf(v), "unit", text(a.Unit), "statistic", text(a.Statistic), "period", jsonvalue.Int(a.period()),
		"recentDatapoints", recent, "threshold", jsonvalue.Float(a.threshold()))
	return a.reason(v, points), jsonvalue.String(d)
}

func startOf(v verdict) any {
	if len(v.recent) == 0 {
		return absent{}
	}
	return stamp(v.recent[0].at)
}

func (a *alarm) reason(v verdict, points []string) string {
	if v.state == stateInsufficient {
		return fmt.Sprintf("Insufficient Data: %s unknown.", counted(v.filled, "datapoint was", "datapoints were"))
	}
	if len(points) == 0 {
		kind := "NonBreaching"
		if a.treatMissing() == breaching {
			kind = "Breaching"
		}
		return fmt.Sprintf("Threshold Crossed: no datapoints were received for %s and %s treated as [%s].",
			counted(a.EvaluationPeriods, "period", "periods"), counted(v.filled, "missing datapoint was", "missing datapoints were"), kind)
	}
	shown, needed, not := v.breaches, a.toAlarm(), ""
	if v.state == stateOK {
		shown, needed, not = len(points)-v.breaches, a.EvaluationPeriods-a.toAlarm()+1, "not "
	}
	return fmt.Sprintf("Threshold Crossed: %d out of the last %d datapoints [%s] %s %s%s the threshold (%s) (minimum %s for %s -> %s transition).",
		shown, len(points), strings.Join(points, ", "), plural(shown, "was", "were"), not, comparisons[a.ComparisonOperator].words, spell(a.threshold()),
		counted(needed, "datapoint", "datapoints"), map[bool]string{true: stateAlarm, false: stateOK}[v.state == stateOK], v.state)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func counted(n int, one, many string) string { return fmt.Sprintf("%d %s", n, plural(n, one, many)) }

// detail is that of the event, in the form of
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
func (s *Service) detail(n *news) *jsonvalue.Object {
	a := n.Alarm
	var configuration *jsonvalue.Object
	if a.Rule != "" {
		configuration = object("description", text(a.AlarmDescription), "alarmRule", a.Rule)
	} else {
		var metrics []any
		for _, q := range a.set.queries {
			metrics = append(metrics, q.inEvent())
		}
		configuration = object("description", text(a.AlarmDescription), "metrics", metrics)
	}
	side := func(value, reason, data string, at time.Time) *jsonvalue.Object {
		return object("reason", reason, "reasonData", text(data), "timestamp", stamp(at), "value", value)
	}
	return object("alarmName", a.AlarmName, "configuration", configuration,
		"previousState", side(n.OldState, n.OldReason, n.OldReasonData, n.OldUpdated), "state", side(a.State, a.Reason, a.ReasonData, n.At))
}

func (q *dataQuery) inEvent() *jsonvalue.Object {
	if q.MetricStat == nil {
		return object("id", q.ID, "expression", q.Expression, "label", text(q.Label), "returnData", q.returned())
	}
	m := q.MetricStat.Metric
	var dimensions jsonvalue.Builder
	for _, d := range m.Dimensions {
		dimensions.Set(d.Name, d.Value)
	}
	stat := object("metric", object("dimensions", dimensions.Object(), "name", m.MetricName, "namespace", m.Namespace), "period", jsonvalue.Int(int64(q.MetricStat.Period)),
		"stat", q.MetricStat.Stat, "unit", text(q.MetricStat.Unit))
	return object("id", q.ID, "metricStat", stat, "returnData", q.returned())
}

// message is that to a topic. AWS documents it by example only; the members are
// those that aws-lambda-go's events.CloudWatchAlarmSNSPayload reads, and their
// order that of messages as they arrive.
func (s *Service) message(n *news) *jsonvalue.Object {
	a := n.Alarm
	return object("AlarmName", a.AlarmName, "AlarmDescription", text(a.AlarmDescription), "AWSAccountId", s.Account,
		"AlarmConfigurationUpdatedTimestamp", stamp(a.Configured), "NewStateValue", a.State, "NewStateReason", a.Reason, "StateChangeTime", stamp(n.At),
		"Region", regionName(s.Region), "AlarmArn", a.ARN, "OldStateValue", n.OldState, "OKActions", texts(a.OKActions), "AlarmActions", texts(a.AlarmActions),
		"InsufficientDataActions", texts(a.InsufficientDataActions), "AlarmRule", text(a.Rule), "Trigger", a.trigger())
}

func (a *alarm) trigger() any {
	if a.Rule != "" {
		return absent{}
	}
	var pairs []any
	if len(a.Metrics) == 0 {
		kind, statistic := "Statistic", strings.ToUpper(a.Statistic)
		if a.ExtendedStatistic != "" {
			kind, statistic = "ExtendedStatistic", a.ExtendedStatistic
		}
		var unit any // null, where the alarm names none
		if a.Unit != "" {
			unit = a.Unit
		}
		pairs = append(pairs, "MetricName", a.MetricName, "Namespace", a.Namespace, "StatisticType", kind, kind, statistic, "Unit", unit, "Dimensions", dimensionsOf(a.Dimensions))
	}
	pairs = append(pairs, "Period", jsonvalue.Int(a.period()), "EvaluationPeriods", jsonvalue.Int(int64(a.EvaluationPeriods)),
		"ComparisonOperator", a.ComparisonOperator, "Threshold", jsonvalue.Number(spell(a.threshold())), "TreatMissingData", a.treatMissing(),
		"EvaluateLowSampleCountPercentile", a.EvaluateLowSampleCountPercentile)
	if len(a.Metrics) > 0 {
		var metrics []any
		for _, q := range a.set.queries {
			metrics = append(metrics, q.inMessage())
		}
		pairs = append(pairs, "Metrics", metrics)
	}
	if a.DatapointsToAlarm > 0 {
		pairs = append(pairs, "DatapointsToAlarm", jsonvalue.Int(int64(a.DatapointsToAlarm)))
	}
	return object(pairs...)
}

func dimensionsOf(dimensions []dimension) []any {
	all := []any{}
	for _, d := range dimensions {
		all = append(all, object("value", d.Value, "name", d.Name))
	}
	return all
}

func (q *dataQuery) inMessage() *jsonvalue.Object {
	if q.MetricStat == nil {
		return object("Expression", q.Expression, "Id", q.ID, "Label", text(q.Label), "ReturnData", q.returned())
	}
	m := q.MetricStat.Metric
	stat := object("Metric", object("Dimensions", dimensionsOf(m.Dimensions), "MetricName", m.MetricName, "Namespace", m.Namespace),
		"Period", jsonvalue.Int(int64(q.MetricStat.Period)), "Stat", q.MetricStat.Stat, "Unit", text(q.MetricStat.Unit))
	return object("Id", q.ID, "MetricStat", stat, "ReturnData", q.returned())
}
