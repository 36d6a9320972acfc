package stepworks

// This file defines the alarms and the dashboard: both are made from the machines,
// functions, queues and rules that template.yaml has, so that none of them goes
// without. `go test . -run TestMonitoring -update` writes them anew.

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "write the monitoring section of template.yaml")

const (
	monitoringHead = "  # ---------------------------------------------------------------- alarms and dashboard, made by: go test . -run TestMonitoring -update\n"
	monitoringTail = "\nOutputs:\n"
)

// An alarm on metric math takes ten metrics, the expression included.
const mostMembers = 9

// member is one thing that an alarm watches.
type member struct {
	id      string   // logical id
	names   []string // of the dimensions
	values  []string // of the dimensions, as YAML
	percent float64  // what its limit is in the metric's unit, in percent: by how much to divide
}

// fleet is a group of alarms: one for every nine members.
type fleet struct {
	id, name, meaning string // logical id, name on AWS, first words of the description
	namespace         string
	metrics           []string
	stat              string
	period, periods   int
	threshold         string
	missing           string
	relative          bool // in percent of each member's limit
	members           []member
}

// parts are the template's resources in its order.
type part struct {
	id string
	node
}

func (n node) parts(resourceType string) []part {
	var found []part
	for i := 0; i+1 < len(n.Content); i += 2 {
		r := part{n.Content[i].Value, node{n.Content[i+1]}}
		if r.get("Type").Value == resourceType {
			found = append(found, r)
		}
	}
	return found
}

// text is a scalar as YAML: a literal, or a short-form function.
func (n node) text() string {
	if strings.HasPrefix(n.Tag, "!!") || n.Tag == "" {
		return n.Value
	}
	if strings.ContainsAny(n.Value, "$:") {
		return n.Tag + " '" + n.Value + "'"
	}
	return n.Tag + " " + n.Value
}

func machineMembers(t *testing.T, resources node) []member {
	t.Helper()
	var all []member
	for _, m := range resources.parts("AWS::Serverless::StateMachine") {
		text, err := os.ReadFile(filepath.FromSlash(m.get("Properties", "DefinitionUri").Value))
		if err != nil {
			t.Fatal(err)
		}
		var d struct{ TimeoutSeconds float64 }
		if err := json.Unmarshal(text, &d); err != nil || d.TimeoutSeconds == 0 {
			t.Errorf("%s: a machine needs TimeoutSeconds, a number: without it an execution may hang for a year (%v)", m.id, err)
		}
		// By name: one may be behind a condition.
		arn := "!Sub 'arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:" + m.get("Properties", "Name").Value + "'"
		if m.get("Properties", "Type").Value == "EXPRESS" { // whatever its definition says
			d.TimeoutSeconds = min(d.TimeoutSeconds, 300)
		}
		all = append(all, member{id: m.id, names: []string{"StateMachineArn"}, values: []string{arn}, percent: d.TimeoutSeconds * 1000 / 100})
	}
	return all
}

func functionMembers(t *testing.T, doc node) []member {
	t.Helper()
	var all []member
	for _, f := range doc.get("Resources").parts("AWS::Serverless::Function") {
		timeout := 0.0
		for _, n := range []node{doc.get("Globals", "Function", "Timeout"), f.get("Properties", "Timeout")} {
			if n.Value != "" {
				if _, err := fmt.Sscan(n.Value, &timeout); err != nil {
					t.Errorf("%s: Timeout must be a number: %v", f.id, err)
				}
			}
		}
		all = append(all, member{id: f.id, names: []string{"FunctionName"}, values: []string{f.get("Properties", "FunctionName").text()}, percent: timeout * 1000 / 100})
	}
	return all
}

// deadLetterQueues are the queues that something else gives up to.
func deadLetterQueues(n node) map[string]bool {
	found := map[string]bool{}
	var walk func(n node)
	walk = func(n node) {
		for key, v := range n.members() {
			target := ""
			switch key {
			case "deadLetterTargetArn":
				target = v.Value
			case "DeadLetterConfig":
				target = v.get("Arn").Value
			case "OnFailure":
				target = v.get("Destination").Value
			}
			if id, ok := strings.CutSuffix(target, ".Arn"); ok {
				found[id] = true
			}
			walk(v)
		}
		for _, i := range n.items() {
			walk(i)
		}
	}
	walk(n)
	return found
}

