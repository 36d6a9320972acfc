package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestTheShellCompletes asks a real bash what it would offer.
func TestTheShellCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("NOT CHECKED: there is no bash on this machine")
	}
	parser, err := kong.New(&commands{}, kong.Name("local"))
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "completion")
	if err := os.WriteFile(script, []byte(bashCompletion(completions(parser.Model))), 0o600); err != nil {
		t.Fatal(err)
	}
	for typed, want := range map[string]string{
		"che":              "check",
		"run --story plac": "placed",
		"run --target ":    "local aws",
		"up --time v":      "virtual",
		"new ":             "step --help",
		"completion f":     "fish",
		"exec --cov":       "--coverage",
		"nothing such":     "",
	} {
		words := strings.Split("stepworks "+typed, " ")
		ask := `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _stepworks; echo "${COMPREPLY[*]}"`
		out, err := exec.CommandContext(t.Context(), bash, append([]string{"-c", ask, "bash", script}, words...)...).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%q: %q, not %q (%v)", typed, got, want, err)
		}
	}
}
