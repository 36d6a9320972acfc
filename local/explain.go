package main

// This file defines `explain`, which says of every rule whether an event matches
// it and why not, and `invoke`, which runs one function.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/stack"
)

type explainCommand struct {
	where
	output
	Event string `arg:"" help:"A file: an event as rules see it, or entries for PutEvents such as events/put/*.json."`
}

// Run deploys the template into memory and asks its rules.
func (c *explainCommand) Run(ctx context.Context) error {
	text, err := readFile(c.Event, "an event, or entries for PutEvents such as events/put/order-placed.json")
	if err != nil {
		return err
	}
	events, err := eventsOf(text)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Event, err)
	}
	s, err := c.start(ctx, "explain builds no functions")
	if err != nil {
		return err
	}
	defer s.Close()
	verdicts := make([][]stack.Verdict, len(events))
	for i, e := range events {
		if verdicts[i], err = s.Explain(e.bus, e.text); err != nil {
			return fmt.Errorf("%s: %w", c.Event, err)
		}
	}
	return c.print(verdicts)
}

// print prints, for each event, what the rules make of it.
func (c *explainCommand) print(verdicts [][]stack.Verdict) error {
	if c.JSON {
		return printJSON(verdicts)
	}
	for i, rules := range verdicts {
		if len(verdicts) > 1 {
			fmt.Printf("event %d\n", i+1)
		}
		for _, v := range rules {
			fmt.Printf("%-24s %-22s %s\n", v.Bus, v.Rule, v.Why)
		}
	}
	return nil
}

// start deploys the template into memory, on a free port; its functions too, unless
// there is a reason not to build them.
func (o where) start(ctx context.Context, unbuilt string) (*stack.Stack, error) {
	s, err := stack.Start(ctx, stack.Options{Account: o.Account, Region: o.Region, Memory: true, Clock: clock.Real(), Log: o.logger()})
	if err != nil {
		return nil, err
	}
	d := o.deployment()
	d.Progress, d.Step, d.Unbuilt = nil, nil, unbuilt
	if err := s.Deploy(ctx, d); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// busEvent is an event and the bus it is for.
type busEvent struct {
	bus  string
	text []byte
}

// eventsOf takes an event, or entries of PutEvents.
func eventsOf(text []byte) ([]busEvent, error) {
	var entries []struct {
		Source, DetailType, EventBusName, Detail string
		Resources                                []string
	}
	if json.Unmarshal(text, &entries) != nil {
		var event struct {
			Source     string `json:"source"`
			DetailType string `json:"detail-type"`
		}
		if err := json.Unmarshal(text, &event); err != nil {
			return nil, fmt.Errorf("it must be an event or an array of entries for PutEvents: %w", err)
		}
		if event.Source == "" || event.DetailType == "" {
			return nil, errors.New(`it is no event, which has "source", "detail-type" and "detail"; a function's input has none: give an event, or entries such as events/put/order-placed.json`)
		}
		return []busEvent{{text: text}}, nil
	}
	var events []busEvent
	for i, e := range entries {
		if !json.Valid([]byte(e.Detail)) {
			return nil, fmt.Errorf("entry %d: Detail must be JSON text", i+1)
		}
		event, err := json.Marshal(map[string]any{"version": "0", "id": "00000000-0000-0000-0000-000000000000", "source": e.Source, "detail-type": e.DetailType,
			"account": "123456789012", "region": "us-east-1", "time": "2026-01-01T00:00:00Z", "resources": append([]string{}, e.Resources...), "detail": json.RawMessage(e.Detail)})
		if err != nil {
			return nil, err
		}
		bus := e.EventBusName
		if bus == "" {
			bus = "default"
		}
		events = append(events, busEvent{bus, event})
	}
	return events, nil
}

type invokeCommand struct {
	where
	Function string `arg:"" help:"A function of the template, by its logical id."`
	Event    string `short:"e" placeholder:"FILE" help:"The event, JSON; - is standard input; without it, {}."`
}

// Run deploys the template into memory and invokes the function: what it answers
// goes to standard output, what it prints to standard error.
func (c *invokeCommand) Run(ctx context.Context) error {
	payload, err := []byte("{}"), error(nil)
	switch c.Event {
	case "":
	case "-":
		payload, err = io.ReadAll(os.Stdin)
	default:
		payload, err = readFile(c.Event, "the function's event, such as events/validate.json")
	}
	if err != nil {
		return err
	}
	s, err := c.start(ctx, "")
	if err != nil {
		return err
	}
	defer s.Close()
	if names := s.Functions(); !slices.Contains(names, c.Function) {
		return fmt.Errorf("%s has no function %s; it has: %s", c.Template, c.Function, strings.Join(names, ", "))
	}
	answer, log, fault, err := s.Invoke(ctx, c.Function, payload)
	if err != nil {
		return err
	}
	fmt.Fprint(os.Stderr, log)
	fmt.Println(string(answer))
	if fault != "" {
		return fmt.Errorf("%s failed (%s)", c.Function, fault)
	}
	return nil
}
