package main

// This file defines how commands speak: JSON for programs, colour and progress
// where somebody watches, and errors that say what to give instead.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
)

// output is embedded in commands that can print for programs.
type output struct {
	JSON bool `name:"json" help:"Print for programs: JSON on standard output."`
}

func printJSON(v any) error {
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// isTerminal tells whether somebody watches, at a terminal that can be written over.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// colourful tells whether to use colour. https://no-color.org
func colourful(f *os.File) bool { return os.Getenv("NO_COLOR") == "" && isTerminal(f) }

// readFile reads a file that the command line names.
func readFile(path, wanted string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s: give %s", path, wanted)
	}
	return text, err
}

// progress shows how far a deployment is. At a terminal one line is written over
// and over; elsewhere only whole lines are written.
type progress struct {
	out   io.Writer
	watch bool

	mu   sync.Mutex
	stop chan struct{} // of the clock that ticks while functions are built
}

func newProgress(f *os.File) *progress { return &progress{out: f, watch: isTerminal(f)} }

// Write writes a line that stays. Building takes longest and says nothing, so a
// clock ticks meanwhile.
func (p *progress) Write(line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	n, err := p.out.Write(line)
	if p.watch && strings.HasPrefix(string(line), "building") {
		p.stop = make(chan struct{})
		go p.tick(p.stop, time.Now())
	}
	return n, err
}

// step notes that so many resources of so many are there.
func (p *progress) step(done, of int, name string) {
	if !p.watch {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	_, _ = fmt.Fprintf(p.out, "deploying %d of %d  %s", done, of, name)
}

func (p *progress) clear() {
	if p.stop != nil {
		close(p.stop)
		p.stop = nil
	}
	if p.watch {
		_, _ = fmt.Fprint(p.out, "\r\x1b[K")
	}
}

func (p *progress) tick(stop <-chan struct{}, began time.Time) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Second):
		}
		p.mu.Lock()
		if p.stop == stop {
			_, _ = fmt.Fprintf(p.out, "\r\x1b[K%.0f s", time.Since(began).Seconds())
		}
		p.mu.Unlock()
	}
}
