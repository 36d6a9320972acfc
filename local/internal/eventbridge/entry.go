package eventbridge

// This file defines PutEvents: which entries are accepted and what event each
// becomes. https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// maxEntries is how large all entries of a request may be together.
const maxEntries = 1 << 20

type putEventsInput struct {
	Entries    []entry `json:"Entries" check:"required,min=1,max=10"`
	EndpointID string  `json:"EndpointId"`
}

type entry struct {
	Time         awswire.Time `json:"Time"`
	Source       string       `json:"Source"`
	Resources    []string     `json:"Resources"`
	DetailType   string       `json:"DetailType"`
	Detail       string       `json:"Detail"`
	EventBusName string       `json:"EventBusName" check:"max=1600"`
	TraceHeader  string       `json:"TraceHeader" check:"max=500"`
}

type putEventsOutput struct {
	FailedEntryCount int           `json:"FailedEntryCount"`
	Entries          []resultEntry `json:"Entries"`
}

type resultEntry struct {
	EventID      string `json:"EventId,omitzero"`
	ErrorCode    string `json:"ErrorCode,omitzero"`
	ErrorMessage string `json:"ErrorMessage,omitzero"`
}

// mayPutEvents asks for one permission a bus, with the keys its conditions know:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
func (s *Service) mayPutEvents(in *putEventsInput) []awswire.Access {
	byBus := map[string]*awswire.Access{}
	var order []*awswire.Access
	for _, e := range in.Entries {
		bus := s.busARN(busName(e.EventBusName))
		a := byBus[bus]
		if a == nil {
			a = &awswire.Access{Action: "events:PutEvents", Resource: bus, Context: map[string][]string{}}
			byBus[bus], order = a, append(order, a)
		}
		a.Context["events:source"] = append(a.Context["events:source"], e.Source)
		a.Context["events:detail-type"] = append(a.Context["events:detail-type"], e.DetailType)
	}
	accesses := make([]awswire.Access, len(order))
	for i, a := range order {
		accesses[i] = *a
	}
	return accesses
}

// size counts as AWS does:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html
func (e entry) size() int {
	n := len(e.Source) + len(e.DetailType) + len(e.Detail)
	if !e.Time.IsZero() {
		n += 14
	}
	for _, r := range e.Resources {
		n += len(r)
	}
	return n
}

func (s *Service) putEvents(ctx context.Context, in *putEventsInput) (*putEventsOutput, error) {
	if in.EndpointID != "" {
		return nil, invalid("Global endpoints are not supported by the local AWS: leave EndpointId out.")
	}
	size := 0
	for _, e := range in.Entries {
		size += e.size()
	}
	if size > maxEntries {
		return nil, invalid("Total size of the entries in the request is over the limit.")
	}
	if id := awswire.CallerFrom(ctx); journal.CauseFrom(ctx) == 0 {
		ctx = journal.WithCause(ctx, id.Cause)
	}
	out := &putEventsOutput{Entries: make([]resultEntry, len(in.Entries))}
	var accepted []*event
	for i, e := range in.Entries {
		detail, fault := e.check(originFrom(ctx) != nil || awswire.CallerFrom(ctx).Service != "")
		if fault != nil {
			out.Entries[i] = resultEntry{ErrorCode: fault.Code, ErrorMessage: fault.Message}
			out.FailedEntryCount++
			continue
		}
		ev := s.eventOf(ctx, e, detail)
		out.Entries[i].EventID = ev.id
		accepted = append(accepted, ev)
	}
	return out, s.accept(ctx, accepted)
}

// check returns the entry's detail, or why the entry is not accepted. The order
// of the checks is AWS's. An entry from another bus, or of a service of AWS, may have
// any source.
func (e entry) check(trusted bool) (detail *jsonvalue.Object, fault *awswire.Error) {
	for _, member := range []struct{ name, value string }{{"Source", e.Source}, {"DetailType", e.DetailType}, {"Detail", e.Detail}} {
		if member.value == "" {
			return nil, awswire.Errorf("InvalidArgument", "Parameter %[1]s is not valid. Reason: %[1]s is a required argument.", member.name)
		}
	}
	if n := utf8.RuneCountInString(e.DetailType); n > 128 {
		return nil, awswire.Errorf("InvalidArgument", "Parameter DetailType is not valid. Reason: DetailType has %d characters, at most 128 are allowed.", n)
	}
	if n := utf8.RuneCountInString(e.Source); n > 256 {
		return nil, awswire.Errorf("InvalidArgument", "Parameter Source is not valid. Reason: Source has %d characters, at most 256 are allowed.", n)
	}
	if strings.HasPrefix(e.Source, "aws.") && !trusted {
		return nil, awswire.Errorf("NotAuthorizedForSourceException", "Not authorized for the source.")
	}
	v, err := jsonvalue.Parse([]byte(e.Detail))
	detail, ok := v.(*jsonvalue.Object)
	if err != nil || !ok {
		return nil, awswire.Errorf("MalformedDetail", "Detail is malformed.")
	}
	return detail, nil
}

// event is an accepted event.
type event struct {
	id       string
	bus      string
	text     []byte // the whole envelope, compact
	ingested time.Time
	trace    string
	source   string
	kind     string // its detail-type
	value    *jsonvalue.Object
}

// eventOf makes the event of an accepted entry.
func (s *Service) eventOf(ctx context.Context, e entry, detail *jsonvalue.Object) *event {
	at := e.Time.Time
	if e.Time.IsZero() {
		at = s.Clock.Now()
	}
	ev := s.newEvent(busName(e.EventBusName), e.Source, e.DetailType, at, e.Resources, detail)
	if from := originFrom(ctx); from != nil {
		ev.value = from.keep(ev.value)
		ev.text = jsonvalue.Append(nil, ev.value)
	}
	if ev.trace = e.TraceHeader; ev.trace == "" {
		ev.trace = awswire.TraceFrom(ctx)
	}
	return ev
}

// newEvent wraps a detail in the envelope that rules see.
func (s *Service) newEvent(bus, source, kind string, at time.Time, resources []string, detail *jsonvalue.Object) *event {
	ev := &event{id: newUUID(), bus: bus, ingested: s.Clock.Now(), source: source, kind: kind}
	list := make([]any, len(resources))
	for i, r := range resources {
		list[i] = r
	}
	ev.value = object(
		member("version", "0"), member("id", ev.id), member("detail-type", kind), member("source", source),
		member("account", s.Account), member("time", at.UTC().Format(time.RFC3339)), member("region", s.Region),
		member("resources", list), member("detail", detail),
	)
	ev.text = jsonvalue.Append(nil, ev.value)
	return ev
}

// origin is the event that a delivery forwards to another bus. It travels in the
// context of the in-process call: PutEvents has no members for what an event
// keeps when it changes buses.
type origin struct{ envelope *jsonvalue.Object }

type originKey struct{}

func withOrigin(ctx context.Context, envelope *jsonvalue.Object) context.Context {
	return context.WithValue(ctx, originKey{}, &origin{envelope})
}

func originFrom(ctx context.Context) *origin {
	from, _ := ctx.Value(originKey{}).(*origin)
	return from
}

// keep carries over what stays the same on another bus. The id does not:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events.html
func (o *origin) keep(envelope *jsonvalue.Object) *jsonvalue.Object {
	for _, name := range []string{"account", "time", "region", "resources"} {
		if v, ok := o.envelope.Get(name); ok {
			envelope = envelope.With(name, v)
		}
	}
	return envelope
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
