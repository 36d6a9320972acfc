// Package metric tells CloudWatch what the business did: orders accepted, orders
// fulfilled, what they were worth.
//
// A metric is one line of standard output in the embedded metric format, which
// CloudWatch Logs turns into data: no request, no permission, no time of the
// invocation. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
//
// Namespace Stepworks, dimension Stack (the environment variable STACK, which
// template.yaml sets), so that two stages in one account keep apart. A step that is
// repeated may count again: metrics are for graphs and alarms, the tables are for
// books. Outside of Lambda nothing is written. Start at [Count].
package metric

import (
	"encoding/json"
	"os"
	"time"
)

// Namespace of all metrics here.
const Namespace = "Stepworks"

// The metrics.
const (
	OrdersAccepted   = "OrdersAccepted"
	OrdersRefused    = "OrdersRefused"
	OrdersFulfilled  = "OrdersFulfilled"
	PaymentsDeclined = "PaymentsDeclined"
	OrderValue       = "OrderValue" // of what was paid, by Currency
	JobsSubmitted    = "JobsSubmitted"
	// ReconciliationDifferences is what a reconciliation of a day found, 0 included.
	ReconciliationDifferences = "ReconciliationDifferences"
)

// Count counts one more of something.
func Count(name string) { emit(line(stack(), time.Now(), name, "Count", "1", "", "")) }

// Value notes an exact amount of something, in a dimension of its own beside the
// stack's.
func Value(name string, amount json.Number, dimension, of string) {
	emit(line(stack(), time.Now(), name, "None", amount, dimension, of))
}

func stack() string {
	if name := os.Getenv("STACK"); name != "" {
		return name
	}
	return "stepworks"
}

// emit writes a line at once, so that lines of others do not come between.
func emit(text []byte) {
	if os.Getenv("AWS_LAMBDA_FUNCTION_NAME") != "" {
		_, _ = os.Stdout.Write(append(text, '\n')) // a lost metric fails no order
	}
}

// directive says which members of a line are metrics.
type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []definition
}

type definition struct{ Name, Unit string }

func line(stack string, at time.Time, name, unit string, value json.Number, dimension, of string) []byte {
	dimensions := []string{"Stack"}
	members := map[string]any{"Stack": stack, name: value}
	if dimension != "" {
		dimensions, members[dimension] = append(dimensions, dimension), of
	}
	members["_aws"] = struct {
		Timestamp         int64
		CloudWatchMetrics []directive
	}{at.UnixMilli(), []directive{{Namespace, [][]string{dimensions}, []definition{{name, unit}}}}}
	text, err := json.Marshal(members)
	if err != nil { // an amount that is no number: the caller's own
		return nil
	}
	return text
}
