package step

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestWhatALineSays about where its invocation came from.
func TestWhatALineSays(t *testing.T) {
	for _, c := range []struct {
		what, trace, payload string
		want                 map[string]any
	}{
		{"a traced step", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1", `{"execution":{"id":"X"}}`,
			map[string]any{"correlationId": "1-5759e988-bd862e3fe1be46a994272793", "executionId": "X"}},
		{"a step", "", `{"execution":{"id":"X"},"order":{}}`, map[string]any{"correlationId": "X", "executionId": "X"}},
		{"a step that gets the context object", "", `{"context":{"Execution":{"Id":"X"}}}`, map[string]any{"correlationId": "X", "executionId": "X"}},
		{"an event", "", `{"id":"E","source":"s","detail-type":"d"}`, map[string]any{"correlationId": "E", "eventId": "E"}},
		{"a step that an event's order reached", "", `{"eventMetadata":{"eventId":"E"}}`, map[string]any{"correlationId": "E", "eventId": "E"}},
		{"an id that is no event's", "", `{"id":"E"}`, map[string]any{}},
		{"a trace without a root", "Sampled=1", `{}`, map[string]any{}},
		{"another shape", "", `{"execution":"X","id":7}`, map[string]any{}},
		{"no object", "", `"job_1"`, map[string]any{}},
		{"no JSON", "", `{`, map[string]any{}},
	} {
		var out bytes.Buffer
		log := slog.New(correlated{slog.NewJSONHandler(&out, nil)}).With("always", true)
		//nolint:staticcheck // the runtime's own key
		ctx := context.WithValue(t.Context(), "x-amzn-trace-id", c.trace)
		log.InfoContext(from(ctx, []byte(c.payload)), "hello")
		var line map[string]any
		require.NoError(t, json.Unmarshal(out.Bytes(), &line))
		for _, field := range []string{"time", "level", "msg", "always"} {
			assert.Contains(t, line, field)
			delete(line, field)
		}
		assert.Equal(t, c.want, line, c.what)
	}
	var out bytes.Buffer
	slog.New(correlated{slog.NewJSONHandler(&out, nil)}.WithGroup("g")).Info("outside of an invocation", "a", 1)
	assert.Contains(t, out.String(), `"g":{"a":1}`)
}
