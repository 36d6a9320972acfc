package eventbridge

// This file defines replays: an archive's events of a time span, delivered again.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/delivery"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/store"
)

// maxReplays is how many replays may be active:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
const maxReplays = 10

// replayBatch is how many events a replay takes up at once. A replay that is
// interrupted goes on behind its last whole batch.
const replayBatch = 50

// replay is the record of a replay.
type replay struct {
	Name, Archive, Bus string
	Description        string
	From, To           time.Time
	Filter             []string // ARNs of the rules to replay to; empty: all
	State              string
	Started, Ended     time.Time
	LastReplayed       time.Time
	Next               []byte // the key of the next event, which is no text
}

const (
	starting  = "STARTING"
	running   = "RUNNING"
	completed = "COMPLETED"
	cancelled = "CANCELLED"
)

func (r replay) active() bool { return r.State == starting || r.State == running }

type replayDestination struct {
	Arn        string   `json:"Arn" check:"required,min=1,max=1600"`
	FilterArns []string `json:"FilterArns,omitzero"`
}

type startReplayInput struct {
	ReplayName     string             `json:"ReplayName" check:"required,min=1,max=64,pattern=[\\.\\-_A-Za-z0-9]+"`
	Description    string             `json:"Description" check:"max=512"`
	EventSourceArn string             `json:"EventSourceArn" check:"required,min=1,max=1600"`
	EventStartTime *awswire.Time      `json:"EventStartTime" check:"required"`
	EventEndTime   *awswire.Time      `json:"EventEndTime" check:"required"`
	Destination    *replayDestination `json:"Destination" check:"required"`
}

type replayOutput struct {
	ReplayArn             string             `json:"ReplayArn,omitzero"`
	ReplayName            string             `json:"ReplayName,omitzero"`
	Description           string             `json:"Description,omitzero"`
	EventSourceArn        string             `json:"EventSourceArn,omitzero"`
	Destination           *replayDestination `json:"Destination,omitzero"`
	State                 string             `json:"State"`
	EventStartTime        awswire.Time       `json:"EventStartTime,omitzero"`
	EventEndTime          awswire.Time       `json:"EventEndTime,omitzero"`
	EventLastReplayedTime awswire.Time       `json:"EventLastReplayedTime,omitzero"`
	ReplayStartTime       awswire.Time       `json:"ReplayStartTime,omitzero"`
	ReplayEndTime         awswire.Time       `json:"ReplayEndTime,omitzero"`
}

func (s *Service) replayARN(name string) string { return s.arn("replay/" + name) }