// unhurried are the queues whose messages may lie, with the reason.
var unhurried = map[string]string{
	"FailedExecutionsQueue": "for people, who work it off in their own time",
	"NotificationQueue":     "for whoever shows people what happens; nobody has to, and messages go after a day",
}

func queueMembers(resources node, dead bool) []member {
	var all []member
	letters := deadLetterQueues(resources)
	for _, q := range resources.parts("AWS::SQS::Queue") {
		if letters[q.id] == dead && unhurried[q.id] == "" {
			all = append(all, member{id: q.id, names: []string{"QueueName"}, values: []string{"!GetAtt " + q.id + ".QueueName"}})
		}
	}
	return all
}

func ruleMembers(t *testing.T, resources node) []member {
	t.Helper()
	var all []member
	for _, r := range resources.parts("AWS::Events::Rule") {
		p := r.get("Properties")
		if p.get("Name").Value == "" {
			t.Errorf("%s: a rule needs a Name, by which its metrics are found", r.id)
		}
		m := member{id: r.id, names: []string{"RuleName"}, values: []string{p.get("Name").text()}}
		if bus := p.get("EventBusName"); bus.Value != "" {
			m.names, m.values = append(m.names, "EventBusName"), append(m.values, bus.text())
		}
		all = append(all, m)
	}
	return all
}

// streamMembers are the functions that read a stream.
func streamMembers(resources node, functions []member) []member {
	var all []member
	for _, f := range functions {
		reads := false
		for _, e := range resources.get(f.id, "Properties", "Events").members() {
			reads = reads || e.get("Type").Value == "DynamoDB" || e.get("Type").Value == "Kinesis"
		}
		for _, e := range resources.parts("AWS::Lambda::EventSourceMapping") {
			p := e.get("Properties")
			reads = reads || strings.HasSuffix(p.get("EventSourceArn").Value, ".StreamArn") && strings.HasPrefix(p.get("FunctionName").Value, f.id)
		}
		if reads {
			all = append(all, f)
		}
	}
	return all
}

// fleets are all alarms that watch many of a kind. docs/operations.md says what
// each means and what to do.
func fleets(t *testing.T, doc node) []fleet {
	t.Helper()
	resources := doc.get("Resources")
	machines, functions, rules := machineMembers(t, resources), functionMembers(t, doc), ruleMembers(t, resources)
	return []fleet{
		{"FailedExecutions", "FailedExecutions", "Executions failed", "AWS/States", []string{"ExecutionsFailed"}, "Sum", 300, 1, "!Ref FailedExecutionsThreshold", "notBreaching", false, machines},
		{"TimedOutExecutions", "TimedOutExecutions", "Executions timed out", "AWS/States", []string{"ExecutionsTimedOut"}, "Sum", 300, 1, "1", "notBreaching", false, machines},
		{"SlowExecutions", "SlowExecutions", "Executions took more than 80 percent of their machine's timeout", "AWS/States", []string{"ExecutionTime"}, "Maximum", 300, 1, "80", "notBreaching", true, machines},
		{"ThrottledExecutions", "ThrottledExecutions", "Executions waited for Step Functions", "AWS/States", []string{"ExecutionThrottled"}, "Sum", 300, 2, "1", "notBreaching", false, machines},
		{"FunctionErrors", "FunctionErrors", "Functions failed, five times in five minutes", "AWS/Lambda", []string{"Errors"}, "Sum", 300, 1, "5", "notBreaching", false, functions},
		{"FunctionThrottles", "FunctionThrottles", "Functions were not let run", "AWS/Lambda", []string{"Throttles"}, "Sum", 300, 1, "1", "notBreaching", false, functions},
		{"SlowFunctions", "SlowFunctions", "Functions took more than 80 percent of their timeout", "AWS/Lambda", []string{"Duration"}, "Maximum", 300, 1, "80", "notBreaching", true, functions},
		{"IteratorAge", "IteratorAge", "Streams are read more than a minute late", "AWS/Lambda", []string{"IteratorAge"}, "Maximum", 60, 5, "60000", "notBreaching", false, streamMembers(resources, functions)},
		{"QueueAge", "QueueAge", "Messages have waited for 15 minutes", "AWS/SQS", []string{"ApproximateAgeOfOldestMessage"}, "Maximum", 300, 1, "900", "notBreaching", false, queueMembers(resources, false)},
		// A queue that nobody touches for six hours reports nothing: the alarm stays as it was.
		{"DeadLetters", "DeadLetters", "Something was given up and lies in a dead-letter queue", "AWS/SQS", []string{"ApproximateNumberOfMessagesVisible"}, "Maximum", 60, 1, "1", "ignore", false, queueMembers(resources, true)},
		{"LostEvents", "LostEvents", "Rules could not deliver events", "AWS/Events", []string{"FailedInvocations", "InvocationsFailedToBeSentToDlq"}, "Sum", 300, 1, "1", "notBreaching", false, rules},
	}
}

