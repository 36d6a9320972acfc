package bus

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stepworks/stepworks/shared/failure"
)

// recorder is an EventBridge that takes what refuse does not refuse.
type recorder struct {
	calls  []int // entries of each call
	taken  []string
	last   types.PutEventsRequestEntry
	refuse func(call, entry int) string // an error code, or ""
	err    error
}

func (r *recorder) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	if r.err != nil {
		return nil, r.err
	}
	out := &eventbridge.PutEventsOutput{}
	for i, e := range in.Entries {
		var result types.PutEventsResultEntry
		if code := r.refuse(len(r.calls), i); code != "" {
			out.FailedEntryCount++
			result.ErrorCode, result.ErrorMessage = &code, aws.String("because")
		} else {
			r.taken = append(r.taken, *e.Detail)
		}
		out.Entries = append(out.Entries, result)
		r.last = e
	}
	r.calls = append(r.calls, len(in.Entries))
	return out, nil
}

func numbered(n int) []Event {
	events := make([]Event, n)
	for i := range events {
		events[i] = Event{"ecommerce.orders", "Order Failed", map[string]string{"n": strconv.Itoa(i)}}
	}
	return events
}

func TestPut(t *testing.T) {
	never := func(int, int) string { return "" }
	for _, c := range []struct {
		what   string
		events []Event
		refuse func(call, entry int) string
		calls  []int
		taken  int
		waited time.Duration // milliseconds
		want   failure.Name
	}{
		{"nothing", nil, never, nil, 0, 0, ""},
		{"one", numbered(1), never, []int{1}, 1, 0, ""},
		{"more than a call takes", numbered(23), never, []int{10, 10, 3}, 23, 0, ""},
		{"some not taken just then", numbered(12), func(call, entry int) string {
			if call == 0 && entry%5 == 0 {
				return "ThrottlingException"
			}
			return ""
		}, []int{10, 2, 2}, 12, 50, ""},
		{"never taken", numbered(1), func(int, int) string { return "InternalFailure" }, []int{1, 1, 1, 1}, 0, 350, failure.TransientUnavailable},
		{"refused for good", numbered(2), func(_, entry int) string { return map[int]string{1: "MalformedDetail"}[entry] }, []int{2}, 1, 0, failure.EventRejected},
		{"too large", []Event{{"s", "d", map[string]string{"x": strings.Repeat("x", maxBytes)}}}, never, nil, 0, 0, failure.EventTooLarge},
		{"large ones go apart", []Event{
			{"s", "d", map[string]string{"x": strings.Repeat("x", 600_000)}}, {"s", "d", map[string]string{"x": strings.Repeat("x", 600_000)}},
		}, never, []int{1, 1}, 2, 0, ""},
		{"not JSON", []Event{{"s", "d", func() {}}}, never, nil, 0, 0, failure.InternalUnexpected},
	} {
		synctest.Test(t, func(t *testing.T) {
			api, start := &recorder{refuse: c.refuse}, time.Now()
			err := Publisher{API: api, Bus: "ecommerce-orders"}.Put(t.Context(), c.events...)
			if c.want == "" {
				require.NoError(t, err, c.what)
			} else {
				require.Error(t, err, c.what)
				assert.Equal(t, c.want, failure.NameOf(err), c.what)
			}
			assert.Equal(t, c.calls, api.calls, c.what)
			assert.Len(t, api.taken, c.taken, c.what)
			assert.Equal(t, c.waited*time.Millisecond, time.Since(start), c.what)
		})
	}
}

func TestEntry(t *testing.T) {
	api := &recorder{refuse: func(int, int) string { return "" }}
	ctx := context.WithValue(t.Context(), "x-amzn-trace-id", "Root=1-2-3") //nolint:staticcheck // aws-lambda-go's own key
	require.NoError(t, Publisher{API: api, Bus: "ecommerce-orders"}.Put(ctx, numbered(1)...))
	assert.Equal(t, "ecommerce-orders", *api.last.EventBusName)
	assert.Equal(t, "ecommerce.orders", *api.last.Source)
	assert.Equal(t, "Order Failed", *api.last.DetailType)
	assert.Equal(t, `{"n":"0"}`, *api.last.Detail)
	assert.Equal(t, "Root=1-2-3", *api.last.TraceHeader)
}

func TestCallFails(t *testing.T) {
	cause := errors.New("no route")
	err := Publisher{API: &recorder{err: cause}, Bus: "b"}.Put(t.Context(), numbered(1)...)
	assert.ErrorIs(t, err, cause)
}

func TestWaitEndsWithTheInvocation(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	api := &recorder{refuse: func(int, int) string { cancel(); return "ThrottlingException" }}
	err := Publisher{API: api, Bus: "b"}.Put(ctx, numbered(1)...)
	assert.ErrorIs(t, err, context.Canceled)
}
