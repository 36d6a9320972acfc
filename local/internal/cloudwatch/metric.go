package cloudwatch

// This file defines the identity of a metric, and PutMetricData.

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

type dimension struct {
	Name  string `json:"Name" check:"required,min=1,max=255"`
	Value string `json:"Value" check:"required,min=1,max=1024"`
}

// metric is one series: a namespace, a name and dimensions in order of name.
type metric struct {
	Namespace  string      `json:"Namespace,omitzero"`
	MetricName string      `json:"MetricName,omitzero"`
	Dimensions []dimension `json:"Dimensions"`
}

func newMetric(namespace, name string, dimensions []dimension) metric {
	sorted := slices.Clone(dimensions)
	slices.SortFunc(sorted, func(a, b dimension) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value)) })
	return metric{namespace, name, sorted}
}

func (m metric) key() string {
	parts := make([]string, 0, 2+2*len(m.Dimensions))
	parts = append(parts, m.Namespace, m.MetricName)
	for _, d := range m.Dimensions {
		parts = append(parts, d.Name, d.Value)
	}
	return store.Key(parts...)
}

func metricOf(key string) metric {
	parts := store.SplitKey(key)
	m := metric{Namespace: parts[0], MetricName: parts[1], Dimensions: []dimension{}}
	for i := 2; i+1 < len(parts); i += 2 {
		m.Dimensions = append(m.Dimensions, dimension{parts[i], parts[i+1]})
	}
	return m
}

// Limits of PutMetricData:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
const (
	maxDatums     = 1000
	maxDimensions = 30
	maxValues     = 150
	maxPast       = 14 * 24 * time.Hour
	maxAhead      = 2 * time.Hour
)

var maxValue = math.Pow(2, 360)

var units = []string{"Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits", "Kilobits", "Megabits", "Gigabits",
	"Terabits", "Percent", "Count", "Bytes/Second", "Kilobytes/Second", "Megabytes/Second", "Gigabytes/Second", "Terabytes/Second", "Bits/Second", "Kilobits/Second",
	"Megabits/Second", "Gigabits/Second", "Terabits/Second", "Count/Second", "None"}

type statisticSet struct {
	SampleCount *float64 `json:"SampleCount" check:"required"`
	Sum         *float64 `json:"Sum" check:"required"`
	Minimum     *float64 `json:"Minimum" check:"required"`
	Maximum     *float64 `json:"Maximum" check:"required"`
}

type metricDatum struct {
	MetricName        string        `json:"MetricName" check:"required,min=1,max=255"`
	Dimensions        []dimension   `json:"Dimensions"`
	Timestamp         awswire.Time  `json:"Timestamp"`
	Value             *float64      `json:"Value"`
	StatisticValues   *statisticSet `json:"StatisticValues"`
	Values            []float64     `json:"Values"`
	Counts            []float64     `json:"Counts"`
	Unit              string        `json:"Unit"`
	StorageResolution int           `json:"StorageResolution"`
}

type putMetricDataInput struct {
	Namespace  string        `json:"Namespace" check:"min=1,max=255"`
	MetricData []metricDatum `json:"MetricData"`
	// Entities are a console's grouping; they are taken and mean nothing here.
	EntityMetricData []struct {
		MetricData []metricDatum `json:"MetricData"`
	} `json:"EntityMetricData"`
}

func (s *Service) putMetricData(_ context.Context, in *putMetricDataInput) (*empty, error) {
	all := in.MetricData
	for _, e := range in.EntityMetricData {
		all = append(all, e.MetricData...)
	}
	switch {
	case in.Namespace == "":
		return nil, fault("MissingRequiredParameterException", "The parameter Namespace is required.")
	case len(all) == 0:
		return nil, fault("MissingRequiredParameterException", "The parameter MetricData is required.")
	case len(all) > maxDatums:
		return nil, invalidValue("The collection MetricData must not have a size greater than %d.", maxDatums)
	case strings.HasPrefix(in.Namespace, ":"), strings.Trim(in.Namespace, " ") == "":
		return nil, invalidValue("The value %s for parameter Namespace is invalid: it must not be blank or begin with a colon.", in.Namespace)
	}
	now := s.Clock.Now()
	batch := map[point]*aggregate{}
	for i := range all {
		if err := s.addDatum(batch, in.Namespace, &all[i], i+1, now); err != nil {
			return nil, err
		}
	}
	if err := s.write(batch); err != nil {
		return nil, err
	}
	s.pending.putAside(batch)
	s.dataArrived(batch)
	return &empty{}, nil
}

