package stack

// This file defines what `up` does while people work: it notices changed files
// and brings them to what runs.

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/lambda/gobuild"
)

// lookEvery is how often files are looked at.
const lookEvery = 500 * time.Millisecond

// watcher notices changes of what was deployed.
type watcher struct {
	s    *Stack
	d    Deployment
	code *gobuild.Watcher
	ids  map[string]string    // of functions, by those of the template
	seen map[string]time.Time // template and state machines
	say  func(format string, args ...any)
}

// Watch brings changes to what d has deployed until ctx ends: a function that was
// built anew takes the place of the old one as soon as nothing runs in it, one
// that does not compile says so to whoever invokes it, and a changed template or
// state machine is deployed. say tells people.
func (s *Stack) Watch(ctx context.Context, d Deployment, say func(format string, args ...any)) error {
	w := &watcher{s: s, d: d, say: say}
	if err := w.begin(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			w.look(ctx)
		}
	}
}

func (w *watcher) begin(ctx context.Context) (err error) {
	cfg, ids := w.s.services.sources(filepath.Dir(w.d.Template), w.s.deployed)
	w.ids, w.seen, w.code = ids, w.files(), nil
	if len(cfg.Functions) == 0 {
		return nil
	}
	var result gobuild.Result
	if w.code, result, err = gobuild.Watch(ctx, cfg); err != nil {
		return err
	}
	for id, program := range result.Programs { // changed since the deployment built it
		if gobuild.Fingerprint(program) != w.s.services.built[id] {
			w.replace(ctx, id, "LocalPath", program)
		}
	}
	for id, words := range result.Failures {
		w.replace(ctx, id, "LocalFault", words)
	}
	return nil
}

// files are the template and the definitions that it names, with their times.
func (w *watcher) files() map[string]time.Time {
	names := []string{w.d.Template}
	for _, r := range w.s.deployed {
		if r.Local.Property == "Definition" {
			names = append(names, filepath.Join(filepath.Dir(w.d.Template), filepath.FromSlash(r.Local.Path)))
		}
	}
	seen := map[string]time.Time{}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil { // gone: a moment later it may be written anew
			seen[name] = info.ModTime()
		}
	}
	return seen
}

func (w *watcher) look(ctx context.Context) {
	if now := w.files(); !maps.Equal(now, w.seen) {
		w.seen = now
		if err := w.s.Deploy(ctx, w.d); err != nil {
			w.say("not deployed, what ran before goes on: %v", err)
			return
		}
		if err := w.begin(ctx); err != nil && ctx.Err() == nil {
			w.say("functions are not watched until the template changes: %v", err)
		}
		return
	}
	if w.code == nil {
		return
	}
	result, changed, built, err := w.code.Poll(ctx)
	switch {
	case !built || ctx.Err() != nil:
	case err != nil:
		w.say("not built: %v", err)
	default:
		for _, id := range changed {
			w.replace(ctx, id, "LocalPath", result.Programs[id])
		}
		for _, id := range slices.Sorted(maps.Keys(result.Failures)) {
			w.replace(ctx, id, "LocalFault", result.Failures[id])
		}
	}
}

// replace gives a function new code, or the reason why it has none.
func (w *watcher) replace(ctx context.Context, id, member, value string) {
	name, err := w.s.cfn.PhysicalID(Name, w.ids[id])
	if err == nil {
		params := jsonvalue.NewObject(jsonvalue.Member{Name: "FunctionName", Value: name}, jsonvalue.Member{Name: member, Value: value})
		_, err = w.s.wire.Call(ctx, awswire.Root(w.s.Account), "lambda", "UpdateFunctionCode", params)
	}
	switch {
	case err != nil:
		w.say("%s was built, but cannot be replaced: %v", id, err)
	case member == "LocalFault":
		w.say("%s does not compile; who invokes it is told:\n%s", id, value)
	default:
		w.say("%s is replaced", id)
	}
}

// Debug lets a function of the template, given by its logical id, run under a
// debugger, and returns where to connect to.
func (s *Stack) Debug(logicalID string) (address string, err error) {
	name, err := s.cfn.PhysicalID(Name, logicalID)
	if err != nil {
		return "", err
	}
	return s.services.functions.Debug(name)
}
