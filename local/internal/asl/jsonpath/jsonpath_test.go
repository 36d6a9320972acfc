package jsonpath_test

import (
	"bufio"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/asl/jsonpath"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// line is one case of testdata/paths.txt.
type line struct {
	number               int
	path, document, want string
}

func lines(t testing.TB, file string) []line {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cases []line
	in := bufio.NewScanner(f)
	for n := 1; in.Scan(); n++ {
		if in.Text() == "" || strings.HasPrefix(in.Text(), "#") {
			continue
		}
		at := strings.LastIndex(in.Text(), " => ")
		if at < 0 {
			t.Fatalf("%s:%d: no result", file, n)
		}
		path, document, _ := strings.Cut(in.Text()[:at], " | ")
		cases = append(cases, line{n, path, document, in.Text()[at+4:]})
	}
	return cases
}

func TestPaths(t *testing.T) {
	for _, c := range lines(t, "testdata/paths.txt") {
		got := answer(t, c)
		kind, text, isError := strings.Cut(c.want, ": ")
		isError = isError && (kind == "syntax" || kind == "not found")
		if got == c.want || isError && strings.HasPrefix(got, kind+": ") && strings.Contains(got, text) {
			continue
		}
		t.Errorf("line %d: %s of %s\n got %s\nwant %s", c.number, c.path, c.document, got, c.want)
	}
}

func answer(t *testing.T, c line) string {
	path, err := jsonpath.Parse(c.path)
	if err != nil {
		return "syntax: " + err.Error()
	}
	if path.String() != c.path {
		t.Errorf("line %d: String is %s", c.number, path)
	}
	again, err := jsonpath.Parse(path.Canonical())
	if strings.HasPrefix(c.path, "$") && (err != nil || again.Canonical() != path.Canonical()) {
		t.Errorf("line %d: %s in bracket form is %s, which is read as %v, %v", c.number, c.path, path.Canonical(), again, err)
	}
	if c.document == "" {
		return "a path"
	}
	doc := jsonvalue.MustParse(c.document)
	v, err := path.Get(doc)
	checkFind(t, c, path, doc, v, err)
	var missing *jsonpath.NotFound
	if errors.As(err, &missing) {
		if missing.Path != path {
			t.Errorf("line %d: the error carries another path, %s", c.number, missing.Path)
		}
		return "not found: " + err.Error()
	}
	if err != nil {
		return "error: " + err.Error()
	}
	return jsonvalue.String(v)
}

// checkFind holds Find against Get, of the path and of its bracket form.
func checkFind(t *testing.T, c line, path *jsonpath.Path, doc, got jsonvalue.Value, err error) {
	again, parseErr := jsonpath.Parse(path.Canonical())
	if parseErr != nil {
		return
	}
	for _, p := range []*jsonpath.Path{path, again} {
		found, findErr := p.Find(doc)
		want := []any{}
		if err == nil && p.Definite() {
			want = append(want, got)
		} else if err == nil {
			want = got.([]any)
		}
		if findErr != nil || len(found) != len(want) || len(found) > 0 && !jsonvalue.Equal(found, want) {
			t.Errorf("line %d: %s: Find is %s, %v; Get is %s", c.number, p, jsonvalue.String(append([]any{}, found...)), findErr, jsonvalue.String(got))
		}
	}
}
