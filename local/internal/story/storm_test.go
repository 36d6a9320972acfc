package story

// This file tests reports under what may happen to them: every event may come
// twice, and functions die at work. Whatever comes of it, the report says what the
// documents say. `make test` runs a few, `make slow` fifty and one of 2,000 people.
// answers_test.go does the like to answers, on the same stack.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/stack"
)

// deployed starts a local AWS with the repository's stack, in virtual time.
func deployed(t *testing.T) (*World, *clock.Virtual) {
	t.Helper()
	clk := stack.VirtualClock()
	s, err := stack.Start(t.Context(), stack.Options{Account: "123456789012", Region: "us-east-1", Memory: true, StateDir: filepath.Join("..", "..", "..", ".local", "storm"), Clock: clk, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Deploy(t.Context(), stack.Deployment{Template: "../../../template.yaml", Progress: io.Discard}); err != nil {
		t.Fatal(err)
	}
	w, err := newWorld(t.Context(), Config{Endpoint: s.URL(), Region: "us-east-1", Files: os.DirFS("../../.."), Out: t.Output(), Advance: clk.Advance})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.close(context.Background()) })
	return w, clk
}

func TestStorms(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and deploys everything")
	}
	runs, people, questions := 2, 40, 5
	if os.Getenv("SLOW") != "" {
		runs, people, questions = 50, 2000, 200
	}
	w, clk := deployed(t)
	t.Run("reports", func(t *testing.T) { reportsInAStorm(t, w, runs, people) })
	t.Run("answers", func(t *testing.T) { answersInAStorm(t, w, clk, questions) })
}

func reportsInAStorm(t *testing.T, w *World, runs, people int) {
	began := time.Now()
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any number will do
	t.Logf("seed %d", seed)
	var killed, twice int
	for i := range runs {
		s := storm{w: w, random: rand.New(rand.NewPCG(seed, uint64(i))), known: map[string]bool{}} //nolint:gosec // not for secrets
		s.blow(t)
		killed, twice = killed+s.killed, twice+s.twice
	}
	t.Logf("%d reports in %v, %d functions killed, %d events published twice", runs, time.Since(began).Round(time.Millisecond), killed, twice)
	if twice == 0 {
		t.Error("no event was published twice")
	}
	if _, err := os.Stat("/proc/self/environ"); err == nil && killed < runs {
		t.Errorf("%d functions were killed in %d runs; there must be one in each", killed, runs)
	}
	manyPeople(t, w, people)
}

// manyPeople makes one large report.
func manyPeople(t *testing.T, w *World, people int) {
	began := time.Now()
	tag, err := w.publishStart(t.Context(), "start", map[string]any{"numberOfPeople": people})
	if err != nil {
		t.Fatal(err)
	}
	var runs []run
	for range 10 { // a story's patience is two minutes
		if runs, err = w.caused(t.Context(), "EventDrivenMachine", tag, 1); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	r := runs[0]
	w.differences = nil
	if _, err := w.checkReport(t.Context(), r, people); err != nil {
		t.Fatal(err)
	}
	for _, d := range w.differences {
		t.Errorf("%d people: %s", people, d)
	}
	t.Logf("%d people in %v; the execution's output has %d bytes of 262144", people, time.Since(began).Round(time.Millisecond), len(r.output))
}

// storm is one report, disturbed.
type storm struct {
	w      *World
	random *rand.Rand
	known  map[string]bool // events that were heard
	killed int
	twice  int
}

// reportFunctions are those a storm kills.
var reportFunctions = []string{"report-get-multiple", "report-process-single", "report-post-process-single", "report-post-process-all"}

func (s *storm) blow(t *testing.T) {
	t.Helper()
	began := time.Now()
	people := 1 + s.random.IntN(12)
	ctx, calm := context.WithCancel(t.Context())
	done := make(chan struct{})
	killer := make(chan struct{})
	victim := reportFunctions[s.random.IntN(len(reportFunctions))]
	after := time.Duration(s.random.IntN(100)) * time.Millisecond // somewhere in the report
	go func() { defer close(killer); s.killed = killOne(ctx, victim, after) }()
	go func() { defer close(done); s.echo(ctx, t) }()
	r, err := s.w.askReport(ctx, "start", map[string]any{"numberOfPeople": people})
	calm()
	<-done
	<-killer
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d people, %s killed after %v: %d of them, %d events twice, %v", people, victim, after, s.killed, s.twice, time.Since(began).Round(time.Millisecond))
	s.w.differences = nil
	if _, err := s.w.checkReport(t.Context(), r, people); err != nil {
		t.Fatal(err)
	}
	for _, d := range s.w.differences {
		t.Errorf("%d people, %s killed: %s", people, victim, d)
	}
}

// echo publishes about a third of what it hears a second time.
func (s *storm) echo(ctx context.Context, t *testing.T) {
	w := *s.w // its own ears' notes
	var next atomic.Int64
	for ctx.Err() == nil {
		w.ears.drain(ctx, func() bool { return len(w.ears.all) > int(next.Load()) })
		for ; int(next.Load()) < len(w.ears.all); next.Add(1) {
			h := w.ears.all[next.Load()]
			key := h.DetailType + string(h.Detail)
			if h.Source != "project" || h.DetailType == "start" || s.known[key] {
				continue
			}
			s.known[key] = true
			if s.random.IntN(3) > 0 {
				continue
			}
			var detail map[string]any
			if err := json.Unmarshal(h.Detail, &detail); err != nil {
				t.Errorf("heard %s: %v", h.Detail, err)
				return
			}
			if err := w.publish(ctx, entry{Source: h.Source, DetailType: h.DetailType, detail: detail}); err == nil {
				s.twice++
			}
		}
	}
	w.differences = nil // what was cut short by the end
}

// killOne waits a moment, and until an environment of the function is there, and
// kills it with SIGKILL. It knows processes by /proc, so it kills none where there is no such.
func killOne(ctx context.Context, function string, after time.Duration) int {
	select {
	case <-time.After(after):
	case <-ctx.Done():
	}
	for {
		for _, pid := range environments(function) {
			if p, err := os.FindProcess(pid); err == nil && p.Kill() == nil {
				return 1
			}
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return 0
		}
	}
}

// environments are this process's children that run a function.
func environments(function string) []int {
	var pids []int
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		env, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(env, []byte("AWS_LAMBDA_FUNCTION_NAME="+function+"\x00")) {
			continue
		}
		status, err := os.ReadFile(strings.TrimSuffix(file, "environ") + "status")
		if err != nil || !strings.Contains(string(status), fmt.Sprintf("PPid:\t%d\n", os.Getpid())) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
