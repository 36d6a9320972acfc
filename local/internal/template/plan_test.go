package template

// This file defines the tests of plans: testdata/plan.txt.

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func stackOf(t *testing.T, text string) *Stack {
	t.Helper()
	parsed, err := Parse("t", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	stack, err := New(parsed, testEnvironment)
	if err != nil {
		t.Fatal(err)
	}
	return stack
}

// deployedOf makes what a stack's deployment leaves.
func deployedOf(t *testing.T, s *Stack) []Deployed {
	t.Helper()
	var out []Deployed
	for _, r := range s.Resources {
		properties, err := s.Resolve(r, existing{s})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, Deployed{LogicalID: r.LogicalID, Type: r.Type, Properties: properties, DeletionPolicy: r.DeletionPolicy, UpdateReplacePolicy: r.UpdateReplacePolicy})
	}
	return out
}

func TestPlan(t *testing.T) {
	file, err := os.ReadFile("testdata/plan.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range strings.Split(string(file), "\n=== ")[1:] {
		title, rest, _ := strings.Cut(c, "\n")
		parts := strings.SplitN("\n"+rest, "\n---", 3)
		t.Run(title, func(t *testing.T) {
			before, have := &Stack{}, []Deployed(nil)
			if text := strings.TrimPrefix(parts[0], "\n"); text != "" {
				before = stackOf(t, text)
				have = deployedOf(t, before)
			}
			steps, err := Plan(have, stackOf(t, strings.TrimPrefix(parts[1], "\n")), existing{before}, nil)
			var got []string
			for _, step := range steps {
				got = append(got, step.String())
			}
			if err != nil {
				got = []string{err.Error()}
			}
			if diff := cmp.Diff(strings.TrimSpace(parts[2]), strings.Join(got, "\n")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
