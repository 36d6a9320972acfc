package eventbridge

// This file defines which rules an event matches, and what accepting an event
// stores.

import (
	"context"
	"fmt"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/delivery"
	"github.com/stepworks/stepworks/local/internal/eventpattern"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/store"
)

// busState is what matching needs of a bus, compiled.
type busState struct {
	exists   bool
	rules    []matchRule
	patterns *eventpattern.Set // of rules, position by position
	archives []matchArchive
}

type matchArchive struct {
	name    string
	pattern *eventpattern.Pattern // nil: everything
}

type matchRule struct {
	rule
	pattern *eventpattern.Pattern
	targets []Target
}

// changed forgets what was compiled of a bus. It follows every write.
func (s *Service) changed(bus string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation++
	delete(s.buses, bus)
}

// state returns a bus's compiled rules. What was read before a change that came
// meanwhile is used, and not kept.
func (s *Service) state(bus string) (*busState, error) {
	s.mu.Lock()
	state, generation := s.buses[bus], s.generation
	s.mu.Unlock()
	if state != nil {
		return state, nil
	}
	state, err := view(s.Store, func(r store.Reader) (*busState, error) { return compileBus(r, bus) })
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generation == generation {
		s.buses[bus] = state
	}
	return state, nil
}

func compileBus(r store.Reader, name string) (*busState, error) {
	_, exists := r.Get(busBucket, store.Key(name))
	state := &busState{exists: exists}
	var patterns []*eventpattern.Pattern
	for _, found := range all[rule](r, ruleBucket, name) {
		if found.State == disabled || found.EventPattern == "" {
			continue
		}
		p, err := eventpattern.Compile([]byte(found.EventPattern))
		if err != nil {
			return nil, fmt.Errorf("the stored pattern of rule %s: %w", found.Name, err)
		}
		patterns = append(patterns, p)
		state.rules = append(state.rules, matchRule{found, p, targetsOf(r, found)})
	}
	state.patterns = eventpattern.NewSet(patterns)
	return state, state.addArchives(r, name)
}

func (state *busState) addArchives(r store.Reader, bus string) error {
	for _, a := range all[archive](r, archiveBucket) {
		if a.Bus != bus {
			continue
		}
		m := matchArchive{name: a.Name}
		if a.Pattern != "" {
			var err error
			if m.pattern, err = eventpattern.Compile([]byte(a.Pattern)); err != nil {
				return fmt.Errorf("the stored pattern of archive %s: %w", a.Name, err)
			}
		}
		state.archives = append(state.archives, m)
	}
	return nil
}

// keepers returns the archives that keep an event.
func (state *busState) keepers(ev *event) []string {
	var names []string
	for _, a := range state.archives {
		if a.pattern != nil {
			if ok, err := a.pattern.Match(ev.text); err != nil || !ok {
				continue
			}
		}
		names = append(names, a.name)
	}
	return names
}

// accept stores a delivery for every target of every rule that matches, and only
// then begins to deliver. An event for a bus that does not exist is dropped, as
// on AWS, though not without a word.
func (s *Service) accept(ctx context.Context, events []*event) error {
	var work accepted
	for _, ev := range events {
		at := s.Journal.Record(ctx, journal.Entry{Kind: journal.EventReceived, Subject: ev.id, Name: ev.kind, Where: ev.bus, Detail: ev.value})
		state, err := s.state(ev.bus)
		if err != nil {
			return err
		}
		if !state.exists {
			s.Log.Warn("an event was dropped: its event bus does not exist", "bus", ev.bus, "source", ev.source, "detail-type", ev.kind)
			continue
		}
		matched, err := state.patterns.Match(ev.text)
		if err != nil {
			return awswire.Errorf("InternalException", "the event could not be matched: %v", err)
		}
		s.countMatched(state, matched)
		for _, i := range matched {
			work.deliveries = append(work.deliveries, s.deliveriesOf(at, ev, state.rules[i])...)
		}
		for _, name := range state.keepers(ev) {
			work.kept = append(work.kept, kept{name, ev})
		}
	}
	return s.enqueue(work)
}

// accepted is what accepting events leaves to do.
type accepted struct {
	deliveries []*delivery.Record
	kept       []kept
}

type kept struct {
	archive string
	*event
}

// enqueue stores what there is to do, and begins the deliveries.
func (s *Service) enqueue(work accepted) error {
	if len(work.deliveries) == 0 && len(work.kept) == 0 {
		return nil
	}
	err := s.Store.Update(func(tx *store.Tx) error {
		s.courier.Store(tx, work.deliveries)
		for _, k := range work.kept {
			if a, err := archiveOf(tx, k.archive); err == nil { // else deleted meanwhile
				a.keep(tx, k.event)
			}
		}
		return nil
	})
	if err == nil {
		s.courier.Begin(work.deliveries)
	}
	return err
}
