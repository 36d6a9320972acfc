package cloudwatch

// This file defines GetMetricData, GetMetricStatistics and ListMetrics, and the
// queries that alarms share with them.

import (
	"context"
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

// metricStat is one metric under one statistic.
type metricStat struct {
	Metric metric `json:"Metric"`
	Period int    `json:"Period"`
	Stat   string `json:"Stat" check:"required"`
	Unit   string `json:"Unit,omitzero"`
}

// dataQuery is MetricDataQuery.
type dataQuery struct {
	ID         string      `json:"Id" check:"required,min=1,max=255"`
	MetricStat *metricStat `json:"MetricStat,omitzero"`
	Expression string      `json:"Expression,omitzero"`
	Label      string      `json:"Label,omitzero"`
	ReturnData *bool       `json:"ReturnData,omitzero"`
	Period     int         `json:"Period,omitzero"`
	AccountID  string      `json:"AccountId,omitzero"`

	formula   *formula  `json:"-"`
	statistic statistic `json:"-"`
}

func (q *dataQuery) returned() bool { return q.ReturnData == nil || *q.ReturnData }

// label is what the result is called: what the caller says, or the metric's
// name, or the id.
func (q *dataQuery) label() string {
	switch {
	case q.Label != "":
		return q.Label
	case q.MetricStat != nil:
		return q.MetricStat.Metric.MetricName
	}
	return q.ID
}

// querySet is a checked list of queries over one period.
type querySet struct {
	queries []*dataQuery
	period  int64
}

var queryID = regexp.MustCompile(`^[a-z][A-Za-z0-9_]*$`)

const maxQueries = 500

// newQuerySet parses and checks queries. Those whose results are calculated with
// each other must have one period; queries without expressions among them may
// each have their own and come as sets of their own.
func newQuerySet(list []dataQuery) (*querySet, error) {
	set, ids := &querySet{}, map[string]bool{}
	for i := range list {
		q := &list[i]
		if !queryID.MatchString(q.ID) {
			return nil, invalid("The value '%s' for MetricDataQueries.member.%d.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$", q.ID, i+1)
		}
		if ids[q.ID] {
			return nil, invalid("The values for parameter id in MetricDataQueries are not unique: %s", q.ID)
		}
		ids[q.ID] = true
		if err := q.parse(); err != nil {
			return nil, err
		}
		set.queries = append(set.queries, q)
	}
	for _, q := range set.queries {
		if q.formula == nil {
			continue
		}
		named, _ := q.formula.ids()
		for _, id := range named {
			if !ids[id] {
				return nil, invalid("Error in expression '%s': the metric or expression %s is not among the queries", q.ID, id)
			}
		}
	}
	return set, set.onePeriod()
}

func (q *dataQuery) parse() (err error) {
	if (q.MetricStat == nil) == (q.Expression == "") {
		return invalid("The query '%s' must have either a MetricStat or an Expression.", q.ID)
	}
	if q.MetricStat != nil {
		m := &q.MetricStat.Metric
		if m.Namespace == "" || m.MetricName == "" {
			return invalid("The query '%s' must name the Namespace and the MetricName of its metric.", q.ID)
		}
		*m = newMetric(m.Namespace, m.MetricName, m.Dimensions)
		var ok bool
		if q.statistic, ok = parseStatistic(q.MetricStat.Stat); !ok {
			return errStatistic(q.MetricStat.Stat)
		}
		return checkPeriod(q.MetricStat.Period)
	}
	if q.formula, err = parseFormula(q.Expression); err == nil {
		err = q.formula.check()
	}
	if err != nil {
		return invalid("Error in expression '%s': %v", q.ID, err)
	}
	return nil
}

func checkPeriod(seconds int) error {
	if seconds > 0 && (seconds%60 == 0 || slices.Contains([]int{1, 5, 10, 20, 30}, seconds)) {
		return nil
	}
	return invalidValue("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60, not %d.", seconds)
}

// onePeriod finds the period of the set; only without expressions may they differ.
func (set *querySet) onePeriod() error {
	mixed, math := false, false
	for _, q := range set.queries {
		if q.MetricStat == nil {
			math = true
			continue
		}
		period := int64(q.MetricStat.Period)
		mixed = mixed || set.period != 0 && set.period != period
		set.period = period
	}
	if mixed && math {
		return invalid("The metrics of a request with expressions must all have the same period: the local AWS does not combine several.")
	}
	if set.period == 0 {
		set.period = 60
		for _, q := range set.queries {
			if q.Period > 0 {
				set.period = int64(q.Period)
			}
		}
	}
	return nil
}

// dataset is what the store has for the metrics of a set, by query id.
type dataset map[string][]datum

func (set *querySet) load(r store.Reader, from, to int64) dataset {
	data := dataset{}
	for _, q := range set.queries {
		if q.MetricStat != nil {
			data[q.ID] = read(r, q.MetricStat.Metric, q.MetricStat.Unit, from, to, q.MetricStat.Period < 60)
		}
	}
	return data
}

// calculate evaluates the queries over n slots of the set's period.
func (set *querySet) calculate(data dataset, start, period int64, n int) *calculator {
	c := &calculator{queries: map[string]*dataQuery{}, values: map[string]operand{}, n: n, period: float64(period), underway: map[string]bool{}}
	for _, q := range set.queries {
		c.queries[q.ID] = q
		c.order = append(c.order, q.ID)
		if q.MetricStat == nil {
			continue
		}
		values := make([]float64, n)
		for i, a := range fold(data[q.ID], start, period, n) {
			values[i] = a.value(q.statistic)
		}
		c.values[q.ID] = timeSeries(values)
	}
	return c
}

type labelOptions struct {
	Timezone string `json:"Timezone"`
}

type getMetricDataInput struct {
	MetricDataQueries []dataQuery   `json:"MetricDataQueries" check:"required"`
	StartTime         awswire.Time  `json:"StartTime"`
	EndTime           awswire.Time  `json:"EndTime"`
	NextToken         string        `json:"NextToken"`
	ScanBy            string        `json:"ScanBy" check:"enum=TimestampDescending|TimestampAscending"`
	MaxDatapoints     int           `json:"MaxDatapoints"`
	LabelOptions      *labelOptions `json:"LabelOptions"`
}

type dataResult struct {
	ID         string         `json:"Id"`
	Label      string         `json:"Label"`
	StatusCode string         `json:"StatusCode"`
	Timestamps []awswire.Time `json:"Timestamps"`
	Values     []float64      `json:"Values"`
}

type getMetricDataOutput struct {
	MetricDataResults []dataResult `json:"MetricDataResults"`
	NextToken         string       `json:"NextToken,omitzero"`
	Messages          []empty      `json:"Messages"`
}

// maxDatapoints of one answer.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
const maxDatapoints = 100_800

func (s *Service) getMetricData(_ context.Context, in *getMetricDataInput) (*getMetricDataOutput, error) {
	if len(in.MetricDataQueries) > maxQueries {
		return nil, invalidValue("The collection MetricDataQueries must not have a size greater than %d.", maxQueries)
	}
	if in.StartTime.IsZero() || in.EndTime.IsZero() || !in.StartTime.Before(in.EndTime.Time) {
		return nil, invalid("The parameter StartTime must be less than the parameter EndTime.")
	}
	set, err := newQuerySet(in.MetricDataQueries)
	if err != nil {
		return nil, err
	}
	results, err := s.results(set, in.StartTime.Time, in.EndTime.Time)
	if err != nil {
		return nil, err
	}
	for i := range results {
		if in.ScanBy != "TimestampAscending" {
			slices.Reverse(results[i].Timestamps)
			slices.Reverse(results[i].Values)
		}
	}
	limit := in.MaxDatapoints
	if limit <= 0 || limit > maxDatapoints {
		limit = maxDatapoints
	}
	return page(results, in.NextToken, limit)
}

// page cuts what a token has seen already off the results, and what is beyond
// the limit; the token is the number of points seen.
func page(results []dataResult, token string, limit int) (*getMetricDataOutput, error) {
	skip := 0
	if token != "" {
		var err error
		if skip, err = strconv.Atoi(token); err != nil || skip < 0 {
			return nil, fault("InvalidNextToken", "The service can't process the request because the NextToken %q is not one of its own.", token)
		}
	}
	out := &getMetricDataOutput{MetricDataResults: []dataResult{}, Messages: []empty{}}
	at := 0
	for _, r := range results {
		from, to := max(0, skip-at), len(r.Values)
		if done := at + from; to-from > skip+limit-done {
			to = from + max(0, skip+limit-done)
			out.NextToken = strconv.Itoa(skip + limit)
			r.StatusCode = "PartialData"
		}
		at += len(r.Values)
		if from >= to && len(r.Values) > 0 {
			continue
		}
		r.Timestamps, r.Values = r.Timestamps[from:to], r.Values[from:to]
		out.MetricDataResults = append(out.MetricDataResults, r)
	}
	return out, nil
}

// aligned moves a time down to where data begins: the minute, or the period of
// high resolution.
func aligned(t time.Time, period int64) int64 {
	step := min(period, 60)
	return t.Unix() - t.Unix()%step
}

// maxSlots bounds what one query may calculate over.
const maxSlots = 1_000_000

func (s *Service) results(set *querySet, from, to time.Time) ([]dataResult, error) {
	s.flush()
	results := []dataResult{}
	return results, s.Store.View(func(r store.Reader) error {
		data := set.load(r, aligned(from, 1), to.Unix()+1)
		for _, q := range set.queries {
			period := set.period
			if q.MetricStat != nil {
				period = int64(q.MetricStat.Period)
			}
			start := aligned(from, period)
			n := (to.Unix() - start + period - 1) / period
			if n > maxSlots {
				return invalidValue("The request would return more than %d data points: take a longer period or a shorter time.", maxSlots)
			}
			if !q.returned() {
				continue
			}
			v, err := set.calculate(data, start, period, int(n)).query(q.ID)
			if err == nil && v.isNumber() {
				err = errNumber(v.number)
			}
			if err != nil {
				return invalid("Error in expression '%s': %v", q.ID, err)
			}
			results = append(results, q.results(v, start, period)...)
		}
		return nil
	})
}

func errNumber(x float64) error {
	return invalid("it is the single number %v, and must return a time series", x)
}

// results shows the points that are there.
func (q *dataQuery) results(v operand, start, period int64) []dataResult {
	var all []dataResult
	for k, series := range v.series {
		r := dataResult{ID: q.ID, Label: q.label(), StatusCode: "Complete", Timestamps: []awswire.Time{}, Values: []float64{}}
		if k < len(v.labels) {
			r.Label = v.labels[k]
		}
		for i, x := range series {
			if !math.IsNaN(x) {
				r.Timestamps = append(r.Timestamps, wireTime(time.Unix(start+int64(i)*period, 0).UTC()))
				r.Values = append(r.Values, x)
			}
		}
		all = append(all, r)
	}
	return all
}

type getMetricStatisticsInput struct {
	Namespace          string       `json:"Namespace" check:"required,min=1,max=255"`
	MetricName         string       `json:"MetricName" check:"required,min=1,max=255"`
	Dimensions         []dimension  `json:"Dimensions"`
	StartTime          awswire.Time `json:"StartTime"`
	EndTime            awswire.Time `json:"EndTime"`
	Period             int          `json:"Period"`
	Statistics         []string     `json:"Statistics"`
	ExtendedStatistics []string     `json:"ExtendedStatistics"`
	Unit               string       `json:"Unit"`
}

type datapoint struct {
	Timestamp          awswire.Time       `json:"Timestamp"`
	SampleCount        *float64           `json:"SampleCount,omitzero"`
	Average            *float64           `json:"Average,omitzero"`
	Sum                *float64           `json:"Sum,omitzero"`
	Minimum            *float64           `json:"Minimum,omitzero"`
	Maximum            *float64           `json:"Maximum,omitzero"`
	Unit               string             `json:"Unit"`
	ExtendedStatistics map[string]float64 `json:"ExtendedStatistics,omitempty"`
}

type getMetricStatisticsOutput struct {
	Label      string      `json:"Label"`
	Datapoints []datapoint `json:"Datapoints"`
}

const maxStatisticsPoints = 1440

func (s *Service) getMetricStatistics(_ context.Context, in *getMetricStatisticsInput) (*getMetricStatisticsOutput, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	period := int64(in.Period)
	start := aligned(in.StartTime.Time, period)
	n := int((in.EndTime.Unix() - start + period - 1) / period)
	if n > maxStatisticsPoints {
		return nil, fault("InvalidParameterCombinationException", "You have requested up to %d datapoints, which exceeds the limit of %d. You may reduce the datapoints requested by increasing Period, or decreasing the time range.", n, maxStatisticsPoints)
	}
	s.flush()
	out := &getMetricStatisticsOutput{Label: in.MetricName, Datapoints: []datapoint{}}
	return out, s.Store.View(func(r store.Reader) error {
		data := read(r, newMetric(in.Namespace, in.MetricName, in.Dimensions), in.Unit, start, in.EndTime.Unix(), in.Period < 60)
		for _, unit := range unitsOf(data) {
			own := slices.DeleteFunc(slices.Clone(data), func(d datum) bool { return d.unit != unit })
			for i, a := range fold(own, start, period, n) {
				if a != nil {
					out.Datapoints = append(out.Datapoints, in.datapoint(a, time.Unix(start+int64(i)*period, 0).UTC(), unit))
				}
			}
		}
		return nil
	})
}

func (in *getMetricStatisticsInput) check() error {
	switch {
	case in.StartTime.IsZero() || in.EndTime.IsZero() || !in.StartTime.Before(in.EndTime.Time):
		return invalidValue("The parameter StartTime must be less than the parameter EndTime.")
	case len(in.Statistics)+len(in.ExtendedStatistics) == 0:
		return fault("MissingRequiredParameterException", "Must specify either Statistics or ExtendedStatistics")
	}
	for _, name := range in.Statistics {
		if !slices.Contains(statisticNames, name) {
			return errStatistic(name)
		}
	}
	for _, name := range in.ExtendedStatistics {
		if stat, ok := parseStatistic(name); !ok || stat.name != "p" {
			return errStatistic(name)
		}
	}
	return checkPeriod(in.Period)
}

func unitsOf(data []datum) []string {
	var list []string
	for _, d := range data {
		if !slices.Contains(list, d.unit) {
			list = append(list, d.unit)
		}
	}
	return list
}

func (in *getMetricStatisticsInput) datapoint(a *aggregate, at time.Time, unit string) datapoint {
	if unit == "" {
		unit = "None"
	}
	p := datapoint{Timestamp: wireTime(at), Unit: unit}
	for _, name := range in.Statistics {
		v := a.value(statistic{name: name})
		*map[string]**float64{"SampleCount": &p.SampleCount, "Average": &p.Average, "Sum": &p.Sum, "Minimum": &p.Minimum, "Maximum": &p.Maximum}[name] = &v
	}
	for _, name := range in.ExtendedStatistics {
		stat, _ := parseStatistic(name)
		if v := a.value(stat); !math.IsNaN(v) {
			if p.ExtendedStatistics == nil {
				p.ExtendedStatistics = map[string]float64{}
			}
			p.ExtendedStatistics[name] = v
		}
	}
	return p
}

type dimensionFilter struct {
	Name  string  `json:"Name" check:"required"`
	Value *string `json:"Value"`
}

type listMetricsInput struct {
	Namespace      string            `json:"Namespace"`
	MetricName     string            `json:"MetricName"`
	Dimensions     []dimensionFilter `json:"Dimensions"`
	NextToken      string            `json:"NextToken"`
	RecentlyActive string            `json:"RecentlyActive" check:"enum=PT3H"`
}

type listMetricsOutput struct {
	Metrics   []metric `json:"Metrics"`
	NextToken string   `json:"NextToken,omitzero"`
}

const metricsPerPage = 500

// listMetrics lists what had data within the retention.
func (s *Service) listMetrics(_ context.Context, in *listMetricsInput) (*listMetricsOutput, error) {
	s.flush()
	prefix := ""
	if in.Namespace != "" {
		prefix = store.Key(in.Namespace)
	}
	oldest := s.Clock.Now().Add(-keepByMinute)
	if in.RecentlyActive != "" {
		oldest = s.Clock.Now().Add(-keepBySecond)
	}
	out := &listMetricsOutput{Metrics: []metric{}}
	from := prefix
	if in.NextToken != "" {
		last, err := strconv.Unquote(`"` + in.NextToken + `"`)
		if err != nil {
			return nil, invalidValue("Request parameter NextToken is invalid: %s", in.NextToken)
		}
		from = last
	}
	return out, s.Store.View(func(r store.Reader) error {
		for key, text := range r.Scan(bucketMetric, from, store.After(prefix)) {
			var have seen
			_ = json.Unmarshal(text, &have)
			m := metricOf(key)
			if have.Last < oldest.Unix() || !in.matches(m) {
				continue
			}
			if len(out.Metrics) == metricsPerPage {
				quoted := strconv.QuoteToASCII(key)
				out.NextToken = quoted[1 : len(quoted)-1]
				break
			}
			out.Metrics = append(out.Metrics, m)
		}
		return nil
	})
}

func (in *listMetricsInput) matches(m metric) bool {
	if in.MetricName != "" && in.MetricName != m.MetricName {
		return false
	}
	for _, f := range in.Dimensions {
		if !slices.ContainsFunc(m.Dimensions, func(d dimension) bool { return d.Name == f.Name && (f.Value == nil || d.Value == *f.Value) }) {
			return false
		}
	}
	return true
}