func (s *Service) addDatum(batch map[point]*aggregate, namespace string, d *metricDatum, number int, now time.Time) error {
	values, err := d.aggregate(number)
	if err != nil {
		return err
	}
	at := d.Timestamp.Time
	if at.IsZero() {
		at = now
	}
	switch {
	case len(d.Dimensions) > maxDimensions:
		return invalidValue("The collection MetricData.member.%d.Dimensions must not have a size greater than %d.", number, maxDimensions)
	case duplicateNames(d.Dimensions):
		return invalidValue("The parameter MetricData.member.%d.Dimensions names a dimension twice.", number)
	case d.Unit != "" && !slices.Contains(units, d.Unit):
		return invalidValue("The value %s for parameter MetricData.member.%d.Unit is not a unit that CloudWatch knows.", d.Unit, number)
	case d.StorageResolution != 0 && d.StorageResolution != 1 && d.StorageResolution != 60:
		return invalidValue("The parameter MetricData.member.%d.StorageResolution must be 1 or 60.", number)
	case at.Before(now.Add(-maxPast)) || at.After(now.Add(maxAhead)):
		return invalidValue("The parameter MetricData.member.%d.Timestamp must specify a time no earlier than two weeks ago and no later than two hours ahead.", number)
	}
	key := newMetric(namespace, d.MetricName, d.Dimensions).key()
	into(batch, point{key, at.Truncate(time.Minute).Unix(), d.Unit, false}).merge(values)
	if d.StorageResolution == 1 {
		into(batch, point{key, at.Unix(), d.Unit, true}).merge(values)
	}
	return nil
}

func duplicateNames(dimensions []dimension) bool {
	seen := map[string]bool{}
	for _, d := range dimensions {
		if seen[d.Name] {
			return true
		}
		seen[d.Name] = true
	}
	return false
}

// aggregate reads the values of a datum, whichever of the three ways they are
// given.
func (d *metricDatum) aggregate(number int) (*aggregate, error) {
	given := 0
	for _, there := range []bool{d.Value != nil, d.StatisticValues != nil, len(d.Values) > 0} {
		if there {
			given++
		}
	}
	switch {
	case given == 0:
		return nil, fault("MissingRequiredParameterException", "The parameter MetricData.member.%d.Value, Values or StatisticValues is required.", number)
	case given > 1:
		return nil, fault("InvalidParameterCombinationException", "The parameters MetricData.member.%d.Value, Values and StatisticValues are mutually exclusive and you have specified more than one.", number)
	case len(d.Values) > maxValues:
		return nil, invalidValue("The collection MetricData.member.%d.Values must not have a size greater than %d.", number, maxValues)
	case len(d.Counts) > 0 && len(d.Counts) != len(d.Values):
		return nil, invalidValue("The parameters MetricData.member.%d.Values and MetricData.member.%d.Counts must be of the same size.", number, number)
	}
	a := &aggregate{}
	if set := d.StatisticValues; set != nil {
		if *set.SampleCount <= 0 || *set.Minimum > *set.Maximum || !inRange(*set.SampleCount, *set.Sum, *set.Minimum, *set.Maximum) {
			return nil, invalidValue("The parameter MetricData.member.%d.StatisticValues must have a positive SampleCount and a Minimum not above its Maximum.", number)
		}
		a.addSet(*set.SampleCount, *set.Sum, *set.Minimum, *set.Maximum)
		return a, nil
	}
	values := d.Values
	if d.Value != nil {
		values = []float64{*d.Value}
	}
	for i, v := range values {
		times := 1.0
		if len(d.Counts) > 0 {
			times = d.Counts[i]
		}
		if !inRange(v) || times < 0 || !inRange(times) {
			return nil, invalidValue("The value %v for parameter MetricData.member.%d.Value is invalid: it must be a number from -2^360 to 2^360.", v, number)
		}
		a.add(v, times)
	}
	return a, nil
}

func inRange(values ...float64) bool {
	return !slices.ContainsFunc(values, func(v float64) bool { return math.IsNaN(v) || math.Abs(v) > maxValue })
}
