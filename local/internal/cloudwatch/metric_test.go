package cloudwatch

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// ask returns the sums of a query over the quarter of an hour around now, oldest first.
func (w *world) ask(queries ...types.MetricDataQuery) *cw.GetMetricDataOutput {
	w.Helper()
	now := w.clk.Now().Truncate(time.Minute)
	return must(w.GetMetricData(w.Context(), &cw.GetMetricDataInput{MetricDataQueries: queries, StartTime: aws.Time(now.Add(-10 * time.Minute)), EndTime: aws.Time(now.Add(5 * time.Minute)),
		ScanBy: types.ScanByTimestampAscending}))(w.T)
}

func query(id, name, stat string, period int32) types.MetricDataQuery {
	return types.MetricDataQuery{Id: &id, MetricStat: &types.MetricStat{Metric: &types.Metric{Namespace: aws.String("Shop"), MetricName: &name}, Period: &period, Stat: &stat}}
}

func TestDataInItsThreeForms(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	f := aws.Float64
	data := []types.MetricDatum{
		{MetricName: aws.String("M"), Value: f(5), Unit: types.StandardUnitSeconds},
		{MetricName: aws.String("M"), Values: []float64{1, 2, 100}, Counts: []float64{3, 2, 1}, Unit: types.StandardUnitSeconds},
		{MetricName: aws.String("S"), StatisticValues: &types.StatisticSet{SampleCount: f(4), Sum: f(10), Minimum: f(1), Maximum: f(4)}},
		{MetricName: aws.String("H"), Value: f(1), StorageResolution: aws.Int32(1)},
	}
	must(w.PutMetricData(ctx, &cw.PutMetricDataInput{Namespace: aws.String("Shop"), MetricData: data}))(t)
	w.svc.Count("Shop", "M", nil, 7, "Seconds")
	stats := func(name string, period int32, extended ...string) string {
		in := &cw.GetMetricStatisticsInput{Namespace: aws.String("Shop"), MetricName: &name, StartTime: aws.Time(began.Add(-time.Minute)), EndTime: aws.Time(began.Add(time.Minute)), Period: &period,
			Statistics: []types.Statistic{"SampleCount", "Sum", "Minimum", "Maximum", "Average"}, ExtendedStatistics: extended}
		var all []string
		for _, p := range must(w.GetMetricStatistics(ctx, in))(t).Datapoints {
			all = append(all, fmt.Sprintf("%s n=%v sum=%v min=%v max=%v avg=%.2f %s %v", p.Timestamp.Format("15:04:05"), *p.SampleCount, *p.Sum, *p.Minimum, *p.Maximum, *p.Average, p.Unit, p.ExtendedStatistics))
		}
		return strings.Join(all, "; ")
	}
	equal(t, "values", stats("M", 60, "p50", "p90", "p99.9"), "12:00:00 n=8 sum=119 min=1 max=100 avg=14.88 Seconds map[p50:2 p90:100 p99.9:100]")
	equal(t, "a set has no percentiles", stats("S", 60, "p50"), "12:00:00 n=4 sum=10 min=1 max=4 avg=2.50 None map[]")
	equal(t, "high resolution", stats("H", 10), "12:00:30 n=1 sum=1 min=1 max=1 avg=1.00 None map[]")
	equal(t, "and by the minute", stats("H", 60), "12:00:00 n=1 sum=1 min=1 max=1 avg=1.00 None map[]")
}

func TestDataThatIsRefused(t *testing.T) {
	w, f := newWorld(t), aws.Float64
	for words, d := range map[string]types.MetricDatum{
		"Value, Values or StatisticValues is required": {},
		"mutually exclusive":                           {Value: f(1), Values: []float64{1}},
		"of the same size":                             {Values: []float64{1}, Counts: []float64{1, 2}},
		"positive SampleCount":                         {StatisticValues: &types.StatisticSet{SampleCount: f(0), Sum: f(1), Minimum: f(1), Maximum: f(1)}},
		"from -2^360":                                  {Value: f(1e300)},
		"not a unit":                                   {Value: f(1), Unit: "Apples"},
		"must be 1 or 60":                              {Value: f(1), StorageResolution: aws.Int32(5)},
		"no earlier than two":                          {Value: f(1), Timestamp: aws.Time(began.AddDate(0, 0, -15))},
		"two hours ahead":                              {Value: f(1), Timestamp: aws.Time(began.Add(3 * time.Hour))},
		"names a dimension twice":                      {Value: f(1), Dimensions: []types.Dimension{{Name: aws.String("a"), Value: aws.String("1")}, {Name: aws.String("a"), Value: aws.String("2")}}},
	} {
		d.MetricName = aws.String("M")
		_, err := w.PutMetricData(t.Context(), &cw.PutMetricDataInput{Namespace: aws.String("Shop"), MetricData: []types.MetricDatum{{MetricName: aws.String("M"), Value: f(1)}, d}})
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("want %s: %v", words, err)
		}
	}
	if got := must(w.ListMetrics(t.Context(), &cw.ListMetricsInput{}))(t).Metrics; len(got) != 0 {
		t.Errorf("of a request that was refused, this is there: %v", got)
	}
}

