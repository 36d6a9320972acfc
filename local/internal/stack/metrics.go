package stack

// This file defines which of CloudWatch's metrics the services report, with
// AWS's names and dimensions, and the metrics within functions' log lines.

import (
	"strings"

	"github.com/stepworks/stepworks/local/internal/cloudwatch"
	"github.com/stepworks/stepworks/local/internal/lambda"
	"github.com/stepworks/stepworks/local/internal/lambda/sandbox"
)

// machineMetrics counts for AWS/States.
type machineMetrics struct{ *cloudwatch.Service }

// Count implements [stepfunctions.Metrics].
func (m machineMetrics) Count(metric string, dimensions map[string]string, value float64, unit string) {
	m.Service.Count("AWS/States", metric, dimensions, value, unit)
}

// counter counts in a namespace whose metrics have no unit but Count.
func (v *services) counter(namespace string) func(metric string, dimensions map[string]string, value float64) {
	return func(metric string, dimensions map[string]string, value float64) {
		v.metrics.Count(namespace, metric, dimensions, value, "Count")
	}
}

// queueMetrics counts for AWS/SQS.
func (v *services) queueMetrics(metric string, dimensions map[string]string, value float64, unit string) {
	v.metrics.Count("AWS/SQS", metric, dimensions, value, unit)
}

// functionMetrics counts an invocation for AWS/Lambda: of the function, of what
// was invoked of it (a version or an alias), and of all.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
func (v *services) functionMetrics(m lambda.Metric) {
	v.meter.invocation(m)
	sets := []map[string]string{{"FunctionName": m.Function}, {}}
	if strings.Contains(m.Resource, ":") {
		sets = append(sets, map[string]string{"FunctionName": m.Function, "Resource": m.Resource})
	}
	for _, dimensions := range sets {
		count := func(metric string, value float64, unit string) {
			v.metrics.Count("AWS/Lambda", metric, dimensions, value, unit)
		}
		if m.Throttled { // neither an invocation nor an error
			count("Throttles", 1, "Count")
			continue
		}
		count("Invocations", 1, "Count")
		count("Throttles", 0, "Count")
		count("Errors", map[bool]float64{true: 1}[m.Failed], "Count")
		count("Duration", float64(m.Duration.Microseconds())/1000, "Milliseconds")
		if m.IteratorAge != nil {
			count("IteratorAge", float64(m.IteratorAge.Milliseconds()), "Milliseconds")
		}
	}
}

// embedded counts the metrics that a function writes as log lines.
func embedded(metrics *cloudwatch.Service, events []sandbox.LogEvent) {
	for _, e := range events {
		for _, m := range cloudwatch.ParseEMF(e.Message) {
			metrics.Count(m.Namespace, m.Name, m.Dimensions, m.Value, m.Unit)
		}
	}
}
