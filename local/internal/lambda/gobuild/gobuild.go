// Package gobuild makes the functions of a template into programs for this
// machine: all of them with one `go build`, with the flags that they are built
// with for AWS, save the target and -buildid=, which would defeat Go's check
// whether a program is up to date.
//
// It guarantees that whatever keeps a function from being built is said with the
// function's name: no toolchain, no folder, two folders of one name, or what the
// compiler says, with file and line. One function that does not compile does not
// keep the others from being built.
//
// It runs no makefile: BuildMethod makefile means this project's convention, by
// which ValidateFunction is the folder functions/*/validate. Start at [Build];
// [Watch] builds again when sources change.
package gobuild

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode"
)

// Function is one function of a template.
type Function struct {
	LogicalID string
	Method    string // Metadata.BuildMethod: "makefile" or "go1.x"
	CodeURI   string // from the template's folder
	Debug     bool   // keep what a debugger needs
}

// Config says what to build.
type Config struct {
	Root      string // the template's folder
	Out       string // where the programs go; made if need be
	Functions []Function
}

// Result is what came of a build, by logical id: each function has a program or
// a failure.
type Result struct {
	Programs map[string]string // absolute paths
	Failures map[string]string // the compiler's words
}

// flags are those of the Makefile's LAMBDA_FLAGS without -buildid=.
var flags = []string{"-trimpath", "-buildvcs=false", "-tags=lambda.norpc", "-ldflags=-s -w"}

// debugFlags keep symbols, and code as it was written.
var debugFlags = []string{"-buildvcs=false", "-tags=lambda.norpc", "-gcflags=all=-N -l"}

// Build builds every function. The error says that none could be: there is no
// toolchain, or the template and the folders do not fit together.
func Build(ctx context.Context, cfg Config) (Result, error) {
	tool, err := toolchain()
	if err != nil {
		return Result{}, err
	}
	packages, err := locate(cfg)
	if err != nil {
		return Result{}, err
	}
	if cfg.Out, err = filepath.Abs(cfg.Out); err != nil {
		return Result{}, err
	}
	result := Result{Programs: map[string]string{}, Failures: map[string]string{}}
	for i, batch := range batches(packages) {
		out := filepath.Join(cfg.Out, fmt.Sprint(i))
		if err := build(ctx, tool, cfg.Root, out, batch, &result); err != nil {
			return Result{}, err
		}
	}
	return result, nil
}

// toolchain finds go. Whoever runs this by `go run` has it on PATH: that puts it
// there.
func toolchain() (string, error) {
	path, err := exec.LookPath("go")
	if err != nil {
		return "", errors.New("there is no Go toolchain: no program \"go\" on PATH. The functions are built from source; install Go from https://go.dev/dl/ and try again")
	}
	return path, nil
}

// pkg is the package of one function.
type pkg struct {
	Function
	dir string // from the root, with slashes: "./functions/orders/validate"
}

// locate finds the folder of every function.
func locate(cfg Config) ([]pkg, error) {
	var packages []pkg
	var faults []error
	for _, f := range cfg.Functions {
		dir, err := folder(cfg.Root, f)
		if err != nil {
			faults = append(faults, fmt.Errorf("function %s: %w", f.LogicalID, err))
			continue
		}
		packages = append(packages, pkg{f, "./" + filepath.ToSlash(dir)})
	}
	return packages, errors.Join(faults...)
}

func folder(root string, f Function) (string, error) {
	code := filepath.FromSlash(f.CodeURI)
	switch f.Method {
	case "go1.x":
		if info, err := os.Stat(filepath.Join(root, code)); err != nil || !info.IsDir() {
			return "", fmt.Errorf("its CodeUri %s is not a folder", f.CodeURI)
		}
		return filepath.Clean(code), nil
	case "makefile":
		return byConvention(root, code, f.LogicalID)
	case "":
		return "", errors.New("it has no Metadata.BuildMethod; makefile and go1.x are built here")
	}
	return "", fmt.Errorf("its BuildMethod %s is none that is built here: makefile or go1.x", f.Method)
}

// byConvention finds ValidateFunction in functions/*/validate, as the Makefile's
// rule build-%Function does.
func byConvention(root, code, logicalID string) (string, error) {
	name, found := strings.CutSuffix(logicalID, "Function")
	if !found || name == "" {
		return "", errors.New("with BuildMethod makefile a logical id is a folder's name and \"Function\", such as ValidateFunction for functions/*/validate")
	}
	letters := []rune(name)
	letters[0] = unicode.ToLower(letters[0])
	step := string(letters)
	dirs, err := filepath.Glob(filepath.Join(root, code, "functions", "*", step))
	if err != nil {
		return "", err
	}
	dirs = slices.DeleteFunc(dirs, func(dir string) bool {
		info, err := os.Stat(dir)
		return err != nil || !info.IsDir()
	})
	switch len(dirs) {
	case 1:
		return filepath.Rel(root, dirs[0])
	case 0:
		return "", fmt.Errorf("there is no folder functions/*/%s", step)
	}
	for i, dir := range dirs {
		dirs[i], _ = filepath.Rel(root, dir)
	}
	return "", fmt.Errorf("there are %d folders named %s (%s): rename all but one, and their functions with them", len(dirs), step, strings.Join(dirs, ", "))
}

