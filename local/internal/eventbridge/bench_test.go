package eventbridge

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// arrivals is a target that notes how long each event took from PutEvents on.
type arrivals struct {
	mu   sync.Mutex
	sent map[string]time.Time // by event id, until it arrives
	took []time.Duration
	left sync.WaitGroup
}

func (a *arrivals) Call(_ context.Context, _ awswire.Identity, _, _ string, params jsonvalue.Value) (jsonvalue.Value, error) {
	now := time.Now()
	key := text(params.(*jsonvalue.Object), "MessageBody")
	a.mu.Lock()
	defer a.mu.Unlock()
	a.took = append(a.took, now.Sub(a.sent[key]))
	a.left.Done()
	return nil, nil
}

// BenchmarkPutEventsToTarget reports how long an event takes from the call of
// PutEvents to the call of its target, everything on disk, with many putting at
// once, and how many events a second that makes.
func BenchmarkPutEventsToTarget(b *testing.B) {
	for _, writers := range []int{1, 16} {
		b.Run(fmt.Sprintf("%d writers", writers), func(b *testing.B) {
			st, err := store.Open(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer st.Close()
			a := &arrivals{sent: map[string]time.Time{}}
			s, err := New(Config{Account: account, Region: region, Store: st, Clock: clock.Real(), Caller: a, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			server := awswire.NewServer(awswire.Config{Account: account, Region: region}, s.API())
			call := func(operation, params string) {
				if _, err := server.Call(b.Context(), awswire.Root(account), "events", operation, jsonvalue.MustParse(params)); err != nil {
					b.Error(err)
				}
			}
			call("PutRule", `{"Name":"r","EventPattern":"{\"source\":[\"shop\"]}"}`)
			call("PutTargets", `{"Rule":"r","Targets":[{"Id":"t","Arn":"arn:aws:sqs:us-east-1:123456789012:q","InputPath":"$.detail.key"}]}`)
			var n int
			var mu sync.Mutex
			a.left.Add(b.N)
			b.ResetTimer()
			var all sync.WaitGroup
			for range writers {
				all.Go(func() {
					for {
						mu.Lock()
						n++
						i := n
						mu.Unlock()
						if i > b.N {
							return
						}
						key := fmt.Sprint(i)
						a.mu.Lock()
						a.sent[`"`+key+`"`] = time.Now()
						a.mu.Unlock()
						call("PutEvents", `{"Entries":[{"Source":"shop","DetailType":"k","Detail":"{\"key\":\"`+key+`\"}"}]}`)
					}
				})
			}
			all.Wait()
			a.left.Wait()
			b.StopTimer()
			slices.Sort(a.took)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(a.took[len(a.took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(a.took[len(a.took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}
