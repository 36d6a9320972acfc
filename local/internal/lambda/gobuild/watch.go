package gobuild

// This file defines building again when sources change. It looks at the times of
// the files: that works on every system and every file system, and at the size
// of such a project costs less than a millisecond a second.

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Watcher knows which files the functions are made of.
type Watcher struct {
	cfg      Config
	dirs     []string // folders of the packages that are the module's own
	embedded []string
	seen     map[string]string // file -> time and size
	programs map[string]string // logical id -> fingerprint of the program
}

// Watch builds, and returns what it built and a Watcher for what comes.
func Watch(ctx context.Context, cfg Config) (*Watcher, Result, error) {
	w := &Watcher{cfg: cfg}
	result, err := Build(ctx, cfg)
	if err != nil {
		return nil, Result{}, err
	}
	if err := w.learn(ctx); err != nil {
		return nil, Result{}, err
	}
	w.seen, w.programs = w.look(), stamps(result.Programs)
	return w, result, nil
}

// Poll looks once; built tells whether anything had changed.
func (w *Watcher) Poll(ctx context.Context) (result Result, changed []string, built bool, err error) {
	now := w.look()
	if maps.Equal(now, w.seen) {
		return Result{}, nil, false, nil
	}
	w.seen = now
	if result, err = Build(ctx, w.cfg); err != nil {
		return Result{}, nil, true, err
	}
	if err := w.learn(ctx); err != nil { // imports may have changed
		return Result{}, nil, true, err
	}
	// Files that the new imports brought are not a change of their own.
	for file, stamp := range w.look() {
		if _, known := w.seen[file]; !known {
			w.seen[file] = stamp
		}
	}
	programs := stamps(result.Programs)
	for id, stamp := range programs {
		if w.programs[id] != stamp {
			changed = append(changed, id)
		}
	}
	maps.Copy(w.programs, programs)
	for id := range result.Failures { // its next program is news, even the old one
		delete(w.programs, id)
	}
	slices.Sort(changed)
	return result, changed, true, nil
}

// learn asks go which folders the functions are made from.
func (w *Watcher) learn(ctx context.Context) error {
	tool, err := toolchain()
	if err != nil {
		return err
	}
	packages, err := locate(w.cfg)
	if err != nil {
		return err
	}
	all, err := list(ctx, tool, w.cfg.Root, append([]string{"-deps", "-json=ImportPath,Dir,Standard,Module,EmbedFiles"}, dirs(packages)...)...)
	if err != nil {
		return err
	}
	w.dirs, w.embedded = nil, nil
	for _, p := range all {
		if p.Standard || p.Module == nil || !p.Module.Main {
			continue
		}
		w.dirs = append(w.dirs, p.Dir)
		for _, file := range p.EmbedFiles {
			w.embedded = append(w.embedded, filepath.Join(p.Dir, file))
		}
	}
	return nil
}

// look returns the time and size of every file that matters.
func (w *Watcher) look() map[string]string {
	seen := map[string]string{}
	for _, file := range append([]string{filepath.Join(w.cfg.Root, "go.mod"), filepath.Join(w.cfg.Root, "go.sum")}, w.embedded...) {
		seen[file] = stamp(file)
	}
	for _, dir := range w.dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			seen[dir] = "gone"
			continue
		}
		for _, entry := range entries {
			if name := entry.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
				file := filepath.Join(dir, name)
				seen[file] = stamp(file)
			}
		}
	}
	return seen
}

func stamp(file string) string {
	info, err := os.Stat(file)
	if err != nil {
		return "gone"
	}
	return fmt.Sprint(info.ModTime().UnixNano(), info.Size())
}

func stamps(programs map[string]string) map[string]string {
	all := map[string]string{}
	for id, path := range programs {
		all[id] = Fingerprint(path)
	}
	return all
}

// buildIDWithin is how far into a program its build id stands at the latest:
// cmd/internal/buildid reads no more either.
const buildIDWithin = 32 << 10

// Fingerprint tells one program from another: by its size and its beginning, in
// which Go writes a build id that covers the whole. Times would not do, since go
// touches a program that it finds up to date.
func Fingerprint(program string) string {
	f, err := os.Open(program)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	h := sha256.New()
	if _, err := io.CopyN(h, f, buildIDWithin); err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	return fmt.Sprintf("%x-%d", h.Sum(nil), info.Size())
}