func (s *Service) startReplay(_ context.Context, in *startReplayInput) (*replayOutput, error) {
	if !in.EventStartTime.Before(in.EventEndTime.Time) {
		return nil, invalid("Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.")
	}
	_, name, _ := strings.Cut(in.EventSourceArn, ":archive/")
	r := replay{Name: in.ReplayName, Archive: name, Bus: busName(in.Destination.Arn), Description: in.Description, Filter: in.Destination.FilterArns,
		From: in.EventStartTime.UTC(), To: in.EventEndTime.UTC(), State: starting, Started: s.Clock.Now()}
	err := s.Store.Update(func(tx *store.Tx) error {
		if err := r.mayStart(tx); err != nil {
			return err
		}
		put(tx, replayBucket, store.Key(r.Name), r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.play(r.Name)
	return &replayOutput{ReplayArn: s.replayARN(r.Name), State: starting, ReplayStartTime: awswire.At(r.Started)}, nil
}

func (r replay) mayStart(tx *store.Tx) error {
	if _, err := busOf(tx, r.Bus); err != nil {
		return err
	}
	a, err := archiveOf(tx, r.Archive)
	if err != nil {
		return err
	}
	if a.Bus != r.Bus {
		return invalid("Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.")
	}
	active := 0
	for _, other := range all[replay](tx, replayBucket) {
		if other.Name == r.Name {
			return exists("Replay", r.Name)
		}
		if other.active() {
			active++
		}
	}
	if active >= maxReplays {
		return tooMany()
	}
	return nil
}

// play replays in the background until nothing is left.
func (s *Service) play(name string) {
	s.courier.Background(func(ctx context.Context) {
		for more := true; more && ctx.Err() == nil; {
			var deliveries []*delivery.Record
			var err error
			if deliveries, more, err = s.playBatch(ctx, name); err != nil {
				s.Log.Error("a replay stopped; it goes on at the next start", "replay", name, "error", err)
				return
			}
			s.courier.Begin(deliveries)
		}
	})
}

// playBatch stores the deliveries of the next events together with how far the
// replay is.
func (s *Service) playBatch(ctx context.Context, name string) (deliveries []*delivery.Record, more bool, err error) {
	err = s.Store.Update(func(tx *store.Tx) error {
		deliveries = nil
		r, found := get[replay](tx, replayBucket, store.Key(name))
		if more = found && r.active(); !more {
			return nil
		}
		state, err := compileBus(tx, r.Bus)
		if err != nil {
			return err
		}
		events := r.next(tx)
		for _, e := range events {
			deliveries = append(deliveries, s.replayed(ctx, r, e, state)...)
			r.LastReplayed, r.Next = e.Ingested, []byte(archivedKey(r.Archive, e.Ingested, e.ID)+"\x00")
		}
		r.State = running
		if more = len(events) == replayBatch; !more {
			r.State, r.Ended = completed, s.Clock.Now()
		}
		s.courier.Store(tx, deliveries)
		put(tx, replayBucket, store.Key(name), r)
		return nil
	})
	return deliveries, more, err
}

// next returns the next events of a replay.
func (r replay) next(from store.Reader) []archivedEvent {
	first := string(r.Next)
	if first == "" {
		first = archivedKey(r.Archive, r.From, "")
	}
	var events []archivedEvent
	for key := range from.Scan(archivedBucket, first, archivedKey(r.Archive, r.To, "")) {
		e, _ := get[archivedEvent](from, archivedBucket, key)
		if events = append(events, e); len(events) == replayBatch {
			break
		}
	}
	return events
}

// replayed returns the deliveries of an event that is replayed. It is the same
// event, with the replay's name added, and archives do not keep it again.
func (s *Service) replayed(ctx context.Context, r replay, e archivedEvent, state *busState) []*delivery.Record {
	v, _ := jsonvalue.Parse([]byte(e.Event))
	envelope, ok := v.(*jsonvalue.Object)
	if !ok {
		return nil
	}
	envelope = envelope.With("replay-name", r.Name)
	ev := &event{id: e.ID, bus: r.Bus, ingested: s.Clock.Now(), trace: e.Trace, source: text(envelope, "source"), kind: text(envelope, "detail-type"), value: envelope, text: jsonvalue.Append(nil, envelope)}
	at := s.Journal.Record(ctx, journal.Entry{Kind: journal.EventReceived, Subject: ev.id, Name: ev.kind, Where: ev.bus, Detail: envelope})
	matched, err := state.patterns.Match(ev.text)
	if err != nil {
		return nil
	}
	var deliveries []*delivery.Record
	for _, i := range matched {
		rule := state.rules[i]
		if len(r.Filter) == 0 || slices.Contains(r.Filter, s.ruleARN(rule.Bus, rule.Name)) {
			deliveries = append(deliveries, s.deliveriesOf(at, ev, rule)...)
		}
	}
	return deliveries
}

// resumeReplays goes on with the replays of an earlier process.
func (s *Service) resumeReplays() error {
	names, err := view(s.Store, func(r store.Reader) ([]string, error) {
		var names []string
		for _, found := range all[replay](r, replayBucket) {
			if found.active() {
				names = append(names, found.Name)
			}
		}
		return names, nil
	})
	for _, name := range names {
		s.play(name)
	}
	return err
}

type replayInput struct {
	ReplayName string `json:"ReplayName" check:"required,min=1,max=64"`
}

func replayOf(r store.Reader, name string) (replay, error) {
	found, ok := get[replay](r, replayBucket, store.Key(name))
	if !ok {
		return found, notFound("Replay %s", name)
	}
	return found, nil
}

// listedReplay is what ListReplays answers for each.
func (s *Service) listedReplay(r replay) replayOutput {
	return replayOutput{ReplayName: r.Name, EventSourceArn: s.archiveARN(r.Archive), State: r.State, EventStartTime: awswire.At(r.From), EventEndTime: awswire.At(r.To),
		EventLastReplayedTime: awswire.At(r.LastReplayed), ReplayStartTime: awswire.At(r.Started), ReplayEndTime: awswire.At(r.Ended)}
}

func (s *Service) describeReplay(_ context.Context, in *replayInput) (*replayOutput, error) {
	return view(s.Store, func(from store.Reader) (*replayOutput, error) {
		r, err := replayOf(from, in.ReplayName)
		out := s.listedReplay(r)
		out.ReplayArn, out.Description = s.replayARN(r.Name), r.Description
		out.Destination = &replayDestination{Arn: s.busARN(r.Bus), FilterArns: r.Filter}
		return &out, err
	})
}

func (s *Service) cancelReplay(_ context.Context, in *replayInput) (*replayOutput, error) {
	err := s.Store.Update(func(tx *store.Tx) error {
		r, err := replayOf(tx, in.ReplayName)
		if err != nil {
			return err
		}
		if !r.active() {
			return awswire.Errorf("IllegalStatusException", "Replay %s is not in a valid state for this operation.", r.Name)
		}
		r.State, r.Ended = cancelled, s.Clock.Now()
		put(tx, replayBucket, store.Key(r.Name), r)
		return nil
	})
	return &replayOutput{ReplayArn: s.replayARN(in.ReplayName), State: "CANCELLING"}, err
}

type listReplaysInput struct {
	NamePrefix     string `json:"NamePrefix" check:"max=64"`
	EventSourceArn string `json:"EventSourceArn" check:"max=1600"`
	State          string `json:"State"`
	Limit          int    `json:"Limit" check:"min=1,max=100"`
	NextToken      string `json:"NextToken" check:"max=2048"`
}

type listReplaysOutput struct {
	Replays   []replayOutput `json:"Replays"`
	NextToken string         `json:"NextToken,omitzero"`
}

func (s *Service) listReplays(_ context.Context, in *listReplaysInput) (*listReplaysOutput, error) {
	if err := oneFilter("ListReplays", in.State, in.EventSourceArn, in.NamePrefix); err != nil {
		return nil, err
	}
	return view(s.Store, func(r store.Reader) (*listReplaysOutput, error) {
		replays, next, err := page(all[replay](r, replayBucket), in.Limit, in.NextToken, func(r replay) bool {
			return strings.HasPrefix(r.Name, in.NamePrefix) && (in.EventSourceArn == "" || s.archiveARN(r.Archive) == in.EventSourceArn) &&
				(in.State == "" || in.State == r.State)
		})
		out := &listReplaysOutput{Replays: []replayOutput{}, NextToken: next}
		for _, r := range replays {
			out.Replays = append(out.Replays, s.listedReplay(r))
		}
		return out, err
	})
}
