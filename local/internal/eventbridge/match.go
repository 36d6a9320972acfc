package eventbridge

// This file defines which rules an event matches, and what accepting an event
// stores.

import (
	"context"
	"fmt"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/eventpattern"
	"github.com/stepworks/stepworks/local/internal/journal"
	"github.com/stepworks/stepworks/local/internal/store"
)

// busState is what matching needs of a bus, compiled.
type busState struct {
	exists   bool
	rules    []matchRule
	patterns *eventpattern.Set // of rules, position by position
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
	return state, nil
}

// accept stores a delivery for every target of every rule that matches, and only
// then begins to deliver. An event for a bus that does not exist is dropped, as
// on AWS, though not without a word.
func (s *Service) accept(ctx context.Context, events []*event) error {
	var deliveries []*delivery
	for _, ev := range events {
		at := s.Journal.Record(ctx, journal.Entry{Kind: journal.EventReceived, Subject: ev.id, Name: ev.kind, Detail: ev.value})
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
		for _, i := range matched {
			deliveries = append(deliveries, s.deliveriesOf(at, ev, state.rules[i])...)
		}
	}
	return s.enqueue(deliveries)
}

func (s *Service) deliveriesOf(ctx context.Context, ev *event, r matchRule) []*delivery {
	arn := s.ruleARN(r.Bus, r.Name)
	at := s.Journal.Record(ctx, journal.Entry{Kind: journal.RuleMatched, Subject: arn, Name: r.Name})
	deliveries := make([]*delivery, len(r.targets))
	for i, t := range r.targets {
		deliveries[i] = &delivery{ID: newUUID(), EventID: ev.id, Event: string(ev.text), RuleARN: arn, RuleName: r.Name, Target: t,
			Ingested: ev.ingested, Due: ev.ingested, TraceHeader: ev.trace, cause: journal.CauseFrom(at)}
	}
	return deliveries
}

// enqueue stores deliveries and begins them.
func (s *Service) enqueue(deliveries []*delivery) error {
	if len(deliveries) == 0 {
		return nil
	}
	err := s.Store.Update(func(tx *store.Tx) error {
		storeDeliveries(tx, deliveries)
		return nil
	})
	if err != nil {
		return err
	}
	for _, d := range deliveries {
		s.courier.add(d)
	}
	return nil
}

func storeDeliveries(tx *store.Tx, deliveries []*delivery) {
	for _, d := range deliveries {
		put(tx, deliveryBucket, store.Key(d.ID), d)
	}
}
