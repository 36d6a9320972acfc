package main

// This file defines `iam`: which permissions the roles of the template have and
// never use, and whether anything notices when one is taken away.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/stack"
	"github.com/stepworks/stepworks/local/internal/story"
)

type iamCommand struct {
	where
	output
	Mutate int    `placeholder:"N" help:"Take N granted actions away in turn, spread over all; -1: every one. A story that used it must then fail."`
	Argued string `default:"docs/unused-permissions.txt" placeholder:"FILE" help:"Permissions that a run cannot use, a line each, with the reason."`
	Only   string `placeholder:"STORY" help:"Tell one story only; what others use is then reported too."`
}

// Validate refuses what would mix a report for programs with one for people.
func (c *iamCommand) Validate() error {
	if c.JSON && c.Mutate != 0 {
		return errors.New("--json and --mutate: give one of the two")
	}
	return c.where.Validate()
}

// Run tells the stories one by one and reports what they used. It fails when a
// permission was never used and nobody argued why, or when one could be taken away
// unnoticed.
func (c *iamCommand) Run(ctx context.Context) error {
	argued, err := readArgued(c.Argued)
	if err != nil {
		return err
	}
	base, err := os.MkdirTemp("", "stepworks-iam-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(base) }()
	w := &witness{where: c.where, only: c.Only != "", base: base, needed: map[int]bool{}, users: map[grantKey][]string{}, took: map[string]time.Duration{}}
	if err := w.prepare(ctx); err != nil {
		return err
	}
	watched := w.watch(ctx, c.Only)
	report := w.report
	if c.JSON {
		report = w.list
	}
	unargued := report(argued)
	if watched != nil {
		return fmt.Errorf("what these stories use may be missing above: %w", watched)
	}
	unnoticed, err := w.mutate(ctx, c.Mutate, argued)
	if err != nil {
		return err
	}
	if c.Mutate < 0 && c.Only == "" {
		w.stale(argued)
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
	only   bool   // one story is told: what belongs to none is another's
	base   string // the state of a local AWS with the template in it, where nothing has happened
	grants []stack.Grant
	needed map[int]bool             // arguments that excuse something
	users  map[grantKey][]string    // the stories that used it
	took   map[string]time.Duration // how long a story takes
}

// prepare deploys the template once, for every scene to begin with.
func (w *witness) prepare(ctx context.Context) error {
	return w.told(ctx, w.base, func(s *scene) error { return s.deploy(ctx, w.where) })
}

// fresh copies what was prepared and starts it, for one after the other: each finds
// what the one before it left.
func (w *witness) fresh(ctx context.Context, acts ...func(s *scene) error) error {
	dir, err := os.MkdirTemp("", "stepworks-scene-")
	if err != nil {
		return err
	}
	if err := cloneState(dir, w.base); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	for _, act := range acts {
		if err = w.told(ctx, dir, act); err != nil {
			break
		}
	}
	return errors.Join(err, os.RemoveAll(dir))
}

// cloneState copies a state directory. Programs, which nobody changes, are linked.
func cloneState(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if d.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		if strings.HasPrefix(name, "functions"+string(filepath.Separator)) && os.Link(path, target) == nil {
			return nil
		}
		text, err := os.ReadFile(path) //nolint:gosec // within our own state
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, info.Mode().Perm())
	})
}

// atRest stands for what pollers use while nobody does anything.
const atRest = "at rest"

// watch tells each story to a local AWS of its own and notes what it uses. What is
// used at rest is used in every story.
func (w *witness) watch(ctx context.Context, only string) error {
	failed := []error{w.fresh(ctx, func(s *scene) error {
		err := s.tell.Advance(ctx, time.Minute)
		grants, fault := s.Grants()
		w.note(atRest, grants)
		return errors.Join(err, fault)
	})}
	for _, st := range story.Stories {
		if only != "" && st.Name != only {
			continue
		}
		failed = append(failed, w.fresh(ctx, func(s *scene) error {
			s.tell.Only = st.Name
			began := time.Now()
			told := story.Tell(ctx, s.tell)
			w.took[st.Name] = time.Since(began)
			fmt.Fprintf(os.Stderr, "story %-22s %.1f s\n", st.Name, w.took[st.Name].Seconds())
			grants, err := s.Grants()
			w.note(st.Name, grants)
			return errors.Join(told, err)
		}))
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
		if key := keyOf(g); g.Used > 0 {
			w.users[key] = append(w.users[key], name)
		}
	}
}

// permission is a line of the report for programs.
type permission struct {
	Role      string   `json:"role"`
	Statement string   `json:"statement"`
	Element   string   `json:"element"`
	Value     string   `json:"value"`
	UsedBy    []string `json:"usedBy"`
	Argued    string   `json:"argued,omitempty"`
}

// list prints for programs every permission with what used it, and returns how
// much was never used and is argued by nobody.
func (w *witness) list(argued []argument) (unargued int) {
	var all []permission
	for _, g := range w.grants {
		p := permission{g.LogicalID, g.Sid, g.Element, g.Value, append([]string{}, w.users[keyOf(g)]...), ""}
		if i := slices.IndexFunc(argued, func(a argument) bool { return a.covers(g) }); i >= 0 {
			p.Argued = argued[i].reason
		}
		if len(p.UsedBy) == 0 && p.Argued == "" {
			unargued++
		}
		all = append(all, p)
	}
	_ = printJSON(all) // to standard output
	return unargued
}

// report prints what was never used and returns how much of it nobody argued.
func (w *witness) report(argued []argument) (unargued int) {
	roles, used, excused := map[string]bool{}, 0, 0
	for _, g := range w.grants {
		roles[g.LogicalID] = true
		reason := ""
		if i := slices.IndexFunc(argued, func(a argument) bool { return a.covers(g) }); i >= 0 {
			reason = argued[i].reason
			w.needed[i] = w.needed[i] || len(w.users[keyOf(g)]) == 0
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

// stale prints the arguments that nothing needs: all is used, and missed.
func (w *witness) stale(argued []argument) {
	for i, a := range argued {
		if !w.needed[i] {
			fmt.Printf("argued without need: %s %s %s\n", a.role, a.sid, a.value)
		}
	}
}

// argument says why a run cannot use a permission.
type argument struct {
	role, sid, value string // patterns; those of a value may name all that begins with something, or anything by "-"
	reason           string
}

func (a argument) covers(g stack.Grant) bool {
	role, err := path.Match(a.role, g.LogicalID)
	sid, fault := path.Match(a.sid, g.Sid)
	value := a.value == "-" || a.value == g.Value || len(a.value) > 1 && strings.HasSuffix(a.value, "*") && strings.HasPrefix(g.Value, strings.TrimSuffix(a.value, "*"))
	return err == nil && fault == nil && role && sid && value
}

// readArgued reads lines of a role, a statement's Sid, a value and a reason.
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
		if len(fields) < 4 {
			return nil, fmt.Errorf("%s:%d: a line has a role, a statement's Sid, an action or resource, and the reason", file, i+1)
		}
		out = append(out, argument{fields[0], fields[1], fields[2], strings.Join(fields[3:], " ")})
	}
	return out, nil
}
