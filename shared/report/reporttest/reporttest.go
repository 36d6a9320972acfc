// Package reporttest stands in for the bus and the bucket in the tests of the
// report's functions. The bucket is package objecttest's; the bus keeps what was
// published. It delivers nothing. Start at [New].
package reporttest

import (
	"context"
	"encoding/json"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/stepworks/stepworks/shared/bus"
	"github.com/stepworks/stepworks/shared/object/objecttest"
	"github.com/stepworks/stepworks/shared/report"
)

// Function is the name of the function under test.
const Function = "report-function"

// World is where a function of the report works.
type World struct {
	Bucket *objecttest.Server
	Out    report.Outlet

	mu        sync.Mutex
	published []Published
	refuse    error
}

// Published is an event on the bus.
type Published struct{ Source, DetailType, Detail string }

// New makes a world that ends with the test.
func New(t testing.TB) *World {
	t.Helper()
	w := &World{Bucket: objecttest.New(t)}
	w.Out = report.Outlet{Bus: bus.Publisher{API: w, Bus: "default"}, Function: Function}
	return w
}

// PutEvents implements bus.API.
func (w *World) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuse != nil {
		return nil, w.refuse
	}
	for _, e := range in.Entries {
		w.published = append(w.published, Published{*e.Source, *e.DetailType, *e.Detail})
	}
	return &eventbridge.PutEventsOutput{}, nil
}

// Refuse lets the bus fail with err.
func (w *World) Refuse(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse = err
}

// Published returns the one event that was published since the last call, and
// decodes its detail into into.
func (w *World) Published(t testing.TB, into any) Published {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.published) != 1 {
		t.Fatalf("there must be one event, but there are %d: %v", len(w.published), w.published)
	}
	p := w.published[0]
	w.published = nil
	if err := json.Unmarshal([]byte(p.Detail), into); err != nil {
		t.Fatal(err)
	}
	return p
}

// Quiet says whether nothing was published since the last call of Published.
func (w *World) Quiet() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.published) == 0
}
