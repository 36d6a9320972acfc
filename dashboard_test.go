package stepworks

// This file defines the dashboard that TestMonitoring makes.

import (
	"fmt"
	"strings"
)

// widget is one graph.
type widget struct {
	title, stat string
	metrics     []string // JSON arrays
}

// inSub is a member's dimension value within the text of a !Sub.
func inSub(yaml string) string {
	value := strings.TrimPrefix(yaml, "!Sub ")
	if id, ok := strings.CutPrefix(yaml, "!Ref "); ok {
		value = "${" + id + "}"
	} else if attribute, ok := strings.CutPrefix(yaml, "!GetAtt "); ok {
		value = "${" + attribute + "}"
	}
	return strings.Trim(value, "'")
}

// line is one metric of a widget.
func (m member) line(namespace, metric string) string {
	out := fmt.Sprintf("[%q, %q", namespace, metric)
	for i := range m.names {
		out += fmt.Sprintf(", %q, %q", m.names[i], inSub(m.values[i]))
	}
	return out + fmt.Sprintf(", {\"label\": %q}]", metric+" "+m.id)
}

// seedWidgets are the graphs that the source document asks for, with metrics that
// exist: SuccessfulInvocations does not.
func seedWidgets() []widget {
	order := member{id: "", names: []string{"StateMachineArn"}, values: []string{"!Ref OrderProcessingStateMachine"}}
	placed := member{names: []string{"EventBusName", "RuleName"}, values: []string{"!Ref OrdersBus", "!Sub '${Prefix}OrderPlacedRule'"}}
	lines := func(m member, namespace string, metrics ...string) (all []string) {
		for _, metric := range metrics {
			all = append(all, strings.Replace(m.line(namespace, metric), " \"}]", "\"}]", 1))
		}
		return all
	}
	return []widget{
		{"Step Functions Executions", "Sum", lines(order, "AWS/States", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut")},
		{"EventBridge Rule Invocations", "Sum", lines(placed, "AWS/Events", "Invocations", "FailedInvocations")},
		{"Orders", "Sum", []string{
			`["Stepworks", "OrdersAccepted", "Stack", "${Prefix}stepworks"]`, `["Stepworks", "OrdersRefused", "Stack", "${Prefix}stepworks"]`,
			`["Stepworks", "OrdersFulfilled", "Stack", "${Prefix}stepworks"]`, `["Stepworks", "PaymentsDeclined", "Stack", "${Prefix}stepworks"]`}},
		{"Order value", "Sum", []string{`["Stepworks", "OrderValue", "Stack", "${Prefix}stepworks", "Currency", "USD"]`}},
	}
}

// dashboardYAML shows the source's graphs, and one for every fleet.
func dashboardYAML(fleets []fleet) string {
	widgets := seedWidgets()
	for _, f := range fleets {
		w := widget{title: f.meaning, stat: f.stat}
		for _, m := range f.members {
			for _, metric := range f.metrics {
				w.metrics = append(w.metrics, m.line(f.namespace, metric))
			}
		}
		if len(w.metrics) > 0 {
			widgets = append(widgets, w)
		}
	}
	var out strings.Builder
	out.WriteString(`
  Dashboard:
    Type: AWS::CloudWatch::Dashboard
    Properties:
      DashboardName: !Sub '${Prefix}EcommerceOrderProcessing'
      DashboardBody: !Sub |
        {"widgets": [
`)
	for i, w := range widgets {
		comma := ","
		if i == len(widgets)-1 {
			comma = ""
		}
		fmt.Fprintf(&out, "          {\"type\": \"metric\", \"x\": %d, \"y\": %d, \"width\": 12, \"height\": 6, \"properties\": {\"title\": %q, \"region\": \"${AWS::Region}\", \"stat\": %q, \"period\": 300, \"metrics\": [\n            %s\n          ]}}%s\n",
			i%2*12, i/2*6, w.title, w.stat, strings.Join(w.metrics, ",\n            "), comma)
	}
	out.WriteString("        ]}\n")
	return out.String()
}
