package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stepworks/stepworks/local/internal/iam"
	"github.com/stepworks/stepworks/local/internal/stack"
)

func TestAnArgumentCoversItsPermission(t *testing.T) {
	for _, c := range []struct {
		role, sid, value string
		want             bool
	}{
		{"*", "*", "*", false}, // the star is a resource, not a pattern
		{"*", "*", "-", true},
		{"*", "Trace", "-", false},
		{"*", "WriteLogs", "logs:PutLogEvents", true},
		{"Payment*", "Write*", "logs:*", true},
		{"Validate*", "WriteLogs", "logs:PutLogEvents", false},
		{"*", "WriteLogs", "logs:Put", false},
	} {
		g := stack.Grant{Grant: iam.Grant{Value: "logs:PutLogEvents", Sid: "WriteLogs"}, LogicalID: "PaymentRole"}
		if got := (argument{c.role, c.sid, c.value, "why"}).covers(g); got != c.want {
			t.Errorf("%s %s %s: %v", c.role, c.sid, c.value, got)
		}
	}
	if !(argument{"*", "*", "*", "why"}).covers(stack.Grant{Grant: iam.Grant{Value: "*"}, LogicalID: "R"}) {
		t.Error("the star does not cover itself")
	}
	if got, err := readArgued("../docs/unused-permissions.txt"); err != nil || len(got) == 0 {
		t.Error(got, err)
	}
}

func TestMutantsAreWhatStoriesUse(t *testing.T) {
	grant := func(statement int, element, value string, entry int) stack.Grant {
		return stack.Grant{Grant: iam.Grant{Policy: "P", Statement: statement, Element: element, Value: value}, LogicalID: "R", Entry: entry}
	}
	only, first, second, polls, unused := grant(0, "Action", "a:B", 0), grant(0, "Resource", "r", 0), grant(0, "Resource", "s", 1), grant(1, "Action", "a:Poll", 0), grant(2, "Action", "a:Z", 0)
	lone := grant(1, "Resource", "q", 0) // the only resource of its statement
	w := &witness{grants: []stack.Grant{only, first, second, polls, lone, unused}, took: map[string]time.Duration{"slow": 2, "quick": 1},
		users: map[grantKey][]string{keyOf(only): {"slow", "quick"}, keyOf(first): {"slow"}, keyOf(second): {"quick"}, keyOf(polls): {atRest, "slow", "quick", "other"}, keyOf(lone): {atRest}}}
	var got []string
	for _, g := range w.mutable() {
		got = append(got, g.Value+" "+strings.Join(w.owners(g), ","))
	}
	if want := []string{"a:B quick,slow", "r slow", "s quick", "a:Poll quick,slow"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAStateIsCloned(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	for _, name := range []string{"functions/f/bootstrap", "store.db"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(from, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(from, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := cloneState(to, from); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, "store.db"), []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"functions/f/bootstrap": "functions/f/bootstrap", "store.db": "store.db"} {
		if text, err := os.ReadFile(filepath.Join(from, name)); err != nil || string(text) != want {
			t.Errorf("%s is %q now: %v", name, text, err)
		}
		if _, err := os.Stat(filepath.Join(to, name)); err != nil {
			t.Error(err)
		}
	}
}
