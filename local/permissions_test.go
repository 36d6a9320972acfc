package main

import (
	"testing"

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
