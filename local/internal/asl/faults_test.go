package asl_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/asl"
)

// expectation is what a line of a chunk asks for: ### "regexp".
var expectation = regexp.MustCompile(`\s*### "([^"]*)"\s*$`)

// TestFaults reads files of small definitions, separated by lines of dashes. A
// line that ends in ### "regexp" (a full stop stands for a quote) must have a fault that matches, on that line;
// every fault must be asked for. A chunk that begins with EXPRESS is validated
// as an Express machine.
func TestFaults(t *testing.T) {
	files, err := filepath.Glob("testdata/*.faults")
	if err != nil || len(files) == 0 {
		t.Fatal("no fault files", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		line := 1
		for _, chunk := range strings.SplitAfter(string(text), "\n---\n") {
			checkChunk(t, file, line, strings.TrimSuffix(chunk, "---\n"))
			line += strings.Count(chunk, "\n")
		}
	}
}

func checkChunk(t *testing.T, file string, first int, chunk string) {
	t.Helper()
	machineType := asl.Standard
	lines := strings.Split(chunk, "\n")
	wants := map[int][]string{}
	for i, line := range lines {
		if line == "EXPRESS" || strings.HasPrefix(line, "#") {
			if line == "EXPRESS" {
				machineType = asl.Express
			}
			lines[i] = ""
			continue
		}
		for m := expectation.FindStringSubmatchIndex(lines[i]); m != nil; m = expectation.FindStringSubmatchIndex(lines[i]) {
			wants[i] = append(wants[i], lines[i][m[2]:m[3]])
			lines[i] = lines[i][:m[0]]
		}
	}
	for _, f := range asl.Validate(strings.Join(lines, "\n"), machineType) {
		at := max(f.Line-1, 0)
		if !take(wants, at, f.String()) {
			t.Errorf("%s:%d: unexpected fault: %v", file, first+at, f)
		}
	}
	for i, patterns := range wants {
		for _, p := range patterns {
			t.Errorf("%s:%d: no fault matches %q", file, first+i, p)
		}
	}
}

// take finds the expectation of a line that a message meets, and strikes it out.
func take(wants map[int][]string, line int, message string) bool {
	for i, pattern := range wants[line] {
		if regexp.MustCompile(pattern).MatchString(message) {
			wants[line] = append(wants[line][:i], wants[line][i+1:]...)
			return true
		}
	}
	return false
}