// yaml writes the alarms.
func (f fleet) yaml() string {
	var out strings.Builder
	size := mostMembers / len(f.metrics)
	for n := 0; n*size < len(f.members); n++ {
		members := f.members[n*size : min((n+1)*size, len(f.members))]
		var ids, terms []string
		metrics := ""
		for i, m := range members {
			ids = append(ids, m.id)
			for k, metric := range f.metrics {
				id := fmt.Sprintf("m%d", i*len(f.metrics)+k+1)
				terms = append(terms, id+"/"+strconv.FormatFloat(m.percent, 'f', -1, 64)) // metric math knows no exponents
				metrics += fmt.Sprintf("        - {Id: %s, ReturnData: false, MetricStat: {Metric: {Namespace: %s, MetricName: %s, Dimensions: [%s]}, Period: %d, Stat: %s}}\n",
					id, f.namespace, metric, m.dimensions(), f.period, f.stat)
			}
		}
		expression := strings.ToUpper(f.stat) + "(METRICS())"
		switch {
		case f.relative:
			expression = "MAX([" + strings.Join(terms, ", ") + "])"
		case f.stat == "Maximum":
			expression = "MAX(METRICS())"
		}
		fmt.Fprintf(&out, `
  %s%dAlarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: !Sub '${Prefix}%s-%d'
      AlarmDescription: '%s: %s. What to do: docs/operations.md, %s'
      ComparisonOperator: GreaterThanOrEqualToThreshold
      Threshold: %s
      EvaluationPeriods: %d
      TreatMissingData: %s
      AlarmActions: [!Ref AlertsTopic]
      OKActions: [!Ref AlertsTopic]
      Metrics:
        - {Id: fleet, Expression: '%s', Label: %s}
%s`, f.id, n+1, f.name, n+1, strings.ReplaceAll(f.meaning, "'", "''"), strings.Join(ids, ", "), f.name, f.threshold, f.periods, f.missing, expression, f.id, metrics)
	}
	return out.String()
}

func (m member) dimensions() string {
	var all []string
	for i := range m.names {
		all = append(all, fmt.Sprintf("{Name: %s, Value: %s}", m.names[i], m.values[i]))
	}
	return strings.Join(all, ", ")
}

// TestMonitoring holds the alarms and the dashboard against what there is to
// watch.
func TestMonitoring(t *testing.T) {
	raw, err := os.ReadFile("template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	head, tail := strings.Index(text, monitoringHead), strings.LastIndex(text, monitoringTail)
	if head < 0 || tail < head {
		t.Fatalf("template.yaml needs the section %q before Outputs", strings.TrimSpace(monitoringHead))
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text[:head]+text[tail:]), &doc); err != nil {
		t.Fatal(err)
	}
	want := monitoringHead
	all := fleets(t, node{doc.Content[0]})
	manual, err := os.ReadFile("docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		want += f.yaml()
		if !strings.Contains(string(manual), "\n### "+f.name+"\n") {
			t.Errorf("docs/operations.md must say under ### %s what the alarm means and what to do", f.name)
		}
	}
	want += dashboardYAML(all)
	if text[head:tail] == want {
		return
	}
	if !*update {
		t.Fatal("template.yaml has a machine, a function, a queue or a rule without an alarm, or an alarm too many: go test . -run TestMonitoring -update")
	}
	if err := os.WriteFile("template.yaml", []byte(text[:head]+want+text[tail:]), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestDashboardIsJSON: what the template's functions leave open aside.
func TestDashboardIsJSON(t *testing.T) {
	body := resources(t, "AWS::CloudWatch::Dashboard")["Dashboard"].get("Properties", "DashboardBody").Value
	if body = substitution.ReplaceAllString(strings.ReplaceAll(body, "AWS::", "AWS"), "x"); !json.Valid([]byte(body)) {
		t.Error("the dashboard's body is not JSON")
	}
}
