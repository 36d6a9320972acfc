//go:build unix

package dynamodb

// This file measures the processor's time, where the system counts it.

import (
	"syscall"
	"testing"
	"time"
)

// measureCPU reports the processor's time per operation when the benchmark ends.
func measureCPU(b *testing.B) func() {
	b.Helper()
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64((used()-before).Microseconds())/float64(b.N), "cpu-µs/op") }
}
