package stepfunctions

// This file defines what is measured: executions through the API with durable
// state, and what one costs that waits.

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/store"
)

// tenPasses has an intrinsic in each of its states.
func tenPasses() string {
	var b strings.Builder
	b.WriteString(`{"StartAt":"S0","States":{`)
	for i := range 10 {
		next := fmt.Sprintf(`"Next":"S%d"`, i+1)
		if i == 9 {
			next = `"End":true`
		}
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, `"S%d":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, 1)"},%s}`, i, next)
	}
	return b.String() + "}}"
}

func benchService(b *testing.B) *sfn.Client {
	b.Helper()
	st, err := store.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	clk := clock.Real()
	server := awswire.NewServer(awswire.Config{Account: account, Region: "us-east-1", Clock: clk})
	s, err := New(Config{Account: account, Region: "us-east-1", Store: st, Clock: clk, Caller: server})
	if err != nil {
		b.Fatal(err)
	}
	server.Add(s.API())
	h := httptest.NewServer(server)
	b.Cleanup(func() { h.Close(); s.Close(); _ = st.Close() })
	transport := &http.Transport{MaxIdleConns: 128, MaxIdleConnsPerHost: 128}
	return sfn.New(sfn.Options{Region: "us-east-1", BaseEndpoint: aws.String(h.URL), HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("any", "thing", "")})
}

func benchMachine(b *testing.B, client *sfn.Client, definition string) *string {
	b.Helper()
	out, err := client.CreateStateMachine(b.Context(), &sfn.CreateStateMachineInput{Name: aws.String("bench"), Definition: &definition, RoleArn: aws.String(role)})
	if err != nil {
		b.Fatal(err)
	}
	return out.StateMachineArn
}

// BenchmarkExecutions starts executions of ten states from 64 clients in this
// process; each has ended, durably, when StartExecution answers.
func BenchmarkExecutions(b *testing.B) {
	client := benchService(b)
	machine := benchMachine(b, client, tenPasses())
	const clients = 64
	work := make(chan struct{}, clients)
	var wg sync.WaitGroup
	b.ResetTimer()
	for range clients {
		wg.Go(func() {
			for range work {
				if _, err := client.StartExecution(b.Context(), &sfn.StartExecutionInput{StateMachineArn: machine, Input: aws.String(`{"n":0}`)}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "executions/s")
}

// BenchmarkWaiting measures the memory of executions that wait.
func BenchmarkWaiting(b *testing.B) {
	client := benchService(b)
	machine := benchMachine(b, client, waiting)
	before := heap()
	for range b.N {
		if _, err := client.StartExecution(b.Context(), &sfn.StartExecutionInput{StateMachineArn: machine, Input: aws.String(`{"a":1}`)}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(heap()-before)/float64(b.N), "bytes/waiting")
	runtime.KeepAlive(client)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkMapRun runs a distributed map of ten thousand items, each a child
// execution of one Pass.
func BenchmarkMapRun(b *testing.B) {
	client := benchService(b)
	machine := benchMachine(b, client, distributed(`"ItemsPath":"$.items","ResultPath":null,`))
	items := "[" + strings.Repeat("1,", 9999) + "1]"
	for b.Loop() {
		out, err := client.StartExecution(b.Context(), &sfn.StartExecutionInput{StateMachineArn: machine, Input: aws.String(`{"items":` + items + `}`)})
		if err != nil {
			b.Fatal(err)
		}
		for {
			e, err := client.DescribeExecution(b.Context(), &sfn.DescribeExecutionInput{ExecutionArn: out.ExecutionArn})
			if err != nil || e.Status == types.ExecutionStatusFailed {
				b.Fatal(e, err)
			}
			if e.Status == types.ExecutionStatusSucceeded {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	b.ReportMetric(10000*float64(b.N)/b.Elapsed().Seconds(), "children/s")
}
