package gobuild

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// unpack writes an archive's files into a new folder.
func unpack(t *testing.T, file string) string {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, f := range archive.Files {
		write(t, filepath.Join(root, f.Name), string(f.Data))
	}
	return root
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func makefile(ids ...string) []Function {
	var functions []Function
	for _, id := range ids {
		functions = append(functions, Function{LogicalID: id, Method: "makefile", CodeURI: "."})
	}
	return functions
}

// TestBuild builds good and bad functions at once. The module has no
// dependencies, and its programs print instead of serving.
func TestBuild(t *testing.T) {
	root := unpack(t, "testdata/module.txtar")
	out := filepath.Join(root, "out")
	functions := append(makefile("PayFunction", "ShipOrderFunction", "TypoFunction", "SyntaxFunction", "MissingFunction", "SharedFunction", "LibraryFunction"),
		Function{LogicalID: "Elsewhere", Method: "go1.x", CodeURI: "services/pay/"})
	result, err := Build(context.Background(), Config{Root: root, Out: out, Functions: functions})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"PayFunction": "pay", "ShipOrderFunction": "ship order", "Elsewhere": "another pay"} {
		got, err := exec.Command(result.Programs[id]).Output()
		if err != nil || strings.TrimSpace(string(got)) != want {
			t.Errorf("%s is %s, which says %q, %v", id, result.Programs[id], got, err)
		}
	}
	for id, want := range map[string]string{
		"TypoFunction":    "functions/bad/typo/main.go:5:2: undefined: fmt",
		"SyntaxFunction":  "functions/bad/syntax/main.go:4:1: syntax error: unexpected }, expected name",
		"MissingFunction": "functions/bad/missing/main.go:3:8: no required module provides package example.org/nowhere",
		"SharedFunction":  "shared/broken/broken.go:3:29: cannot use 1",
		"LibraryFunction": "./functions/bad/library makes no program: it needs a package main",
	} {
		if got := result.Failures[id]; !strings.Contains(got, want) {
			t.Errorf("%s: %q\nlacks %q", id, got, want)
		}
	}
	if len(result.Programs)+len(result.Failures) != len(functions) {
		t.Errorf("programs %v, failures %v", result.Programs, result.Failures)
	}
}

func TestWhatCannotBeBuilt(t *testing.T) {
	root := unpack(t, "testdata/module.txtar")
	write(t, filepath.Join(root, "functions", "more", "pay", "main.go"), "package main")
	for _, c := range []struct {
		function Function
		want     string
	}{
		{makefile("PayFunction")[0], "function PayFunction: there are 2 folders named pay (functions/more/pay, functions/orders/pay): rename all but one"},
		{makefile("NothingFunction")[0], "function NothingFunction: there is no folder functions/*/nothing"},
		{makefile("Pay")[0], `a logical id is a folder's name and "Function"`},
		{Function{LogicalID: "A", Method: "go1.x", CodeURI: "nowhere/"}, "function A: its CodeUri nowhere/ is not a folder"},
		{Function{LogicalID: "A", CodeURI: "services/pay"}, "function A: it has no Metadata.BuildMethod"},
		{Function{LogicalID: "A", Method: "python3.13"}, "function A: its BuildMethod python3.13 is none that is built here"},
	} {
		_, err := Build(context.Background(), Config{Root: root, Out: filepath.Join(root, "out"), Functions: []Function{c.function}})
		if err == nil || !strings.Contains(filepath.ToSlash(err.Error()), c.want) {
			t.Errorf("%s: %v\nwant %s", c.function.LogicalID, err, c.want)
		}
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := toolchain(); err == nil || !strings.Contains(err.Error(), "install Go from https://go.dev/dl/") {
		t.Errorf("without a toolchain: %v", err)
	}
}

func TestWatch(t *testing.T) {
	root := unpack(t, "testdata/module.txtar")
	ctx := context.Background()
	w, result, err := Watch(ctx, Config{Root: root, Out: filepath.Join(root, "out"), Functions: makefile("PayFunction", "ShipOrderFunction")})
	if err != nil || len(result.Programs) != 2 {
		t.Fatal(result, err)
	}
	if _, _, built, _ := w.Poll(ctx); built {
		t.Error("built again although nothing changed")
	}
	for _, c := range []struct {
		file, text string
		changed    []string
		failed     int
	}{
		{"shared/word/word.go", "package word\n\nconst Pay = \"paid\"\n", []string{"PayFunction"}, 0},
		{"functions/orders/shipOrder/extra.go", "package main\n\nvar x int = \"\"\n", nil, 1},
		{"functions/orders/shipOrder/extra.go", "package main\n\nfunc init() { println() }\n", []string{"ShipOrderFunction"}, 0},
	} {
		write(t, filepath.Join(root, filepath.FromSlash(c.file)), c.text)
		result, changed, built, err := w.Poll(ctx)
		if err != nil || !built || len(result.Failures) != c.failed {
			t.Errorf("%s: built %v, failures %v, %v", c.file, built, result.Failures, err)
		}
		if !slices.Equal(changed, c.changed) {
			t.Errorf("%s: changed %v, want %v", c.file, changed, c.changed)
		}
	}
}
