package cloudwatch

// This file defines alarms: what is stored of one, and PutMetricAlarm with its
// checks.

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/store"
)

// alarm is what the store keeps: of a metric, or with Rule of other alarms.
type alarm struct {
	settings
	ARN            string
	Rule           string `json:",omitempty"`
	ActionsEnabled bool
	Configured     time.Time

	State        string
	Reason       string
	ReasonData   string
	Updated      time.Time // when State, Reason or ReasonData changed
	Transitioned time.Time // when State changed

	set  *querySet // of the metrics watched
	rule *rule
}

// settings are what PutMetricAlarm takes and DescribeAlarms shows.
type settings struct {
	AlarmName                        string      `json:"AlarmName" check:"required,min=1,max=255"`
	AlarmDescription                 string      `json:"AlarmDescription,omitzero" check:"max=1024"`
	OKActions                        []string    `json:"OKActions"`
	AlarmActions                     []string    `json:"AlarmActions"`
	InsufficientDataActions          []string    `json:"InsufficientDataActions"`
	MetricName                       string      `json:"MetricName,omitzero" check:"max=255"`
	Namespace                        string      `json:"Namespace,omitzero" check:"max=255"`
	Statistic                        string      `json:"Statistic,omitzero" check:"enum=SampleCount|Average|Sum|Minimum|Maximum"`
	ExtendedStatistic                string      `json:"ExtendedStatistic,omitzero"`
	Dimensions                       []dimension `json:"Dimensions"`
	Period                           int         `json:"Period,omitzero"`
	Unit                             string      `json:"Unit,omitzero"`
	EvaluationPeriods                int         `json:"EvaluationPeriods,omitzero"`
	DatapointsToAlarm                int         `json:"DatapointsToAlarm,omitzero"`
	Threshold                        *float64    `json:"Threshold,omitzero"`
	ComparisonOperator               string      `json:"ComparisonOperator,omitzero"`
	TreatMissingData                 string      `json:"TreatMissingData,omitzero" check:"enum=breaching|notBreaching|ignore|missing"`
	EvaluateLowSampleCountPercentile string      `json:"EvaluateLowSampleCountPercentile,omitzero" check:"enum=evaluate|ignore"`
	Metrics                          []dataQuery `json:"Metrics,omitempty"`
	ThresholdMetricID                string      `json:"ThresholdMetricId,omitzero"`
}

func (c *settings) threshold() float64 { return *c.Threshold }

func (c *settings) toAlarm() int {
	if c.DatapointsToAlarm > 0 {
		return c.DatapointsToAlarm
	}
	return c.EvaluationPeriods
}

// treatMissing has one rule that no setting changes: alarms on AWS/DynamoDB
// ignore missing data.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
func (c *settings) treatMissing() string {
	switch {
	case c.Namespace == "AWS/DynamoDB":
		return ignore
	case c.TreatMissingData == "":
		return missing
	}
	return c.TreatMissingData
}

func (a *alarm) period() int64 { return a.set.period }

// watched is the query whose result is compared with the threshold.
func (a *alarm) watched() string {
	for _, q := range a.set.queries {
		if q.returned() {
			return q.ID
		}
	}
	return ""
}

// soleQuery names the query of an alarm on one metric.
const soleQuery = "m"

// prepare parses what is derived of the settings.
func (a *alarm) prepare() (err error) {
	if a.Rule != "" {
		a.rule, err = parseRule(a.Rule)
		return err
	}
	queries := slices.Clone(a.Metrics)
	if len(queries) == 0 {
		stat := a.Statistic
		if stat == "" {
			stat = a.ExtendedStatistic
		}
		queries = []dataQuery{{ID: soleQuery, MetricStat: &metricStat{metric{a.Namespace, a.MetricName, a.Dimensions}, a.Period, stat, a.Unit}}}
	}
	a.set, err = newQuerySet(queries)
	return err
}

type putMetricAlarmInput struct {
	settings
	ActionsEnabled *bool     `json:"ActionsEnabled"`
	Tags           []tagPair `json:"Tags"`
	// What only alarms that are not offered have.
	EvaluationCriteria  map[string]any `json:"EvaluationCriteria"`
	EvaluationInterval  *int           `json:"EvaluationInterval"`
	WarmUpConfiguration map[string]any `json:"WarmUpConfiguration"`
}

func (s *Service) putMetricAlarm(_ context.Context, in *putMetricAlarmInput) (*empty, error) {
	if in.EvaluationCriteria != nil || in.EvaluationInterval != nil || in.WarmUpConfiguration != nil {
		return nil, invalid("EvaluationCriteria, EvaluationInterval and WarmUpConfiguration are not offered by the local AWS.")
	}
	a := &alarm{settings: in.settings, ActionsEnabled: in.ActionsEnabled == nil || *in.ActionsEnabled}
	if err := a.check(); err != nil {
		return nil, err
	}
	if err := a.prepare(); err != nil {
		return nil, err
	}
	if err := a.checkQueries(); err != nil {
		return nil, err
	}
	return s.saveAlarm(a, in.Tags)
}

