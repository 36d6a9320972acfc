package stack

import (
	"testing"

	"github.com/stepworks/stepworks/local/internal/iam"
)

func TestAPolicyWithoutAnEntry(t *testing.T) {
	const several = `{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Action":["a:B","a:C"],"Resource":["r","s"]},{"Sid":"D","Effect":"Allow","Action":"a:B","Resource":"r"}]}`
	for _, c := range []struct {
		policy, element, value string
		statement              int
		want                   string
	}{
		{several, "Action", "a:B", 0, `{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Action":["a:C"],"Resource":["r","s"]},{"Sid":"D","Effect":"Allow","Action":"a:B","Resource":"r"}]}`},
		{several, "Resource", "s", 0, `{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Action":["a:B","a:C"],"Resource":["r"]},{"Sid":"D","Effect":"Allow","Action":"a:B","Resource":"r"}]}`},
		{several, "Action", "a:B", 1, `{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Action":["a:B","a:C"],"Resource":["r","s"]},{"Sid":"D","Effect":"Allow","Action":["sts:GetSessionToken"],"Resource":"r"}]}`},
		{`{"Statement":{"Effect":"Allow","Action":"a:B","Resource":"r"}}`, "Action", "a:B", 0, `{"Statement":[{"Effect":"Allow","Action":["sts:GetSessionToken"],"Resource":"r"}]}`},
		{several, "Action", "a:B", 2, "the policy has no statement 2"},
		{"{", "Action", "a:B", 0, "a fault"},
	} {
		got, err := withoutEntry(c.policy, Grant{Grant: iam.Grant{Statement: c.statement, Element: c.element, Value: c.value}})
		if err != nil && c.want == "a fault" {
			continue
		}
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("without %s of %d:\ngot  %s\nwant %s", c.value, c.statement, got, c.want)
		}
	}
}
