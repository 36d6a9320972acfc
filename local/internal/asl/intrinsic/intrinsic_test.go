package intrinsic_test

import (
	"bufio"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/asl/intrinsic"
	"github.com/stepworks/stepworks/local/internal/asl/jsonpath"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// env resolves paths in doc, whatever their root, and is the same every time.
func env(doc jsonvalue.Value) intrinsic.Env {
	source := rand.New(rand.NewPCG(1, 2))
	return intrinsic.Env{
		Resolve: func(p *jsonpath.Path) (jsonvalue.Value, error) { return p.Get(doc) },
		UUID:    func() string { return "b5b1ba2a-5c1d-4a5e-9a3e-111111111111" },
		Random:  source.Uint64,
	}
}

func TestIntrinsics(t *testing.T) {
	f, err := os.Open("testdata/intrinsics.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	for n := 1; in.Scan(); n++ {
		line := in.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndex(line, " => ")
		if at < 0 {
			t.Fatalf("line %d: no result", n)
		}
		text, document, _ := strings.Cut(line[:at], " | ")
		got, want := answer(text, document), line[at+4:]
		kind, part, isError := strings.Cut(want, ": ")
		isError = isError && (kind == "syntax" || kind == "error")
		if got != want && !(isError && strings.HasPrefix(got, kind+": ") && strings.Contains(got, part)) {
			t.Errorf("line %d: %s of %s\n got %s\nwant %s", n, text, document, got, want)
		}
	}
}

func answer(text, document string) string {
	x, err := intrinsic.Parse(text)
	if err != nil {
		return "syntax: " + err.Error()
	}
	v, err := x.Eval(env(jsonvalue.MustParse(document)))
	var failed *intrinsic.Error
	if errors.As(err, &failed) {
		return "error: " + err.Error()
	}
	if err != nil {
		return "another error: " + err.Error()
	}
	return jsonvalue.String(v)
}
