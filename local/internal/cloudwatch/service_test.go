package cloudwatch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

func (w *world) alarm(name string, change func(*cw.PutMetricAlarmInput)) error {
	in := &cw.PutMetricAlarmInput{AlarmName: &name, Namespace: aws.String("Shop"), MetricName: aws.String("Failed"), Statistic: types.StatisticSum, Period: aws.Int32(60),
		EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1), ComparisonOperator: types.ComparisonOperatorGreaterThanOrEqualToThreshold,
		AlarmActions: []string{"arn:aws:sns:us-east-1:123456789012:ops"}}
	if change != nil {
		change(in)
	}
	_, err := w.PutMetricAlarm(w.Context(), in)
	return err
}

func (w *world) states() string {
	w.Helper()
	out := must(w.DescribeAlarms(w.Context(), &cw.DescribeAlarmsInput{AlarmTypes: []types.AlarmType{"MetricAlarm", "CompositeAlarm"}}))(w.T)
	var all []string
	for _, a := range out.MetricAlarms {
		all = append(all, *a.AlarmName+" "+string(a.StateValue))
	}
	for _, a := range out.CompositeAlarms {
		all = append(all, *a.AlarmName+" "+string(a.StateValue))
	}
	return strings.Join(all, ", ")
}

// story tells what was told: when, to whom, and the state.
func (w *world) story() string {
	var all []string
	for _, x := range w.calls.take() {
		what := "event"
		if topic, ok := x.params.Get("TopicArn"); ok {
			what = topic.(string)[strings.LastIndexByte(topic.(string), ':')+1:]
		}
		text := jsonvalue.String(x.params)
		for _, state := range []string{"INSUFFICIENT_DATA", "ALARM", "OK"} {
			if strings.Contains(text, `NewStateValue\":\"`+state) || strings.HasSuffix(strings.TrimRight(text, `}]"\`), `\"value\":\"`+state) {
				what += " " + state
				break
			}
		}
		all = append(all, fmt.Sprintf("%v %s", x.at, what))
	}
	return strings.Join(all, "; ")
}

func equal(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

func TestAlarmFiresAndClears(t *testing.T) {
	w := newWorld(t)
	quietly := func(in *cw.PutMetricAlarmInput) {
		in.TreatMissingData = aws.String("notBreaching")
		in.OKActions = []string{"arn:aws:sns:us-east-1:123456789012:calm"}
	}
	if err := w.alarm("failures", quietly); err != nil {
		t.Fatal(err)
	}
	w.quiet() // it is OK from its first evaluation on, and no timer is left
	equal(t, "at first", w.story(), "30s event OK; 30s calm OK")
	w.svc.Count("Shop", "Other", nil, 1, "Count") // nobody watches it
	if _, set := w.clk.Next(); set {
		t.Error("it set a timer")
	}
	w.svc.Count("Shop", "Failed", nil, 1, "Count")
	w.quiet()
	// One of one looks three points back: the failure of the minute after 12:01 is seen until 12:04.
	equal(t, "failed", w.story(), "1m30s event ALARM; 1m30s ops ALARM; 4m30s event OK; 4m30s calm OK")
	equal(t, "state", w.states(), "failures OK")
	history := must(w.DescribeAlarmHistory(t.Context(), &cw.DescribeAlarmHistoryInput{AlarmName: aws.String("failures"), HistoryItemType: types.HistoryItemTypeStateUpdate}))(t)
	var summaries []string
	for _, h := range history.AlarmHistoryItems {
		summaries = append(summaries, *h.HistorySummary)
	}
	equal(t, "history", strings.Join(summaries, "; "), "Alarm updated from ALARM to OK; Alarm updated from OK to ALARM; Alarm updated from INSUFFICIENT_DATA to OK")
}

func TestWhatIsTold(t *testing.T) {
	w := newWorld(t)
	err := w.alarm("failures", func(in *cw.PutMetricAlarmInput) {
		in.AlarmDescription = aws.String("orders fail")
		in.Dimensions = []types.Dimension{{Name: aws.String("Stage"), Value: aws.String("prod")}}
	})
	if err != nil {
		t.Fatal(err)
	}
	w.put("Failed", 2, began, "Stage", "prod")
	w.pass(time.Minute)
	calls := w.calls.take()
	if len(calls) != 2 {
		t.Fatalf("%d calls: %v", len(calls), calls)
	}
	for _, c := range calls {
		equal(t, "caller", c.as.Service+" "+c.as.SourceARN, "cloudwatch.amazonaws.com arn:aws:cloudwatch:us-east-1:123456789012:alarm:failures")
	}
	entries, _ := calls[0].params.Get("Entries")
	entry := entries.([]any)[0].(*jsonvalue.Object)
	detail, _ := entry.Get("Detail")
	equal(t, "event", jsonvalue.String(entry.Without("Detail")), `{"Source":"aws.cloudwatch","DetailType":"CloudWatch Alarm State Change","Resources":["arn:aws:cloudwatch:us-east-1:123456789012:alarm:failures"]}`)
	reason := `Threshold Crossed: 1 out of the last 1 datapoints [2.0 (01/03/26 12:00:00)] was greater than or equal to the threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition).`
	equal(t, "detail", detail.(string), `{"alarmName":"failures","configuration":{"description":"orders fail","metrics":[{"id":"m","metricStat":{"metric":{"dimensions":{"Stage":"prod"},"name":"Failed","namespace":"Shop"},"period":60,"stat":"Sum"},"returnData":true}]},`+
		`"previousState":{"reason":"Unchecked: Initial alarm creation","timestamp":"2026-03-01T12:00:30.000+0000","value":"INSUFFICIENT_DATA"},`+
		`"state":{"reason":"`+reason+`","reasonData":"{\"version\":\"1.0\",\"queryDate\":\"2026-03-01T12:01:00.000+0000\",\"startDate\":\"2026-03-01T12:00:00.000+0000\",\"statistic\":\"Sum\",\"period\":60,\"recentDatapoints\":[2],\"threshold\":1}","timestamp":"2026-03-01T12:01:00.000+0000","value":"ALARM"}}`)
	subject, _ := calls[1].params.Get("Subject")
	message, _ := calls[1].params.Get("Message")
	equal(t, "subject", subject.(string), `ALARM: "failures" in US East (N. Virginia)`)
	equal(t, "message", message.(string), `{"AlarmName":"failures","AlarmDescription":"orders fail","AWSAccountId":"123456789012","AlarmConfigurationUpdatedTimestamp":"2026-03-01T12:00:30.000+0000","NewStateValue":"ALARM","NewStateReason":"`+reason+`",`+
		`"StateChangeTime":"2026-03-01T12:01:00.000+0000","Region":"US East (N. Virginia)","AlarmArn":"arn:aws:cloudwatch:us-east-1:123456789012:alarm:failures","OldStateValue":"INSUFFICIENT_DATA","OKActions":[],"AlarmActions":["arn:aws:sns:us-east-1:123456789012:ops"],"InsufficientDataActions":[],`+
		`"Trigger":{"MetricName":"Failed","Namespace":"Shop","StatisticType":"Statistic","Statistic":"SUM","Unit":null,"Dimensions":[{"value":"prod","name":"Stage"}],"Period":60,"EvaluationPeriods":1,"ComparisonOperator":"GreaterThanOrEqualToThreshold","Threshold":1.0,"TreatMissingData":"missing","EvaluateLowSampleCountPercentile":""}}`)
}

func TestAlarmOnMath(t *testing.T) {
	w := newWorld(t)
	err := w.alarm("error rate", func(in *cw.PutMetricAlarmInput) {
		in.Namespace, in.MetricName, in.Statistic, in.Period = nil, nil, "", nil
		in.Threshold = aws.Float64(10)
		in.TreatMissingData = aws.String("notBreaching")
		stat := func(name string) *types.MetricStat {
			return &types.MetricStat{Metric: &types.Metric{Namespace: aws.String("Shop"), MetricName: &name}, Period: aws.Int32(300), Stat: aws.String("Sum")}
		}
		in.Metrics = []types.MetricDataQuery{{Id: aws.String("e"), Expression: aws.String("100 * FILL(failed,0) / total"), Label: aws.String("percent")},
			{Id: aws.String("failed"), MetricStat: stat("Failed"), ReturnData: aws.Bool(false)}, {Id: aws.String("total"), MetricStat: stat("Total"), ReturnData: aws.Bool(false)}}
	})
	if err != nil {
		t.Fatal(err)
	}
	w.put("Total", 20, began)
	w.pass(time.Minute)
	equal(t, "without failures", w.story(), "30s event OK")
	w.put("Failed", 3, began)
	w.quiet()
	equal(t, "with them", w.story(), "1m30s event ALARM; 1m30s ops ALARM; 15m30s event OK")
	got := must(w.DescribeAlarms(t.Context(), &cw.DescribeAlarmsInput{AlarmNames: []string{"error rate"}}))(t).MetricAlarms[0]
	if len(got.Metrics) != 3 || *got.Metrics[1].MetricStat.Period != 300 || *got.Metrics[0].Expression == "" {
		t.Errorf("%+v", got.Metrics)
	}
}

func TestAlarmsSurviveARestart(t *testing.T) {
	w := newWorld(t)
	if err := w.alarm("failures", nil); err != nil {
		t.Fatal(err)
	}
	w.svc.Count("Shop", "Failed", nil, 1, "Count")
	w.restart()
	w.quiet()
	equal(t, "told", w.story(), "30s event ALARM; 30s ops ALARM; 3m30s event INSUFFICIENT_DATA")
}

func TestCompositeAlarm(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"one", "two"} {
		if err := w.alarm(name, func(in *cw.PutMetricAlarmInput) { in.MetricName = &name; in.AlarmActions = nil }); err != nil {
			t.Fatal(err)
		}
	}
	composite := func(name, rule string) error {
		_, err := w.PutCompositeAlarm(t.Context(), &cw.PutCompositeAlarmInput{AlarmName: &name, AlarmRule: &rule, AlarmActions: []string{"arn:aws:sns:us-east-1:123456789012:ops"}})
		return err
	}
	if err := composite("both", `ALARM(one) AND (ALARM("two") OR FALSE) AND NOT OK(one)`); err != nil {
		t.Fatal(err)
	}
	for rule, words := range map[string]string{"ALARM(three)": "do not exist: three", "ALARM(one": "takes the name", "ALARM(one) ALARM(two)": "not expected", `ALARM("one)`: "quotation",
		"ALARM(both)": "lead back", "": "null", "AND": "not expected", "(TRUE": "parenthesis"} {
		if err := composite("both", rule); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, want %s", rule, err, words)
		}
	}
	w.put("one", 1, began)
	w.pass(time.Minute)
	equal(t, "one", w.states(), "one ALARM, two INSUFFICIENT_DATA, both OK")
	w.put("two", 1, w.clk.Now())
	w.pass(time.Minute)
	equal(t, "both", w.states(), "one ALARM, two ALARM, both ALARM")
	w.quiet()
	equal(t, "after", w.states(), "one INSUFFICIENT_DATA, two INSUFFICIENT_DATA, both OK")
}

