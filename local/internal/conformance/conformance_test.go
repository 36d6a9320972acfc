package conformance

import (
	"os"
	"path/filepath"
	"testing"
)

func TestOpenFindsAFolderAbove(t *testing.T) {
	root := t.TempDir()
	folder := filepath.Join(root, "shared", "conformance")
	below := filepath.Join(root, "repository", "some", "package")
	for _, dir := range []string{folder, below} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "x.jsonl"), []byte("{\"n\":1}\n{\"n\":2}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(below)
	sum := 0
	for row := range Rows[struct{ N int }](t, "x.jsonl") {
		sum += row.N
	}
	if sum != 3 {
		t.Errorf("read rows that add up to %d, want 3", sum)
	}
}

func TestOpenSkipsWhereThereIsNone(t *testing.T) {
	t.Chdir(t.TempDir())
	skipped := false
	t.Run("reader", func(t *testing.T) {
		defer func() { skipped = t.Skipped() }()
		for range Open(t, "nothing.jsonl") {
			t.Error("a row of a file that is not there")
		}
	})
	if !skipped {
		t.Error("the test was not skipped")
	}
}

func TestTally(t *testing.T) {
	y := Tally{Name: "numbers"}
	y.Check("a", "")
	y.Check("b", "differs")
	y.Demand(t, 50)
	if y.agreed != 1 || y.total != 2 || len(y.differences) != 1 {
		t.Errorf("tally is %+v", y)
	}
}
