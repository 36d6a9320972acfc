package cloudwatch

// This file defines what is asked about alarms and done to them by name.

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

// stateFields are shown of every kind of alarm.
type stateFields struct {
	AlarmArn                           string       `json:"AlarmArn"`
	ActionsEnabled                     bool         `json:"ActionsEnabled"`
	AlarmConfigurationUpdatedTimestamp awswire.Time `json:"AlarmConfigurationUpdatedTimestamp"`
	StateValue                         string       `json:"StateValue"`
	StateReason                        string       `json:"StateReason"`
	StateReasonData                    string       `json:"StateReasonData,omitzero"`
	StateUpdatedTimestamp              awswire.Time `json:"StateUpdatedTimestamp"`
	StateTransitionedTimestamp         awswire.Time `json:"StateTransitionedTimestamp"`
}

type metricAlarmItem struct {
	settings
	stateFields
}

type compositeAlarmItem struct {
	AlarmName               string   `json:"AlarmName"`
	AlarmDescription        string   `json:"AlarmDescription,omitzero"`
	AlarmRule               string   `json:"AlarmRule"`
	OKActions               []string `json:"OKActions"`
	AlarmActions            []string `json:"AlarmActions"`
	InsufficientDataActions []string `json:"InsufficientDataActions"`
	stateFields
}

func (a *alarm) stateFields() stateFields {
	return stateFields{a.ARN, a.ActionsEnabled, wireTime(a.Configured), a.State, a.Reason, a.ReasonData, wireTime(a.Updated), wireTime(a.Transitioned)}
}

type describeAlarmsInput struct {
	AlarmNames          []string `json:"AlarmNames" check:"max=100"`
	AlarmNamePrefix     string   `json:"AlarmNamePrefix"`
	AlarmTypes          []string `json:"AlarmTypes"`
	ChildrenOfAlarmName string   `json:"ChildrenOfAlarmName"`
	ParentsOfAlarmName  string   `json:"ParentsOfAlarmName"`
	StateValue          string   `json:"StateValue" check:"enum=OK|ALARM|INSUFFICIENT_DATA"`
	ActionPrefix        string   `json:"ActionPrefix"`
	MaxRecords          *int     `json:"MaxRecords" check:"min=1,max=100"`
	NextToken           string   `json:"NextToken"`
}

type describeAlarmsOutput struct {
	CompositeAlarms []compositeAlarmItem `json:"CompositeAlarms"`
	MetricAlarms    []metricAlarmItem    `json:"MetricAlarms"`
	NextToken       string               `json:"NextToken,omitzero"`
}

func (s *Service) describeAlarms(_ context.Context, in *describeAlarmsInput) (*describeAlarmsOutput, error) {
	if in.ChildrenOfAlarmName != "" || in.ParentsOfAlarmName != "" {
		return nil, invalid("ChildrenOfAlarmName and ParentsOfAlarmName are not offered by the local AWS.")
	}
	if len(in.AlarmNames) > 0 && in.AlarmNamePrefix != "" {
		return nil, fault("InvalidParameterCombinationException", "AlarmNames and AlarmNamePrefix cannot be used together")
	}
	limit := 50
	if in.MaxRecords != nil {
		limit = *in.MaxRecords
	}
	if len(in.AlarmNames) > 0 {
		limit = 100
	}
	out := &describeAlarmsOutput{CompositeAlarms: []compositeAlarmItem{}, MetricAlarms: []metricAlarmItem{}}
	return out, s.Store.View(func(r store.Reader) error {
		for name, text := range r.Scan(bucketAlarm, max(in.NextToken, in.AlarmNamePrefix), store.After(in.AlarmNamePrefix)) {
			a, err := decodeAlarm(text)
			if err != nil {
				return err
			}
			if !in.matches(a) {
				continue
			}
			if len(out.CompositeAlarms)+len(out.MetricAlarms) == limit {
				out.NextToken = name
				return nil
			}
			if a.Rule != "" {
				out.CompositeAlarms = append(out.CompositeAlarms, compositeAlarmItem{a.AlarmName, a.AlarmDescription, a.Rule, a.OKActions, a.AlarmActions, a.InsufficientDataActions, a.stateFields()})
			} else {
				out.MetricAlarms = append(out.MetricAlarms, metricAlarmItem{a.settings, a.stateFields()})
			}
		}
		return nil
	})
}