func TestAlarmsByName(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	for _, name := range []string{"a-1", "a-2", "b-1"} {
		if err := w.alarm(name, func(in *cw.PutMetricAlarmInput) {
			in.AlarmActions = []string{"arn:aws:sns:us-east-1:123456789012:gone"}
			in.Tags = []types.Tag{{Key: aws.String("team"), Value: &name}}
		}); err != nil {
			t.Fatal(err)
		}
	}
	first := must(w.DescribeAlarms(ctx, &cw.DescribeAlarmsInput{AlarmNamePrefix: aws.String("a-"), MaxRecords: aws.Int32(1)}))(t)
	second := must(w.DescribeAlarms(ctx, &cw.DescribeAlarmsInput{AlarmNamePrefix: aws.String("a-"), MaxRecords: aws.Int32(1), NextToken: first.NextToken}))(t)
	if *first.MetricAlarms[0].AlarmName != "a-1" || *second.MetricAlarms[0].AlarmName != "a-2" || second.NextToken != nil {
		t.Errorf("%+v %+v", first, second)
	}
	must(w.DisableAlarmActions(ctx, &cw.DisableAlarmActionsInput{AlarmNames: []string{"a-1"}}))(t)
	for _, name := range []string{"a-1", "a-2"} {
		must(w.SetAlarmState(ctx, &cw.SetAlarmStateInput{AlarmName: &name, StateValue: types.StateValueAlarm, StateReason: aws.String("test"), StateReasonData: aws.String(`{"a":1}`)}))(t)
	}
	equal(t, "told", w.story(), "0s event ALARM; 0s event ALARM; 0s gone ALARM")
	actions := must(w.DescribeAlarmHistory(ctx, &cw.DescribeAlarmHistoryInput{HistoryItemType: types.HistoryItemTypeAction}))(t).AlarmHistoryItems
	if len(actions) != 1 || !strings.Contains(*actions[0].HistorySummary, "Failed to execute action") {
		t.Errorf("%+v", actions)
	}
	tags := must(w.ListTagsForResource(ctx, &cw.ListTagsForResourceInput{ResourceARN: second.MetricAlarms[0].AlarmArn}))(t).Tags
	found := must(w.DescribeAlarmsForMetric(ctx, &cw.DescribeAlarmsForMetricInput{Namespace: aws.String("Shop"), MetricName: aws.String("Failed")}))(t)
	if len(tags) != 1 || *tags[0].Value != "a-2" || len(found.MetricAlarms) != 3 {
		t.Errorf("%+v %+v", tags, found)
	}
	_, err := w.DeleteAlarms(ctx, &cw.DeleteAlarmsInput{AlarmNames: []string{"a-1", "none"}})
	equal(t, "deleting one that is not there", codeOf(err), "ResourceNotFound")
	must(w.DeleteAlarms(ctx, &cw.DeleteAlarmsInput{AlarmNames: []string{"a-1", "a-2"}}))(t)
	w.quiet()
	equal(t, "left", w.states(), "b-1 INSUFFICIENT_DATA")
}

func TestAlarmsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	for words, change := range map[string]func(*cw.PutMetricAlarmInput){
		"no anomaly detection":    func(in *cw.PutMetricAlarmInput) { in.ComparisonOperator = "GreaterThanUpperThreshold" },
		"Threshold is required":   func(in *cw.PutMetricAlarmInput) { in.Threshold = nil },
		"EvaluationPeriods must":  func(in *cw.PutMetricAlarmInput) { in.EvaluationPeriods = nil },
		"DatapointsToAlarm must":  func(in *cw.PutMetricAlarmInput) { in.DatapointsToAlarm = aws.Int32(2) },
		"more than a day":         func(in *cw.PutMetricAlarmInput) { in.EvaluationPeriods = aws.Int32(1441) },
		"Period must be":          func(in *cw.PutMetricAlarmInput) { in.Period = aws.Int32(61) },
		"Invalid arn syntax":      func(in *cw.PutMetricAlarmInput) { in.OKActions = []string{"arn:aws:autoscaling:x"} },
		"is not supported":        func(in *cw.PutMetricAlarmInput) { in.Statistic, in.ExtendedStatistic = "", aws.String("tm90") },
		"together with Extended":  func(in *cw.PutMetricAlarmInput) { in.ExtendedStatistic = aws.String("p90") },
		"of few samples":          func(in *cw.PutMetricAlarmInput) { in.EvaluateLowSampleCountPercentile = aws.String("ignore") },
		"enum value set":          func(in *cw.PutMetricAlarmInput) { in.TreatMissingData = aws.String("never") },
		"must name the Namespace": func(in *cw.PutMetricAlarmInput) { in.MetricName = nil },
		"only ASCII":              func(in *cw.PutMetricAlarmInput) { in.AlarmName = aws.String("ä") },
		"Metrics together with": func(in *cw.PutMetricAlarmInput) {
			in.Metrics = []types.MetricDataQuery{{Id: aws.String("e"), Expression: aws.String("TIME_SERIES(1)")}}
		},
		"does not offer":  mathOnly("SEARCH('x')"),
		"one time series": mathOnly("SUM(1)"),
		"is not among":    mathOnly("m1 * 2"),
	} {
		if err := w.alarm("x", change); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("want %s: %v", words, err)
		}
	}
	equal(t, "alarms", w.states(), "")
}

