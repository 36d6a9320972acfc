package main

// This file defines `iam`: which permissions the roles of the template have and
// never use, and whether anything notices when one is taken away.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/stack"
	"github.com/stepworks/stepworks/local/internal/story"
)

type iamCommand struct {
	where
	Mutate int    `placeholder:"N" help:"Take N granted actions away in turn, spread over all; -1: every one. A story that used it must then fail."`
	Argued string `default:"docs/unused-permissions.txt" placeholder:"FILE" help:"Permissions that a run cannot use, a line each, with the reason."`
	Only   string `placeholder:"STORY" help:"Tell one story only; what others use is then reported too."`
}

// Run tells the stories one by one and reports what they used. It fails when a
// permission was never used and nobody argued why, or when one could be taken away
// unnoticed.
func (c *iamCommand) Run(ctx context.Context) error {
	argued, err := readArgued(c.Argued)
	if err != nil {
		return err
	}
	w := &witness{where: c.where, users: map[grantKey][]string{}, took: map[string]time.Duration{}}
	watched := w.watch(ctx, c.Only)
	unargued := w.report(argued)
	if watched != nil {
		return fmt.Errorf("what these stories use may be missing above: %w", watched)
	}
	unnoticed, err := w.mutate(ctx, c.Mutate)
	if err != nil {
		return err
	}
	if unargued+unnoticed > 0 {
		return fmt.Errorf("%d permissions are never used and not argued in %s, %d could be taken away unnoticed", unargued, c.Argued, unnoticed)
	}
	return nil
}

// grantKey is one entry of one role's statements, whatever the deployment calls it.
type grantKey struct {
	role, policy string
	statement    int
	element      string
	entry        int
}

func keyOf(g stack.Grant) grantKey {
	return grantKey{g.LogicalID, g.Policy, g.Statement, g.Element, g.Entry}
}

// witness tells stories and sees which permissions they use.
type witness struct {
	where
	grants []stack.Grant
	users  map[grantKey][]string    // the stories that used it
	took   map[string]time.Duration // how long a story takes
}

// fresh starts a local AWS with the template in it, for do.
func (w *witness) fresh(ctx context.Context, do func(s *stack.Stack, tell story.Config) error) error {
	clk := stack.VirtualClock()
	s, err := stack.Start(ctx, stack.Options{Account: w.Account, Region: w.Region, Memory: true, Clock: clk, Log: w.logger()})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Deploy(ctx, w.deployment(nil)); err != nil {
		return err
	}
	return do(s, story.Config{Endpoint: s.URL(), Region: w.Region, Prefix: w.Parameter["Prefix"], Files: os.DirFS("."), Out: io.Discard, Advance: clk.Advance})
}

// atRest stands for what pollers use while nobody does anything.
const atRest = "at rest"