// check is of what needs no parsing.
func (a *alarm) check() error {
	c := a.settings
	_, known := comparisons[c.ComparisonOperator]
	switch {
	case !ascii(c.AlarmName):
		return invalid("The alarm name %q must contain only ASCII characters.", c.AlarmName)
	case c.ComparisonOperator == "":
		return invalid("The parameter ComparisonOperator is required.")
	case !known:
		return invalid("The comparison %s is not offered by the local AWS, which has no anomaly detection: take GreaterThanOrEqualToThreshold, GreaterThanThreshold, LessThanThreshold or LessThanOrEqualToThreshold.", c.ComparisonOperator)
	case c.ThresholdMetricID != "":
		return invalid("ThresholdMetricId is not offered by the local AWS, which has no anomaly detection.")
	case c.EvaluateLowSampleCountPercentile == ignore:
		return invalid("EvaluateLowSampleCountPercentile ignore is not offered by the local AWS: percentiles of few samples are evaluated.")
	case c.Threshold == nil:
		return invalid("The parameter Threshold is required.")
	case c.EvaluationPeriods < 1:
		return invalid("The parameter EvaluationPeriods must be greater than or equal to 1.")
	case c.DatapointsToAlarm < 0 || c.DatapointsToAlarm > c.EvaluationPeriods:
		return invalid("DatapointsToAlarm must be from 1 to EvaluationPeriods (%d).", c.EvaluationPeriods)
	}
	return a.checkActions()
}

// checkActions refuses actions that would not be done.
func (a *alarm) checkActions() error {
	for _, list := range [][]string{a.OKActions, a.AlarmActions, a.InsufficientDataActions} {
		if len(list) > 5 {
			return invalid("An alarm can have 5 actions for a state at the most.")
		}
		for _, action := range list {
			if !strings.HasPrefix(action, "arn:aws:sns:") && !strings.HasPrefix(action, "arn:aws:lambda:") {
				return invalid("Invalid arn syntax: %s. The local AWS offers SNS topics and Lambda functions as actions of alarms.", action)
			}
		}
	}
	return nil
}

// checkQueries is of what the alarm watches, once it is parsed.
func (a *alarm) checkQueries() error {
	c := a.settings
	returned := 0
	for _, q := range a.set.queries {
		if q.returned() {
			returned++
		}
	}
	switch {
	case len(c.Metrics) > 0 && (c.MetricName != "" || c.Namespace != "" || c.Statistic != "" || c.ExtendedStatistic != "" || c.Period != 0 || len(c.Dimensions) > 0):
		return invalid("You cannot specify Metrics together with MetricName, Namespace, Dimensions, Period, Statistic or ExtendedStatistic.")
	case returned != 1:
		return invalid("Exactly one element of the metrics list should return data.")
	case c.Statistic != "" && c.ExtendedStatistic != "":
		return invalid("You cannot specify Statistic together with ExtendedStatistic.")
	case len(c.Metrics) > 10:
		return invalid("An alarm can watch 10 metrics at the most.")
	case a.period()*int64(c.EvaluationPeriods) > 7*24*3600:
		return invalid("Metrics cannot be checked across more than seven days (EvaluationPeriods * Period must be <= 604800)")
	case a.period()*int64(c.EvaluationPeriods) > 24*3600 && a.period() < 3600:
		return invalid("Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400) when Period is less than 1 hour")
	}
	v, err := a.evaluateNothing()
	if err == nil && len(v.series) != 1 {
		err = invalid("it must return one time series")
	}
	if err != nil {
		return invalid("Error in expression '%s': %v", a.watched(), err)
	}
	return nil
}

// evaluateNothing calculates over no data, to find faults of expressions before
// they can hide in an evaluation.
func (a *alarm) evaluateNothing() (operand, error) {
	return a.set.calculate(dataset{}, 0, a.period(), 1).query(a.watched())
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// saveAlarm creates an alarm or changes its settings; a changed one keeps its
// state. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
func (s *Service) saveAlarm(a *alarm, tags []tagPair) (*empty, error) {
	now := s.Clock.Now()
	a.ARN, a.Configured = s.alarmARN(a.AlarmName), now
	err := s.Store.Update(func(tx *store.Tx) error {
		old, err := loadAlarm(tx, a.AlarmName)
		if err != nil {
			return err
		}
		what := "created"
		if old == nil {
			a.State, a.Reason, a.Updated, a.Transitioned = stateInsufficient, "Unchecked: Initial alarm creation", now, now
			addTags(tx, a.ARN, tags) // of an alarm that is there, TagResource changes them
		} else {
			if (old.Rule == "") != (a.Rule == "") {
				return invalid("An alarm %s of the other kind, metric or composite, exists.", a.AlarmName)
			}
			what = "updated"
			a.State, a.Reason, a.ReasonData, a.Updated, a.Transitioned = old.State, old.Reason, old.ReasonData, old.Updated, old.Transitioned
		}
		tx.Put(bucketAlarm, a.AlarmName, encode(a))
		addHistory(tx, a, now, "ConfigurationUpdate", "Alarm \""+a.AlarmName+"\" "+what, string(encode(map[string]any{"version": "1.0", "type": strings.ToUpper(what[:1]) + what[1:5]})))
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.watch.add(a)
	s.plan(a.AlarmName)
	return &empty{}, nil
}

// loadAlarm returns nil where there is no such alarm.
func loadAlarm(r store.Reader, name string) (*alarm, error) {
	text, ok := r.Get(bucketAlarm, name)
	if !ok {
		return nil, nil
	}
	return decodeAlarm(text)
}

func decodeAlarm(text []byte) (*alarm, error) {
	a := &alarm{}
	if err := json.Unmarshal(text, a); err != nil {
		return nil, err
	}
	return a, a.prepare()
}
