package cloudwatch

// This file defines the embedded metric format: metrics within a log line.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

import (
	"strings"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// EmbeddedMetric is one value of one metric that a log line carries.
type EmbeddedMetric struct {
	Namespace, Name, Unit string
	Dimensions            map[string]string
	Value                 float64
}

// Limits of the format.
const (
	maxEmbeddedMetrics    = 100
	maxEmbeddedDimensions = 30
)

// ParseEMF returns the metrics of a log line, none when it is no metric record.
// What does not hold together, such as a metric without its value, is passed
// over, as CloudWatch does. The record's timestamp is not returned: a function
// writes it by the wall clock, and metrics live on the injected one.
func ParseEMF(line string) []EmbeddedMetric {
	if !strings.Contains(line, `"CloudWatchMetrics"`) { // most lines, without parsing them
		return nil
	}
	v, err := jsonvalue.Parse([]byte(line))
	if err != nil {
		return nil
	}
	root := asObject(v)
	var all []EmbeddedMetric
	for _, directive := range member[[]any](asObject(member[any](root, "_aws")), "CloudWatchMetrics") {
		all = append(all, directiveMetrics(root, asObject(directive))...)
	}
	return all
}

func asObject(v any) *jsonvalue.Object {
	o, _ := v.(*jsonvalue.Object)
	if o == nil {
		return jsonvalue.NewObject()
	}
	return o
}

func member[T any](o *jsonvalue.Object, name string) T {
	v, _ := o.Get(name)
	t, _ := v.(T)
	return t
}

func directiveMetrics(root, directive *jsonvalue.Object) []EmbeddedMetric {
	namespace := member[string](directive, "Namespace")
	definitions := member[[]any](directive, "Metrics")
	if namespace == "" || len(definitions) > maxEmbeddedMetrics {
		return nil
	}
	var all []EmbeddedMetric
	for _, dimensions := range dimensionSets(root, directive) {
		for _, d := range definitions {
			definition := asObject(d)
			name := member[string](definition, "Name")
			for _, value := range embeddedValues(root, name) {
				all = append(all, EmbeddedMetric{namespace, name, member[string](definition, "Unit"), dimensions, value})
			}
		}
	}
	return all
}

// dimensionSets resolves the sets of dimension names; no set at all is the one
// without dimensions. A set with a name that is missing is passed over.
func dimensionSets(root, directive *jsonvalue.Object) []map[string]string {
	sets := member[[]any](directive, "Dimensions")
	if len(sets) == 0 {
		return []map[string]string{{}}
	}
	var all []map[string]string
	for _, set := range sets {
		names, _ := set.([]any)
		values := map[string]string{}
		for _, n := range names {
			name, _ := n.(string)
			if value := member[string](root, name); value != "" {
				values[name] = value
			}
		}
		if len(values) == len(names) && len(names) <= maxEmbeddedDimensions {
			all = append(all, values)
		}
	}
	return all
}

// embeddedValues is a number, or an array of up to 100.
func embeddedValues(root *jsonvalue.Object, name string) []float64 {
	v, _ := root.Get(name)
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var all []float64
	for _, x := range list[:min(len(list), maxEmbeddedMetrics)] {
		if n, ok := x.(jsonvalue.Number); ok {
			if f, ok := n.Float64(); ok && inRange(f) {
				all = append(all, f)
			}
		}
	}
	return all
}
