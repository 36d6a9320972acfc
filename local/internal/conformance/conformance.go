// Package conformance reads recorded answers of AWS for tests.
//
// The recordings are not part of this repository. They are looked for in a
// folder shared/conformance beside the repository or beside a folder above it;
// where there is none, [Open] skips the test and says so. A test that uses them
// states the agreement it demands, and prints the one it found through [Tally].
//
// It is for tests only. Start at [Open].
package conformance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"testing"
)

// maxRow is the longest line a recording may have.
const maxRow = 16 << 20

// Open yields the rows of a recording, each one JSON object. It skips the test
// when the recordings are not there.
func Open(tb testing.TB, file string) iter.Seq[json.RawMessage] {
	tb.Helper()
	path, found := find(file)
	if !found {
		tb.Skipf("NOT CHECKED against recorded AWS answers: no folder shared/conformance with %s above the working directory", file)
	}
	return func(yield func(json.RawMessage) bool) {
		f, err := os.Open(path)
		if err != nil {
			tb.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, maxRow)
		for lines.Scan() {
			if !yield(append(json.RawMessage(nil), lines.Bytes()...)) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			tb.Fatal(err)
		}
	}
}

// Rows is Open with each row decoded into a T. A bare Infinity, which the
// recorder wrote where JSON has no such number, reads as null.
func Rows[T any](tb testing.TB, file string) iter.Seq[T] {
	tb.Helper()
	rows := Open(tb, file)
	return func(yield func(T) bool) {
		for row := range rows {
			var v T
			if err := json.Unmarshal(bytes.ReplaceAll(row, []byte(" Infinity"), []byte(" null")), &v); err != nil {
				tb.Fatalf("%s: %v", file, err)
			}
			if !yield(v) {
				return
			}
		}
	}
}

// Dir is the folder of the recordings. It skips the test when there is none.
func Dir(tb testing.TB) string {
	tb.Helper()
	path, found := find("run.py")
	if !found {
		tb.Skip("NOT CHECKED against recorded AWS answers: no folder shared/conformance above the working directory")
	}
	return filepath.Dir(path)
}

func find(file string) (path string, found bool) {
	dir, err := os.Getwd()
	for err == nil {
		path = filepath.Join(dir, "shared", "conformance", file)
		if _, err := os.Stat(path); err == nil {
			return path, true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	return "", false
}

// Tally counts agreement with a recording.
type Tally struct {
	Name          string
	agreed, total int
	differences   []string
}

// Check counts one case; the difference is empty when it agrees.
func (y *Tally) Check(id, difference string) {
	y.total++
	if difference == "" {
		y.agreed++
		return
	}
	y.differences = append(y.differences, id+": "+difference)
}

// shown bounds how many differences Demand prints.
const shown = 20

// Demand prints the agreement and fails the test when it is below percent.
func (y *Tally) Demand(tb testing.TB, percent float64) {
	tb.Helper()
	if y.total == 0 {
		tb.Fatalf("%s: no cases", y.Name)
	}
	got := 100 * float64(y.agreed) / float64(y.total)
	summary := fmt.Sprintf("%s: %d of %d agree with the recording (%.1f %%, demanded %.1f %%)", y.Name, y.agreed, y.total, got, percent)
	tb.Log(summary)
	for _, d := range y.differences[:min(len(y.differences), shown)] {
		tb.Log(d)
	}
	if got < percent {
		tb.Error(summary)
	}
}
