// Package functions measures what all functions have in common: how long they
// take from the start of the process to the first poll of the Runtime API, with
// their clients made before it.
package functions

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkStart prints each function's start and, as xEmpty, how many times that
// of an empty handler it is. Bound of the house: below 4.
func BenchmarkStart(b *testing.B) {
	mains, err := filepath.Glob("*/*/main.go")
	if err != nil {
		b.Fatal(err)
	}
	empty := build(b, "./testdata/start/empty")
	for _, main := range mains {
		dir := filepath.Dir(main)
		b.Run(filepath.Base(dir), func(b *testing.B) {
			program := build(b, "./"+dir)
			var own, base []time.Duration
			for b.Loop() { // in turn, so that a busy machine is busy for both
				own = append(own, start(b, program))
				base = append(base, start(b, empty))
			}
			b.ReportMetric(median(own).Seconds()*1e3, "ms")
			b.ReportMetric(float64(median(own))/float64(median(base)), "xEmpty")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func build(b *testing.B, pkg string) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "bootstrap")
	cmd := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-tags=lambda.norpc", "-ldflags=-s -w", "-o", program, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%s: %v\n%s", pkg, err, out)
	}
	return program
}

// start runs a program until it asks for its first invocation.
func start(b *testing.B, program string) time.Duration {
	b.Helper()
	l, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	polled := make(chan time.Time, 1)
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case polled <- time.Now():
		default:
		}
		<-r.Context().Done()
	})}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	cmd := exec.CommandContext(b.Context(), program)
	cmd.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + l.Addr().String(), "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b",
		"ORDERS_TABLE=o", "INVENTORY_TABLE=i", "EVENT_BUS_NAME=e", "PAYMENT_DELAY=0s", "PAYMENT_DECLINE_PERCENT=10", "APPROVALS_TABLE=a", "APPROVAL_THRESHOLD=0", "APPROVAL_WAIT=24h", "APPROVAL_DEADLINE=72h", "CALLBACK_TOKENS_TABLE=t", "PAYMENT_QUEUE_URL=q",
		"IDEMPOTENCY_TABLE=i", "PARTNER_BUCKET=b", "PARTNER_RECORDS_TABLE=p", "JOBS_TABLE=j", "EVENT_LOG_TABLE=l", "AWS_LAMBDA_FUNCTION_NAME=f", "BUCKET=b",
		"COMMANDS_TABLE=c", "DATA_TABLE=d", "HISTORY_TABLE=h", "MASTER_TABLE=m", "ATTRIBUTES_BUCKET=b", "TASKS_TABLE=t", "IMPORT_TABLE=i", "IMPORTS_BUCKET=b",
		"MAIN_TOPIC_ARN=m", "ALARM_TOPIC_ARN=a", "STATE_MACHINE_ARN=s"}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	select {
	case at := <-polled:
		return at.Sub(began)
	case <-time.After(10 * time.Second):
		b.Fatal(fmt.Errorf("%s has not asked for work within ten seconds: which variable of its environment does it lack?", program))
		return 0
	}
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