func mathOnly(expression string) func(*cw.PutMetricAlarmInput) {
	return func(in *cw.PutMetricAlarmInput) {
		in.Namespace, in.MetricName, in.Statistic, in.Period = nil, nil, "", nil
		in.Metrics = []types.MetricDataQuery{{Id: aws.String("e"), Expression: &expression}}
	}
}

func TestDashboards(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	put := func(name, body string) (*cw.PutDashboardOutput, error) {
		return w.PutDashboard(ctx, &cw.PutDashboardInput{DashboardName: &name, DashboardBody: &body})
	}
	for body, words := range map[string]string{"{": "valid JSON", "[]": "not an object", "{}": "widgets", `{"widgets":[{"type":"pie"}]}`: "one of metric", `{"widgets":[{"type":"text"}]}`: "properties"} {
		if _, err := put("d", body); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, want %s", body, err, words)
		}
	}
	if _, err := put("a b", `{"widgets":[]}`); err == nil {
		t.Error("a name with a blank is none")
	}
	body := `{"widgets":[{"type":"metric","properties":{"metrics":[["AWS/States","ExecutionsFailed"]]}},{"type":"metric","properties":{}}]}`
	if out := must(put("orders", body))(t); len(out.DashboardValidationMessages) != 1 {
		t.Errorf("%+v", out)
	}
	must(put("other", `{"widgets":[]}`))(t)
	w.restart()
	equal(t, "body", *must(w.GetDashboard(ctx, &cw.GetDashboardInput{DashboardName: aws.String("orders")}))(t).DashboardBody, body)
	list := must(w.ListDashboards(ctx, &cw.ListDashboardsInput{DashboardNamePrefix: aws.String("ord")}))(t).DashboardEntries
	if len(list) != 1 || *list[0].Size != int64(len(body)) {
		t.Errorf("%+v", list)
	}
	_, err := w.DeleteDashboards(ctx, &cw.DeleteDashboardsInput{DashboardNames: []string{"orders", "none"}})
	equal(t, "code", codeOf(err), "ResourceNotFound")
	must(w.DeleteDashboards(ctx, &cw.DeleteDashboardsInput{DashboardNames: []string{"orders"}}))(t)
	_, err = w.GetDashboard(ctx, &cw.GetDashboardInput{DashboardName: aws.String("orders")})
	equal(t, "code", codeOf(err), "ResourceNotFound")
}

