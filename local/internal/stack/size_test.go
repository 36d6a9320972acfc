package stack

import (
	"os"
	"testing"

	"github.com/stepworks/stepworks/local/internal/template"
)

// TestTheStackStaysSmall: expanded by SAM a stack may have 500 resources, and ours
// stays under 400 with everything switched on.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
func TestTheStackStaysSmall(t *testing.T) {
	const file, limit = "../../../template.yaml", 400
	s := start(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := template.Parse(file, text)
	if err != nil {
		t.Fatal(err)
	}
	env, err := s.cfn.Environment(Name, map[string]string{"EnableContainerTasks": "true", "AlertEmail": "you@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := template.New(parsed, env)
	if err != nil {
		t.Fatal(err)
	}
	byType := map[string]int{}
	for _, r := range wanted.Resources {
		byType[r.Type]++
	}
	t.Logf("%d resources: %v", len(wanted.Resources), byType)
	if n := len(wanted.Resources); n >= limit {
		t.Errorf("%d resources, %d is the limit that the project set itself", n, limit)
	}
}
