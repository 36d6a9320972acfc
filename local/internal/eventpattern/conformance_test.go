package eventpattern

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/conformance"
)

// recorded is a row of the recordings: pattern and event, or pattern alone.
type recorded struct {
	ID       string
	Pattern  string `json:"pattern_text"`
	Event    string `json:"event_text"`
	Expected struct {
		Match *bool
		Valid *bool
		Error json.RawMessage
	}
}

func TestRecordedVerdicts(t *testing.T) {
	for file, percent := range map[string]float64{
		"events_patterns.jsonl": 100,
		"ruler_patterns.jsonl":  100,
		"ruler_cross.jsonl":     100,
		"ruler_rules.jsonl":     100,
	} {
		t.Run(file, func(t *testing.T) {
			tally := conformance.Tally{Name: file}
			for row := range conformance.Rows[recorded](t, file) {
				tally.Check(row.ID, row.difference())
			}
			tally.Demand(t, percent)
		})
	}
}

func (r recorded) difference() string {
	p, err := Compile([]byte(r.Pattern))
	switch {
	case r.Expected.Match != nil && err != nil:
		return err.Error()
	case r.Expected.Match != nil:
		return r.verdict(p)
	case r.Expected.Valid != nil && *r.Expected.Valid && err != nil:
		return err.Error()
	case r.Expected.Valid != nil && *r.Expected.Valid:
		return ""
	}
	return r.refusal(err)
}

func (r recorded) verdict(p *Pattern) string {
	alone, err := p.Match([]byte(r.Event))
	if err != nil {
		return err.Error()
	}
	among, _ := NewSet([]*Pattern{p}).Match([]byte(r.Event))
	why, _ := p.Explain([]byte(r.Event))
	if alone != *r.Expected.Match || (len(among) == 1) != alone || why.Matched != alone || (len(why.Reasons) == 0) != alone {
		return fmt.Sprintf("want %v, got %v alone, %v in a set, %v explained; %s %s", *r.Expected.Match, alone, among, why, r.Pattern, r.Event)
	}
	return ""
}

// refusal compares the reason, without positions: those of the engine's own
// tests come from another version of its parser.
func (r recorded) refusal(err error) string {
	var want string
	if json.Unmarshal(r.Expected.Error, &want) != nil {
		var coded struct{ Code, Message, MessageRaw string }
		if err := json.Unmarshal(r.Expected.Error, &coded); err != nil {
			return err.Error()
		}
		if coded.Code == "ValidationException" {
			return "" // about the event's envelope, which the service checks
		}
		want = coded.MessageRaw
		if want == "" {
			want = coded.Message
		}
		want = strings.TrimPrefix(want, "Event pattern is not valid. Reason: ")
		if err == nil || err.Error() != want {
			return fmt.Sprintf("got %v\nwant %s", err, want)
		}
		return ""
	}
	if err == nil {
		return "accepted, want " + want
	}
	if got, want := firstLine(err.Error()), firstLine(want); got != want {
		return fmt.Sprintf("got %q, want %q", got, want)
	}
	return ""
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