// watch tells each story to a local AWS of its own and notes what it uses. What is
// used at rest is used in every story and belongs to none.
func (w *witness) watch(ctx context.Context, only string) error {
	failed := []error{w.fresh(ctx, func(s *stack.Stack, tell story.Config) error {
		err := tell.Advance(ctx, time.Minute)
		grants, fault := s.Grants()
		w.note(atRest, grants)
		return errors.Join(err, fault)
	})}
	for _, st := range story.Stories {
		if only != "" && st.Name != only {
			continue
		}
		err := w.fresh(ctx, func(s *stack.Stack, tell story.Config) error {
			tell.Only = st.Name
			began := time.Now()
			told := story.Tell(ctx, tell)
			w.took[st.Name] = time.Since(began)
			grants, err := s.Grants()
			w.note(st.Name, grants)
			return errors.Join(told, err)
		})
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// note adds what a story used.
func (w *witness) note(name string, grants []stack.Grant) {
	if w.grants == nil {
		w.grants = slices.Clone(grants)
		slices.SortStableFunc(w.grants, func(a, b stack.Grant) int { return strings.Compare(a.LogicalID, b.LogicalID) })
	}
	for _, g := range grants {
		if key := keyOf(g); g.Used > 0 && !slices.Contains(w.users[key], atRest) {
			w.users[key] = append(w.users[key], name)
		}
	}
}

// report prints what was never used and returns how much of it nobody argued.
func (w *witness) report(argued []argument) (unargued int) {
	roles, used, excused := map[string]bool{}, 0, 0
	for _, g := range w.grants {
		roles[g.LogicalID] = true
		reason := ""
		if i := slices.IndexFunc(argued, func(a argument) bool { return a.covers(g) }); i >= 0 {
			reason = argued[i].reason
		}
		switch {
		case len(w.users[keyOf(g)]) > 0:
			used++
			continue
		case reason != "":
			excused++
		default:
			unargued++
			reason = "NEVER USED"
		}
		fmt.Printf("%-28s %-24s %-8s %s\n    %s\n", g.LogicalID, g.Sid, g.Element, g.Value, reason)
	}
	fmt.Printf("%d roles, %d granted actions and resources: %d used, %d argued, %d never used\n", len(roles), len(w.grants), used, excused, unargued)
	return unargued
}

// argument says why a run cannot use a permission.
type argument struct{ role, value, reason string }

func (a argument) covers(g stack.Grant) bool {
	role, err := path.Match(a.role, g.LogicalID)
	value := a.value == g.Value || len(a.value) > 1 && strings.HasSuffix(a.value, "*") && strings.HasPrefix(g.Value, strings.TrimSuffix(a.value, "*"))
	return err == nil && role && value
}

// readArgued reads lines of a role, a value and a reason; a role may be a pattern.
func readArgued(file string) ([]argument, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []argument
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 3 {
			return nil, fmt.Errorf("%s:%d: a line has a role, an action or resource, and the reason", file, i+1)
		}
		out = append(out, argument{fields[0], fields[1], strings.Join(fields[2:], " ")})
	}
	return out, nil
}

// mutate takes n of the used actions away in turn, evenly spread, and returns how
// often no story noticed.
func (w *witness) mutate(ctx context.Context, n int) (unnoticed int, err error) {
	grants := slices.DeleteFunc(slices.Clone(w.grants), func(g stack.Grant) bool {
		users := w.users[keyOf(g)]
		return g.Element != "Action" || len(users) == 0 || users[0] == atRest || strings.HasPrefix(g.Policy, "arn:")
	})
	if n < 0 || n > len(grants) {
		n = len(grants)
	}
	for i := range n {
		g := grants[i*len(grants)/n]
		noticed, err := w.missed(ctx, g)
		if err != nil {
			return unnoticed, err
		}
		if noticed == "" {
			unnoticed++
			noticed = "NOBODY NOTICED, of " + strings.Join(w.users[keyOf(g)], ", ")
		}
		fmt.Printf("without %-28s %-32s %s\n", g.LogicalID, g.Value, noticed)
	}
	fmt.Printf("%d of %d actions taken away in turn, of %d used: %d noticed\n", n, len(grants), len(grants), n-unnoticed)
	return unnoticed, nil
}

// missed tells the stories that used a permission, the quickest first, each to a
// local AWS of its own where it is not granted, until one fails; "" when none
// does. What takes much longer than before did not end as expected.
func (w *witness) missed(ctx context.Context, g stack.Grant) (noticed string, err error) {
	users := slices.Clone(w.users[keyOf(g)])
	slices.SortFunc(users, func(a, b string) int { return int(w.took[a] - w.took[b]) })
	for _, name := range users {
		err := w.fresh(ctx, func(s *stack.Stack, tell story.Config) error {
			tell.Only = name
			here, err := s.Grants()
			i := slices.IndexFunc(here, func(h stack.Grant) bool { return keyOf(h) == keyOf(g) })
			if err != nil || i < 0 {
				return errors.Join(err, ctx.Err())
			}
			return s.Without(ctx, here[i], func() error {
				bounded, cancel := context.WithTimeout(ctx, 15*time.Second+3*w.took[name])
				defer cancel()
				if story.Tell(bounded, tell) != nil {
					noticed = name
				}
				return nil
			})
		})
		if err != nil || noticed != "" {
			return noticed, errors.Join(err, ctx.Err())
		}
	}
	return "", ctx.Err()
}