func TestGetMetricData(t *testing.T) {
	w := newWorld(t)
	for i, x := range []float64{1, 2, 3, 4} {
		w.put("A", x, began.Add(time.Duration(i-4)*time.Minute))
	}
	var got []string
	for _, r := range w.ask(query("a", "A", "Sum", 60), query("five", "A", "Sum", 300)).MetricDataResults {
		got = append(got, fmt.Sprintf("%s%v %s %s", *r.Id, r.Values, r.Timestamps[0].Format("15:04"), r.StatusCode))
	}
	equal(t, "data", strings.Join(got, "; "), "a[1 2 3 4] 11:56 Complete; five[10] 11:55 Complete")
	sum := w.ask(query("a", "A", "Sum", 60), types.MetricDataQuery{Id: aws.String("e"), Expression: aws.String("a*10"), Label: aws.String("tens")}).MetricDataResults[1]
	equal(t, "math", fmt.Sprint(*sum.Label, sum.Values), "tens[10 20 30 40]")
	in := &cw.GetMetricDataInput{MetricDataQueries: []types.MetricDataQuery{query("a", "A", "Sum", 60), query("b", "A", "Maximum", 60)}, StartTime: aws.Time(began.Add(-time.Hour)), EndTime: &began, MaxDatapoints: aws.Int32(3)}
	var pages []string
	for p := cw.NewGetMetricDataPaginator(w, in); p.HasMorePages(); {
		for _, r := range must(p.NextPage(t.Context()))(t).MetricDataResults {
			pages = append(pages, fmt.Sprint(*r.Id, r.Values))
		}
	}
	equal(t, "pages", strings.Join(pages, " "), "a[4 3 2] a[1] b[4 3] b[2 1]")
	_, err := w.GetMetricData(t.Context(), &cw.GetMetricDataInput{MetricDataQueries: []types.MetricDataQuery{query("a", "A", "Sum", 60)}, StartTime: &began, EndTime: &began})
	equal(t, "no time at all", codeOf(err), "ValidationError")
}

func TestListMetrics(t *testing.T) {
	w := newWorld(t)
	for i := range 501 {
		w.svc.Count("Many", fmt.Sprintf("m%03d", i), map[string]string{"d": fmt.Sprint(i % 2), "e": "x"}, 1, "")
	}
	count := func(in *cw.ListMetricsInput) (n, pages int) {
		for p := cw.NewListMetricsPaginator(w, in); p.HasMorePages(); pages++ {
			n += len(must(p.NextPage(t.Context()))(t).Metrics)
		}
		return n, pages
	}
	filter := []types.DimensionFilter{{Name: aws.String("d"), Value: aws.String("1")}, {Name: aws.String("e")}}
	for _, c := range []struct {
		in       *cw.ListMetricsInput
		n, pages int
	}{
		{&cw.ListMetricsInput{Namespace: aws.String("Many")}, 501, 2},
		{&cw.ListMetricsInput{Namespace: aws.String("Man")}, 0, 1},
		{&cw.ListMetricsInput{Dimensions: filter}, 250, 1},
		{&cw.ListMetricsInput{MetricName: aws.String("m007")}, 1, 1},
	} {
		if n, pages := count(c.in); n != c.n || pages != c.pages {
			t.Errorf("%+v: %d metrics on %d pages", c.in, n, pages)
		}
	}
	w.pass(4 * time.Hour)
	if n, _ := count(&cw.ListMetricsInput{RecentlyActive: types.RecentlyActivePt3h}); n != 0 {
		t.Errorf("%d metrics of four hours ago are active", n)
	}
}

