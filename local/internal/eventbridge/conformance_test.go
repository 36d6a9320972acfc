package eventbridge

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsevents "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/conformance"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// recordedDelivery is a row of events_delivery.jsonl.
type recordedDelivery struct {
	ID    string
	Rules []struct {
		Bus     string
		Pattern json.RawMessage
		Targets []json.RawMessage
	}
	Entries  []json.RawMessage
	Match    []bool
	Expected map[string]json.RawMessage
}

func TestRecordedDeliveries(t *testing.T) {
	tally := conformance.Tally{Name: "events_delivery.jsonl"}
	for row := range conformance.Rows[recordedDelivery](t, "events_delivery.jsonl") {
		text := fmt.Sprint(row)
		if strings.Contains(text, "@@") || strings.Contains(text, "222222222222") || row.Expected["replay-messages"] != nil {
			continue // refers to an earlier answer, another account, or a replay
		}
		t.Run("", func(t *testing.T) { tally.Check(row.ID, newWorld(t).deliver(row)) })
	}
	tally.Demand(t, 100)
}

// deliver plays a row and says what came out differently.
func (w *world) deliver(row recordedDelivery) string {
	queues, busOf := map[string]string{}, map[string]string{}
	for i, r := range row.Rules {
		if r.Bus != "" && r.Bus != "default" && busOf[r.Bus] == "" {
			busOf[r.Bus] = fmt.Sprintf("bus-%d", len(busOf))
			if _, err := w.events.CreateEventBus(w.Context(), &awsevents.CreateEventBusInput{Name: aws.String(busOf[r.Bus])}); err != nil {
				return err.Error()
			}
		}
		pattern := string(r.Pattern)
		if unquoted := ""; json.Unmarshal(r.Pattern, &unquoted) == nil {
			pattern = unquoted
		}
		name := aws.String(fmt.Sprintf("rule-%d", i))
		if _, err := w.events.PutRule(w.Context(), &awsevents.PutRuleInput{Name: name, EventBusName: optional(busOf[r.Bus]), EventPattern: &pattern}); err != nil {
			return err.Error()
		}
		if _, err := w.events.PutTargets(w.Context(), &awsevents.PutTargetsInput{Rule: name, EventBusName: optional(busOf[r.Bus]), Targets: w.targets(r.Targets, queues)}); err != nil {
			return err.Error()
		}
	}
	entries := w.entries(row, busOf)
	if _, err := w.server.Call(w.Context(), awswire.Root(account), "events", "PutEvents", jsonvalue.NewObject(jsonvalue.Member{Name: "Entries", Value: entries})); err != nil {
		return err.Error()
	}
	for _, raw := range row.Expected {
		if difference := w.compare(raw, queues); difference != "" {
			return difference
		}
	}
	return ""
}

func (w *world) targets(raw []json.RawMessage, queues map[string]string) []types.Target {
	var targets []types.Target
	for i, text := range raw {
		var t struct {
			Queue, Arn, InputPath string
			InputTransformer      *types.InputTransformer
		}
		if err := json.Unmarshal(text, &t); err != nil {
			w.Fatal(err)
		}
		key := t.Queue
		if key == "" {
			key = t.Arn[strings.LastIndexByte(t.Arn, ':')+1:]
		}
		if queues[key] == "" {
			queues[key] = w.queue(fmt.Sprintf("q-%d", len(queues)))
		}
		targets = append(targets, types.Target{Id: aws.String(fmt.Sprintf("t%d", i)), Arn: aws.String(queues[key]), InputPath: optional(t.InputPath), InputTransformer: t.InputTransformer})
	}
	return targets
}

// entries returns the row's entries. Their times, which the recorder's SDK took
// in any spelling, are left to the service.
func (w *world) entries(row recordedDelivery, busOf map[string]string) []any {
	var entries []any
	for _, raw := range row.Entries {
		e := jsonvalue.MustParse(string(raw)).(*jsonvalue.Object).Without("Time")
		bus := text(e, "EventBusName")
		if row.Match != nil {
			bus = row.Rules[0].Bus
		}
		e = e.Without("EventBusName")
		if bus != "" && bus != "default" {
			name := busOf[bus]
			if name == "" {
				name = bus
			}
			e = e.With("EventBusName", name)
		}
		entries = append(entries, e)
	}
	return entries
}

// variable parts of a recording: ids, times, account, region, partition, and the recorder's names.
var placeholder = regexp.MustCompile(`<[A-Za-z][^<>]*>|\bdate\b|111111111111`)

func (w *world) compare(raw json.RawMessage, queues map[string]string) string {
	var bodies []struct {
		JSON json.RawMessage
		Raw  *string
	}
	queue := "q"
	if json.Unmarshal(raw, &bodies) != nil {
		var at struct {
			Queue  []string
			Bodies *[]struct {
				JSON json.RawMessage
				Raw  *string
			}
		}
		at.Bodies = &bodies
		if err := json.Unmarshal(raw, &at); err != nil {
			w.Fatal(err)
		}
		queue = at.Queue[0]
	}
	var want, got []string
	for _, b := range bodies {
		want = append(want, canonical(string(b.JSON)))
	}
	for _, m := range w.received(queues[queue]) {
		got = append(got, canonical(m.body))
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(got) != len(want) {
		return fmt.Sprintf("got %q, want %q", got, want)
	}
	for i := range got {
		parts := placeholder.Split(want[i], -1)
		for j := range parts {
			parts[j] = regexp.QuoteMeta(parts[j])
		}
		if !regexp.MustCompile("^(?s)" + strings.Join(parts, ".*?") + "$").MatchString(got[i]) {
			return fmt.Sprintf("got %s\nwant %s", got[i], want[i])
		}
	}
	return ""
}

// canonical orders the members of JSON text, whose order the recorder did not keep.
func canonical(text string) string {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return text
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
	return strings.TrimSpace(b.String())
}
