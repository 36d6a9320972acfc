package stack

// This file tests the alarms of the repository's own template: each fires when one
// of the things that it watches goes wrong, tells so, and clears again.

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// watched are the types of resources that the alarms' template keeps: what they
// watch and whom they tell, but no code.
var watched = []string{"AWS::CloudWatch::Alarm", "AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "AWS::Events::EventBus"}

// alarmsTemplate is the repository's template without anything that needs code.
func alarmsTemplate(t *testing.T) string {
	text, err := os.ReadFile("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	root := doc.Content[0]
	for i := 0; i < len(root.Content); i += 2 {
		switch root.Content[i].Value {
		case "Outputs", "Globals":
			root.Content = slices.Delete(root.Content, i, i+2)
			i -= 2
		case "Resources":
			root.Content[i+1].Content = kept(t, root.Content[i+1].Content)
		}
	}
	out, err := yaml.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func kept(t *testing.T, resources []*yaml.Node) []*yaml.Node {
	ours := []string{"AlertsTopicPolicy", "MonitoringQueuesPolicy", "ExecutionFailedRule"}
	var all []*yaml.Node
	for i := 0; i < len(resources); i += 2 {
		var r struct {
			Type string `yaml:"Type"`
		}
		if err := resources[i+1].Decode(&r); err != nil {
			t.Fatal(err)
		}
		policy := strings.HasSuffix(r.Type, "Policy")
		if slices.Contains(watched, r.Type) && !policy || slices.Contains(ours, resources[i].Value) {
			all = append(all, resources[i], resources[i+1])
		}
	}
	return all
}

// alarm is what the test reads of one.
type alarm struct {
	AlarmName  string
	StateValue string
	Threshold  float64
	MetricName string
	Namespace  string
	Period     int
	Dimensions []struct{ Name, Value string }
	Metrics    []struct {
		ID         string `json:"Id"`
		Expression string
		MetricStat *struct {
			Metric struct {
				Namespace, MetricName string
				Dimensions            []struct{ Name, Value string }
			}
			Period int
		}
	}
}

// gauge is a metric that an alarm watches, and a value that is bad.
type gauge struct {
	namespace, metric string
	dimensions        map[string]string
	bad               float64
	minutes           int // of its period
}

var divided = regexp.MustCompile(`(m[0-9]+)/([0-9.e+]+)`)

// gauges are what an alarm watches. Where a metric is compared in percent of a
// limit, the expression says by what it is divided.
func (a alarm) gauges() []gauge {
	set := func(dimensions []struct{ Name, Value string }) map[string]string {
		m := map[string]string{}
		for _, d := range dimensions {
			m[d.Name] = d.Value
		}
		return m
	}
	if len(a.Metrics) == 0 {
		return []gauge{{a.Namespace, a.MetricName, set(a.Dimensions), a.Threshold, a.Period / 60}}
	}
	factor := map[string]float64{}
	var all []gauge
	for _, m := range a.Metrics {
		for _, f := range divided.FindAllStringSubmatch(m.Expression, -1) {
			factor[f[1]], _ = strconv.ParseFloat(f[2], 64)
		}
		if m.MetricStat != nil {
			by := factor[m.ID]
			if by == 0 {
				by = 1
			}
			all = append(all, gauge{m.MetricStat.Metric.Namespace, m.MetricStat.Metric.MetricName, set(m.MetricStat.Metric.Dimensions), a.Threshold * by, m.MetricStat.Period / 60})
		}
	}
	return all
}

// alarmed is a stack of the alarms alone.
type alarmed struct {
	*testing.T
	s    *Stack
	clk  *clock.Virtual
	call func(service, operation, params string) *jsonvalue.Object
}

func newAlarmed(t *testing.T) *alarmed {
	clk := clock.NewVirtual(time.Now().Truncate(time.Hour), time.Hour) // goes when the test says so
	s, call := runningOn(t, clk)
	if err := s.Deploy(t.Context(), Deployment{Template: alarmsTemplate(t)}); err != nil {
		t.Fatal(err)
	}
	w := &alarmed{t, s, clk, call}
	call("sqs", "CreateQueue", `{"QueueName":"pager","Attributes":{"Policy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"sns.amazonaws.com\"},\"Action\":\"sqs:SendMessage\",\"Resource\":\"*\"}]}"}}`)
	call("sns", "Subscribe", `{"TopicArn":"arn:aws:sns:us-east-1:123456789012:order-processing-alerts","Protocol":"sqs","Endpoint":"arn:aws:sqs:us-east-1:123456789012:pager","Attributes":{"RawMessageDelivery":"true"}}`)
	return w
}

// pass lets minutes go by, with f before each.
func (w *alarmed) pass(minutes int, f func(minute int)) {
	w.Helper()
	for m := range minutes {
		f(m)
		if err := w.clk.Advance(w.Context(), time.Minute); err != nil {
			w.Fatal(err)
		}
	}
}

func (w *alarmed) alarms() []alarm {
	w.Helper()
	var all []alarm
	for token := ""; ; {
		params := `{}`
		if token != "" {
			params = fmt.Sprintf(`{"NextToken":%q}`, token)
		}
		var page struct {
			MetricAlarms []alarm
			NextToken    string
		}
		if err := json.Unmarshal([]byte(jsonvalue.String(w.call("cloudwatch", "DescribeAlarms", params))), &page); err != nil {
			w.Fatal(err)
		}
		all = append(all, page.MetricAlarms...)
		if token = page.NextToken; token == "" {
			return all
		}
	}
}

// pages reads what the topic has told: alarm -> states.
func (w *alarmed) pages() map[string][]string {
	w.Helper()
	told := map[string][]string{}
	for empty := 0; empty < 2; {
		var out struct {
			Messages []struct{ Body, ReceiptHandle string }
		}
		raw := w.call("sqs", "ReceiveMessage", `{"QueueUrl":"`+w.s.URL()+`/123456789012/pager","MaxNumberOfMessages":10,"WaitTimeSeconds":0}`)
		if err := json.Unmarshal([]byte(jsonvalue.String(raw)), &out); err != nil {
			w.Fatal(err)
		}
		if len(out.Messages) == 0 {
			empty++
		}
		for _, m := range out.Messages {
			var page struct{ AlarmName, NewStateValue string }
			if json.Unmarshal([]byte(m.Body), &page) != nil {
				page.AlarmName, page.NewStateValue = "", m.Body
			}
			told[page.AlarmName] = append(told[page.AlarmName], page.NewStateValue)
			w.call("sqs", "DeleteMessage", fmt.Sprintf(`{"QueueUrl":%q,"ReceiptHandle":%q}`, w.s.URL()+"/123456789012/pager", m.ReceiptHandle))
		}
	}
	return told
}

// TestEveryAlarmFiresAndClears breaks the first of the things that each alarm
// watches, then mends it, then one in the middle, then the last.
func TestEveryAlarmFiresAndClears(t *testing.T) {
	w := newAlarmed(t)
	all := w.alarms()
	const rounds = 3
	chosen := func(a alarm, round int) gauge {
		gauges := a.gauges()
		return gauges[round*(len(gauges)-1)/(rounds-1)]
	}
	count := func(minute, round int, factor float64) {
		for _, a := range all {
			if g := chosen(a, round); minute%g.minutes == 0 { // once a period is enough
				w.s.services.metrics.Count(g.namespace, g.metric, g.dimensions, factor*g.bad, "None")
			}
		}
	}
	w.pass(2, func(int) {})
	w.pages() // that all is well
	for round := range rounds {
		w.pass(12, func(minute int) { count(minute, round, 1) })
		for _, a := range w.alarms() {
			if a.StateValue != "ALARM" {
				t.Errorf("%s is %s while %v is bad", a.AlarmName, a.StateValue, chosen(a, round))
			}
		}
		w.pass(13, func(minute int) { count(minute, round, 0) })
		for _, a := range w.alarms() {
			if a.StateValue != "OK" {
				t.Errorf("%s is %s though all is well again", a.AlarmName, a.StateValue)
			}
		}
	}
	told := w.pages()
	for _, a := range all {
		if n := len(told[a.AlarmName]); n != 2*rounds {
			t.Errorf("%s told of %d changes, not of %d: %v", a.AlarmName, n, 2*rounds, told[a.AlarmName])
		}
	}
	t.Logf("%d alarms fired and cleared, %d times each", len(all), rounds)
}

// TestFailedExecutionsAreTold: which execution it was, without what it was about,
// and kept for whoever redrives it.
func TestFailedExecutionsAreTold(t *testing.T) {
	w := newAlarmed(t)
	w.call("iam", "CreateRole", `{"RoleName":"m","AssumeRolePolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"states.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}"}`)
	w.call("states", "CreateStateMachine", `{"name":"AnyWorkflow","roleArn":"arn:aws:iam::123456789012:role/m","definition":"{\"StartAt\":\"F\",\"States\":{\"F\":{\"Type\":\"Fail\",\"Error\":\"E\",\"Cause\":\"C\"}}}"}`)
	w.call("states", "StartExecution", `{"stateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:AnyWorkflow","name":"x","input":"{\"customer\":\"Ada\"}"}`)
	w.pass(1, func(int) {})
	told := w.pages()[""]
	if len(told) != 1 || !strings.Contains(told[0], "execution:AnyWorkflow:x ended as FAILED") || strings.Contains(told[0], "Ada") {
		t.Errorf("the topic told %q", told)
	}
	kept := jsonvalue.String(w.call("sqs", "ReceiveMessage", `{"QueueUrl":"`+w.s.URL()+`/123456789012/failed-executions"}`))
	if !strings.Contains(kept, "execution:AnyWorkflow:x") {
		t.Errorf("the queue of failed executions holds %s", kept)
	}
}