// batches splits packages so that no two programs of a batch have one name, and
// all are built with the same flags. One batch is the rule.
func batches(packages []pkg) [][]pkg {
	var all [][]pkg
next:
	for _, p := range packages {
		for i, batch := range all {
			clash := func(q pkg) bool {
				return q.Debug != p.Debug || q.program() == p.program() && q.dir != p.dir
			}
			if !slices.ContainsFunc(batch, clash) {
				all[i] = append(batch, p)
				continue next
			}
		}
		all = append(all, []pkg{p})
	}
	return all
}

// program is the name that `go build -o DIR/` gives a package's program.
func (p pkg) program() string {
	name := filepath.Base(filepath.FromSlash(p.dir))
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return name
}

// build builds one batch into out. Go builds nothing when it cannot even read one
// package, so the faulty ones are left out until the rest is built.
func build(ctx context.Context, tool, root, out string, batch []pkg, result *Result) error {
	if err := os.MkdirAll(filepath.Join(out, "tmp"), 0o750); err != nil {
		return fmt.Errorf("building the functions: %w", err)
	}
	for rest := batch; len(rest) > 0; {
		faults, err := run(ctx, tool, root, out, rest)
		if err != nil {
			return err
		}
		if len(faults) == 0 {
			found(out, rest, result)
			return nil
		}
		failed, err := blame(ctx, tool, root, rest, faults)
		if err != nil {
			return err
		}
		before := len(rest)
		rest = slices.DeleteFunc(slices.Clone(rest), func(p pkg) bool {
			words, ok := failed[p.dir]
			if ok {
				result.Failures[p.LogicalID] = words
			}
			return ok
		})
		if len(rest) == before {
			return fmt.Errorf("building the functions: go build: %s", anyOf(faults))
		}
	}
	return nil
}

// run runs `go build` once; faults are what the compiler said, by import path.
func run(ctx context.Context, tool, root, out string, batch []pkg) (faults map[string]string, err error) {
	args := append([]string{"build", "-json", "-o", out + string(filepath.Separator)}, flags...)
	if batch[0].Debug {
		args = append(args[:4], debugFlags...)
	}
	// Its temporary files are on one file system with out, so that go moves the
	// programs there: nobody starts half a one.
	cmd := command(ctx, tool, root, append(args, dirs(batch)...), "GOTMPDIR="+filepath.Join(out, "tmp"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	faults = compilerFaults(stdout.Bytes())
	if err != nil && len(faults) == 0 {
		return nil, fmt.Errorf("building the functions: go build: %w\n%s", err, strings.TrimSpace(stderr.String()))
	}
	return faults, nil
}

func found(out string, batch []pkg, result *Result) {
	for _, p := range batch {
		path := filepath.Join(out, p.program())
		if _, err := os.Stat(path); err != nil {
			result.Failures[p.LogicalID] = p.dir + " makes no program: it needs a package main with a func main"
			continue
		}
		result.Programs[p.LogicalID] = path
	}
}

func anyOf(faults map[string]string) string {
	return faults[slices.Min(slices.Collect(maps.Keys(faults)))]
}

func dirs(batch []pkg) []string {
	var list []string
	for _, p := range batch {
		list = append(list, p.dir)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func command(ctx context.Context, tool, root string, args []string, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), append(env, "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)...)
	return cmd
}

// compilerFaults reads `go build -json` (`go help buildjson`): what the compiler
// and linker said, by import path.
func compilerFaults(output []byte) map[string]string {
	said, failed := map[string]string{}, map[string]bool{}
	for line := range bytes.Lines(output) {
		var event struct{ ImportPath, Action, Output string }
		if json.Unmarshal(line, &event) != nil {
			continue
		}
		switch event.Action {
		case "build-output":
			if !strings.HasPrefix(event.Output, "# ") { // the import path once more
				said[event.ImportPath] += event.Output
			}
		case "build-fail":
			failed[event.ImportPath] = true
		}
	}
	for path := range said {
		if !failed[path] {
			delete(said, path)
		}
	}
	return said
}

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath, Dir string
	Standard        bool
	Module          *struct {
		Main  bool
		GoMod string
	}
	Deps                []string
	GoFiles, EmbedFiles []string
}

// list runs `go list`.
func list(ctx context.Context, tool, root string, args ...string) ([]listed, error) {
	cmd := command(ctx, tool, root, append([]string{"list", "-e", "-tags=lambda.norpc"}, args...))
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var packages []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p listed
		if err := dec.Decode(&p); err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		packages = append(packages, p)
	}
	return packages, nil
}

// blame tells which packages of a batch cannot be built, by folder: those with
// faults, and those that depend on a package with faults.
func blame(ctx context.Context, tool, root string, batch []pkg, faults map[string]string) (map[string]string, error) {
	packages, err := list(ctx, tool, root, append([]string{"-json=ImportPath,Dir,Deps"}, dirs(batch)...)...)
	if err != nil {
		return nil, err
	}
	base, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	if resolved, err := filepath.EvalSymlinks(base); err == nil {
		base = resolved
	}
	failed := map[string]string{}
	for _, p := range packages {
		rel, err := filepath.Rel(base, p.Dir)
		if err != nil {
			return nil, err
		}
		var words []string
		for _, path := range append([]string{p.ImportPath}, p.Deps...) {
			if text, ok := faults[path]; ok {
				words = append(words, strings.TrimSpace(text))
			}
		}
		if len(words) > 0 {
			failed["./"+filepath.ToSlash(rel)] = strings.Join(words, "\n")
		}
	}
	return failed, nil
}