func TestOldDataGoes(t *testing.T) {
	w := newWorld(t)
	w.put("A", 1, w.clk.Now())
	w.pass(16 * 24 * time.Hour)
	w.put("A", 2, w.clk.Now())
	out := must(w.GetMetricStatistics(t.Context(), &cw.GetMetricStatisticsInput{Namespace: aws.String("Shop"), MetricName: aws.String("A"), StartTime: aws.Time(began.AddDate(0, 0, -1)), EndTime: aws.Time(w.clk.Now().Add(time.Minute)),
		Period: aws.Int32(86400), Statistics: []types.Statistic{"Sum"}}))(t)
	if len(out.Datapoints) != 1 || *out.Datapoints[0].Sum != 2 {
		t.Errorf("%+v", out.Datapoints)
	}
}

// The other two protocols that clients speak: JSON, and the query protocol.
func TestOtherProtocols(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ kind, target, body, want string }{
		{"application/x-amz-json-1.0", "GraniteServiceVersion20100801.PutMetricData", `{"Namespace":"N","MetricData":[{"MetricName":"J","Value":1.5}]}`, "{}"},
		{"application/x-www-form-urlencoded", "", "Action=PutMetricData&Version=2010-08-01&Namespace=N&MetricData.member.1.MetricName=Q&MetricData.member.1.Value=2&MetricData.member.1.Dimensions.member.1.Name=d&MetricData.member.1.Dimensions.member.1.Value=v", "<PutMetricDataResponse"},
		{"application/x-www-form-urlencoded", "", "Action=ListMetrics&Version=2010-08-01&Namespace=N&Dimensions.member.1.Name=d", "<member><Namespace>N</Namespace><MetricName>Q</MetricName><Dimensions><member><Name>d</Name><Value>v</Value></member></Dimensions></member>"},
		{"application/x-www-form-urlencoded", "", "Action=PutMetricData&Version=2010-08-01&Namespace=N", "<Code>MissingParameter</Code>"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, *w.Options().BaseEndpoint, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", c.kind)
		if c.target != "" {
			r.Header.Set("X-Amz-Target", c.target)
		}
		hash := sha256.Sum256([]byte(c.body))
		if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, r, hex.EncodeToString(hash[:]), "monitoring", "us-east-1", time.Now()); err != nil {
			t.Fatal(err)
		}
		answer := must(http.DefaultClient.Do(r))(t)
		text := must(io.ReadAll(answer.Body))(t)
		_ = answer.Body.Close()
		if !strings.Contains(string(text), c.want) {
			t.Errorf("%s: %s", c.body, text)
		}
	}
}

func TestWithTheCLI(t *testing.T) {
	if _, err := exec.LookPath("aws"); err != nil || os.Getenv("STEPWORKS_CLI") == "" {
		t.Skip("set STEPWORKS_CLI=1, with the AWS CLI installed, to run it against this service")
	}
	w := newWorld(t)
	for _, line := range []string{
		"put-metric-data --namespace Shop --metric-name Failed --value 1", "list-metrics --namespace Shop",
		"put-metric-alarm --alarm-name a --namespace Shop --metric-name Failed --statistic Sum --period 60 --evaluation-periods 1 --threshold 1 --comparison-operator GreaterThanThreshold",
		"describe-alarms", "set-alarm-state --alarm-name a --state-value ALARM --state-reason x", "describe-alarm-history --alarm-name a", "delete-alarms --alarm-names a",
	} {
		cmd := exec.CommandContext(t.Context(), "aws", append([]string{"--endpoint-url", *w.Options().BaseEndpoint, "--region", "us-east-1", "cloudwatch"}, strings.Fields(line)...)...)
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
}

func BenchmarkCount(b *testing.B) {
	w := newWorldFor(b)
	dimensions := map[string]string{"FunctionName": "f"}
	b.ReportAllocs()
	for b.Loop() {
		w.Count("AWS/Lambda", "Invocations", dimensions, 1, "Count")
	}
}

// One alarm woken by data: evaluated, and planned anew.
func BenchmarkEvaluate(b *testing.B) {
	s := newWorldFor(b)
	a := watching(1, 1, notBreaching)
	a.Period = 300
	if err := a.prepare(); err != nil {
		b.Fatal(err)
	}
	if _, err := s.saveAlarm(a, nil); err != nil {
		b.Fatal(err)
	}
	s.Count("N", "M", nil, 0, "")
	for b.Loop() {
		if _, err := s.evaluate("a", s.Clock.Now()); err != nil {
			b.Fatal(err)
		}
	}
}
