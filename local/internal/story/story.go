// Package story drives the deployed stack as its users do, through AWS's APIs
// alone, and tells what happened: which way each order took, what became of it,
// what moved in the tables and on the buses, and whether that was expected.
//
// A story publishes sample events, waits until every execution they caused has
// ended, and holds the outcome against the expected one. Nothing here knows
// whether the endpoint is the local AWS or another: it reads histories, tables
// and, by a rule and a queue of its own that it removes afterwards, the buses.
// Order ids are made anew for every run, so stories can be told again.
//
// Start at [Tell] and orders.go.
package story

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// A Story is one thing that a user does, and what must come of it.
type Story struct {
	Name  string // for make run STORY=name
	Title string
	// Virtual says that the story takes hours or days: it is told where time can be
	// skipped, and left out aloud elsewhere.
	Virtual bool
	tell    func(ctx context.Context, w *World) error
}

// Stories are told in this order: each domain's, in a file of its own.
var Stories = slices.Concat(
	orderStories,
	closingStories,
	variantStories,
	approvalStories,
	jobStories,
	commandStories,
	reportStories,
	traceStories,
	alarmStories,
	partnerStories,
	dataStories,
	dailyStories,
	failureStories,
	seldomStories,
)

// Config says where the stack is and how to tell.
type Config struct {
	Endpoint string // empty: AWS itself, as the environment configures it
	Region   string
	Prefix   string // the stack's parameter Prefix
	Files    fs.FS  // the repository, for events/put
	Out      io.Writer
	Color    bool
	Only     string // one story's name; empty: all
	// Told is told how each story ended. It may be nil.
	Told func(Result)
	// Partner is the partner's API that the endpoint finds under PartnerHost; nil where
	// there is none.
	Partner *Partner
	// Advance moves the endpoint's clock on by d, doing all that falls due on the
	// way. Nil where time passes as it does, on AWS for one.
	Advance func(ctx context.Context, d time.Duration) error
}

// Result is how a story ended.
type Result struct {
	Name        string   `json:"name"`
	Title       string   `json:"title"`
	Outcome     Outcome  `json:"outcome"`
	Differences []string `json:"differences,omitempty"`
	Seconds     float64  `json:"seconds"`
}

// Outcome is how a story ended, in words.
type Outcome string

// The outcomes of a story.
const (
	AsExpected    Outcome = "as expected"
	NotAsExpected Outcome = "not as expected"
	LeftOut       Outcome = "left out" // it needs time that can be skipped
)

// Tell tells the stories and returns an error if one ended otherwise than
// expected; the differences have been printed then.
func Tell(ctx context.Context, cfg Config) error {
	stories, err := choose(cfg.Only)
	if err != nil {
		return err
	}
	if cfg.Only != "" && stories[0].Virtual && cfg.Advance == nil {
		return fmt.Errorf("story %q takes hours, and time cannot be skipped there: it is told by `make run STORY=%s` alone, on a local AWS of its own", cfg.Only, cfg.Only)
	}
	began := time.Now()
	w, err := newWorld(ctx, cfg)
	if err != nil {
		return err
	}
	defer w.close(context.WithoutCancel(ctx))
	var wrong []string
	leftOut := 0
	for i, s := range stories {
		w.title(i+1, s.Title)
		w.differences = nil
		if s.Virtual && cfg.Advance == nil {
			w.say("left out: it takes hours, and time cannot be skipped there")
			leftOut++
			w.result(s, LeftOut, time.Now())
			continue
		}
		from := time.Now()
		if err := w.whole(ctx, s); err != nil {
			return fmt.Errorf("story %q: %w", s.Name, err)
		}
		if err := w.playPeople(ctx); err != nil {
			return fmt.Errorf("after story %q: %w", s.Name, err)
		}
		outcome := AsExpected
		if len(w.differences) > 0 {
			wrong, outcome = append(wrong, s.Name), NotAsExpected
			w.complain()
		}
		w.result(s, outcome, from)
	}
	w.summary(len(stories), leftOut, wrong, time.Since(began))
	if len(wrong) > 0 {
		return fmt.Errorf("%d of %d stories ended otherwise than expected: %s", len(wrong), len(stories), strings.Join(wrong, ", "))
	}
	return nil
}

// whole tells a story and looks at what it leaves.
func (w *World) whole(ctx context.Context, s Story) error {
	if err := w.forgetExpress(ctx); err != nil {
		return err
	}
	before, err := w.backlog(ctx)
	if err != nil {
		return err
	}
	if err := s.tell(ctx, w); err != nil {
		return err
	}
	return w.nothingLeft(ctx, before)
}

func (w *World) result(s Story, outcome Outcome, began time.Time) {
	if w.Told != nil {
		w.Told(Result{s.Name, s.Title, outcome, w.differences, time.Since(began).Seconds()})
	}
}

func choose(only string) ([]Story, error) {
	if only == "" {
		return Stories, nil
	}
	var names []string
	for _, s := range Stories {
		names = append(names, s.Name)
	}
	i := slices.Index(names, only)
	if i < 0 {
		return nil, fmt.Errorf("there is no story %q; there are: %s", only, strings.Join(names, ", "))
	}
	return Stories[i : i+1], nil
}