func TestEmbeddedMetrics(t *testing.T) {
	line := `{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"Orders","Dimensions":[["service"],["service","stage"],["none"]],"Metrics":[{"Name":"Placed","Unit":"Count"},{"Name":"Took"},{"Name":"absent"}]}]},"service":"s","stage":"p","Placed":1,"Took":[2,3]}`
	var got []string
	for _, m := range ParseEMF(line) {
		got = append(got, fmt.Sprintf("%s/%s%s %v%v", m.Namespace, m.Name, m.Unit, m.Value, m.Dimensions))
	}
	equal(t, "metrics", strings.Join(got, "; "), "Orders/PlacedCount 1map[service:s]; Orders/Took 2map[service:s]; Orders/Took 3map[service:s]; "+
		"Orders/PlacedCount 1map[service:s stage:p]; Orders/Took 2map[service:s stage:p]; Orders/Took 3map[service:s stage:p]")
	for _, line := range []string{"", "text", `{"_aws":1,"x":"CloudWatchMetrics"}`, `{"_aws":{"CloudWatchMetrics":[{"Metrics":[{"Name":"a"}]}]},"a":1}`, `{"_aws":{"CloudWatchMetrics":`} {
		if got := ParseEMF(line); got != nil {
			t.Errorf("%s: %v", line, got)
		}
	}
}

func FuzzParseEMF(f *testing.F) {
	f.Add(`{"_aws":{"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[["a"],[1],"x"],"Metrics":[{"Name":"m"},3]}]},"a":"b","m":[1,"2",1e999]}`)
	f.Fuzz(func(t *testing.T, line string) {
		if slices.ContainsFunc(ParseEMF(line), func(m EmbeddedMetric) bool { return m.Namespace == "" || !inRange(m.Value) }) {
			t.Error("a metric without namespace or value")
		}
	})
}
