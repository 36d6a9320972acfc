package iam

// This file defines the tests of the evaluation; the cases are data.

import (
	"os"
	"strings"
	"testing"
)

// chunk is one case of a data file: its title and lines, continuations joined.
type chunk struct {
	title string
	line  int
	lines []string
}

func chunks(t *testing.T, file string) []chunk {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []chunk
	for i, line := range strings.Split(string(text), "\n") {
		title, begins := strings.CutPrefix(line, "=== ")
		switch {
		case begins:
			out = append(out, chunk{title: title, line: i + 1})
		case strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "":
		case line[0] == ' ':
			last := &out[len(out)-1]
			last.lines[len(last.lines)-1] += line
		default:
			last := &out[len(out)-1]
			last.lines = append(last.lines, line)
		}
	}
	return out
}

// keys reads key=value,value words.
func keys(words []string) map[string][]string {
	out := map[string][]string{}
	for _, word := range words {
		key, values, _ := strings.Cut(word, "=")
		out[key] = strings.Split(values, ",")
	}
	return out
}

var testRole = Principal{ARN: "arn:aws:sts::123456789012:assumed-role/R/S", Role: "arn:aws:iam::123456789012:role/R", Account: "123456789012"}

var reasons = map[string]Reason{"no identity": NoIdentityAllow, "no resource": NoResourceAllow, "no boundary": NoBoundaryAllow, "identity deny": IdentityDeny,
	"resource deny": ResourceDeny, "boundary deny": BoundaryDeny, "root allow": RootAllow, "identity allow": IdentityAllow, "resource allow": ResourceAllow}

func TestEvaluate(t *testing.T) {
	for _, c := range chunks(t, "testdata/evaluate.txt") {
		t.Run(c.title, func(t *testing.T) {
			var p Policies
			who := testRole
			for _, line := range c.lines {
				verb, rest, _ := strings.Cut(line, " ")
				switch verb {
				case "identity":
					p.Identity = append(p.Identity, mustParse(t, rest, IdentityPolicy))
				case "boundary":
					p.Boundary = mustParse(t, rest, IdentityPolicy)
				case "resource":
					p.Resource = mustParse(t, rest, ResourcePolicy)
				case "as":
					who = principalOf(t, rest)
				default:
					evaluateLine(t, who, p, verb, rest)
				}
			}
		})
	}
}

func mustParse(t *testing.T, text string, kind Kind) *Policy {
	t.Helper()
	p, err := ParsePolicy("test", []byte(text), kind)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return p
}

func principalOf(t *testing.T, text string) Principal {
	t.Helper()
	kind, name, _ := strings.Cut(text, " ")
	switch kind {
	case "role":
		return testRole
	case "root":
		return Principal{ARN: "arn:aws:iam::123456789012:root", Account: "123456789012"}
	case "service":
		return Principal{ARN: name, Service: name, Account: "123456789012"}
	}
	t.Fatalf("as %s?", text)
	return Principal{}
}

func evaluateLine(t *testing.T, who Principal, p Policies, verb, rest string) {
	t.Helper()
	rest, reason, _ := strings.Cut(rest, " -> ")
	words := strings.Fields(rest)
	d := Evaluate(Request{Principal: who, Action: words[0], Resource: words[1], Context: keys(words[2:])}, p)
	if d.Allowed != (verb == "allow") {
		t.Errorf("%s %s: allowed is %v, reason %d %s", verb, rest, d.Allowed, d.Reason, d.Message())
	}
	if want, ok := reasons[reason]; reason != "" && (!ok || d.Reason != want) {
		t.Errorf("%s %s: the reason is %d, want %q", verb, rest, d.Reason, reason)
	}
	if (d.Message() == "") != d.Allowed {
		t.Errorf("%s %s: message %q", verb, rest, d.Message())
	}
}

