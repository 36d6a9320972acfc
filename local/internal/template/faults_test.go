package template

// This file defines the tests of what is refused: testdata/faults.txt.

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFaults(t *testing.T) {
	file, err := os.ReadFile("testdata/faults.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range strings.Split(string(file), "\n=== ")[1:] {
		title, rest, _ := strings.Cut(c, "\n")
		i := strings.LastIndex(rest, "\n---")
		if i < 0 {
			i = strings.LastIndex("\n"+rest, "\n---")
		}
		_, want, _ := strings.Cut(rest[i+1:], "\n")
		t.Run(title, func(t *testing.T) {
			got := strings.Join(problemsOf(t, rest[:i]), "\n")
			if diff := cmp.Diff(strings.TrimSpace(want), got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func problemsOf(t *testing.T, text string) []string {
	t.Helper()
	_, err := Load("t", []byte(text), testEnvironment)
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("got %v, want problems", err)
	}
	var lines []string
	for _, p := range problems {
		lines = append(lines, strings.TrimPrefix(strings.TrimPrefix(p.Error(), "t:"), " "))
	}
	return lines
}
