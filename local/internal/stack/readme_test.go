package stack

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/clock"
	"github.com/stepworks/stepworks/local/internal/cloudformation"
)

var update = flag.Bool("update", false, "rewrite the tables of local/README.md; read the diff before you commit it")

// TestReadmeListsWhatIsOffered keeps the support tables of local/README.md true.
func TestReadmeListsWhatIsOffered(t *testing.T) {
	s, err := Start(t.Context(), Options{Account: "123456789012", Region: "us-east-1", Memory: true, Clock: clock.Real()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const file = "../../README.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := fill(string(text), "operations", operationTable(s))
	want = fill(want, "resources", strings.Join(wrapWords(cloudformation.Types(), ", ", 140), "\n")+"\n")
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatal("the tables of local/README.md are out of date: go test ./local/internal/stack -update")
	}
	if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}

func fill(text, section, content string) string {
	between := regexp.MustCompile(`(?s)(<!-- ` + section + `:[^\n]*-->\n).*?(<!-- end -->)`)
	return between.ReplaceAllStringFunc(text, func(match string) string {
		m := between.FindStringSubmatch(match)
		return m[1] + content + m[2]
	})
}

func operationTable(s *Stack) string {
	var b strings.Builder
	b.WriteString("| service | operations |\n| --- | --- |\n")
	all := s.wire.Services()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		var ops []string
		for _, op := range all[name].Operations {
			ops = append(ops, op.Name)
		}
		slices.Sort(ops)
		ops = slices.Compact(ops) // two routes may lead to one operation
		fmt.Fprintf(&b, "| %s | %s |\n", name, strings.Join(ops, ", "))
	}
	return b.String()
}

func wrapWords(words []string, sep string, width int) []string {
	var lines []string
	line := ""
	for i, w := range words {
		if i < len(words)-1 {
			w += sep
		}
		if len(line)+len(w) > width {
			lines = append(lines, strings.TrimRight(line, " "))
			line = ""
		}
		line += w
	}
	return append(lines, line)
}