func TestConditions(t *testing.T) {
	for _, c := range chunks(t, "testdata/condition.txt") {
		t.Run(c.title, func(t *testing.T) {
			operator, values, _ := strings.Cut(c.title, " ")
			p := mustParse(t, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"`+operator+`":`+values+`}}}`, IdentityPolicy)
			for _, line := range c.lines {
				words := strings.Fields(line)
				d := Evaluate(Request{Principal: testRole, Action: "s3:GetObject", Resource: "*", Context: keys(words[1:])}, Policies{Identity: []*Policy{p}})
				if d.Allowed != (words[0] == "yes") {
					t.Errorf("line %d: %s: holds is %v", c.line, line, d.Allowed)
				}
			}
		})
	}
}

func TestMessages(t *testing.T) {
	const allowAll = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	const denyAll = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`
	const denyEverybody = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}`
	const onlySQS = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}}`
	allow, deny, everybody, sqs := mustParse(t, allowAll, IdentityPolicy), mustParse(t, denyAll, IdentityPolicy), mustParse(t, denyEverybody, ResourcePolicy), mustParse(t, onlySQS, IdentityPolicy)
	const start = "User: arn:aws:sts::123456789012:assumed-role/R/S is not authorized to perform: dynamodb:PutItem on resource: arn:aws:dynamodb:us-east-1:123456789012:table/Orders "
	for want, p := range map[string]Policies{
		"because no identity-based policy allows the dynamodb:PutItem action": {},
		"because no permissions boundary allows the dynamodb:PutItem action":  {Identity: one(allow), Boundary: sqs},
		"with an explicit deny in an identity-based policy":                   {Identity: []*Policy{allow, deny}},
		"with an explicit deny in a resource-based policy":                    {Identity: one(allow), Resource: everybody},
		"with an explicit deny in a permissions boundary":                     {Identity: one(allow), Boundary: deny},
	} {
		d := Evaluate(Request{Principal: testRole, Action: "dynamodb:PutItem", Resource: "arn:aws:dynamodb:us-east-1:123456789012:table/Orders"}, p)
		if d.Message() != start+want {
			t.Errorf("got  %s\nwant %s", d.Message(), start+want)
		}
	}
}

func TestDecisionNamesTheStatement(t *testing.T) {
	p := mustParse(t, `{"Version":"2012-10-17","Statement":[
		{"Sid":"Read","Effect":"Allow","Action":["s3:ListBucket","s3:GetObject"],"Resource":["arn:aws:s3:::a/*","arn:aws:s3:::b/*"]},
		{"Sid":"Never","Effect":"Deny","Action":"s3:Delete*","Resource":"*"}]}`, IdentityPolicy)
	d := Evaluate(Request{Principal: testRole, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k"}, Policies{Identity: one(p)})
	if d.Policy != p || d.Statement.Sid != "Read" || d.Action != 1 || d.Resource != 1 {
		t.Errorf("got %+v", d)
	}
	d = Evaluate(Request{Principal: testRole, Action: "s3:DeleteObject", Resource: "arn:aws:s3:::b/k"}, Policies{Identity: one(p)})
	if d.Statement.Sid != "Never" || d.Statement.Index != 1 {
		t.Errorf("got %+v", d)
	}
}

// BenchmarkEvaluate is what every call of a function or machine pays, over that of
// comparing one action and one resource.
func BenchmarkEvaluate(b *testing.B) {
	text, err := os.ReadFile("testdata/bench.json")
	if err != nil {
		b.Fatal(err)
	}
	p, err := ParsePolicy("bench", text, IdentityPolicy)
	if err != nil {
		b.Fatal(err)
	}
	r := Request{Principal: testRole, Action: "events:PutEvents", Resource: "arn:aws:events:us-east-1:123456789012:event-bus/orders", Context: map[string][]string{"events:source": {"shop"}}}
	policies := Policies{Identity: one(p)}
	b.Run("policies", func(b *testing.B) {
		for b.Loop() {
			if !Evaluate(r, policies).Allowed {
				b.Fatal("denied")
			}
		}
	})
	b.Run("baseline", func(b *testing.B) {
		for b.Loop() {
			if !strings.EqualFold(r.Action, "events:PutEvents") || !strings.HasSuffix(r.Resource, "event-bus/orders") {
				b.Fatal("denied")
			}
		}
	})
}
