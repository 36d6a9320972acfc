package iam

// This file defines the tests of reading policies.

import (
	"errors"
	"strings"
	"testing"
)

var kinds = map[string]Kind{"identity": IdentityPolicy, "trust": TrustPolicy, "resource": ResourcePolicy}

func TestMalformedPolicies(t *testing.T) {
	for _, c := range chunks(t, "testdata/malformed.txt") {
		kind, document, _ := strings.Cut(c.title, " ")
		_, err := ParsePolicy("test", []byte(document), kinds[kind])
		var bad *MalformedPolicy
		if !errors.As(err, &bad) || !strings.HasPrefix(bad.Reason, c.lines[0]) {
			t.Errorf("line %d: %s\ngot  %v\nwant %s", c.line, document, err, c.lines[0])
		}
	}
}

func TestPolicySize(t *testing.T) {
	_, err := ParsePolicy("test", []byte(strings.Repeat(" ", maxPolicy+1)), IdentityPolicy)
	if err == nil {
		t.Error("a document of 64 KB and more is taken")
	}
}

// FuzzEvaluate checks that no document and no request makes the evaluation panic
// or hang, and that what is refused says why.
func FuzzEvaluate(f *testing.F) {
	f.Add(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::a*b?/${aws:username, 'x'}","Condition":{"ForAllValues:ArnLike":{"k":"arn:*"}}}}`, "s3:GetObject", "arn:aws:s3:::b/k", "v")
	f.Add(`{"Statement":[{"Effect":"Deny","NotAction":"*","NotResource":"*","Condition":{"Null":{"k":"true"}}}]}`, "a:b", "*", "")
	f.Add(`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:::::*:"}]}`, "a:b", ":::::::", "")
	f.Fuzz(func(t *testing.T, document, action, resource, value string) {
		for _, kind := range kinds {
			p, err := ParsePolicy("fuzz", []byte(document), kind)
			if err != nil {
				if err.Error() == "" {
					t.Error("an error without a reason")
				}
				continue
			}
			d := Evaluate(Request{Principal: testRole, Action: action, Resource: resource, Context: map[string][]string{"k": {value}}}, Policies{Identity: one(p), Resource: p})
			if d.Allowed == (d.Message() != "") {
				t.Errorf("allowed %v with message %q", d.Allowed, d.Message())
			}
		}
	})
}

// TestGlobIsLinear matches what would take a naive matcher exponential time.
func TestGlobIsLinear(t *testing.T) {
	p := parsePattern(strings.Repeat("a*", 50)+"b", false)
	if p.match(strings.Repeat("a", 5000), nil) {
		t.Error("matched")
	}
}
