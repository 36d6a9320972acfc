package stepworks

// This file checks that template.yaml, the state machines, the functions and the
// sample events fit together: each names only what the others have.

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/stepworks/stepworks/shared/failure"
)

// node is a part of the template. Short-form functions keep their text as value:
// `!Ref X` is the scalar X.
type node struct{ *yaml.Node }

func (n node) get(path ...string) node {
	for _, name := range path {
		n = n.child(name)
	}
	return n
}

func (n node) child(name string) node {
	for key, value := range n.members() {
		if key == name {
			return value
		}
	}
	return node{&yaml.Node{}}
}

func (n node) members() map[string]node {
	m := map[string]node{}
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = node{n.Content[i+1]}
		}
	}
	return m
}

func (n node) items() []node {
	var items []node
	if n.Kind == yaml.SequenceNode {
		for _, c := range n.Content {
			items = append(items, node{c})
		}
	}
	return items
}

// strings returns a scalar's or a list's texts.
func (n node) strings() []string {
	if n.Kind == yaml.ScalarNode {
		return []string{n.Value}
	}
	var texts []string
	for _, i := range n.items() {
		texts = append(texts, i.Value)
	}
	return texts
}

func template(t *testing.T) node {
	t.Helper()
	text, err := os.ReadFile("template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return node{doc.Content[0]}
}

// resources returns the template's resources of one type.
func resources(t *testing.T, resourceType string) map[string]node {
	t.Helper()
	found := map[string]node{}
	for id, r := range template(t).get("Resources").members() {
		if r.get("Type").Value == resourceType {
			found[id] = r
		}
	}
	return found
}

// stepOf is the folder of a function's logical id: ValidateFunction -> validate.
func stepOf(logicalID string) string {
	name := strings.TrimSuffix(logicalID, "Function")
	return strings.ToLower(name[:1]) + name[1:]
}

func TestEveryFunctionHasItsFolderAndSampleEvent(t *testing.T) {
	folders := map[string]int{}
	mains, err := filepath.Glob("functions/*/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mains {
		folders[filepath.Base(filepath.Dir(m))]++
	}
	for id := range resources(t, "AWS::Serverless::Function") {
		step := stepOf(id)
		if folders[step] != 1 {
			t.Errorf("%s: there must be one folder functions/*/%s, there are %d", id, step, folders[step])
		}
		delete(folders, step)
		if _, err := os.Stat("events/" + step + ".json"); err != nil {
			t.Errorf("%s: a sample input events/%s.json is missing", id, step)
		}
	}
	for step := range folders {
		t.Errorf("functions/*/%s has no resource in template.yaml", step)
	}
}

var substitution = regexp.MustCompile(`\$\{([A-Za-z0-9_]+)\}`)

func TestEveryMachineHasItsFileAndSubstitutions(t *testing.T) {
	files, err := filepath.Glob("statemachines/*.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	for id, r := range resources(t, "AWS::Serverless::StateMachine") {
		file := filepath.FromSlash(r.get("Properties", "DefinitionUri").Value)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		files = slices.DeleteFunc(files, func(f string) bool { return f == file })
		given := r.get("Properties", "DefinitionSubstitutions").members()
		used := map[string]bool{}
		for _, m := range substitution.FindAllStringSubmatch(string(text), -1) {
			used[m[1]] = true
			if _, ok := given[m[1]]; !ok {
				t.Errorf("%s uses ${%s}, which %s does not substitute", file, m[1], id)
			}
		}
		for name := range given {
			if !used[name] {
				t.Errorf("%s substitutes %s, which %s does not use", id, name, file)
			}
		}
	}
	for _, f := range files {
		t.Errorf("%s has no resource in template.yaml", f)
	}
}

// walkStates calls f for every state of a definition, nested ones included.
func walkStates(definition map[string]any, path string, f func(path string, state map[string]any)) {
	states, _ := definition["States"].(map[string]any)
	for name, s := range states {
		state, _ := s.(map[string]any)
		at := path + "." + name
		f(at, state)
		branches, _ := state["Branches"].([]any)
		for i, b := range append(branches, state["ItemProcessor"], state["Iterator"]) {
			if sub, ok := b.(map[string]any); ok {
				walkStates(sub, fmt.Sprintf("%s[%d]", at, i), f)
			}
		}
	}
}

func definitions(t *testing.T) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob("statemachines/*.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]map[string]any{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d map[string]any
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		found[file] = d
	}
	return found
}

