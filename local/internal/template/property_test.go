package template

// This file defines the tests that hold for any template: JSON says what YAML
// says, hostile text does no harm.

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// TestJSONSaysTheSame takes every expansion as a JSON template: it must make the
// same stack, since nothing serverless is left in it.
func TestJSONSaysTheSame(t *testing.T) {
	files, _ := filepath.Glob("testdata/expand/*.yaml")
	for _, file := range append(files, "../../../template.yaml") {
		first := load(t, file, nil)
		text := indented(t, withoutLocal(first))
		parsed, err := Parse("again.json", text)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		env := testEnvironment
		env.Parameters = nil
		parsed.Parameters = first.Template.Parameters
		again, err := New(parsed, env)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if diff := cmp.Diff(string(text), string(indented(t, withoutLocal(again)))); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	}
}

// withoutLocal is the processed template without what lies on the local disk,
// which has no spelling in CloudFormation.
func withoutLocal(s *Stack) jsonvalue.Value {
	for _, r := range s.Resources {
		r.Local = Local{}
	}
	return s.JSON()
}

func TestPositionsInJSON(t *testing.T) {
	_, err := Parse("t.json", []byte("{\n  \"Resources\": {\n    \"A\": {\"Type\": \"AWS::SNS::Topic\", \"Propertys\": {}}\n  }\n}"))
	var problems Problems
	if !errors.As(err, &problems) || problems[0].Position != (Position{3, 38}) {
		t.Errorf("got %v", err)
	}
}

func TestGivenParameters(t *testing.T) {
	const text = `
Parameters:
  Stage: {Type: String, AllowedValues: [dev, prod]}
  Size: {Type: Number, MinValue: 1, MaxValue: 10, Default: 2}
  Code: {Type: String, MinLength: 2, MaxLength: 3, AllowedPattern: '[a-z]*', Default: ab}
  Told: {Type: String, AllowedPattern: '[a-z]+', ConstraintDescription: lower-case letters, Default: x}
  Ports: {Type: List<Number>, Default: '1,2'}
  Level: {Type: AWS::SSM::Parameter::Value<String>, Default: /level}
Resources: {T: {Type: AWS::SNS::Topic}}
`
	for _, c := range []struct{ given, want string }{
		{"Stage=dev", ""},
		{"", "t: Parameters: [Stage] must have values"},
		{"Stage=dev,Other=1,More=2", "t: Parameters: [More, Other] do not exist in the template"},
		{"Stage=test", "t:3:3: Parameters.Stage: Parameter 'Stage' must be one of AllowedValues: [dev, prod]"},
		{"Stage=dev,Size=0", "t:4:3: Parameters.Size: Parameter 'Size' must be a number not less than 1"},
		{"Stage=dev,Size=11", "t:4:3: Parameters.Size: Parameter 'Size' must be a number not greater than 10"},
		{"Stage=dev,Size=big", "t:4:3: Parameters.Size: Parameter 'Size' must be a number"},
		{"Stage=dev,Code=a", "t:5:3: Parameters.Code: Parameter 'Code' must contain at least 2 characters"},
		{"Stage=dev,Code=abcd", "t:5:3: Parameters.Code: Parameter 'Code' must contain at most 3 characters"},
		{"Stage=dev,Code=A1", "t:5:3: Parameters.Code: Parameter 'Code' must match pattern [a-z]*"},
		{"Stage=dev,Told=X", "t:6:3: Parameters.Told: Parameter Told failed to satisfy constraint: lower-case letters"},
		{"Stage=dev,Ports=1;x", "t:7:3: Parameters.Ports: Parameter 'Ports' must be a number"},
		{"Stage=dev,Level=missing", "t:8:3: Parameters.Level: Parameter 'Level': no such parameter"},
	} {
		parsed, err := Parse("t", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		env := testEnvironment
		env.Parameters = map[string]string{}
		env.Dynamic = func(_, reference string) (string, error) {
			if reference == "missing" {
				return "", errors.New("no such parameter")
			}
			return "info", nil
		}
		for pair := range strings.SplitSeq(c.given, ",") {
			if name, value, ok := strings.Cut(pair, "="); ok {
				env.Parameters[name] = strings.ReplaceAll(value, ";", ",")
			}
		}
		got := ""
		if _, err := New(parsed, env); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.given, got, c.want)
		}
	}
}

// TestOrder makes templates whose resources need each other at random, without a
// circle, and checks that each stands behind what it needs.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		b.WriteString("Resources:\n")
		names := rapid.Permutation([]string{"A", "B", "C", "D", "E", "F"}).Draw(t, "names")
		for i, name := range names {
			b.WriteString("  " + name + ": {Type: AWS::SNS::Topic")
			if needs := rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID).Draw(t, "needs"); i > 0 {
				var allowed []string
				for _, need := range needs {
					if need < name {
						allowed = append(allowed, need)
					}
				}
				b.WriteString(", DependsOn: [" + strings.Join(allowed, ", ") + "]")
			}
			b.WriteString("}\n")
		}
		parsed, err := Parse("t", []byte(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		stack, err := New(parsed, testEnvironment)
		if err != nil {
			t.Fatal(err)
		}
		done := map[string]bool{}
		for _, r := range stack.Resources {
			for _, need := range r.Needs {
				if !done[need] {
					t.Fatalf("%s stands before %s", r.LogicalID, need)
				}
			}
			done[r.LogicalID] = true
		}
		if len(done) != len(names) {
			t.Fatalf("%d of %d resources", len(done), len(names))
		}
	})
}

// FuzzNew checks that no text makes a template panic, and that what is refused
// says where and why.
func FuzzNew(f *testing.F) {
	files, _ := filepath.Glob("testdata/expand/*.yaml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	faults, err := os.ReadFile("testdata/faults.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range strings.Split(string(faults), "\n=== ")[1:] {
		_, text, _ := strings.Cut(c, "\n")
		f.Add(text)
	}
	f.Add(`{"Resources": {"A": {"Type": "AWS::SNS::Topic", "Properties": {"Fn::If": ["x", {}, {}]}}}}`)
	f.Add("Resources: !Ref a")
	f.Add("Resources: {A: {Type: AWS::SQS::Queue, Properties: !Sub x}}")
	f.Fuzz(func(t *testing.T, text string) {
		stack, err := Load("fuzz", []byte(text), testEnvironment)
		if err != nil {
			checkProblems(t, err)
			return
		}
		for _, r := range stack.Resources {
			if _, err := stack.Resolve(r, existing{stack}); err != nil {
				checkProblems(t, err)
			}
		}
		if _, err := Plan(nil, stack, existing{stack}, nil); err != nil {
			t.Errorf("a plan from nothing: %v", err)
		}
	})
}

func checkProblems(t *testing.T, err error) {
	t.Helper()
	var problems Problems
	if !errors.As(err, &problems) || len(problems) == 0 || problems[0].Message == "" {
		t.Errorf("got %#v, want problems", err)
	}
}