// matches also decides on the kind: by default metric alarms alone are listed,
// unless one is asked for by name.
func (in *describeAlarmsInput) matches(a *alarm) bool {
	kind := "MetricAlarm"
	if a.Rule != "" {
		kind = "CompositeAlarm"
	}
	kinds := in.AlarmTypes
	if len(kinds) == 0 {
		kinds = []string{"MetricAlarm"}
	}
	return slices.Contains(kinds, kind) &&
		(len(in.AlarmNames) == 0 || slices.Contains(in.AlarmNames, a.AlarmName)) &&
		(in.StateValue == "" || in.StateValue == a.State) &&
		(in.ActionPrefix == "" || slices.ContainsFunc(slices.Concat(a.OKActions, a.AlarmActions, a.InsufficientDataActions),
			func(action string) bool { return strings.HasPrefix(action, in.ActionPrefix) }))
}

type describeAlarmsForMetricInput struct {
	MetricName        string      `json:"MetricName" check:"required"`
	Namespace         string      `json:"Namespace" check:"required"`
	Statistic         string      `json:"Statistic"`
	ExtendedStatistic string      `json:"ExtendedStatistic"`
	Dimensions        []dimension `json:"Dimensions"`
	Period            int         `json:"Period"`
	Unit              string      `json:"Unit"`
}

type describeAlarmsForMetricOutput struct {
	MetricAlarms []metricAlarmItem `json:"MetricAlarms"`
}

func (s *Service) describeAlarmsForMetric(_ context.Context, in *describeAlarmsForMetricInput) (*describeAlarmsForMetricOutput, error) {
	key := newMetric(in.Namespace, in.MetricName, in.Dimensions).key()
	out := &describeAlarmsForMetricOutput{MetricAlarms: []metricAlarmItem{}}
	return out, s.Store.View(func(r store.Reader) error {
		for _, text := range r.Scan(bucketAlarm, "", "") {
			a, err := decodeAlarm(text)
			if err != nil {
				return err
			}
			if a.Rule == "" && newMetric(a.Namespace, a.MetricName, a.Dimensions).key() == key && in.matches(a) {
				out.MetricAlarms = append(out.MetricAlarms, metricAlarmItem{a.settings, a.stateFields()})
			}
		}
		return nil
	})
}

func (in *describeAlarmsForMetricInput) matches(a *alarm) bool {
	return (in.Statistic == "" || in.Statistic == a.Statistic) && (in.ExtendedStatistic == "" || in.ExtendedStatistic == a.ExtendedStatistic) &&
		(in.Period == 0 || in.Period == a.Period) && (in.Unit == "" || in.Unit == a.Unit)
}

type alarmNamesInput struct {
	AlarmNames []string `json:"AlarmNames" check:"required,max=100"`
}

// deleteAlarms deletes all or, if one is missing, none.
func (s *Service) deleteAlarms(_ context.Context, in *alarmNamesInput) (*empty, error) {
	err := s.Store.Update(func(tx *store.Tx) error {
		for _, name := range in.AlarmNames {
			a, err := loadAlarm(tx, name)
			if err != nil {
				return err
			}
			if a == nil {
				return fault("ResourceNotFound", "The alarm %s does not exist", name)
			}
			tx.Delete(bucketAlarm, name)
			tx.Delete(bucketTags, a.ARN)
			addHistory(tx, a, s.Clock.Now(), "ConfigurationUpdate", "Alarm \""+name+"\" deleted", `{"version":"1.0","type":"Delete"}`)
		}
		return nil
	})
	if err == nil {
		s.watch.remove(in.AlarmNames...)
	}
	return &empty{}, err
}

// switchActions makes EnableAlarmActions and DisableAlarmActions; names that are
// nobody's are passed over, as by AWS.
func (s *Service) switchActions(enabled bool) func(context.Context, *alarmNamesInput) (*empty, error) {
	return func(_ context.Context, in *alarmNamesInput) (*empty, error) {
		return &empty{}, s.Store.Update(func(tx *store.Tx) error {
			for _, name := range in.AlarmNames {
				a, err := loadAlarm(tx, name)
				if err != nil {
					return err
				}
				if a != nil && a.ActionsEnabled != enabled {
					a.ActionsEnabled, a.Configured = enabled, s.Clock.Now()
					tx.Put(bucketAlarm, name, encode(a))
				}
			}
			return nil
		})
	}
}