// TestEveryErrorNameExists keeps Retry and Catch from waiting for an error that
// nothing raises.
func TestEveryErrorNameExists(t *testing.T) {
	known := map[string]bool{}
	for _, row := range failure.Table {
		known[string(row.Name)] = true
	}
	for file, d := range definitions(t) {
		walkStates(d, file, func(path string, state map[string]any) {
			for _, field := range []string{"Retry", "Catch"} {
				rules, _ := state[field].([]any)
				for _, rule := range rules {
					names, _ := rule.(map[string]any)["ErrorEquals"].([]any)
					for _, name := range names {
						s, _ := name.(string)
						if !known[s] && !strings.HasPrefix(s, "States.") && !strings.HasPrefix(s, "Lambda.") {
							t.Errorf("%s: %s names %q, which is not in shared/failure's table", path, field, s)
						}
					}
				}
			}
		})
	}
}

// TestEveryStateIsReadyForFailure holds the rules of docs/decisions.md for
// production machines.
func TestEveryStateIsReadyForFailure(t *testing.T) {
	for file, d := range definitions(t) {
		walkStates(d, file, func(path string, state map[string]any) {
			has := func(field string) bool { return state[field] != nil || state[field+"Path"] != nil }
			resource, _ := state["Resource"].(string)
			switch state["Type"] {
			case "Task":
				if !has("TimeoutSeconds") {
					t.Errorf("%s: a Task needs TimeoutSeconds; the default is 99,999,999", path)
				}
				if strings.HasSuffix(resource, ".waitForTaskToken") && !has("HeartbeatSeconds") {
					t.Errorf("%s: a task that waits for its token needs HeartbeatSeconds", path)
				}
			case "Choice":
				if !has("Default") {
					t.Errorf("%s: a Choice needs Default, or the execution fails with States.NoChoiceMatched", path)
				}
			case "Fail":
				if !has("Error") {
					t.Errorf("%s: a Fail needs an Error, for alarms and parents", path)
				}
			}
		})
	}
}

func TestEveryRuleFiltersItsSourceAndKeepsWhatFails(t *testing.T) {
	for id, r := range resources(t, "AWS::Events::Rule") {
		p := r.get("Properties")
		if p.get("ScheduleExpression").Value == "" && len(p.get("EventPattern", "source").items()) == 0 {
			t.Errorf("%s: the pattern must filter on source, or anybody's event starts it", id)
		}
		for _, target := range p.get("Targets").items() {
			if target.get("DeadLetterConfig", "Arn").Value == "" || target.get("RetryPolicy").Kind != yaml.MappingNode {
				t.Errorf("%s: target %s needs a DeadLetterConfig and a RetryPolicy", id, target.get("Id").Value)
			}
		}
	}
}

// wildcards are the actions that AWS defines no resource for, with the page that
// says so.
var wildcards = map[string]string{
	"xray:":       "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html",
	"cloudwatch:": "metrics are bound by their namespace: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/iam-cw-condition-keys-namespace.html",
	"logs:":       "log delivery: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html",
}

func TestRolesGrantNoMoreThanIsNamed(t *testing.T) {
	for id, r := range resources(t, "AWS::IAM::Role") {
		if len(r.get("Properties", "ManagedPolicyArns").items()) > 0 {
			t.Errorf("%s: managed policies grant more than a function needs", id)
		}
		for _, policy := range r.get("Properties", "Policies").items() {
			for _, s := range policy.get("PolicyDocument", "Statement").items() {
				checkStatement(t, id, s)
			}
		}
	}
}

func checkStatement(t *testing.T, role string, s node) {
	t.Helper()
	if s.get("Sid").Value == "" {
		t.Errorf("%s: every statement needs a Sid", role)
	}
	everywhere := slices.Contains(s.get("Resource").strings(), "*")
	for _, action := range s.get("Action").strings() {
		service, verb, _ := strings.Cut(action, ":")
		if strings.Contains(verb, "*") {
			t.Errorf("%s: %s: actions are named one by one", role, action)
		}
		if _, argued := wildcards[service+":"]; everywhere && !argued {
			t.Errorf("%s: %s on every resource: name the resource", role, action)
		}
	}
}

func TestEveryLogGroupForgets(t *testing.T) {
	for id, r := range resources(t, "AWS::Logs::LogGroup") {
		if r.get("Properties", "RetentionInDays").Value == "" {
			t.Errorf("%s keeps its events for ever, which costs for ever: give RetentionInDays", id)
		}
	}
	functions := resources(t, "AWS::Serverless::Function")
	ids := make([]string, 0, len(functions))
	for id := range functions {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	for _, id := range ids {
		if functions[id].get("Properties", "LoggingConfig", "LogGroup").Value == "" {
			t.Errorf("%s: without LoggingConfig.LogGroup Lambda makes a log group that never forgets", id)
		}
	}
}
