package main

// This file puts recorded answers of real AWS to the whole local AWS, over the
// wire, with the runner that stands beside the recordings (it needs Python and
// boto3). `make conformance` runs it; without the recordings, or when it is not
// asked for, it says so.

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/conformance"
	"github.com/stepworks/stepworks/local/internal/stack"
)

// floors are what is demanded of each recording: percent agreed at a level, of
// all cases that were put to the endpoint, those without a usable answer counted
// as differing.
var floors = []struct {
	args   string
	levels map[string]float64
}{
	{"asl_exec.jsonl --gate", map[string]float64{"outcome": 99.5, "cause": 98, "history": 98}},
	{"asl_exec.jsonl --gate --needs s3", map[string]float64{"outcome": 98, "details": 99}},
	{"asl_teststate.jsonl", map[string]float64{"verdict": 95, "response": 90, "inspection": 90}},
	{"asl_validation.jsonl", map[string]float64{"accept": 95, "code": 95, "message": 90}},
	{"asl_corpus.jsonl", map[string]float64{"accept": 97}},
	{"events_patterns.jsonl", map[string]float64{"match": 100, "message": 100}},
	{"ruler_patterns.jsonl", map[string]float64{"match": 100}},
	{"ruler_cross.jsonl", map[string]float64{"match": 100}},
	{"ruler_rules.jsonl", map[string]float64{"valid": 99}},
	{"events_delivery.jsonl", map[string]float64{"bodies": 95}},
	{"dynalite.jsonl", map[string]float64{"kind": 97}},
}

func TestRecordedAnswers(t *testing.T) {
	if os.Getenv("CONFORMANCE") == "" {
		t.Skip("NOT CHECKED here: `make conformance` puts the recorded answers of AWS to the whole local AWS")
	}
	dir := conformance.Dir(t)
	python := os.Getenv("PYTHON")
	if python == "" {
		python = "python3"
	}
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import boto3").CombinedOutput(); err != nil {
		t.Skipf("NOT CHECKED against recorded AWS answers: %s has no boto3 (set PYTHON to one that has): %v %s", python, err, out)
	}
	s, err := stack.Start(t.Context(), stack.Options{Account: "123456789012", Region: "us-east-1", Memory: true, Clock: stack.VirtualClock(), Lenient: true,
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, f := range floors {
		t.Run(f.args, func(t *testing.T) {
			levels, said := runRecording(t.Context(), t, python, dir, s.URL(), f.args)
			for name, floor := range f.levels {
				got := levels[name]
				line := fmt.Sprintf("%s %s: %d of %d agree, %.1f %% (demanded %.1f %%, %d not put)", f.args, name, got.Agree, got.judged(), got.percent(), floor, got.Skipped)
				t.Log(line)
				if got.judged() == 0 || got.percent() < floor {
					t.Errorf("below the floor: %s\n%s", line, said)
				}
			}
		})
	}
}

// level is how the cases of a recording came out at one level.
type level struct{ Agree, Differ, Error, Skipped int }

func (l level) judged() int { return l.Agree + l.Differ + l.Error }

func (l level) percent() float64 { return 100 * float64(l.Agree) / float64(max(l.judged(), 1)) }

func runRecording(ctx context.Context, t *testing.T, python, dir, endpoint, args string) (levels map[string]level, said []byte) {
	t.Helper()
	report := filepath.Join(t.TempDir(), "report.json")
	cmd := exec.CommandContext(ctx, python, append([]string{"run.py", "--endpoint", endpoint, "--features", "0", "--verbose", "20", "--json", report}, strings.Fields(args)...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Files []struct{ Levels map[string]level }
	}
	if err := json.Unmarshal(text, &got); err != nil || len(got.Files) != 1 {
		t.Fatalf("the runner's report cannot be read: %v, %d files", err, len(got.Files))
	}
	return got.Files[0].Levels, said
}
