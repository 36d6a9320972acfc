package cloudwatch

// This file defines what is kept of the values of a metric within a minute, and
// the statistics that it answers.

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// maxSample bounds the sample of an aggregate. Up to that many distinct values
// percentiles are exact; beyond, neighbours are merged two by two, which moves a
// percentile by less than one part in maxSample/2 of the ranks.
const maxSample = 200

// aggregate is the sum of some values.
type aggregate struct {
	Count  float64  `json:"n"`
	Sum    float64  `json:"s"`
	Min    float64  `json:"l"`
	Max    float64  `json:"h"`
	Sample []sample `json:"v,omitempty"`
	// Opaque: it holds a statistic set, which tells nothing of percentiles.
	Opaque bool `json:"o,omitempty"`
}

// sample is a value and how often it occurred.
type sample struct {
	Value float64 `json:"v"`
	Times float64 `json:"n"`
}

// add counts a value, times times.
func (a *aggregate) add(value, times float64) {
	a.merge(&aggregate{Count: times, Sum: value * times, Min: value, Max: value, Sample: []sample{{value, times}}})
}

// addSet counts a statistic set. Its percentiles are known when all its values
// are the same:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Percentiles
func (a *aggregate) addSet(count, sum, low, high float64) {
	set := &aggregate{Count: count, Sum: sum, Min: low, Max: high, Opaque: true}
	if low == high || count == 1 {
		set.Opaque, set.Sample = false, []sample{{low, count}}
	}
	a.merge(set)
}

func (a *aggregate) merge(b *aggregate) {
	if b.Count == 0 {
		return
	}
	if a.Count == 0 {
		a.Min, a.Max = b.Min, b.Max
	}
	a.Count += b.Count
	a.Sum += b.Sum
	a.Min, a.Max = min(a.Min, b.Min), max(a.Max, b.Max)
	a.Opaque = a.Opaque || b.Opaque
	for _, x := range b.Sample {
		i, found := slices.BinarySearchFunc(a.Sample, x, func(p, q sample) int { return cmp.Compare(p.Value, q.Value) })
		if found {
			a.Sample[i].Times += x.Times
		} else {
			a.Sample = slices.Insert(a.Sample, i, x)
		}
	}
	if len(a.Sample) > maxSample {
		a.thin()
	}
}

// thin halves the sample and keeps its ends, which are minimum and maximum.
func (a *aggregate) thin() {
	last := len(a.Sample) - 1
	kept := a.Sample[:1]
	for i := 1; i < last; i += 2 {
		x := a.Sample[i]
		if i+1 < last {
			y := a.Sample[i+1]
			x = sample{(x.Value*x.Times + y.Value*y.Times) / (x.Times + y.Times), x.Times + y.Times}
		}
		kept = append(kept, x)
	}
	a.Sample = append(kept, a.Sample[last])
}

// value returns a statistic; NaN where there is none.
func (a *aggregate) value(stat statistic) float64 {
	if a == nil || a.Count == 0 {
		return math.NaN()
	}
	switch stat.name {
	case "SampleCount":
		return a.Count
	case "Sum":
		return a.Sum
	case "Average":
		return a.Sum / a.Count
	case "Minimum":
		return a.Min
	case "Maximum":
		return a.Max
	}
	return a.percentile(stat.percent)
}

// percentile is the smallest value that percent of all do not exceed.
func (a *aggregate) percentile(percent float64) float64 {
	if a.Opaque {
		return math.NaN()
	}
	rank, seen := percent/100*a.Count, 0.0
	for _, x := range a.Sample {
		if seen += x.Times; seen >= rank {
			return x.Value
		}
	}
	return a.Max
}

// statistic is a parsed name of one.
type statistic struct {
	name    string // SampleCount, Sum, Average, Minimum, Maximum or p
	percent float64
}

var statisticNames = []string{"SampleCount", "Average", "Sum", "Minimum", "Maximum"}

// parseStatistic reads Average, p99 or p99.9.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
func parseStatistic(text string) (statistic, bool) {
	for _, name := range statisticNames {
		if name == text {
			return statistic{name: name}, true
		}
	}
	if rest, ok := strings.CutPrefix(text, "p"); ok {
		percent, err := strconv.ParseFloat(rest, 64)
		if err == nil && percent >= 0 && percent <= 100 && !strings.ContainsAny(rest, "eExX+-_") {
			return statistic{"p", percent}, true
		}
	}
	return statistic{}, false
}

func errStatistic(text string) error {
	return invalidValue("The value %s for parameter Stat is not supported: the local AWS knows SampleCount, Average, Sum, Minimum, Maximum and percentiles such as p99.9.", text)
}
