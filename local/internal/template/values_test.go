package template

// This file defines the tests of expressions: testdata/values.txt.

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

const valuesTemplate = `
Parameters:
  Name: {Type: String, Default: orders}
  Count: {Type: Number, Default: 3}
  Names: {Type: CommaDelimitedList, Default: 'a, b,c'}
Mappings:
  RegionMap: {us-east-1: {HVM64: ami-0ff8a91507f77f867}}
Conditions:
  IsOrders: !Equals [!Ref Name, orders]
  IsOther: !Not [!Condition IsOrders]
Resources:
  Table: {Type: AWS::SNS::Topic}
`

func valuesScope(t *testing.T) scope {
	t.Helper()
	parsed, err := Parse("values.yaml", []byte(valuesTemplate))
	if err != nil {
		t.Fatal(err)
	}
	env := testEnvironment
	env.Export = func(name string) (string, bool) { return "vpc-1", name == "network-vpc" }
	env.Dynamic = func(service, reference string) (string, error) {
		if reference == "missing" {
			return "", fmt.Errorf("no such parameter")
		}
		return "value of " + service + " " + reference, nil
	}
	stack, err := New(parsed, env)
	if err != nil {
		t.Fatal(err)
	}
	s := stack.scope
	s.attributes = existing{stack}
	return s
}

func TestValues(t *testing.T) {
	s := valuesScope(t)
	file, err := os.ReadFile("testdata/values.txt")
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(file), "\n") {
		if strings.HasPrefix(line, "# ") || line == "" {
			continue
		}
		expression, want, ok := strings.Cut(line, " => ")
		if !ok {
			t.Fatalf("line %d has no =>", i+1)
		}
		got := evaluated(s, expression)
		message, fails := strings.CutPrefix(want, "error: ")
		failed := strings.HasPrefix(got, "error: ")
		if failed != fails || fails && !strings.Contains(got, message) || !fails && got != want {
			t.Errorf("line %d: %s\ngot  %s\nwant %s", i+1, expression, got, want)
		}
	}
}

func evaluated(s scope, expression string) string {
	f := &faults{}
	n := parseYAML([]byte(expression), f)
	if err := f.err(); err != nil {
		return "error: " + err.Error()
	}
	v, problem := s.eval(n, "")
	if problem != nil {
		return "error: " + problem.Error()
	}
	return jsonvalue.String(v)
}
