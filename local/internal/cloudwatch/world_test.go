package cloudwatch

// This file defines the world that tests run in: the service behind a listener,
// spoken to by the real SDK, under virtual time.

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

var began = time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)

type world struct {
	*testing.T
	*cw.Client
	clk   *clock.Virtual
	store *store.Store
	svc   *Service
	calls *recorder
	// The clock is held save while a test lets time pass.
	release func()
}

// recorder takes what alarms tell.
type recorder struct {
	clk  clock.Clock
	mu   sync.Mutex
	list []told
}

type told struct {
	at      time.Duration // since the world began
	as      awswire.Identity
	service string
	params  *jsonvalue.Object
}

func (r *recorder) Call(_ context.Context, as awswire.Identity, service, operation string, params jsonvalue.Value) (jsonvalue.Value, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, told{r.clk.Now().Sub(began), as, service + ":" + operation, params.(*jsonvalue.Object)})
	if topic, _ := params.(*jsonvalue.Object).Get("TopicArn"); topic == "arn:aws:sns:us-east-1:123456789012:gone" {
		return nil, awswire.Errorf("NotFound", "Topic does not exist")
	}
	return jsonvalue.NewObject(), nil
}

func (r *recorder) take() []told {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.list
	r.list = nil
	return list
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, clk: clock.NewVirtual(began, 0), store: store.Memory()}
	w.calls = &recorder{clk: w.clk}
	w.release = w.clk.Hold()
	w.start()
	t.Cleanup(func() { w.svc.Close(); w.store.Close() })
	return w
}

// start makes the service over what the store holds.
func (w *world) start() {
	w.svc = New(Config{Account: "123456789012", Region: "us-east-1", Store: w.store, Clock: w.clk, Caller: w.calls, Log: slog.New(slog.DiscardHandler)})
	if err := w.svc.Start(); err != nil {
		w.Fatal(err)
	}
	h := httptest.NewServer(awswire.NewServer(awswire.Config{Account: "123456789012", Region: "us-east-1", Clock: w.clk}, w.svc.API()))
	w.Cleanup(h.Close)
	w.Client = cw.New(cw.Options{Region: "us-east-1", BaseEndpoint: &h.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
}

// newWorldFor is a service alone, for benchmarks.
func newWorldFor(b *testing.B) *Service {
	st := store.Memory()
	svc := New(Config{Account: "123456789012", Region: "us-east-1", Store: st, Clock: clock.Real()})
	b.Cleanup(func() { svc.Close(); _ = st.Close() })
	return svc
}

func (w *world) restart() {
	w.svc.Close()
	w.start()
}

// quiet lets time pass until no timer is left.
func (w *world) quiet() {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 5*time.Second)
	defer cancel()
	w.release()
	for more := true; more; more = w.clk.Skip() { // alarms are timers of the background
		if err := w.clk.Advance(ctx, 0); err != nil {
			w.Fatal(err)
		}
	}
	w.release = w.clk.Hold()
}

// pass lets virtual time pass.
func (w *world) pass(d time.Duration) {
	done := make(chan func())
	w.clk.AfterFunc(d, func() { done <- w.clk.Hold() })
	w.release()
	w.release = <-done
}

func (w *world) put(name string, value float64, at time.Time, dims ...string) {
	w.Helper()
	d := types.MetricDatum{MetricName: &name, Value: &value, Timestamp: &at}
	for i := 0; i+1 < len(dims); i += 2 {
		d.Dimensions = append(d.Dimensions, types.Dimension{Name: &dims[i], Value: &dims[i+1]})
	}
	must(w.PutMetricData(w.Context(), &cw.PutMetricDataInput{Namespace: aws.String("Shop"), MetricData: []types.MetricDatum{d}}))(w.T)
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// lines returns the lines of a data file that say something.
func lines(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	return all
}
