package lambda

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// BenchmarkInvoke measures a warm invocation of a handler that does nothing, as
// Step Functions makes it: the time over what the handler takes, with the median
// and the 99th percentile.
func BenchmarkInvoke(b *testing.B) {
	w := newWorld(b)
	w.create("f")
	params := jsonvalue.NewObject(member("FunctionName", "f"), member("Payload", base64Text([]byte(`{"Do":"echo"}`))))
	invoke := func() {
		if _, err := w.server.Call(context.Background(), awswire.Root(account), "lambda", "Invoke", params); err != nil {
			b.Fatal(err)
		}
	}
	invoke()
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		invoke()
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
