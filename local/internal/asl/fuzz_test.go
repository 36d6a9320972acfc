package asl_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/asl"
)

// FuzzParse holds that no text makes Parse panic, that what Parse takes
// Validate finds no error in, and that every fault has words.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.faults")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, chunk := range strings.Split(string(text), "\n---\n") {
			f.Add(expectation.ReplaceAllString(chunk, ""))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := asl.Parse(text, asl.Standard)
		errors := 0
		for _, fault := range asl.Validate(text, asl.Standard) {
			if fault.Code == "" || fault.Message == "" {
				t.Errorf("a fault without words: %+v", fault)
			}
			if !fault.Warning {
				errors++
			}
		}
		if (err == nil) != (errors == 0) || (err == nil) != (m != nil) {
			t.Errorf("Parse answers %v, Validate finds %d errors", err, errors)
		}
	})
}
