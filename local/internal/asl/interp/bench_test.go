package interp_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/asl"
	"github.com/stepworks/stepworks/local/internal/asl/interp"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// tenPass is ten Pass states, each with an intrinsic function.
func tenPass() string {
	var b strings.Builder
	b.WriteString(`{"StartAt": "P0", "States": {`)
	for i := range 10 {
		fmt.Fprintf(&b, `"P%d": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)", "id.$": "$.id"}, "Next": "P%d"},`, i, i+1)
	}
	b.WriteString(`"P10": {"Type": "Succeed"}}}`)
	return b.String()
}

// BenchmarkTenPass measures state transitions, all history events built.
func BenchmarkTenPass(b *testing.B) {
	m, err := asl.Parse(tenPass(), asl.Standard)
	if err != nil {
		b.Fatal(err)
	}
	input := jsonvalue.MustParse(`{"n": 0, "id": "o-1"}`)
	b.ReportAllocs()
	for b.Loop() {
		x := begin(m, input)
		x.Step(epoch, interp.Started{})
		if x.Status() != interp.Succeeded {
			b.Fatal(x.Failure())
		}
	}
	b.ReportMetric(float64(b.N)*11/b.Elapsed().Seconds(), "transitions/s")
}

// BenchmarkAppend measures writing an execution down while it waits for a task.
func BenchmarkAppend(b *testing.B) {
	m, err := asl.Parse(`{"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters": {"QueueUrl": "q", "MessageBody.$": "$"}, "TimeoutSeconds": 60, "End": true}}}`, asl.Standard)
	if err != nil {
		b.Fatal(err)
	}
	x := begin(m, jsonvalue.MustParse(`{"id": "o-1", "amount": 12.50, "items": [{"sku": "a", "n": 1}]}`))
	x.Step(epoch, interp.Started{})
	b.ReportAllocs()
	var text []byte
	for b.Loop() {
		text = x.Append(text[:0])
	}
	b.ReportMetric(float64(len(text)), "bytes")
}
