package template

// This file defines the tests of whole stacks: the repository's own template, and
// golden expansions. `go test ./local/internal/template -update` writes them anew.

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

var update = flag.Bool("update", false, "write the golden files anew")

var testEnvironment = Environment{Account: "123456789012", Region: "us-east-1", StackName: "stepworks", StackID: "arn:aws:cloudformation:us-east-1:123456789012:stack/stepworks/1"}

// existing answers for resources with made-up values.
type existing struct{ stack *Stack }

func (e existing) Ref(id string) (jsonvalue.Value, bool) {
	return "ref-" + id, e.stack.Resource(id) != nil
}

func (e existing) GetAtt(id, attribute string) (jsonvalue.Value, bool) {
	return "att-" + id + "-" + attribute, e.stack.Resource(id) != nil
}

func load(t *testing.T, file string, parameters map[string]string) *Stack {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := Parse(filepath.Base(file), text)
	if err != nil {
		t.Fatal(err)
	}
	env := testEnvironment
	env.Parameters = parameters
	env.Dynamic = func(service, reference string) (string, error) { return service + ":" + reference, nil }
	stack, err := New(parsed, env)
	if err != nil {
		t.Fatal(err)
	}
	return stack
}

func TestTheRepositorysTemplate(t *testing.T) {
	stack := load(t, "../../../template.yaml", map[string]string{"Prefix": "dev-"})
	made := map[string]bool{}
	for _, r := range stack.Resources {
		for _, need := range r.Needs {
			if !made[need] {
				t.Errorf("%s stands before %s, which it needs", r.LogicalID, need)
			}
		}
		made[r.LogicalID] = true
		properties, err := stack.Resolve(r, existing{stack})
		if err != nil {
			t.Errorf("%s: %v", r.LogicalID, err)
		}
		if text := string(jsonvalue.Append(nil, properties)); strings.Contains(text, "Fn::") || strings.Contains(text, "${Prefix}") {
			t.Errorf("%s is not resolved: %s", r.LogicalID, text)
		}
	}
	for _, o := range stack.Outputs {
		if _, err := stack.ResolveOutput(o, existing{stack}); err != nil {
			t.Error(err)
		}
	}
	function := stack.Resource("ValidateFunction")
	want := Local{Property: "Code", Path: ".", BuildMethod: "makefile", Source: "ValidateFunction"}
	if diff := cmp.Diff(want, function.Local); diff != "" {
		t.Error(diff)
	}
	properties, _ := stack.Resolve(function, existing{stack})
	if name, _ := properties.Get("FunctionName"); name != "dev-order-validation" {
		t.Errorf("FunctionName is %v", name)
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; -update takes it over):\n%s", file, diff)
	}
}

func indented(t *testing.T, v jsonvalue.Value) []byte {
	t.Helper()
	var out any = json.RawMessage(jsonvalue.Append(nil, v))
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func TestCapabilities(t *testing.T) {
	const role = "Resources: {R: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}"
	for text, want := range map[string]string{
		"Resources: {A: {Type: AWS::SNS::Topic}}": "",
		role + "}}}":              "CAPABILITY_IAM",
		role + ", RoleName: r}}}": "CAPABILITY_NAMED_IAM",
	} {
		if got := strings.Join(stackOf(t, text).Capabilities(), " "); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// TestExpansion holds what SAM makes of a template against golden files. Their
// logical ids and properties were compared with the examples of SAM's own
// specification when they were written.
func TestExpansion(t *testing.T) {
	files, _ := filepath.Glob("testdata/expand/*.yaml")
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			stack := load(t, file, nil)
			for _, r := range stack.Resources {
				if _, err := stack.Resolve(r, existing{stack}); err != nil {
					t.Errorf("%s: %v", r.LogicalID, err)
				}
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".json", indented(t, stack.JSON()))
		})
	}
}