type describeAlarmHistoryInput struct {
	AlarmName       string       `json:"AlarmName"`
	AlarmTypes      []string     `json:"AlarmTypes"`
	HistoryItemType string       `json:"HistoryItemType" check:"enum=ConfigurationUpdate|StateUpdate|Action"`
	StartDate       awswire.Time `json:"StartDate"`
	EndDate         awswire.Time `json:"EndDate"`
	MaxRecords      *int         `json:"MaxRecords" check:"min=1,max=100"`
	NextToken       string       `json:"NextToken"`
	ScanBy          string       `json:"ScanBy" check:"enum=TimestampDescending|TimestampAscending"`
}

type historyItem struct {
	AlarmName       string       `json:"AlarmName"`
	AlarmType       string       `json:"AlarmType"`
	Timestamp       awswire.Time `json:"Timestamp"`
	HistoryItemType string       `json:"HistoryItemType"`
	HistorySummary  string       `json:"HistorySummary"`
	HistoryData     string       `json:"HistoryData"`
}

type describeAlarmHistoryOutput struct {
	AlarmHistoryItems []historyItem `json:"AlarmHistoryItems"`
	NextToken         string        `json:"NextToken,omitzero"`
}

func (s *Service) describeAlarmHistory(_ context.Context, in *describeAlarmHistoryInput) (*describeAlarmHistoryOutput, error) {
	var all []historyItem
	err := s.Store.View(func(r store.Reader) error {
		all = readHistory(r, in.AlarmName, func(h historyItem) bool {
			return (in.HistoryItemType == "" || in.HistoryItemType == h.HistoryItemType) && (len(in.AlarmTypes) == 0 || slices.Contains(in.AlarmTypes, h.AlarmType)) &&
				(in.StartDate.IsZero() || !h.Timestamp.Before(in.StartDate.Time)) && (in.EndDate.IsZero() || !h.Timestamp.After(in.EndDate.Time))
		})
		return nil
	})
	slices.SortStableFunc(all, func(a, b historyItem) int { return a.Timestamp.Compare(b.Timestamp.Time) })
	if in.ScanBy != "TimestampAscending" {
		slices.Reverse(all)
	}
	limit, skip := 100, 0
	if in.MaxRecords != nil {
		limit = *in.MaxRecords
	}
	if in.NextToken != "" {
		var bad error
		if skip, bad = strconv.Atoi(in.NextToken); bad != nil || skip < 0 || skip > len(all) {
			return nil, fault("InvalidNextToken", "The NextToken %q is not one of this operation's.", in.NextToken)
		}
	}
	out := &describeAlarmHistoryOutput{AlarmHistoryItems: append([]historyItem{}, all[skip:min(skip+limit, len(all))]...)}
	if skip+limit < len(all) {
		out.NextToken = strconv.Itoa(skip + limit)
	}
	return out, err
}

type setAlarmStateInput struct {
	AlarmName       string `json:"AlarmName" check:"required,min=1,max=255"`
	StateValue      string `json:"StateValue" check:"required,enum=OK|ALARM|INSUFFICIENT_DATA"`
	StateReason     string `json:"StateReason" check:"required,max=1023"`
	StateReasonData string `json:"StateReasonData" check:"max=4000"`
}

// setAlarmState holds until the next evaluation, which is a step away.
func (s *Service) setAlarmState(_ context.Context, in *setAlarmStateInput) (*empty, error) {
	if !validJSON(in.StateReasonData) {
		return nil, fault("InvalidFormatFault", "StateReasonData is not valid JSON")
	}
	now := s.Clock.Now()
	err := s.Store.Update(func(tx *store.Tx) error {
		a, err := loadAlarm(tx, in.AlarmName)
		if err != nil {
			return err
		}
		if a == nil {
			return fault("ResourceNotFound", "The alarm %s does not exist", in.AlarmName)
		}
		return change(tx, a, in.StateValue, in.StateReason, in.StateReasonData, now)
	})
	if err != nil {
		return nil, err
	}
	s.changed(in.AlarmName)
	s.plan(in.AlarmName)
	return &empty{}, nil
}

// keepHistory is how long AWS keeps history.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html
const keepHistory = 30 * 24 * time.Hour
