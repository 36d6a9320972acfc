package cloudwatch

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func watching(toAlarm, of int, treat string) *alarm {
	one := 1.0
	return &alarm{settings: settings{AlarmName: "a", ComparisonOperator: "GreaterThanOrEqualToThreshold", Threshold: &one, EvaluationPeriods: of, DatapointsToAlarm: toAlarm,
		TreatMissingData: treat, Namespace: "N", MetricName: "M", Statistic: "Sum", Period: 60}, State: stateInsufficient}
}

func points(text string) []slot {
	var all []slot
	for _, p := range strings.Fields(text) {
		all = append(all, slot{map[string]float64{"0": 0, "X": 1, "-": math.NaN()}[p], time.Time{}})
	}
	return all
}

func TestMissingData(t *testing.T) {
	columns := regexp.MustCompile(`\s{2,}`)
	for _, line := range lines(t, "missing.txt") {
		c := columns.Split(line, -1)
		toAlarm, _ := strconv.Atoi(c[0])
		of, _ := strconv.Atoi(c[1])
		for i, treat := range []string{missing, ignore, breaching, notBreaching} {
			got := judge(watching(toAlarm, of, treat), points(c[2])).state
			if got == "" {
				got = "keep"
			}
			if got != c[3+i] {
				t.Errorf("%d of %d, %s, %s: %s, want %s", toAlarm, of, c[2], treat, got, c[3+i])
			}
		}
	}
}

// What nextChange foretells is what evaluations at every step come to.
func TestNextChangeForetells(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := watching(0, rapid.IntRange(1, 3).Draw(t, "of"), rapid.SampledFrom([]string{missing, ignore, breaching, notBreaching}).Draw(t, "treat"))
		a.DatapointsToAlarm = rapid.IntRange(1, a.EvaluationPeriods).Draw(t, "to alarm")
		a.Period = 60 * rapid.IntRange(1, 3).Draw(t, "minutes")
		a.State = rapid.SampledFrom([]string{stateOK, stateAlarm, stateInsufficient}).Draw(t, "state")
		if err := a.prepare(); err != nil {
			t.Fatal(err)
		}
		now := began.Truncate(time.Minute)
		var data []datum
		for m := -20; m <= 2; m++ {
			if rapid.IntRange(0, 3).Draw(t, "there") == 0 {
				d := datum{at: now.Add(time.Duration(m) * time.Minute).Unix(), aggregate: &aggregate{}}
				d.add(float64(rapid.IntRange(0, 1).Draw(t, "value")), 1)
				data = append(data, d)
			}
		}
		set := dataset{soleQuery: data}
		at, ok := a.nextChange(set, now)
		for step := now.Add(time.Minute); step.Before(now.Add(time.Hour)); step = step.Add(time.Minute) {
			v, err := a.evaluate(set, step)
			if err != nil {
				t.Fatal(err)
			}
			if changes := v.state != "" && v.state != a.State; changes {
				if !ok || !at.Equal(step) {
					t.Fatalf("changes at %v; foretold %v %v", step, at, ok)
				}
				return
			}
		}
		if ok {
			t.Fatalf("foretold %v; nothing changes", at)
		}
	})
}

func series(text string) []float64 {
	var all []float64
	for _, f := range strings.Fields(text) {
		x, err := strconv.ParseFloat(f, 64)
		if err != nil {
			x = math.NaN()
		}
		all = append(all, x)
	}
	return all
}

func TestMetricMath(t *testing.T) {
	data := dataset{}
	for _, line := range lines(t, "math.txt") {
		left, want, _ := strings.Cut(line, " = ")
		left, want = strings.TrimSpace(left), strings.TrimSpace(want)
		if left == "a" || left == "b" {
			for i, x := range series(want) {
				if d := (datum{at: int64(60 * i), aggregate: &aggregate{}}); !math.IsNaN(x) {
					d.add(x, 1)
					data[left] = append(data[left], d)
				}
			}
			continue
		}
		got := calculated(data, left)
		if words, refused := strings.CutPrefix(want, "error: "); refused && !strings.Contains(got, words) || !refused && got != want {
			t.Errorf("%s = %s, want %s", left, got, want)
		}
	}
}

func calculated(data dataset, expression string) string {
	stat := func(name string) *metricStat {
		return &metricStat{metric{Namespace: "N", MetricName: name}, 60, "Sum", ""}
	}
	set, err := newQuerySet([]dataQuery{{ID: "a", MetricStat: stat("A")}, {ID: "b", MetricStat: stat("B")}, {ID: "e", Expression: expression}})
	if err != nil {
		return err.Error()
	}
	v, err := set.calculate(data, 0, 60, 4).query("e")
	if err == nil && v.isNumber() {
		err = errNumber(v.number)
	}
	if err != nil {
		return err.Error()
	}
	if len(v.series) == 0 {
		return "nothing"
	}
	var texts []string
	for _, x := range v.series[0] {
		texts = append(texts, strings.Replace(strconv.FormatFloat(x, 'f', -1, 64), "NaN", "-", 1))
	}
	return strings.Join(texts, " ")
}

func FuzzFormula(f *testing.F) {
	for _, seed := range []string{"a+b", "IF(a>1,FILL(b,0),-1)", "[a,b", "((((", "METRICS(\"x\")/PERIOD(a)^2", "a OR AND b", "^", "RATE()", "''"} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, text string) { calculated(dataset{}, text) })
}

func TestPercentilesStayNearWhenTheSampleIsFull(t *testing.T) {
	a := &aggregate{}
	for i := range 10_000 {
		a.add(float64((i*7919)%10_000), 1)
	}
	if len(a.Sample) > maxSample {
		t.Errorf("%d values are kept", len(a.Sample))
	}
	for _, p := range []string{"p1", "p10", "p50", "p90", "p99", "p99.9"} {
		stat, ok := parseStatistic(p)
		want := stat.percent * 100
		if got := a.value(stat); !ok || math.Abs(got-want) > 10_000*0.02 {
			t.Errorf("%s is %v, want about %v", p, got, want)
		}
	}
	for _, p := range []string{"p", "p101", "p-1", "px", "tm90", "average", "p1e1"} {
		if _, ok := parseStatistic(p); ok {
			t.Errorf("%s is no statistic", p)
		}
	}
}

func TestSpelling(t *testing.T) {
	for x, want := range map[float64]string{1: "1.0", 99.5: "99.5", 0: "0.0", -3: "-3.0", 1e21: "1000000000000000000000.0"} {
		if got := spell(x); got != want {
			t.Errorf("%v is spelt %s, want %s", x, got, want)
		}
	}
}
