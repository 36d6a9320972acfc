package cloudwatch

// This file defines, purely, how a metric alarm comes to its state.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html#alarm-evaluation

import (
	"math"
	"time"
)

// The states of an alarm.
const (
	stateOK           = "OK"
	stateAlarm        = "ALARM"
	stateInsufficient = "INSUFFICIENT_DATA"
)

// The ways to treat missing data.
const (
	missing      = "missing"
	ignore       = "ignore"
	breaching    = "breaching"
	notBreaching = "notBreaching"
)

// spare is how many points beyond the evaluation periods an alarm looks back for
// ones that are there. AWS does not say its number; its examples have 5 points
// for 3 periods.
const spare = 2

// comparisons are the operators of metric alarms. Those of anomaly detection are
// refused.
var comparisons = map[string]struct {
	breaches func(value, threshold float64) bool
	words    string
}{
	"GreaterThanOrEqualToThreshold": {func(v, t float64) bool { return v >= t }, "greater than or equal to"},
	"GreaterThanThreshold":          {func(v, t float64) bool { return v > t }, "greater than"},
	"LessThanThreshold":             {func(v, t float64) bool { return v < t }, "less than"},
	"LessThanOrEqualToThreshold":    {func(v, t float64) bool { return v <= t }, "less than or equal to"},
}

// slot is one point in the evaluation range; NaN is missing.
type slot struct {
	value float64
	at    time.Time
}

func (p slot) missing() bool { return math.IsNaN(p.value) }

// verdict is what an evaluation comes to.
type verdict struct {
	state    string // "": the alarm keeps the one it has
	recent   []slot // the points that were looked at, oldest first
	breaches int    // among recent
	filled   int    // points made up for missing ones
}

// judge comes to a verdict over the evaluation range, oldest point first.
//
// With as many real points as evaluation periods, the latest of them decide.
// With fewer, all of them count, and the missing ones are filled as the alarm
// says; where it says nothing can be made up (missing, ignore), real points that
// alone reach the threshold's number alarm, and one within the threshold is OK.
// What is left has only breaching points, too few: premature, unless the oldest
// is at least as many points old as must breach.
func judge(a *alarm, points []slot) verdict {
	var real []slot
	oldestAge := 0 // of a breaching point, 1 being the latest slot
	breaches := comparisons[a.ComparisonOperator].breaches
	for i, p := range points {
		if p.missing() {
			continue
		}
		if len(real) == 0 {
			oldestAge = len(points) - i
		}
		real = append(real, p)
	}
	real = real[max(0, len(real)-a.EvaluationPeriods):]
	v := verdict{recent: real, filled: a.EvaluationPeriods - len(real)}
	for _, p := range real {
		if breaches(p.value, a.threshold()) {
			v.breaches++
		}
	}
	needed := a.toAlarm()
	switch {
	case v.breaches >= needed, a.treatMissing() == breaching && v.breaches+v.filled >= needed:
		v.state = stateAlarm
	case v.filled == 0, a.treatMissing() == breaching, a.treatMissing() == notBreaching, v.breaches < len(real):
		v.state = stateOK
	case a.treatMissing() == ignore:
		v.state = ""
	case v.breaches > 0 && oldestAge >= needed:
		v.state = stateAlarm
	default:
		v.state = stateInsufficient
	}
	return v
}

// reach is how far back an evaluation looks.
func (a *alarm) reach() time.Duration {
	return time.Duration(a.EvaluationPeriods+spare) * time.Duration(a.period()) * time.Second
}

// step is how often an alarm is evaluated: every minute, over windows that end
// there; of high resolution, every 10 seconds.
func (a *alarm) step() time.Duration {
	if a.period() < 60 {
		return 10 * time.Second
	}
	return time.Minute
}

// evaluate judges the window that ends at a time.
func (a *alarm) evaluate(data dataset, end time.Time) (verdict, error) {
	n := a.EvaluationPeriods + spare
	start := end.Add(-a.reach())
	v, err := a.set.calculate(data, start.Unix(), a.period(), n).query(a.watched())
	if err != nil {
		return verdict{}, err
	}
	points := make([]slot, n)
	for i := range points {
		points[i] = slot{math.NaN(), start.Add(time.Duration(i) * time.Duration(a.period()) * time.Second)}
		if len(v.series) == 1 {
			points[i].value = v.series[0][i]
		}
	}
	return judge(a, points), nil
}

// nextChange returns the first evaluation after a time that would change the
// alarm's state if no more data came; ok is false when none would. Once the last
// point in hand has left the range, all evaluations are alike.
func (a *alarm) nextChange(data dataset, after time.Time) (at time.Time, ok bool) {
	last := after
	for _, points := range data {
		if n := len(points); n > 0 {
			last = later(last, time.Unix(points[n-1].at, 0).Add(time.Minute))
		}
	}
	end := last.Add(a.reach() + 2*a.step())
	for at = after.Truncate(a.step()).Add(a.step()); !at.After(end); at = at.Add(a.step()) {
		v, err := a.evaluate(data, at)
		if err != nil {
			return at, false
		}
		if v.state != "" && v.state != a.State {
			return at, true
		}
	}
	return at, false
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
