package main

// This file defines the mutation of permissions: each that a story uses is taken
// away in turn, and a story that used it must then fail.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/stack"
	"github.com/stepworks/stepworks/local/internal/story"
)

// mutants are how many permissions are taken away at the same time, each in a
// scene of its own.
const mutants = 3

// verdict is what came of taking a permission away.
type verdict struct {
	stack.Grant
	noticed string // the story that failed; "" if none did
	denied  bool   // somebody asked for it and was refused
	err     error
}

// mutate takes n of the used permissions away in turn, evenly spread, and returns
// how many no story missed and nobody argued about.
func (w *witness) mutate(ctx context.Context, n int, argued []argument) (unnoticed int, err error) {
	grants := w.mutable()
	if n < 0 || n > len(grants) {
		n = len(grants)
	}
	verdicts := make([]verdict, n)
	turns := make(chan int)
	var workers sync.WaitGroup
	for range mutants {
		workers.Go(func() {
			for i := range turns {
				verdicts[i] = w.missed(ctx, grants[i*len(grants)/n])
				verdicts[i].tell()
			}
		})
	}
	for i := range n {
		turns <- i
	}
	close(turns)
	workers.Wait()
	noticed, excused := 0, 0
	var failed []error
	for _, v := range verdicts {
		failed = append(failed, v.err)
		i := slices.IndexFunc(argued, func(a argument) bool { return a.covers(v.Grant) })
		switch {
		case v.noticed != "":
			noticed++
		case i >= 0:
			excused++
			w.needed[i] = true
		default:
			unnoticed++
		}
	}
	fmt.Printf("%d of %d used permissions taken away in turn: %d noticed, %d argued, %d not noticed\n", n, len(grants), noticed, excused, unnoticed)
	return unnoticed, errors.Join(failed...)
}

// mutable lists what can be taken away so that something must fail: the actions
// that are used, and the resources, where a statement names several: without its
// only one it is as if it had no action.
func (w *witness) mutable() []stack.Grant {
	resources := map[grantKey]int{}
	for _, g := range w.grants {
		if g.Element == "Resource" {
			resources[statementOf(g)]++
		}
	}
	return slices.DeleteFunc(slices.Clone(w.grants), func(g stack.Grant) bool {
		return len(w.users[keyOf(g)]) == 0 || w.only && len(w.owners(g)) == 0 || strings.HasPrefix(g.Policy, "arn:") || g.Element == "Resource" && resources[statementOf(g)] < 2
	})
}

func statementOf(g stack.Grant) grantKey {
	return grantKey{role: g.LogicalID, policy: g.Policy, statement: g.Statement}
}

func (v verdict) tell() {
	outcome := v.noticed
	switch {
	case v.err != nil:
		outcome = "ERROR " + v.err.Error()
	case v.noticed == "" && v.denied:
		outcome = "REFUSED, AND NOBODY NOTICED"
	case v.noticed == "":
		outcome = "NOBODY ASKED"
	}
	fmt.Printf("without %-30s %-28s %-40s %s\n", v.LogicalID, v.Sid, v.Value, outcome)
}

// owners are the stories that a permission matters to, the quickest first. What
// pollers use at rest matters to those that use something else of the role.
func (w *witness) owners(g stack.Grant) []string {
	users := w.users[keyOf(g)]
	if slices.Contains(users, atRest) {
		users = nil
		for _, other := range w.grants {
			if of := w.users[keyOf(other)]; other.LogicalID == g.LogicalID && !slices.Contains(of, atRest) {
				users = append(users, of...)
			}
		}
	}
	users = slices.Compact(slices.Sorted(slices.Values(users)))
	slices.SortStableFunc(users, func(a, b string) int { return cmp.Compare(w.took[a], w.took[b]) })
	return users
}

// missed tells a permission's stories, each to a local AWS where it is not granted,
// until one fails of it. One that takes much longer than before has failed; one
// that fails although nobody was refused anything has not.
func (w *witness) missed(ctx context.Context, g stack.Grant) verdict {
	v := verdict{Grant: g}
	for _, name := range w.owners(g) {
		v.err = w.fresh(ctx, revoke(ctx, g), func(s *scene) error {
			s.tell.Only = name
			bounded, cancel := context.WithTimeout(ctx, 6*time.Second+4*w.took[name])
			defer cancel()
			failed := story.Tell(bounded, s.tell) != nil
			denied := s.Denied(g) > 0
			v.denied = v.denied || denied
			if failed && denied {
				v.noticed = name
			}
			return nil
		})
		if v.err != nil || v.noticed != "" || ctx.Err() != nil {
			break
		}
	}
	v.err = errors.Join(v.err, ctx.Err())
	return v
}

// revoke takes a permission away before anything has asked for it.
func revoke(ctx context.Context, g stack.Grant) func(s *scene) error {
	return func(s *scene) error {
		here, err := here(s, g)
		if err != nil {
			return err
		}
		return s.Revoke(ctx, here)
	}
}

// here finds a permission in another deployment of the template.
func here(s *scene, g stack.Grant) (stack.Grant, error) {
	grants, err := s.Grants()
	i := slices.IndexFunc(grants, func(h stack.Grant) bool { return keyOf(h) == keyOf(g) })
	if err != nil || i < 0 {
		return stack.Grant{}, errors.Join(err, fmt.Errorf("the permission %s of %s is not there", g.Value, g.LogicalID))
	}
	return grants[i], nil
}
