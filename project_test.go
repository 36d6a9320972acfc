// Package stepworks holds no code: its tests are the contract of the whole
// repository. This file checks its structure (layers, package comments, sizes);
// contract_test.go checks that template, machines, functions and events fit
// together. Both read files in process, so `go test` notices every change.
package stepworks

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/stepworks/stepworks/"

// goFile is a parsed file of the repository.
type goFile struct {
	path string // from the root, with slashes
	dir  string
	test bool
	fset *token.FileSet
	*ast.File
}

func goFiles(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && p != "." && (name == "testdata" || strings.HasPrefix(name, ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		p = filepath.ToSlash(p)
		files = append(files, goFile{path: p, dir: path.Dir(p), test: strings.HasSuffix(p, "_test.go"), fset: fset, File: f})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func (f goFile) imports() []string {
	var paths []string
	for _, imp := range f.Imports {
		if p, err := strconv.Unquote(imp.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

func within(dir string, tops ...string) bool {
	for _, top := range tops {
		if dir == top || strings.HasPrefix(dir, top+"/") {
			return true
		}
	}
	return false
}

// workerModules are what functions/, shared/ and cmd/ may import beside the
// standard library, each with its reason. Everything else would be shipped to
// Lambda, where it costs cold start and attack surface.
var workerModules = map[string]string{
	"github.com/aws/aws-lambda-go":    "the Lambda runtime",
	"github.com/aws/aws-sdk-go-v2":    "the services",
	"github.com/aws/smithy-go":        "the SDK's errors",
	"github.com/brianvoe/gofakeit/v6": "the report's made-up names and profiles (reports/getMultiple, reports/processSingle)",
	module + "shared":                 "the workers' own packages",
	module + "functions":              "a function's own packages",
}

// workerTestModules are what their tests may import on top.
var workerTestModules = map[string]string{
	"github.com/stretchr/testify": "assertions",
	"pgregory.net/rapid":          "property tests",
}

func TestWorkersImportOnlyWhatLambdaNeeds(t *testing.T) {
	for _, f := range goFiles(t) {
		if !within(f.dir, "functions", "shared", "cmd") {
			continue
		}
		for _, imp := range f.imports() {
			if !strings.Contains(strings.SplitN(imp, "/", 2)[0], ".") || allowed(imp, workerModules) || f.test && allowed(imp, workerTestModules) {
				continue
			}
			t.Errorf("%s imports %s: workerModules in project_test.go lists what a worker may import, with reasons", f.path, imp)
		}
		if within(f.dir, "shared") && slices.ContainsFunc(f.imports(), func(imp string) bool { return strings.HasPrefix(imp, module+"functions") }) {
			t.Errorf("%s: shared must not import a function", f.path)
		}
	}
}

func allowed(imp string, modules map[string]string) bool {
	for m := range modules {
		if within(imp, m) {
			return true
		}
	}
	return false
}

// layers of the local AWS, from the ground up. A package may import its own
// layer's lower neighbours as listed here and nothing above; services do not
// import each other at all: they meet in stack, through awswire.
var layers = struct {
	ground, pure, services []string
}{
	ground:   []string{"jsonvalue", "clock", "store", "awswire", "journal", "conformance", "delivery"},
	pure:     []string{"asl", "asl/jsonpath", "asl/intrinsic", "asl/jsonata", "asl/interp", "asl/mockfile", "eventpattern", "dynamodb/expr", "template", "jsonvalue", "graph", "schedule"},
	services: []string{"stepfunctions", "eventbridge", "lambda", "dynamodb", "s3", "sqs", "sns", "cloudwatch", "iam", "logs", "scheduler", "secretsmanager", "ssm", "cloudformation"},
}

func TestLayersOfTheLocalAWS(t *testing.T) {
	const internal = module + "local/internal/"
	for _, f := range goFiles(t) {
		self, ok := strings.CutPrefix(f.dir, "local/internal/")
		if !ok || f.test {
			continue
		}
		for _, imp := range f.imports() {
			if within(imp, module+"functions", module+"shared") {
				t.Errorf("%s: the local AWS imports nothing of the workers", f.path)
			}
			other, ok := strings.CutPrefix(imp, internal)
			if !ok {
				if slices.Contains(layers.pure, self) && impure[imp] != "" {
					t.Errorf("%s: %s is pure and must not import %s: %s", f.path, self, imp, impure[imp])
				}
				continue
			}
			switch {
			case slices.Contains(layers.pure, self) && !slices.Contains(layers.pure, other):
				t.Errorf("%s: %s is pure and must not import %s", f.path, self, other)
			case slices.Contains(layers.ground, self) && !slices.Contains(layers.ground, other):
				t.Errorf("%s: %s is ground and must not import %s", f.path, self, other)
			case slices.Contains(layers.services, self) && slices.Contains(layers.services, other):
				t.Errorf("%s: services do not import each other: %s must reach %s through awswire", f.path, self, other)
			}
		}
	}
}

// impure are packages that would let a pure package do I/O or read the clock's
// goroutines; time itself is allowed, for values.
var impure = map[string]string{
	"os": "no I/O", "net": "no I/O", "net/http": "no I/O", "io/fs": "no I/O", "os/exec": "no I/O",
	"database/sql": "no I/O", "log": "no I/O", "log/slog": "no I/O", "context": "nothing to cancel", "math/rand": "randomness is an input", "math/rand/v2": "randomness is an input", "crypto/rand": "randomness is an input",
}

func TestEveryPackageHasOneComment(t *testing.T) {
	comments, packages := map[string][]string{}, map[string]bool{}
	for _, f := range goFiles(t) {
		if f.test && f.dir != "." {
			continue
		}
		packages[f.dir] = true
		if f.Doc != nil {
			comments[f.dir] = append(comments[f.dir], f.path)
			if want := "Package " + f.Name.Name; f.Name.Name != "main" && !strings.HasPrefix(f.Doc.Text(), want) {
				t.Errorf("%s: the package comment must begin %q", f.path, want)
			}
		}
	}
	for dir := range packages {
		if n := len(comments[dir]); dir != "." && n != 1 {
			t.Errorf("%s has %d package comments %v; it needs one that says what it is, what it guarantees, what it does not do and where to start", dir, n, comments[dir])
		}
	}
}

var bannedNames = []string{"util", "utils", "common", "types", "helpers", "helper", "models", "model", "misc"}

func TestNamesAndSizes(t *testing.T) {
	var lengths []int
	for _, f := range goFiles(t) {
		if slices.Contains(bannedNames, f.Name.Name) {
			t.Errorf("%s: a package named %s says nothing", f.path, f.Name.Name)
		}
		if n := f.fset.Position(f.FileEnd).Line; n > 600 {
			t.Errorf("%s has %d lines, the limit is 600", f.path, n)
		}
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			n := f.fset.Position(fn.End()).Line - f.fset.Position(fn.Pos()).Line + 1
			if n > 80 {
				t.Errorf("%s: %s has %d lines, the limit is 80", f.path, fn.Name.Name, n)
			}
			if !f.test {
				lengths = append(lengths, n)
			}
		}
		for _, group := range f.Comments {
			for _, word := range []string{"TODO", "FIXME", "XXX"} {
				if strings.Contains(group.Text(), word) && f.path != "project_test.go" {
					t.Errorf("%s: %s left open: %q", f.path, word, strings.TrimSpace(group.Text()))
				}
			}
		}
	}
	sort.Ints(lengths)
	if median := lengths[len(lengths)/2]; median > 12 {
		t.Errorf("the median function has %d lines, about ten is the house's measure", median)
	}
}

// TestMainsOnlyWire keeps a function's main.go to its wiring.
func TestMainsOnlyWire(t *testing.T) {
	for _, f := range goFiles(t) {
		if within(f.dir, "functions") && path.Base(f.path) == "main.go" {
			if n := f.fset.Position(f.FileEnd).Line; n > 40 {
				t.Errorf("%s has %d lines; a main only wires, in 40 at the most", f.path, n)
			}
		}
	}
}
